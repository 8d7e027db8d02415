import * as fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { decodeValue } from '../../packages/trunkline/src/protocol/decode-value.ts'
import { encodeValue } from '../../packages/trunkline/src/protocol/encode-value.ts'
import { encodeNow } from './encode-now.ts'

/** There and back, as text: what the other end of a line gets. */
function travel(value: unknown): unknown {
  const { json, rich } = encodeNow(value)
  return decodeValue(JSON.parse(json), rich === undefined ? undefined : JSON.parse(rich))
}

const refusedKeys = ['__proto__', 'constructor', 'prototype']

const leaf = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.boolean(),
  fc.constant(null),
  fc.integer(),
  // JSON has no -0; it arrives as 0.
  fc.double().map((number) => (Object.is(number, -0) ? 0 : number)),
  fc.bigInt(),
  fc.date({ noInvalidDate: false }),
  fc.webUrl().map((url) => new URL(url)),
)
const key = fc.string().filter((name) => !refusedKeys.includes(name))
const { value: anyValue } = fc.letrec<{ value: unknown; element: unknown }>((tie) => ({
  element: fc.oneof(tie('value'), fc.constant(undefined)),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('element'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    fc.array(fc.tuple(tie('element'), tie('element')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    fc.array(tie('element'), { maxLength: 3 }).map((members) => new Set(members)),
  ),
}))

/** An independent judge of "JSON can hold it". */
function isPlainJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null)
    return typeof value === 'string' || typeof value === 'boolean' || value === null
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return false
  return Object.values(value).every(isPlainJson)
}

afterEach(() => {
  expect(Object.keys(Object.prototype)).toEqual([])
  expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(12)
})

describe('round trip', () => {
  it('any nested value arrives as it was', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(travel(value)).toStrictEqual(value)
      }),
      { numRuns: 8_000 },
    )
  })

  it('a value has a rich list exactly when JSON cannot hold it', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(encodeNow(value).rich === undefined).toBe(isPlainJson(value))
      }),
      { numRuns: 2_000 },
    )
  })

  it('plain data has the JSON of JSON.stringify', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(encodeValue(value)).toEqual({ json: JSON.stringify(value), rich: undefined })
      }),
      { numRuns: 2_000 },
    )
  })

  it('encoding leaves the value as it was', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const before = travel(value)
        encodeValue(value)
        expect(value).toEqual(before)
      }),
      { numRuns: 500 },
    )
    const frozen = Object.freeze({ at: new Date(0), list: Object.freeze([1n]) })
    expect(travel(frozen)).toEqual(frozen)
  })

  it.each([
    ['undefined at the top', undefined],
    ['null', null],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['a date', new Date(1_700_000_000_123)],
    ['a date before 1970', new Date(-1)],
    ['an invalid date', new Date(Number.NaN)],
    ['the last date', new Date(8.64e15)],
    ['a bigint', 12345678901234567890n],
    ['a negative bigint', -1n],
    ['a URL', new URL('https://ä.example/p?q=1#h')],
    ['an empty map', new Map()],
    ['an empty set', new Set()],
    ['undefined in arrays', [undefined, [undefined], 1]],
    [
      'a map with every kind of key',
      new Map<unknown, unknown>([
        [1n, new Date(0)],
        [undefined, undefined],
        [Number.NaN, new Set([new Map()])],
      ]),
    ],
    ['a set of rich values', new Set<unknown>([new Date(0), 1n, undefined, [1n]])],
    ['keys that look like indexes', { 0: new Date(0), 1: [new Date(1)] }],
    ['an empty key', { '': 1n }],
    ['keys with dots', { 'a.b': 1n, a: { b: 2n } }],
    ['names of Object.prototype', { toString: new Date(0), hasOwnProperty: 1n, valueOf: new Set() }],
  ])('%s', (_name, value) => {
    expect(travel(value)).toEqual(value)
    expect(travel({ deep: [value] })).toEqual({ deep: [value] })
  })

  it('the order of maps and sets is kept', () => {
    expect([
      ...(travel(
        new Map([
          ['b', 1],
          ['a', 2],
        ]),
      ) as Map<string, number>),
    ]).toEqual([
      ['b', 1],
      ['a', 2],
    ])
    expect([...(travel(new Set([3, 1, 2])) as Set<number>)]).toEqual([3, 1, 2])
  })

  it('a hole of a sparse array arrives as undefined', () => {
    // biome-ignore lint/suspicious/noSparseArray: that is what it is about.
    expect(travel([, 1])).toEqual([undefined, 1])
  })

  it('an undefined property is absent', () => {
    expect(encodeValue({ a: undefined, b: 1 })).toEqual({ json: '{"b":1}', rich: undefined })
    expect(Object.keys(travel({ a: undefined, b: 1n }) as object)).toEqual(['b'])
  })

  it('a record without a prototype arrives as a plain object', () => {
    expect(travel(Object.assign(Object.create(null), { at: new Date(0) }))).toEqual({ at: new Date(0) })
  })

  it('a value that appears twice arrives twice', () => {
    const at = new Date(0)
    const shared = { at }
    expect(travel([shared, shared])).toEqual([{ at }, { at }])
  })

  it('plain data under the refused keys travels, since nothing is reached through them', () => {
    const value = JSON.parse('{"__proto__":{"x":1},"constructor":{"prototype":2}}')
    const arrived = travel(value) as object
    expect(JSON.stringify(arrived)).toBe(JSON.stringify(value))
    expect(Object.getPrototypeOf(arrived)).toBe(Object.prototype)
    expect((arrived as { x?: number }).x).toBeUndefined()
  })

  it('a value beside plain data under __proto__ keeps that data its own', () => {
    const value = JSON.parse('{"__proto__":{"x":1},"at":0}')
    value.at = new Date(0)
    const arrived = travel(value) as object
    expect(Object.hasOwn(arrived, '__proto__')).toBe(true)
    expect((arrived as { x?: number }).x).toBeUndefined()
  })
})

