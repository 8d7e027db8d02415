import * as fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { joinPacked, parseBinaryFrame } from '../../packages/trunkline/src/protocol/binary-frame.ts'
import { decodeValue, RichParts } from '../../packages/trunkline/src/protocol/decode-value.ts'
import { requireTypes } from '../../packages/trunkline/src/protocol/value-types.ts'
import { arrayTypes } from '../../packages/trunkline/src/protocol/values.ts'

const parts = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index)

const decode = (root: unknown, entries: unknown, length = 32): unknown =>
  decodeValue(structuredClone(root), new RichParts(entries, parts(length), { left: length }))

const tags = [...arrayTypes.keys(), 'buffer', 'blob', 'file']

/** The place of a part with what a blob or a file says besides. */
const placeOf = (tag: string, offset: unknown, length: unknown): unknown[] => {
  if (tag === 'blob') return [offset, length, '']
  return tag === 'file' ? [offset, length, '', 'name', 0] : [offset, length]
}

afterEach(() => {
  expect(Object.keys(Object.prototype)).toEqual([])
})

describe.each(tags)('a forged %s', (tag) => {
  it.each<[string, unknown, unknown]>([
    ['behind the end', 32, 8],
    ['over the end', 24, 16],
    ['misaligned', 4, 8],
    ['misaligned by one', 1, 8],
    ['at a negative offset', -8, 8],
    ['of a negative length', 8, -8],
    ['at a huge offset', 2 ** 53 - 8, 8],
    ['of a huge length', 0, 2 ** 53 - 1],
    ['whose end is beyond what a number can count', 2 ** 53 - 8, 2 ** 53 - 8],
    ['at a broken offset', 0.5, 8],
    ['of a broken length', 0, 7.5],
    ['at infinity', Number.POSITIVE_INFINITY, 0],
    ['of an infinite length', 0, Number.POSITIVE_INFINITY],
    ['at NaN', Number.NaN, 8],
    ['at an offset that is text', '0', 8],
    ['of a length that is text', 0, '8'],
    ['at null', null, 8],
    ['at an offset that is a list', [0], 8],
    ['without a length', 0, undefined],
    ['without a place', undefined, undefined],
  ])('%s is refused', (_name, offset, length) => {
    expect(() => decode({ a: placeOf(tag, offset, length) }, [[tag, 'a']])).toThrow(TypeError)
  })

  it.each<[string, unknown]>([
    ['null', null],
    ['a number', 0],
    ['text', '0,8'],
    ['a record', { 0: 0, 1: 8, length: 2 }],
    ['true', true],
    ['an empty list', []],
  ])('whose place is %s is refused', (_name, place) => {
    expect(() => decode({ a: place }, [[tag, 'a']])).toThrow(TypeError)
  })

  it('that uses a part twice is refused', () => {
    const place = placeOf(tag, 0, 8)
    expect(() =>
      decode({ a: place, b: place }, [
        [tag, 'a'],
        [tag, 'b'],
      ]),
    ).toThrow(TypeError)
  })

  it('that overlaps the part before is refused', () => {
    const root = { a: placeOf(tag, 0, 16), b: placeOf(tag, 8, 16) }
    const entries = [
      [tag, 'a'],
      [tag, 'b'],
    ]
    expect(() => decode(root, entries)).toThrow(TypeError)
  })

  it('that goes back is refused', () => {
    const root = { a: placeOf(tag, 8, 8), b: placeOf(tag, 0, 8) }
    const entries = [
      [tag, 'a'],
      [tag, 'b'],
    ]
    expect(() => decode(root, entries)).toThrow(TypeError)
    expect(() => decode(root, entries.toReversed())).not.toThrow()
  })

  it('that is made twice at one place is refused', () => {
    expect(() =>
      decode({ a: placeOf(tag, 0, 8) }, [
        [tag, 'a'],
        [tag, 'a'],
      ]),
    ).toThrow(TypeError)
  })

  it('that is gone into is refused', () => {
    for (const step of [0, 'length', 'buffer', 'constructor', '__proto__', 'name'])
      expect(() =>
        decode({ a: placeOf(tag, 0, 8) }, [
          [tag, 'a'],
          ['undefined', 'a', step],
        ]),
      ).toThrow(TypeError)
  })

  it('in a text frame, which has no parts, is refused', () => {
    expect(() => decodeValue({ a: placeOf(tag, 0, 8) }, [[tag, 'a']])).toThrow(TypeError)
  })

  it.each([['__proto__'], ['constructor'], ['prototype'], ['toString'], ['a', '__proto__']])(
    'under %s is refused',
    (...path) => {
      const root = JSON.parse(
        '{"__proto__":[0,8,"","",0],"constructor":[0,8,"","",0],"prototype":[0,8,"","",0],"a":{}}',
      )
      expect(() => decode(root, [[tag, ...path]])).toThrow(TypeError)
    },
  )
})

describe('a forged array', () => {
  it.each([...arrayTypes].filter(([, { BYTES_PER_ELEMENT }]) => BYTES_PER_ELEMENT > 1))(
    '%s of a broken number of elements is refused',
    (tag, { BYTES_PER_ELEMENT: size }) => {
      for (let length = 1; length < size; length++) expect(() => decode([0, size + length], [[tag]])).toThrow(TypeError)
    },
  )
})

