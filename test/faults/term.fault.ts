// RELIABILITY: SIGTERM with 100 calls running and 1 000 subscriptions.
import { createClient, safe } from 'trunkline/client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { contract } from './ledger.ts'
import { LedgerServer } from './processes.ts'

let server: LedgerServer

beforeEach(async () => {
  server = await LedgerServer.start()
})
afterEach(() => server.dispose())

test('SIGTERM with 100 calls running and 1 000 subscriptions: calls finish, the rest say so truthfully, the process exits by itself', async () => {
  const clients = Array.from({ length: 20 }, () => createClient<typeof contract>({ url: server.url }))
  const api = (at: number) => (clients[at % clients.length] as (typeof clients)[number]).api
  const gaps: string[] = []
  for (const { connection } of clients) connection.on('gap', ({ path }) => gaps.push(path))
  const journals = await Promise.all(Array.from({ length: 1_000 }, (_, at) => api(at).journal()))
  const running = Array.from({ length: 80 }, (_, id) => safe(api(id).act({ id, waitMs: 1_500 })))
  // Longer than the server waits (10 s), and shorter than the caller would.
  const endless = Array.from({ length: 20 }, (_, at) => safe(api(at).act({ id: 100 + at, waitMs: 20_000 })))
  await Promise.all(clients.map(({ api }) => api.ask({ id: 0 })))

  const start = performance.now()
  const exited = server.end('SIGTERM')
  const outcomes = await Promise.all(running)
  const ranMs = performance.now() - start
  expect(outcomes).toEqual(Array.from({ length: 80 }, (_, value) => ({ ok: true, value })))
  // There is no other server yet: this waits for it, unwritten.
  const late = Array.from({ length: 20 }, (_, at) => api(at).act({ id: 200 + at }, { timeoutMs: 60_000 }))
  expect(await exited).toBe(0)
  const exitMs = performance.now() - start
  expect(await server.acts()).toHaveLength(100)

  await server.start()
  // They have run. Which of the two they are told depends on what comes first, the next server or their deadline.
  for (const outcome of await Promise.all(endless)) {
    const code = expect.stringMatching(/^(CONNECTION_LOST|TIMEOUT)$/)
    expect(outcome).toMatchObject({ ok: false, error: { code, delivery: 'unknown' } })
  }
  expect(await Promise.all(late)).toEqual(Array.from({ length: 20 }, (_, at) => 200 + at))
  const acts = await server.acts()
  expect(new Set(acts).size).toBe(120)
  expect(acts).toHaveLength(120)

  const logs = await Promise.all(journals.map((journal) => readAll(journal, acts.length)))
  expect(logs.filter((log) => String(log) !== String(acts))).toEqual([])
  expect(gaps).toEqual([])
  console.log(`SIGTERM: calls were done after ${Math.round(ranMs)} ms, the process after ${Math.round(exitMs)} ms`)
  await Promise.all(clients.map(({ connection }) => connection.close()))
  expect(await server.end('SIGTERM')).toBe(0)
})

async function readAll(journal: AsyncIterable<number>, count: number): Promise<number[]> {
  const items: number[] = []
  for await (const item of journal) if (items.push(item) === count) break
  return items
}