describe('what is refused, with its path', () => {
  class Room {
    name = 'lobby'
  }
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  const mapCycle = new Map()
  mapCycle.set('self', mapCycle)
  let nested: unknown = 1
  for (let depth = 0; depth < 600; depth++) nested = [nested]
  let abyss: unknown = 1
  for (let depth = 0; depth < 100_000; depth++) abyss = [abyss]

  it.each([
    ['a function', () => {}, 'a function'],
    ['a symbol', Symbol('x'), 'a symbol'],
    ['an instance of a class', new Room(), 'an instance of Room'],
    ['a RegExp', /x/, 'an instance of RegExp'],
    ['an Error', new Error('x'), 'an instance of Error'],
    ['a boxed string', new String('x'), 'an instance of String'],
    ['a Promise', Promise.resolve(), 'an instance of Promise'],
    ['a WeakMap', new WeakMap(), 'an instance of WeakMap'],
    ['an object with a prototype without a constructor', Object.create(Object.create(null)), 'a class'],
    ['a cycle', cycle, 'cycle'],
    ['a cycle through a map', mapCycle, 'cycle'],
    ['nesting of 600', nested, 'nested deeper than 512'],
    ['nesting of 100 000', abyss, 'nested deeper than 512'],
    ['a bigint of 4097 digits', 10n ** 4096n, '4096 digits'],
  ])('%s', (_name, value, words) => {
    expect(() => encodeValue({ rooms: [1, { lobby: value }] })).toThrow(TypeError)
    expect(() => encodeValue({ rooms: [1, { lobby: value }] })).toThrow(/^rooms\.1\.lobby/)
    expect(() => encodeValue({ rooms: [1, { lobby: value }] })).toThrow(words)
  })

  it.each([
    ['a function', () => {}],
    ['a symbol', Symbol('x')],
    ['a class', new Room()],
  ])('%s at the top has no path', (_name, value) => {
    expect(() => encodeValue(value)).toThrow(/^an? /)
  })

  it('the message of a deep path stays short', () => {
    let deep: unknown = () => {}
    for (let depth = 0; depth < 500; depth++) deep = { ['k'.repeat(10)]: deep }
    expect(() => encodeValue(cycle)).toThrow(/^(self\.){7}self: /)
  })

  it('a function is found in maps and sets too', () => {
    expect(() => encodeValue(new Map([['a', () => {}]]))).toThrow(/^0\.1: /)
    expect(() => encodeValue(new Set([1, () => {}]))).toThrow(/^1: /)
  })

  it.each(refusedKeys)('a rich value under %s', (name) => {
    const value = JSON.parse(`{"${name}":0}`)
    Object.defineProperty(value, name, { value: new Date(0), enumerable: true })
    expect(() => encodeValue(value)).toThrow(TypeError)
    const outer = JSON.parse(`{"${name}":{"at":0}}`)
    Object.defineProperty(outer, name, { value: { at: new Date(0) }, enumerable: true })
    expect(() => encodeValue(outer)).toThrow(TypeError)
  })

  it('nesting of 512 travels', () => {
    let value: unknown = 1
    for (let depth = 0; depth < 512; depth++) value = [value]
    expect(travel(value)).toEqual(value)
  })

  it('a bigint of 4096 digits travels', () => {
    const value = 10n ** 4095n
    expect(travel(value)).toBe(value)
  })

  it('a negative bigint of 4096 digits travels', () => {
    const value = -(10n ** 4095n)
    expect(travel(value)).toBe(value)
  })
})

