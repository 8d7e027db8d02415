import { query, router, subscription, type as unchecked } from 'trunkline'
import { createClient } from 'trunkline/client'
import { type NodeServer, serve } from 'trunkline/node'
import { implement, memoryPublisher } from 'trunkline/server'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'

const contract = router({
  count: subscription({ input: unchecked<number>(), output: unchecked<number>() }),
  blobs: subscription({ output: unchecked<string>() }),
  feed: subscription({ output: unchecked<number>() }),
  echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
})

let log: string[] = []
let made = 0
const bus = memoryPublisher({ history: 10_000 })
const app = implement(contract).handlers({
  count: async function* ({ input, signal }) {
    signal.addEventListener('abort', () => log.push('abort'))
    try {
      for (let at = 0; at < input; at++) {
        made = at
        yield at
      }
    } finally {
      log.push('finally')
    }
  },
  blobs: async function* () {
    for (made = 0; made < 400; made++) yield 'x'.repeat(50_000)
  },
  feed: ({ signal, lastEventId }) => bus.subscribe('feed', { signal, lastEventId }) as AsyncIterable<number>,
  echo: ({ input }) => input,
})

let server: NodeServer
let client: ReturnType<typeof createClient<typeof contract>>

beforeAll(async () => {
  server = await serve(app, { host: '127.0.0.1', onError: () => {} })
})
afterAll(() => server.close({ drainMs: 0 }))
beforeEach(() => {
  log = []
  made = 0
  client = createClient<typeof contract>({ url: server.url })
})
afterEach(() => client.connection.close())

it('carries 50 000 items in order', async () => {
  let next = 0
  for await (const item of client.api.count(50_000)) expect(item).toBe(next++)
  expect(next).toBe(50_000)
})

it.each(['break', 'throw'])('a loop that ends with %s stops the generator', async (how) => {
  const loop = async () => {
    for await (const item of client.api.count(1_000_000)) {
      if (item < 10) continue
      if (how === 'break') break
      throw new Error('mine')
    }
  }
  await loop().catch(({ message }) => expect(message).toBe('mine'))
  await client.api.echo(1)
  expect(log).toEqual(['abort', 'finally'])
  expect(server.stats().streams).toBe(0)
})

it('a consumer that stops leaves the generator at rest, and calls go on', async () => {
  await client.api.count(1_000_000)
  for (let turn = 0; turn < 50; turn++) await client.api.echo(turn)
  expect(made).toBeLessThanOrEqual(256)
})

it('a consumer of large items that stops leaves little ahead of it', async () => {
  const iterator = (await client.api.blobs())[Symbol.asyncIterator]()
  for (let turn = 0; turn < 20; turn++) await client.api.echo(turn)
  expect(made).toBeLessThanOrEqual(6)
  let items = 0
  while (!(await iterator.next()).done) items++
  expect(items).toBe(400)
})

it('a publisher reaches fifty connections, each with every event', async () => {
  const clients = Array.from({ length: 50 }, () => createClient<typeof contract>({ url: server.url }))
  const iterators = await Promise.all(clients.map(async ({ api }) => (await api.feed())[Symbol.asyncIterator]()))
  const events = Array.from({ length: 200 }, (_, at) => at)
  for (const at of events) void bus.publish('feed', at)
  const logs = await Promise.all(
    iterators.map(async (iterator) => {
      const items: unknown[] = []
      while (items.length < 200) items.push((await iterator.next()).value)
      return items
    }),
  )
  for (const items of logs) expect(items).toEqual(events)
  await Promise.all(clients.map(({ connection }) => connection.close()))
})

it('a hundred streams and a thousand calls share one line', async () => {
  const streams = Array.from({ length: 100 }, async (_, at) => {
    let items = 0
    for await (const _item of client.api.count(at * 10)) items++
    return items
  })
  const calls = Array.from({ length: 1_000 }, (_, at) => client.api.echo(at))
  expect(await Promise.all(calls)).toEqual(Array.from({ length: 1_000 }, (_, at) => at))
  expect(await Promise.all(streams)).toEqual(Array.from({ length: 100 }, (_, at) => at * 10))
  expect(server.stats().connections).toBe(1)
})

it('a consumer that was too slow sees every event that the history holds', async () => {
  const iterator = (await client.api.feed())[Symbol.asyncIterator]()
  const gaps: unknown[] = []
  client.connection.on('gap', (gap) => gaps.push(gap))
  for (let at = 0; at < 3_000; at++) void bus.publish('feed', at)
  await client.api.echo(1)
  for (let at = 0; at < 3_000; at++) expect((await iterator.next()).value).toBe(at)
  expect(gaps).toEqual([])
})
