// Five minutes of calls and subscriptions through a link that is cut at random; two minutes with a server that is killed as well.
// FAULT_SEED replays the cuts, FAULT_SECONDS shortens or lengthens them.
import { createClient } from 'trunkline/client'
import { serve } from 'trunkline/node'
import { createFaultProxy } from 'trunkline/testing'
import { expect, test } from 'vitest'
import { type contract, Ledger } from './ledger.ts'
import { LedgerServer } from './processes.ts'
import { seededChaos } from './seed.ts'
import { holdAgainst, storm } from './storm.ts'

const seconds = Number(process.env.FAULT_SECONDS ?? 300)
const graceMs = 120_000

/** True once the time is over. */
function timer(forMs: number): () => boolean {
  const until = performance.now() + forMs
  return () => performance.now() >= until
}

test(`${seconds} s through a link cut at random: nothing lost, nothing doubled, order kept`, {
  timeout: seconds * 1_000 + graceMs,
}, async () => {
  const ledger = new Ledger()
  const server = await serve(ledger.app, { host: '127.0.0.1' })
  const proxy = await createFaultProxy({ target: server.url })
  const stop = seededChaos({ ms: [100, 2_000] }).run(proxy)
  const client = createClient<typeof contract>({ url: proxy.url() })
  const report = await storm(client, timer(seconds * 1_000))
  stop()
  const { resumes } = client.connection.stats()
  console.log(
    `${seconds} s: ${report.done.size} calls, ${resumes} resumes, ${server.stats().replayedFrames} frames replayed, ${report.failed.size} failed`,
  )
  expect(holdAgainst(ledger.acts, report)).toEqual([])
  expect([...report.failed]).toEqual([])
  expect(report.gaps).toEqual([])
  expect(resumes).toBeGreaterThanOrEqual(seconds / 3)
  expect(report.done.size).toBeGreaterThanOrEqual((100_000 * seconds) / 300)
  await client.connection.close()
  await expect.poll(() => server.stats()).toMatchObject({ connections: 0, sessions: 0, calls: 0, streams: 0 })
  await proxy.close()
  await server.close()
})

test(`${seconds * 0.4} s, the server killed and restarted: mutations at most once, deliveries true, ids lose nothing`, {
  timeout: seconds * 400 + graceMs,
}, async () => {
  const server = await LedgerServer.start()
  const proxy = await createFaultProxy({ target: server.url })
  const chaos = seededChaos({ ms: [100, 2_000] })
  const stop = chaos.run(proxy)
  const client = createClient<typeof contract>({ url: proxy.url() })
  const isOver = timer(seconds * 400)
  const storming = storm(client, isOver)
  let kills = 0
  while (!isOver()) {
    await new Promise((resolve) => setTimeout(resolve, chaos.integer(2_000, 6_000)))
    await server.end('SIGKILL')
    await server.start()
    kills++
  }
  stop()
  const report = await storming
  const { resumes } = client.connection.stats()
  console.log(
    `${kills} kills: ${report.done.size} calls, ${report.failed.size} failed, ${resumes} resumes, ${report.gaps.length} gaps`,
  )
  expect(holdAgainst(await server.acts(), report)).toEqual([])
  expect(kills).toBeGreaterThan(seconds / 60)
  expect(report.failed.size).toBeGreaterThan(0)
  await client.connection.close()
  await proxy.close()
  await server.dispose()
})
