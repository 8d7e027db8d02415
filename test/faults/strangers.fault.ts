// Strangers do everything they can think of, over and over, while 20 honest clients work.
import { createClient, safe } from 'trunkline/client'
import { expect, test } from 'vitest'
import { pace, quantile, startServer } from './child.ts'
import type { contract } from './server-process.ts'
import { acts } from './strangers.ts'

const perClient = 25
const forMs = 8_000

test('20 honest clients see no error and a p99 of at most 1.5 times theirs alone', async () => {
  const server = await startServer()
  const clients = Array.from({ length: 20 }, () => createClient<typeof contract>({ url: server.url }))
  const errors: unknown[] = []
  const everyone = async (): Promise<number[]> => {
    const call = (api: (typeof clients)[number]['api']) => async () => {
      const outcome = await safe(api.echo({ text: 'x'.repeat(64) }))
      if (!outcome.ok) errors.push(outcome.error)
    }
    const all = await Promise.all(clients.map(({ api }) => pace(call(api), perClient, forMs)))
    return all.flat().sort((a, b) => a - b)
  }
  await everyone()
  const alone = quantile(await everyone(), 0.99)
  let isOver = false
  let done = 0
  const strangers = (async () => {
    // Twenty hostile acts a second: each is a new connection, and two cores serve both sides.
    while (!isOver) {
      for (const act of acts) {
        if (isOver) break
        await act.run(server.url)
        done++
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  })()
  const besides = quantile(await everyone(), 0.99)
  isOver = true
  await strangers
  console.log(
    `p99 alone ${alone.toFixed(2)} ms, beside ${done} hostile acts ${besides.toFixed(2)} ms (× ${(besides / alone).toFixed(2)})`,
  )
  expect(errors).toEqual([])
  expect(server.process.exitCode).toBeNull()
  expect(besides / alone).toBeLessThanOrEqual(1.5)
  await Promise.all(clients.map(({ connection }) => connection.close()))
  await server.stop()
})