describe('a forged blob or file', () => {
  it.each<[string, string, unknown]>([
    ['a blob without a type', 'blob', [0, 8]],
    ['a blob whose type is null', 'blob', [0, 8, null]],
    ['a blob whose type is a record', 'blob', [0, 8, {}]],
    ['a file without a name', 'file', [0, 8, '']],
    ['a file whose name is a number', 'file', [0, 8, '', 1, 0]],
    ['a file without a time', 'file', [0, 8, '', 'a']],
    ['a file whose time is text', 'file', [0, 8, '', 'a', '0']],
  ])('%s is refused', (_name, tag, place) => {
    expect(() => decode(place, [[tag]])).toThrow(TypeError)
  })

  it('may say of its type what it likes: the platform knows what is none', () => {
    expect((decode([0, 8, 'a\u0000b'], [['blob']]) as Blob).type).toBe('')
    expect((decode([0, 8, '', 'a', 1e300], [['file']]) as File).lastModified).toBeTypeOf('number')
  })
})

describe('forged messages', () => {
  const richOf = (header: unknown, length: number): unknown[] => {
    const frame = joinPacked([{ text: JSON.stringify(header), bytes: parts(length), length: 0 }])
    return parseBinaryFrame(frame).messages as unknown[]
  }
  const resultOf = (message: unknown): unknown => decodeValue((message as unknown[])[2], (message as unknown[])[3])

  it.each<[string, unknown]>([
    ['negative', -8],
    ['misaligned', 4],
    ['behind the end', 4_096],
    ['huge', 2 ** 53 - 8],
    ['beyond what a number can count', 2 ** 60],
    ['broken', 0.5],
    ['text', '0'],
    ['a list', [0]],
    ['a record', {}],
    ['true', true],
  ])('whose base is %s fail their call', (_name, base) => {
    const [message] = richOf([3, 1, [0, 8], [['bytes']], base], 32)
    expect(() => resultOf(message)).toThrow(TypeError)
  })

  it('whose base is absent or null begin at the beginning', () => {
    for (const more of [[], [null]])
      expect(resultOf(richOf([3, 1, [0, 2], [['bytes']], ...more], 8)[0])).toEqual(parts(2))
  })

  it.each<[string, unknown]>([
    ['text', 'bytes'],
    ['a number', 7],
    ['a record', { 0: ['bytes'] }],
    ['true', true],
  ])('whose list is %s fail their call', (_name, rich) => {
    expect(() => resultOf(richOf([3, 1, [0, 8], rich], 32)[0])).toThrow(TypeError)
  })

  it('share no part: together they make no more bytes than came', () => {
    const batch = Array.from({ length: 100 }, (_, index) => [3, index + 1, [0, 4_096], [['buffer']]])
    const messages = richOf(batch, 4_096)
    let made = 0
    for (const message of messages) {
      try {
        made += (resultOf(message) as ArrayBuffer).byteLength
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError)
      }
    }
    expect(made).toBe(4_096)
  })
})

describe('forged lists', () => {
  it('of 1 000 000 entries are worked off, and make no more than came', () => {
    const root = Array.from({ length: 1_000_000 }, () => [0, 0])
    const entries = root.map((_, index) => ['bytes', index])
    const arrived = decodeValue(root, new RichParts(entries, parts(8), { left: 8 })) as Uint8Array[]
    expect(arrived).toHaveLength(1_000_000)
    expect(arrived[999_999]).toEqual(new Uint8Array(0))
  })

  it('of 1 000 000 entries that all mean one part are refused at the second', () => {
    const root = Array.from({ length: 1_000_000 }, () => [0, 8])
    const entries = root.map((_, index) => ['buffer', index])
    expect(() => decodeValue(root, new RichParts(entries, parts(8), { left: 8 }))).toThrow(TypeError)
  })

  it.each(['Bytes', 'uint8', 'float16', ':', ':a', ':bytes', '::', ':__proto__', ':constructor', '__proto__'])(
    'with the tag %j are refused',
    (tag) => {
      const types = requireTypes([{ name: 'known', is: () => false, encode: () => 0, decode: () => 0 }])
      expect(() => decodeValue([0, 8], new RichParts([[tag]], parts(8), { left: 8 }), types)).toThrow(TypeError)
    },
  )

  it('whatever they are, only a TypeError comes out, no prototype is touched and no more is made than came', () => {
    const step = fc.constantFrom<unknown>('a', 'b', 'list', 0, 1, 2, '__proto__', 'constructor', 'length', -1, null)
    const place = fc.tuple(
      fc.constantFrom<unknown>(0, 8, 16, 24, 4, -8, 2 ** 53, null, '0', Number.NaN),
      fc.constantFrom<unknown>(0, 8, 16, 32, 3, -1, 2 ** 53 - 1, null),
      fc.constantFrom<unknown>('', 'text/plain', 0, null),
      fc.constantFrom<unknown>('name', 0),
      fc.constantFrom<unknown>(0, '0'),
    )
    const root = fc.record({ a: place, b: fc.record({ a: place }), list: fc.array(place, { maxLength: 3 }) })
    const entry = fc
      .tuple(fc.constantFrom(...tags, 'map', 'set', 'date', ':own'), fc.array(step, { maxLength: 3 }))
      .map(([tag, path]) => [tag, ...path])
    const types = requireTypes([{ name: 'own', is: () => false, encode: () => 0, decode: (plain) => plain }])
    const before = Object.getOwnPropertyNames(Object.prototype)
    fc.assert(
      fc.property(root, fc.array(entry, { maxLength: 5 }), (payload, entries) => {
        const budget = { left: 32 }
        try {
          decodeValue(structuredClone(payload), new RichParts(entries, parts(32), budget), types)
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError)
        }
        expect(budget.left).toBeGreaterThanOrEqual(0)
        expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
      }),
      { numRuns: 10_000 },
    )
  })
})
