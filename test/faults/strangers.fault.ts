// Strangers do everything they can think of, over and over, while 20 honest clients work.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createClient, safe } from 'trunkline/client'
import { expect, test } from 'vitest'
import { pace, quantile, startServer } from './child.ts'
import type { contract } from './server-process.ts'

const perClient = 25
const forMs = 5_000
const rounds = 5

const median = (all: number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1] ?? Number.NaN

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
  const strangers = fork(fileURLToPath(new URL('./strangers-process.ts', import.meta.url)), [server.url], {
    execArgv: ['--import', 'tsx'],
  })
  const turn = async (state: 'on' | 'off'): Promise<number> => {
    strangers.send(state)
    const [done] = (await once(strangers, 'message')) as [number]
    return done
  }
  await everyone()
  const alone: number[] = []
  const besides: number[] = []
  for (let round = 0; round < rounds; round++) {
    await turn('off')
    alone.push(quantile(await everyone(), 0.99))
    await turn('on')
    besides.push(quantile(await everyone(), 0.99))
  }
  const done = await turn('off')
  strangers.disconnect()
  const ratio = median(besides) / median(alone)
  const times = (all: number[]): string => all.map((ms) => ms.toFixed(2)).join(', ')
  console.log(
    `p99 in ms: alone ${times(alone)}; beside ${done} hostile acts ${times(besides)}; medians × ${ratio.toFixed(2)}`,
  )
  expect(errors).toEqual([])
  expect(server.process.exitCode).toBeNull()
  expect(ratio).toBeLessThanOrEqual(1.5)
  expect(done).toBeGreaterThan(100)
  await Promise.all(clients.map(({ connection }) => connection.close()))
  await server.stop()
})
