// RELIABILITY: 1 GB is uploaded over loopback through a link that is cut every second. `FAULT_MEGABYTES=100` sends less.
// Reconnects wait 120 ms at most: by default a link that is lost ten times in half a minute is tried ever more rarely, up to 20 s.
import { createClient } from 'trunkline/client'
import { expect, test } from 'vitest'
import { pace, quantile } from './child.ts'
import { Asked } from './processes.ts'
import type { contract, Sent } from './upload-process.ts'

const bytes = Number(process.env.FAULT_MEGABYTES ?? 1_000) * 1_000_000
/** Half of it before and half after: a machine whose speed drifts is neither praised nor blamed for it. */
const aloneMs = 15_000
const mebibyte = 1_024 * 1_024

test('1 GB through a link cut every second: the checksum is equal, the server grows by less than 64 MB, and calls beside it keep their p99', {
  timeout: 290_000,
}, async () => {
  const server = new Asked('./upload-process.ts', ['server'], ['--expose-gc'])
  const url = await server.answer<string>()
  const sender = new Asked('./upload-process.ts', ['sender', url])
  await sender.answer()
  const { api, connection } = createClient<typeof contract>({ url })
  const besides = (forMs: number | (() => boolean)) => pace(() => api.echo('x'.repeat(64)), 20, forMs)
  await api.echo('warm')

  const besideNothing = () =>
    Promise.all([besides(aloneMs / 2), sender.ask<number[]>({ ask: 'call', forMs: aloneMs / 2 })])
  const before = await besideNothing()
  await server.ask({ ask: 'watch' })
  let isSending = true
  const sending = sender.ask<Sent>({ ask: 'send', bytes }).finally(() => {
    isSending = false
  })
  const [meanwhile, sent] = await Promise.all([besides(() => isSending), sending])
  const rss = await server.ask<{ before: number; most: number }>({ ask: 'rss' })
  const after = await besideNothing()
  await connection.close()
  await Promise.all([sender.end('SIGKILL'), server.end('SIGKILL')])

  const seconds = sent.ms / 1_000
  const rate = (sent.bytes / 1_000_000 / seconds).toFixed(0)
  console.log(`${sent.bytes / 1e6} MB in ${seconds.toFixed(1)} s, ${rate} MB/s, ${sent.connections} connections`)
  const grown = (rss.most - rss.before) / mebibyte
  console.log(
    `the server's memory: ${(rss.before / mebibyte).toFixed(0)} MiB before, at most ${grown.toFixed(1)} MiB more`,
  )
  const compare = (name: string, one: number[], other: number[]): number => {
    const [usual, now] = [quantile(one, 0.99), quantile(other, 0.99)]
    console.log(
      `p99 ${name}: alone ${usual.toFixed(2)} ms, meanwhile ${now.toFixed(2)} ms, × ${(now / usual).toFixed(2)}`,
    )
    return now / usual
  }
  const ratio = compare('of another connection', [...before[0], ...after[0]], meanwhile)
  const ratioOnLink = compare('on the same connection, cut as often', [...before[1], ...after[1]], sent.latencies)
  expect(sent.arrived).toEqual({ bytes: sent.bytes, sha256: sent.sha256 })
  expect(sent.connections).toBeGreaterThan(Math.floor(seconds * 0.8))
  expect(grown).toBeLessThan(64)
  expect(ratio).toBeLessThanOrEqual(3)
  expect(ratioOnLink).toBeLessThanOrEqual(3)
})
