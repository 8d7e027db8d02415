import { query, router, subscription, type as unchecked } from 'trunkline'
import { implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

const contract = router({
  who: query({ output: unchecked<string>() }),
  ticks: subscription({ output: unchecked<number>() }),
})
const app = implement(contract)
  .context<{ user: string }>()
  .handlers({
    who: ({ context }) => context.user,
    ticks: async function* ({ signal }) {
      yield 1
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
  })
const authenticate = ({ params }: { params: Readonly<Record<string, unknown>> }) => ({ user: String(params.user) })

let pair = createPair(app, { authenticate })

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  pair = createPair(app, { authenticate })
})

afterEach(async () => {
  await pair.close()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

it('joins any number of clients to one server', async () => {
  const [ada, bob] = ['ada', 'bob'].map((user) => pair.createClient({ params: { user } }))
  expect(await ada?.api.who()).toBe('ada')
  expect(await bob?.api.who()).toBe('bob')
  expect(pair.server.stats().connections).toBe(2)
})

it('needs no timer to answer', async () => {
  expect(await pair.createClient().api.who()).toBe('undefined')
})

it('records every frame, oldest first', async () => {
  await pair.createClient({ params: { user: 'ada' } }).api.who()
  const [first] = pair.frames
  expect(first?.from).toBe('client')
  expect(JSON.parse(first?.text ?? '')).toMatchObject([0, { params: { user: 'ada' } }])
  expect(pair.frames.at(-1)).toEqual({ from: 'server', text: '[3,1,"ada"]' })
})

it('cut() breaks every connection, and the clients come back', async () => {
  const clients = [pair.createClient(), pair.createClient()]
  await Promise.all(clients.map(({ connection }) => connection.connect()))
  pair.cut()
  expect(clients.map(({ connection }) => connection.state.status)).toEqual(['waiting', 'waiting'])
  expect(pair.server.stats().connections).toBe(0)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(clients.map(({ connection }) => connection.state.status)).toEqual(['open', 'open'])
})

it('cut() aborts what ran on the connections', async () => {
  for await (const _ of pair.createClient().api.ticks()) {
    expect(pair.server.stats().streams).toBe(1)
    pair.cut()
    expect(pair.server.stats().streams).toBe(0)
    break
  }
})

it('isReachable = false makes attempts fail', async () => {
  pair.isReachable = false
  const { connection } = pair.createClient({ eager: true })
  await vi.advanceTimersByTimeAsync(5_000)
  expect(connection.state.status).toBe('waiting')
  pair.isReachable = true
  await connection.connect()
})

it('isSilent = true swallows frames both ways and tells nobody', async () => {
  const { api, connection } = pair.createClient()
  await connection.connect()
  const before = pair.frames.length
  pair.isSilent = true
  const call = expect(api.who(undefined, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'TIMEOUT' })
  await vi.advanceTimersByTimeAsync(1_100)
  await call
  expect(connection.state.status).toBe('open')
  expect(pair.frames).toHaveLength(before)
})

it('a silence that ends is found out by the counts', async () => {
  const { api, connection } = pair.createClient()
  await connection.connect()
  pair.isSilent = true
  api.who(undefined, { timeoutMs: 1_000 }).catch(() => {})
  await vi.advanceTimersByTimeAsync(1_100)
  pair.isSilent = false
  await vi.advanceTimersByTimeAsync(26_000)
  expect(connection.state).toMatchObject({ status: 'open' })
  expect(await api.who()).toBe('undefined')
  expect(pair.frames.filter(({ text }) => text.startsWith('[0,'))).toHaveLength(2)
})

it('close() closes clients and server, and leaves no timer', async () => {
  const { connection } = pair.createClient()
  await connection.connect()
  await pair.close()
  expect(connection.state.status).toBe('closed')
  expect(pair.server.stats().connections).toBe(0)
  expect(vi.getTimerCount()).toBe(0)
})

it('close() can be called twice', async () => {
  await pair.close()
  await pair.close()
})