describe('toJSON', () => {
  const toJSON = (): never => {
    throw new Error('toJSON was called')
  }

  it('is a function like another on a plain object', () => {
    expect(() => encodeValue({ a: { toJSON } })).toThrow(/^a\.toJSON: a function/)
  })

  it('is not called on an instance of a class', () => {
    class Money {
      toJSON = toJSON
    }
    expect(() => encodeValue({ price: new Money() })).toThrow(/^price: an instance of Money/)
  })

  it('is not called on a date, a URL, a map or a set', () => {
    const at = Object.assign(new Date(5), { toJSON })
    const url = Object.assign(new URL('https://a.ch'), { toJSON })
    const map = Object.assign(new Map([[1, 2]]), { toJSON })
    expect(travel([at, url, map])).toEqual([new Date(5), new URL('https://a.ch'), new Map([[1, 2]])])
  })

  it('is not called on an array', () => {
    expect(encodeNow(Object.assign([1], { toJSON: () => 'called' })).json).toBe('[1]')
  })

  it('is not called on an instance of a class that extends Array', () => {
    class List extends Array<number> {
      toJSON(): string {
        return 'called'
      }
    }
    expect(() => encodeValue({ list: List.from([1, 2]) })).toThrow(/^list: an instance of List/)
  })

  it('is not called where it is not enumerable', () => {
    const hidden = Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 'called' })
    expect(encodeNow(hidden).json).toBe('{"a":1}')
  })
})

