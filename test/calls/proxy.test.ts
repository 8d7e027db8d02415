import { mutation, query, router, type as unchecked } from 'trunkline'
import { implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterAll, expect, it } from 'vitest'

const contract = router({
  ping: query({ output: unchecked<string>() }),
  rooms: { name: query({ output: unchecked<string>() }), post: mutation({ input: unchecked<string>() }) },
})
const app = implement(contract).handlers({
  ping: () => 'pong',
  rooms: { name: () => 'lobby', post: () => {} },
})
const pair = createPair(app)
const { api } = pair.createClient()
const loose = api as unknown as Record<string | symbol, unknown>

afterAll(() => pair.close())

it('gives the same object for the same path each time', () => {
  expect(api.rooms).toBe(api.rooms)
  expect(api.rooms.post).toBe(api.rooms.post)
})

it('can be awaited at any depth without a call', async () => {
  const rooms = await (api.rooms as unknown as Promise<unknown>)
  expect(rooms).toBe(api.rooms)
  await (async () => api)()
  expect(pair.frames).toEqual([])
})

it('is nothing to JSON.stringify', () => {
  expect(JSON.stringify({ api, rooms: api.rooms })).toBe('{}')
})

it.each(['then', 'catch', 'finally', 'toJSON', 'call', 'apply', 'bind', 'constructor', 'prototype', '__proto__'])(
  'answers undefined for %s',
  (name) => {
    expect(loose[name]).toBeUndefined()
    expect((loose.rooms as Record<string, unknown>)[name]).toBeUndefined()
  },
)

it.each([Symbol.iterator, Symbol.asyncIterator, Symbol.toPrimitive, Symbol.toStringTag, Symbol('mine')])(
  'answers undefined for %s',
  (symbol) => {
    expect(loose[symbol]).toBeUndefined()
  },
)

it('carries a procedure named like a property of functions', async () => {
  expect(await api.rooms.name()).toBe('lobby')
})

it('calls without its parent', async () => {
  const { ping } = api
  expect(await ping()).toBe('pong')
})

it('is turned into text without a call', async () => {
  const own = createPair(app)
  const { api } = own.createClient()
  expect(`${api.rooms}`).toBe('[client rooms]')
  await new Promise((resolve) => setImmediate(resolve))
  expect(own.frames).toEqual([])
  await own.close()
})
