// RELIABILITY: SIGKILL of the server and restart, in the middle of everything.
import { createClient, isRpcError, safe } from 'trunkline/client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { contract } from './ledger.ts'
import { LedgerServer } from './processes.ts'

let server: LedgerServer

beforeEach(async () => {
  server = await LedgerServer.start()
})
afterEach(() => server.dispose())

test('SIGKILL and restart: mutations in flight fail as unknown and run once at most, queries answer, subscriptions continue or report one gap', async () => {
  const { api, connection } = createClient<typeof contract>({ url: server.url })
  const gaps: string[] = []
  connection.on('gap', ({ path, reason }) => gaps.push(`${path}: ${reason}`))
  const [journal, feed] = [(await api.journal())[Symbol.asyncIterator](), (await api.feed())[Symbol.asyncIterator]()]
  await api.act({ id: 0 })
  expect([await journal.next(), await feed.next()]).toMatchObject([{ value: 0 }, { value: 0 }])

  const mutations = Array.from({ length: 200 }, (_, at) => safe(api.act({ id: at + 1, waitMs: 600_000 })))
  const queries = Array.from({ length: 200 }, (_, id) => api.ask({ id, waitMs: 500 }))
  await api.ask({ id: 0 })
  // The last of them never leave: whoever is told "not-run" must be right as well.
  mutations.push(...Array.from({ length: 50 }, (_, at) => safe(api.act({ id: at + 1_000, waitMs: 600_000 }))))
  await server.end('SIGKILL')
  const killed = await server.acts()
  await server.start()

  for (const outcome of await Promise.all(mutations.slice(0, 200)))
    expect(outcome).toMatchObject({ ok: false, error: { code: 'CONNECTION_LOST', delivery: 'unknown' } })
  for (const [at, mutation] of mutations.slice(200).entries()) {
    const outcome = await Promise.race([mutation, new Promise<undefined>((resolve) => setTimeout(resolve, 500))])
    const runs = (await server.acts()).filter((act) => act === at + 1_000).length
    // Still waiting: it was never written, and runs now.
    if (outcome === undefined) expect(runs).toBe(1)
    else if (!outcome.ok && isRpcError(outcome.error))
      expect(runs).toBeLessThanOrEqual(outcome.error.delivery === 'unknown' ? 1 : 0)
  }
  expect(await Promise.all(queries)).toEqual(Array.from({ length: 200 }, (_, id) => id))
  const acts = await server.acts()
  expect(new Set(acts).size).toBe(acts.length)
  expect(acts.slice(0, 201)).toEqual(killed.slice(0, 201))

  await api.act({ id: 9_999 })
  const seen = [0]
  while (seen.at(-1) !== 9_999) seen.push((await journal.next()).value as number)
  expect(seen).toEqual(await server.acts())
  const fed: unknown[] = []
  while (fed.at(-1) !== 9_999) fed.push((await feed.next()).value)
  expect(gaps).toEqual(['feed: history'])
  console.log(`SIGKILL: ${killed.length} acts before, ${acts.length} after, ${gaps.length} gap`)
  await connection.close()
})
