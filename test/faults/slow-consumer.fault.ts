// A generator that could make a million items, and a consumer that takes one a second.
import { createClient } from 'trunkline/client'
import { expect, test } from 'vitest'
import { pace, quantile, startServer } from './child.ts'
import type { contract } from './server-process.ts'

const forMs = 6_000
const rounds = 3

const median = (all: number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1] ?? Number.NaN

test('the generator stays one window ahead, memory is flat, and 1 000 calls/s beside it keep their p99', async () => {
  const server = await startServer()
  const { api, connection } = createClient<typeof contract>({ url: server.url })
  const call = () => api.echo({ text: 'x'.repeat(64) })
  const p99 = async () => quantile(await pace(call, 1_000, forMs), 0.99)

  /** With a stream open, of which an item a second is taken. */
  async function beside(): Promise<number> {
    const numbers = (await api.numbers({ items: 1_000_000 }))[Symbol.asyncIterator]()
    let own = 0
    const timer = setInterval(async () => {
      const { value } = await numbers.next()
      if (value === own) own++
    }, 1_000)
    const measured = await p99()
    clearInterval(timer)
    const after = await api.look()
    expect(after.pulled).toBeLessThanOrEqual(own + 256 + 1)
    mostPulled = Math.max(mostPulled, after.pulled)
    grown.push((after.heapUsed - before.heapUsed) / 1024 / 1024)
    taken += own
    await numbers.return?.()
    return measured
  }

  await pace(call, 1_000, 4_000)
  const before = await api.look()
  let taken = 0
  let mostPulled = 0
  const grown: number[] = []
  const alone: number[] = []
  const besides: number[] = []
  for (let round = 0; round < rounds; round++) {
    alone.push(await p99())
    besides.push(await beside())
  }
  const ratio = median(besides) / median(alone)
  const times = (all: number[]): string => all.map((ms) => ms.toFixed(2)).join(', ')
  console.log(`p99 in ms: alone ${times(alone)}; beside the stream ${times(besides)}; medians × ${ratio.toFixed(2)}`)
  console.log(`items taken ${taken}, at most ${mostPulled} generated; the server's heap grew by ${times(grown)} MiB`)
  expect(taken).toBeGreaterThan(10)
  expect(Math.max(...grown)).toBeLessThan(2)
  expect(ratio).toBeLessThanOrEqual(1.5)
  await connection.close()
  await server.stop()
})
