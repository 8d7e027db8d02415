// RELIABILITY: the event loop blocked for 3 s and 12 s, at the server and at the clients, with 1 000 clients.
import { createClient } from 'trunkline/client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CrowdState } from './crowd-process.ts'
import type { contract } from './ledger.ts'
import { Asked, LedgerServer } from './processes.ts'

const size = 1_000
let server: LedgerServer
let crowd: Asked

beforeEach(async () => {
  server = await LedgerServer.start()
  crowd = new Asked('./crowd-process.ts', [server.url, String(size)])
  await crowd.answer()
})
afterEach(async () => {
  await crowd.end('SIGKILL')
  await server.dispose()
})

/** Both ends have read what came meanwhile, and had time for the pings that they think they owe. */
async function settled(): Promise<CrowdState> {
  expect(await crowd.ask({ ask: 'everybody' })).toBe(size)
  await new Promise((resolve) => setTimeout(resolve, 12_000))
  expect(await crowd.ask({ ask: 'everybody' })).toBe(size)
  return crowd.ask<CrowdState>({ ask: 'state' })
}

/** The longest silence before one end says something by itself: then the block comes at the worst moment. */
const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 19_000))

const nobodyLeft = { open: size, lost: 0, resumes: 0 }

test.each([3_000, 12_000])('event loop of the server blocked %i ms, 1 000 clients: nobody is dropped', async (ms) => {
  await quiet()
  expect(await server.ask({ ask: 'block', ms })).toBe('blocked')
  expect(await settled()).toEqual(nobodyLeft)
})

test.each([3_000, 12_000])('event loop of 1 000 clients blocked %i ms: nobody is dropped', async (ms) => {
  await quiet()
  expect(await crowd.ask({ ask: 'block', ms })).toBe('blocked')
  expect(await settled()).toEqual(nobodyLeft)
})

test('who waits for an answer of a server blocked 12 s leaves after 10 s, comes back, and has it once', async () => {
  const { api, connection } = createClient<typeof contract>({ url: server.url })
  await connection.connect()
  const blocked = server.ask({ ask: 'block', ms: 12_000 })
  const acts = Array.from({ length: 100 }, (_, id) => api.act({ id }))
  expect(await Promise.all(acts)).toEqual(acts.map((_, id) => id))
  await blocked
  expect(await server.acts()).toEqual(acts.map((_, id) => id))
  expect(await crowd.ask<CrowdState>({ ask: 'state' })).toEqual(nobodyLeft)
  await connection.close()
})
