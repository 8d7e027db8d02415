import { describe, expect, it } from 'vitest'
import { joinPacked, parseBinaryFrame } from '../../packages/trunkline/src/protocol/binary-frame.ts'
import { decodeValue } from '../../packages/trunkline/src/protocol/decode-value.ts'
import { encodeValue } from '../../packages/trunkline/src/protocol/encode-value.ts'
import { encodeResult } from '../../packages/trunkline/src/protocol/messages.ts'
import { requireTypes } from '../../packages/trunkline/src/protocol/value-types.ts'
import type { ValueType } from '../../packages/trunkline/src/protocol/values.ts'
import { encodeNow } from './encode-now.ts'

class Money {
  readonly cents: bigint
  readonly currency: string

  constructor(cents: bigint, currency: string) {
    this.cents = cents
    this.currency = currency
  }
}

const money: ValueType<Money, { cents: bigint; currency: string }> = {
  name: 'money',
  is: (value) => value instanceof Money,
  encode: ({ cents, currency }) => ({ cents, currency }),
  decode: ({ cents, currency }) => new Money(cents, currency),
}

class Key {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

const key: ValueType<Key, Uint8Array> = {
  name: 'key.v1',
  is: (value) => value instanceof Key,
  encode: ({ bytes }) => bytes,
  decode: (bytes) => new Key(bytes),
}

class Price {
  readonly money: Money

