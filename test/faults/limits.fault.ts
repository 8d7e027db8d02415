// A stranger, in a process of its own, that goes over each limit in turn, five a second, while 20 honest clients work.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createClient, safe } from 'trunkline/client'
import { expect, test } from 'vitest'
import { pace, quantile, startServer } from './child.ts'
import { offences } from './offences.ts'
import type { contract } from './server-process.ts'

const perClient = 25
const everyMs = 180
const forMs = offences.length * everyMs
const rounds = 7

const median = (all: number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1] ?? Number.NaN

test('20 honest clients see no error, and a p99 of at most 1.5 times theirs alone', async () => {
  const server = await startServer('limits')
  const clients = Array.from({ length: 20 }, (_, index) =>
    createClient<typeof contract>({ url: server.url, params: { name: `honest ${index}` } }),
  )
  // One after the other: an address may have eight that are not known yet.
  for (const { connection } of clients) await connection.connect()
  const errors: unknown[] = []
  const changes: unknown[] = []
  for (const { connection } of clients) connection.on('change', (state) => changes.push(state))
  const everyone = async (): Promise<number[]> => {
    const call = (api: (typeof clients)[number]['api']) => async () => {
      const outcome = await safe(api.echo({ text: 'x'.repeat(64) }))
      if (!outcome.ok) errors.push(outcome.error)
    }
    const all = await Promise.all(clients.map(({ api }) => pace(call(api), perClient, forMs)))
    return all.flat().sort((a, b) => a - b)
  }
  const offenders = fork(fileURLToPath(new URL('./limits-process.ts', import.meta.url)), [server.url], {
    execArgv: ['--import', 'tsx'],
  })
  const wrong: string[] = []
  const overAll = async (): Promise<void> => {
    offenders.send(everyMs)
    const [answers] = (await once(offenders, 'message')) as [string[]]
    wrong.push(...answers)
  }
  const beside = async (): Promise<number[]> => (await Promise.all([everyone(), overAll()]))[0]
  await beside()
  const alone: number[] = []
  const besides: number[] = []
  for (let round = 0; round < rounds; round++) {
    alone.push(quantile(await everyone(), 0.99))
    besides.push(quantile(await beside(), 0.99))
  }
  offenders.disconnect()
  const ratio = median(besides) / median(alone)
  const times = (all: number[]): string => all.map((ms) => ms.toFixed(2)).join(', ')
  console.log(
    `p99 in ms: alone ${times(alone)}; beside ${offences.length} offences ${times(besides)}; medians × ${ratio.toFixed(2)}`,
  )
  expect(errors).toEqual([])
  expect(changes).toEqual([])
  expect(wrong).toEqual([])
  expect(server.process.exitCode).toBeNull()
  expect(ratio).toBeLessThanOrEqual(1.5)
  await Promise.all(clients.map(({ connection }) => connection.close()))
  await server.stop()
})
