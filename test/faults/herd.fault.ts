// RELIABILITY: 10 000 clients lose the server at once. Each process of clients needs 2 500 open files, the server 10 000.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CrowdState } from './crowd-process.ts'
import { Asked, LedgerServer } from './processes.ts'

const crowds = 4
const each = 2_500
let server: LedgerServer
let crowd: Asked[]

beforeEach(async () => {
  server = await LedgerServer.start()
  crowd = Array.from(
    { length: crowds },
    (_, at) => new Asked('./crowd-process.ts', [server.url, String(each), String(at + 1)]),
  )
  await Promise.all(crowd.map((one) => one.answer()))
  await server.ask({ ask: 'accepts' })
})
afterEach(async () => {
  await Promise.all(crowd.map((one) => one.end('SIGKILL')))
  await server.dispose()
})

/** The most accepts in any second, a second beginning with each tenth. */
function busiest(accepts: readonly [tenth: number, count: number][]): number {
  const byTenth = new Map(accepts)
  const within = (from: number): number =>
    Array.from({ length: 10 }, (_, at) => byTenth.get(from + at) ?? 0).reduce((sum, count) => sum + count)
  return Math.max(...accepts.map(([tenth]) => within(tenth)))
}

test.each(['SIGTERM', 'SIGKILL'] as const)(
  '10 000 clients lose the server at once by %s: at most 1 500 accepts/s, all are back within 60 s',
  async (signal) => {
    const start = performance.now()
    await server.end(signal)
    const goneMs = performance.now() - start
    await server.start()
    const upMs = performance.now() - start
    const answers = await Promise.all(crowd.map((one) => one.ask<number>({ ask: 'everybody' })))
    const backMs = performance.now() - start
    expect(answers).toEqual(Array.from({ length: crowds }, () => each))
    const states = await Promise.all(crowd.map((one) => one.ask<CrowdState>({ ask: 'state' })))
    const accepts = await server.ask<[number, number][]>({ ask: 'accepts' })
    const total = accepts.reduce((sum, [, count]) => sum + count, 0)
    const seconds = (ms: number): string => (ms / 1_000).toFixed(1)
    console.log(
      `${signal}: gone after ${seconds(goneMs)} s, up again at ${seconds(upMs)} s, all back at ${seconds(backMs)} s; ` +
        `${total} accepts, at most ${busiest(accepts)}/s; ${states.reduce((sum, { lost }) => sum + lost, 0)} lines lost`,
    )
    expect(busiest(accepts)).toBeLessThan(1_500)
    expect(backMs).toBeLessThan(60_000)
  },
)
