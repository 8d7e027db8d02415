// A generator that could make a million items, and a consumer that takes one a second.
import { createClient } from 'trunkline/client'
import { expect, test } from 'vitest'
import { pace, quantile, startServer } from './child.ts'
import type { contract } from './server-process.ts'

const forMs = 15_000

test('the generator stays one window ahead, memory is flat, and 1 000 calls/s beside it keep their p99', async () => {
  const server = await startServer()
  const { api, connection } = createClient<typeof contract>({ url: server.url })
  const call = () => api.echo({ text: 'x'.repeat(64) })
  await pace(call, 1_000, 4_000)
  const alone = quantile(await pace(call, 1_000, forMs), 0.99)

  const before = await api.look()
  const numbers = (await api.numbers({ items: 1_000_000 }))[Symbol.asyncIterator]()
  let taken = 0
  const timer = setInterval(async () => {
    const { value } = await numbers.next()
    if (value === taken) taken++
  }, 1_000)
  const besides = quantile(await pace(call, 1_000, forMs), 0.99)
  clearInterval(timer)
  const after = await api.look()
  await numbers.return?.()

  const grown = (after.heapUsed - before.heapUsed) / 1024 / 1024
  console.log(
    `p99 alone ${alone.toFixed(2)} ms, beside the stream ${besides.toFixed(2)} ms (× ${(besides / alone).toFixed(2)})`,
  )
  console.log(`items taken ${taken}, generated ${after.pulled}; the server's heap grew by ${grown.toFixed(2)} MiB`)
  expect(taken).toBeGreaterThan(10)
  expect(after.pulled).toBeLessThanOrEqual(taken + 256 + 1)
  expect(grown).toBeLessThan(2)
  expect(besides / alone).toBeLessThanOrEqual(1.5)
  await connection.close()
  await server.stop()
})
