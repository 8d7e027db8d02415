// RELIABILITY: a reader that stops reading while topics push, at the level of TCP. The loop that is slow is in slow-consumer.fault.ts.
import { createClient } from 'trunkline/client'
import { createFaultProxy } from 'trunkline/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pace, quantile } from './child.ts'
import type { contract } from './ledger.ts'
import type { Memory } from './ledger-process.ts'
import { LedgerServer } from './processes.ts'

const perSecond = 500
const forMs = 8_000
const mebibyte = 1_024 * 1_024
let server: LedgerServer

beforeEach(async () => {
  server = await LedgerServer.start()
})
afterEach(() => server.dispose())

test('a reader that stops reading while topics push: the server keeps at most 2 MiB for it, the others have a p99 of at most 2 times theirs alone', async () => {
  const others = createClient<typeof contract>({ url: server.url })
  // Keeps next to nothing, so that what is not read stays the server's.
  const proxy = await createFaultProxy({ target: server.url, heldBytes: 1_024 })
  const reader = createClient<typeof contract>({ url: proxy.url() })
  const feeds = await Promise.all(Array.from({ length: 20 }, () => reader.api.feed()))
  let id = 0
  // Each act is pushed to all of the reader's feeds.
  const call = () => others.api.act({ id: id++ })
  const memory = async (): Promise<number> => {
    const { heapUsed, external } = await server.ask<Memory>({ ask: 'memory' })
    return heapUsed + external
  }
  let read = 0
  const loops = Promise.allSettled(
    feeds.map(async (feed) => {
      for await (const _ of feed) read++
    }),
  )
  await pace(call, perSecond, 4_000)
  const alone = quantile(await pace(call, perSecond, forMs), 0.99)
  const [before, readBefore] = [await memory(), read]
  proxy.hold('down')
  const besides = quantile(await pace(call, perSecond, forMs), 0.99)
  const grown = ((await memory()) - before) / mebibyte
  const { bufferedBytes, replayBytes } = await server.ask<{ bufferedBytes: number; replayBytes: number }>({
    ask: 'stats',
  })
  console.log(
    `stalled reader: p99 alone ${alone.toFixed(2)} ms, beside it ${besides.toFixed(2)} ms (× ${(besides / alone).toFixed(2)}); memory grew by ` +
      `${grown.toFixed(2)} MiB, ${bufferedBytes} bytes unsent, ${replayBytes} unacknowledged`,
  )
  expect(readBefore).toBeGreaterThan(perSecond * feeds.length)
  expect(read - readBefore).toBeLessThan(perSecond * feeds.length)
  expect(grown).toBeLessThanOrEqual(2)
  expect(besides / alone).toBeLessThanOrEqual(2)
  await Promise.all([reader.connection.close(), others.connection.close(), proxy.close()])
  await loops
})
