// Rounds of everything that can be opened and closed, in one process with a collector at hand; says what is left after each.
import { createClient } from 'trunkline/client'
import { serve } from 'trunkline/node'
import { type contract, Ledger } from './ledger.ts'

export interface Round {
  /** Bytes of the heap after a collection. */
  readonly heapUsed: number
  /** What `stats()` counts at the end of the round, summed. */
  readonly left: number
}

const [rounds = '5', calls = '100000', subscriptions = '100000', connects = '10000'] = process.argv.slice(2)

const ledger = new Ledger()
const server = await serve(ledger.app, { host: '127.0.0.1' })
const client = createClient<typeof contract>({ url: server.url })

/** So many at a time, as often as it takes. */
async function many(count: number, atOnce: number, one: (index: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += atOnce)
    await Promise.all(Array.from({ length: Math.min(atOnce, count - from) }, (_, at) => one(from + at)))
}

async function round(): Promise<Round> {
  await many(Number(calls), 500, (id) => client.api.ask({ id }))
  await many(Number(subscriptions), 500, async () => {
    const iterator = (await client.api.feed())[Symbol.asyncIterator]()
    await iterator.return?.()
  })
  await many(Number(connects), 50, async (id) => {
    const other = createClient<typeof contract>({ url: server.url })
    await other.api.ask({ id })
    await other.connection.close()
  })
  // Behind every `cancel`, and behind the ends of the last sockets.
  await client.api.ask({ id: 0 })
  while (server.stats().connections > 1) await new Promise((resolve) => setImmediate(resolve))
  globalThis.gc?.()
  const { calls: open, streams, detached, sessions, bufferedBytes } = server.stats()
  const own = client.connection.stats()
  const left = open + streams + detached + sessions - 1 + bufferedBytes + own.calls + own.streams + own.waiting
  return { heapUsed: process.memoryUsage().heapUsed, left }
}

for (let at = 0; at < Number(rounds); at++) process.send?.(await round())
await client.connection.close()
await server.close()
// The channel to the parent and the standard streams are the process's own.
const handles = () => process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap' && name !== 'TTYWrap')
// A handle that was closed is gone some turns later; one that was not stays.
for (let turn = 0; turn < 100 && handles().some((name) => name !== 'Immediate'); turn++)
  await new Promise((resolve) => setImmediate(resolve))
const left = handles().filter((name) => name !== 'Immediate')
// Nothing is left to do: the process ends by itself.
process.channel?.unref()
process.send?.(left)