describe('forged rich lists', () => {
  const payload = (): unknown =>
    JSON.parse(
      '{"a":{"b":0},"list":[0,"1"],"text":"x","__proto__":{"c":0},"constructor":{"prototype":0},"m":[["k",0]],"s":[0]}',
    )

  it.each<[string, unknown]>([
    ['a record', {}],
    ['text', 'date'],
    ['a number', 1],
    ['true', true],
    ['an entry that is text', ['date']],
    ['an entry that is a record', [{ 0: 'date' }]],
    ['an entry that is null', [null]],
    ['an empty entry', [[]]],
    ['a tag that is a number', [[1, 'a']]],
    ['a tag that is null', [[null, 'a']]],
    ['an unknown tag', [['regexp', 'text']]],
    ['bytes that are text', [['bytes', 'text']]],
    ['a tag of Object.prototype', [['constructor', 'text']]],
    ['a tag named __proto__', [['__proto__', 'text']]],
    ['a tag in another case', [['Date', 'a', 'b']]],
    ['an empty tag', [['', 'text']]],
    ['__proto__ in a path', [['date', '__proto__', 'c']]],
    ['__proto__ at the end of a path', [['undefined', '__proto__']]],
    ['__proto__ in the middle', [['date', 'a', '__proto__', 'b']]],
    ['constructor in a path', [['date', 'constructor', 'prototype']]],
    ['prototype in a path', [['date', 'prototype']]],
    ['a method of Object.prototype', [['undefined', 'toString']]],
    ['a getter of Object.prototype', [['undefined', 'a', '__proto__', 'toString']]],
    ['a path that leads nowhere', [['date', 'a', 'c']]],
    ['a path through a missing key', [['date', 'x', 'y', 'z']]],
    ['a path through text', [['date', 'text', 0]]],
    ['a path through text to its length', [['date', 'text', 'length']]],
    ['a path through a number', [['date', 'a', 'b', 'c']]],
    ['the length of an array', [['number', 'list', 'length']]],
    ['an index as text', [['date', 'list', '0']]],
    ['an index out of range', [['date', 'list', 2]]],
    ['a negative index', [['date', 'list', -1]]],
    ['an index that is no integer', [['date', 'list', 0.5]]],
    ['an index that is huge', [['date', 'list', 1e300]]],
    ['a number as key of a record', [['date', 0]]],
    ['null in a path', [['date', null]]],
    ['true in a path', [['date', true]]],
    ['an array in a path', [['date', ['a', 'b']]]],
    ['a record in a path', [['date', { toString: 'a' }]]],
    ['a method of arrays', [['undefined', 'list', 'push']]],
    [
      'a path into a map that was made',
      [
        ['map', 'm'],
        ['date', 'm', 0, 1],
      ],
    ],
    [
      'a path into a set that was made',
      [
        ['set', 's'],
        ['date', 's', 0],
      ],
    ],
    [
      'a path into a date that was made',
      [
        ['date', 'a', 'b'],
        ['date', 'a', 'b', 'getTime'],
      ],
    ],
    [
      'a map made twice',
      [
        ['map', 'm'],
        ['map', 'm'],
      ],
    ],
    [
      'a set made of a map',
      [
        ['map', 'm'],
        ['set', 'm'],
      ],
    ],
    ['a date of text', [['date', 'text']]],
    ['a date of a record', [['date', 'a']]],
    ['undefined of a number', [['undefined', 'a', 'b']]],
    ['a number of a number', [['number', 'a', 'b']]],
    ['a number of other text', [['number', 'text']]],
    ['a bigint of a number', [['bigint', 'a', 'b']]],
    ['a bigint of other text', [['bigint', 'text']]],
    ['a map of a record', [['map', 'a']]],
    ['a map of an array of numbers', [['map', 'list']]],
    ['a set of a record', [['set', 'a']]],
    ['a URL of a number', [['url', 'a', 'b']]],
    ['a URL of other text', [['url', 'text']]],
  ])('%s throws a TypeError', (_name, rich) => {
    expect(() => decodeValue(payload(), rich)).toThrow(TypeError)
    expect(({} as { c?: unknown }).c).toBeUndefined()
    expect(typeof Object.prototype.toString).toBe('function')
  })

  it.each(['0x10', '1e3', '1.5', ' 1', '1 ', '', '-', '+1', '1n', '--1', '１', '1\n'])(
    'text that BigInt might take, but is no decimal: %j',
    (text) => {
      expect(() => decodeValue(text, [['bigint']])).toThrow(TypeError)
    },
  )

  it('a bigint of 5 000 digits is not parsed', () => {
    expect(() => decodeValue('1'.repeat(5_000), [['bigint']])).toThrow(TypeError)
  })

  it('a map whose pairs are too long or too short is refused', () => {
    for (const pairs of [[[1]], [[1, 2, 3]], [[]], [null], ['ab']]) {
      expect(() => decodeValue(pairs, [['map']])).toThrow(TypeError)
    }
  })

  it('a map of an object with a length is refused', () => {
    expect(() => decodeValue({ length: 1, 0: [1, 2] }, [['map']])).toThrow(TypeError)
  })

  it('the message holds no more than 32 characters of a tag', () => {
    expect(() => decodeValue(1, [['x'.repeat(10_000)]])).toThrow(/^.{1,80}$/)
  })

  it('100 000 entries are worked off, and refused at the first that is wrong', () => {
    const root = Array.from({ length: 100_000 }, (_, index) => index)
    const rich = root.map((index) => ['date', index])
    const arrived = decodeValue(structuredClone(root), rich) as Date[]
    expect(arrived).toHaveLength(100_000)
    expect(arrived[99_999]).toEqual(new Date(99_999))
    expect(() => decodeValue(structuredClone(root), [...rich, ['date', 100_000]])).toThrow(TypeError)
  })

  it('a path of 100 000 steps ends without a stack overflow', () => {
    const deep = JSON.parse(`${'['.repeat(100_000)}0${']'.repeat(100_000)}`)
    const path = Array.from({ length: 100_000 }, () => 0)
    expect(() => decodeValue(deep, [['date', ...path]])).not.toThrow()
    expect(() => decodeValue(0, [['date', ...path]])).toThrow(TypeError)
  })

  it('whatever the list is, only a TypeError comes out and no prototype is touched', () => {
    const step = fc.oneof(
      fc.constantFrom<unknown>(
        'a',
        'b',
        'list',
        'm',
        's',
        'text',
        '__proto__',
        'constructor',
        'prototype',
        'toString',
        'length',
      ),
      fc.constantFrom<unknown>(0, 1, -1, 0.5, 2 ** 53, null, true),
      fc.anything({ maxDepth: 1 }),
    )
    const tag = fc.oneof(
      fc.constantFrom<unknown>('undefined', 'number', 'bigint', 'date', 'url', 'map', 'set', 'bytes', '__proto__'),
      fc.anything({ maxDepth: 1 }),
    )
    const entry = fc.oneof(
      fc.tuple(tag, fc.array(step, { maxLength: 4 })).map(([name, path]) => [name, ...path]),
      fc.anything({ maxDepth: 1 }),
    )
    const before = Object.getOwnPropertyNames(Object.prototype)
    fc.assert(
      fc.property(fc.oneof(fc.array(entry, { maxLength: 4 }), fc.anything({ maxDepth: 2 })), (rich) => {
        try {
          decodeValue(payload(), rich)
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError)
        }
        expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
      }),
      { numRuns: 5_000 },
    )
  })

  it('no list at all leaves the payload as it is', () => {
    const root = payload()
    expect(decodeValue(root, undefined)).toBe(root)
    expect(decodeValue(root, null)).toBe(root)
    expect(decodeValue(root, [])).toBe(root)
  })
})
