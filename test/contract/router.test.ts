import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { mutation, type Procedure, query, subscription } from '../../packages/trunkline/src/contract/procedure.ts'
import { type RouterRecord, router, walkRouter } from '../../packages/trunkline/src/contract/router.ts'
import { builtinCodes } from '../../packages/trunkline/src/protocol/error.ts'

const refusedNames = [
  'then',
  'catch',
  'finally',
  'toJSON',
  'call',
  'apply',
  'bind',
  'constructor',
  'prototype',
  '__proto__',
]

/** What the compiler would refuse, as a JavaScript user or a cast can still write it. */
const untyped = (record: unknown): RouterRecord => router(record as RouterRecord)

describe('names', () => {
  it.each(refusedNames)('%s is refused for a procedure, and the message has its path', (name) => {
    expect(() => untyped({ rooms: { [name]: query() } })).toThrow(TypeError)
    expect(() => untyped({ rooms: { [name]: query() } })).toThrow(`rooms.${name}: `)
  })

  it.each(refusedNames)('%s is refused for a nested record', (name) => {
    expect(() => untyped({ [name]: { list: query() } })).toThrow(`${name}: `)
  })

  it.each(['a.b', '.', 'a.', '.a'])('a name with a dot is refused: %j', (name) => {
    expect(() => untyped({ rooms: { [name]: query() } })).toThrow(`rooms.${name}: `)
  })

  it('an empty name is refused with the path of its record', () => {
    expect(() => untyped({ rooms: { '': query() } })).toThrow(/^rooms\.: .*empty/)
  })

  it.each(['list', '$', '0', 'größe', 'has space', 'hasOwnProperty', 'name', 'length'])(
    'any other name is taken: %j',
    (name) => {
      expect([...walkRouter(untyped({ [name]: query() }))].map(([path]) => path)).toEqual([name])
    },
  )

  it('a path of 128 bytes is taken and one of 129 is refused', () => {
    const name = 'n'.repeat(128 - 'rooms.'.length)
    expect(() => untyped({ rooms: { [name]: query() } })).not.toThrow()
    expect(() => untyped({ rooms: { [`${name}n`]: query() } })).toThrow(`rooms.${name}n: the path is longer`)
  })

  it('the length of a path is counted in bytes of UTF-8', () => {
    expect(() => untyped({ ['線'.repeat(42)]: query() })).not.toThrow()
    expect(() => untyped({ ['線'.repeat(43)]: query() })).toThrow('128 bytes')
  })

  it('a record inside itself is refused', () => {
    const rooms: Record<string, unknown> = { list: query() }
    rooms.again = rooms
    expect(() => untyped({ rooms })).toThrow(TypeError)
  })
})

describe('what may stand in a router', () => {
  class Rooms {
    list = query()
  }

  it.each([
    ['an instance of a class', new Rooms(), 'prototype'],
    ['a key named __proto__ in a literal', { __proto__: { list: query() } }, 'prototype'],
    ['a Map', new Map([['list', query()]]), 'prototype'],
    ['an array', [query()], 'an array'],
    ['null', null, 'null'],
    ['undefined', undefined, 'undefined'],
    ['a function', function list() {}, 'a function (list)'],
    ['a string', 'list', 'a string'],
    ['a zod schema', z.object({}), 'this is a schema'],
    ['a zod schema that is a leaf', z.string(), 'this is a schema'],
  ])('%s is refused, with its path', (_name, node, words) => {
    expect(() => untyped({ api: { rooms: node } })).toThrow(TypeError)
    expect(() => untyped({ api: { rooms: node } })).toThrow(/^api\.rooms: /)
    expect(() => untyped({ api: { rooms: node } })).toThrow(words)
  })

  it.each([
    ['an instance of a class', new Rooms()],
    ['a key named __proto__', { __proto__: { list: query() } }],
    ['a schema', z.object({})],
    ['null', null],
  ])('%s is refused as the router itself', (_name, record) => {
    expect(() => untyped(record)).toThrow(/^the router: /)
  })

  it('a record without a prototype is taken', () => {
    const record = Object.assign(Object.create(null), { list: query() })
    expect([...walkRouter(untyped(record))].map(([path]) => path)).toEqual(['list'])
  })

  it('a record whose __proto__ is a procedure is refused', () => {
    expect(() => untyped({ rooms: { __proto__: query() } })).toThrow(/^rooms: /)
  })
})

describe('procedures', () => {
  it.each([
    ['input', query({ input: {} as never }), 'rooms.list: input'],
    ['output', query({ output: String as never }), 'rooms.list: output'],
    ['output', subscription({ output: 'text' as never }), 'rooms.list: output'],
    ['an error', mutation({ errors: { CLOSED: 5 as never } }), 'rooms.list: errors.CLOSED'],
    ['an error', mutation({ errors: { CLOSED: undefined as never } }), 'rooms.list: errors.CLOSED'],
  ])('%s that is no schema is refused with its path', (_name, list, where) => {
    expect(() => router({ rooms: { list } })).toThrow(TypeError)
    expect(() => router({ rooms: { list } })).toThrow(where)
  })

  it.each(builtinCodes)('the built-in code %s is refused as an error of the contract', (code) => {
    const list = query({ errors: { [code]: z.object({}) } })
    expect(() => router({ rooms: { list } })).toThrow(`rooms.list: ${code} is a built-in error code`)
  })

  it('a schema that is a function is taken when it has ~standard', () => {
    const schema = Object.assign(() => {}, { '~standard': { version: 1, vendor: 'x', validate: () => ({ value: 1 }) } })
    expect(() => router({ list: query({ input: schema }) })).not.toThrow()
  })
})

describe('composition', () => {
  const rooms = router({ list: query(), deep: { er: mutation() } })

  it('a router stands in another one, and in two places', () => {
    const whole = router({ a: rooms, b: { c: rooms }, watch: subscription() })
    expect([...walkRouter(whole)].map(([path, { kind }]) => `${path} ${kind}`)).toEqual([
      'a.list query',
      'a.deep.er mutation',
      'b.c.list query',
      'b.c.deep.er mutation',
      'watch subscription',
    ])
  })

  it('a spread router is a router', () => {
    expect([...walkRouter(router({ ...rooms, more: query() }))].map(([path]) => path)).toEqual([
      'list',
      'deep.er',
      'more',
    ])
  })

  it('the outer path counts for the 128 bytes of a router that was fine by itself', () => {
    const inner = router({ ['n'.repeat(128)]: query() })
    expect(() => router({ a: inner })).toThrow(/^a\.n+: the path is longer/)
  })

  it('a router gives the very record it was given', () => {
    const record = { list: query() }
    expect(router(record)).toBe(record)
  })
})

describe('freezing', () => {
  it('a router is frozen to its leaves', () => {
    const list: Procedure = query()
    const whole = router({ rooms: { deep: { list } } })
    for (const node of [whole, whole.rooms, whole.rooms.deep, list]) expect(Object.isFrozen(node)).toBe(true)
    expect(() => Object.assign(whole, { more: query() })).toThrow(TypeError)
  })

  it('a router that was refused leaves the record as it was', () => {
    const record = { rooms: { list: query() }, toJSON: query() }
    expect(() => untyped(record)).toThrow()
    expect(Object.isFrozen(record)).toBe(false)
    expect(Object.isFrozen(record.rooms)).toBe(false)
  })
})