  constructor(money: Money) {
    this.money = money
  }
}

const price: ValueType<Price, Money> = {
  name: 'price',
  is: (value) => value instanceof Price,
  encode: (value) => value.money,
  decode: (value) => new Price(value),
}

const types = requireTypes([money, key, price])

function travel(value: unknown): unknown {
  const [message] = parseBinaryFrame(joinPacked([encodeResult(1, encodeNow(value, types))])).messages
  const [, , plain, rich] = message as unknown[]
  return decodeValue(plain, rich, types)
}

describe('a type of one’s own', () => {
  it.each<[string, unknown]>([
    ['alone', new Money(5n, 'CHF')],
    ['in plain data', { prices: [new Money(5n, 'CHF'), 1] }],
    ['in a map and a set', new Map([[new Money(1n, 'A'), new Set([new Money(2n, 'B')])]])],
    ['of bytes', [new Key(Uint8Array.of(1, 2, 3)), Uint8Array.of(4)]],
    ['of a value of another', new Price(new Money(7n, 'EUR'))],
    ['under keys like those of Object.prototype', { toString: new Money(1n, 'A') }],
  ])('arrives as it was %s', (_where, value) => {
    expect(travel(value)).toStrictEqual(value)
  })

  it('has its name behind a colon as its tag, inner before outer', () => {
    expect(encodeValue(new Price(new Money(7n, 'EUR')), types)).toEqual({
      json: '{"cents":"7","currency":"EUR"}',
      rich: '[["bigint","cents"],[":money"],[":price"]]',
    })
  })

  it('is asked before the types that travel by themselves, and never about plain data', () => {
    class Birthday extends Date {}
    const asked: unknown[] = []
    const birthday: ValueType<Date, string> = {
      name: 'birthday',
      is: (value) => asked.push(value) > 0 && value instanceof Birthday,
      encode: (value) => value.toISOString(),
      decode: (text) => new Birthday(text),
    }
    const value = { plain: {}, list: [], day: new Birthday(0), date: new Date(1), text: 'x', none: undefined }
    const payload = encodeNow(value, requireTypes([birthday]))
    expect(payload.rich).toBe('[[":birthday","day"],["date","date"]]')
    expect(asked).toEqual([value.day, value.date])
  })

  it('may make a plain value', () => {
    const trimmed = requireTypes([
      { name: 't', is: (value) => value instanceof Key, encode: () => ' x ', decode: (text) => String(text).trim() },
    ])
    const { json, rich } = encodeNow([new Key(Uint8Array.of())], trimmed)
    expect(decodeValue(JSON.parse(json), JSON.parse(rich ?? ''), trimmed)).toEqual(['x'])
  })

  it('that is unknown here cannot be sent, nor read', () => {
    expect(() => encodeValue({ a: new Money(1n, 'A') })).toThrow(/^a: an instance of Money can't be sent; .*`types`/)
    expect(() => decodeValue({ cents: '1' }, [[':money']])).toThrow(TypeError)
    expect(() => decodeValue({ cents: '1' }, [['money']], types)).toThrow(TypeError)
    expect(() => decodeValue({ cents: '1' }, [[':Money']], types)).toThrow(TypeError)
  })

  it('of which something cannot be sent says where', () => {
    const broken = requireTypes([
      { name: 'b', is: (value) => value instanceof Key, encode: () => ({ f: () => {} }), decode: () => 0 },
    ])
    expect(() => encodeValue([new Key(Uint8Array.of())], broken)).toThrow(/^0\.f: a function can't be sent/)
  })

  it.each(['is', 'encode'] as const)('whose `%s` throws fails with a TypeError that says where and why', (what) => {
    const cause = new Error('broken')
    const base = { name: 'b', is: () => true, encode: () => 0, decode: () => 0 }
    const broken = requireTypes([
      {
        ...base,
        [what]: () => {
          throw cause
        },
      },
    ])
    let thrown: unknown
    try {
      encodeValue({ a: new Key(Uint8Array.of()) }, broken)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(TypeError)
    expect(thrown).toMatchObject({ message: 'a: "b" can\'t be sent: broken', cause })
  })

  it('whose `decode` throws fails with a TypeError that tells the other end nothing of it', () => {
    const cause = new Error('password of the database: x')
    const broken = requireTypes([
      {
        name: 'b',
        is: () => false,
        encode: () => 0,
        decode: () => {
          throw cause
        },
      },
    ])
    let thrown: unknown
    try {
      decodeValue(1, [[':b']], broken)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(TypeError)
    expect(thrown).toMatchObject({ message: 'what came is no "b"', cause })
  })

  it('may give out what is shared: no path leads into it', () => {
    const shared = { admin: false, list: [0] }
    const looked = requireTypes([{ name: 'role', is: () => false, encode: () => 0, decode: () => shared }])
    const root = () => JSON.parse('{"role":1,"x":{"y":0}}')
    expect(decodeValue(root(), [[':role', 'role']], looked)).toEqual({ role: shared, x: { y: 0 } })
    for (const path of [
      ['date', 'role', 'admin'],
      ['undefined', 'role', 'list', 0],
      [':role', 'role', 'admin'],
    ])
      expect(() => decodeValue(root(), [[':role', 'role'], path], looked)).toThrow(TypeError)
    expect(shared).toEqual({ admin: false, list: [0] })
  })
})

describe('the list of types', () => {
  const good = { name: 'a', is: () => true, encode: () => 0, decode: () => 0 }

  it('may be empty or absent', () => {
    expect(requireTypes(undefined)).toBeUndefined()
    expect(requireTypes([])).toBeUndefined()
  })

  it.each(['a', 'A.b-c_9', 'x'.repeat(64), '__proto__'])('takes the name %j', (name) => {
    expect([...(requireTypes([{ ...good, name }])?.keys() ?? [])]).toEqual([`:${name}`])
  })

  it.each<[string, unknown]>([
    ['an empty name', { ...good, name: '' }],
    ['a name of 65 characters', { ...good, name: 'x'.repeat(65) }],
    ['a name with a colon', { ...good, name: ':a' }],
    ['a name with a space', { ...good, name: 'a b' }],
    ['a name with an umlaut', { ...good, name: 'grün' }],
    ['a name with a line break', { ...good, name: 'a\n' }],
    ['a name that is a symbol', { ...good, name: Symbol('a') }],
    ['no name', { ...good, name: undefined }],
    ['no `is`', { ...good, is: undefined }],
    ['an `encode` that is text', { ...good, encode: 'x' }],
    ['no `decode`', { ...good, decode: undefined }],
    ['null', null],
    ['text', 'money'],
    ['an array', [good]],
  ])('refuses %s', (_name, type) => {
    expect(() => requireTypes([{ ...good, name: 'first' }, type as ValueType])).toThrow(/^types\[1\]/)
    expect(() => requireTypes([type as ValueType])).toThrow(TypeError)
  })

  it('refuses two of one name', () => {
    expect(() => requireTypes([good, { ...good }])).toThrow('types[1]: expected a name of its own, got a')
  })
})
