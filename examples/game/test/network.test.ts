// The game's server over real sockets: one player on a slow line, and an arena full of players without a page.
import { createClient } from 'trunkline/client'
import { createFaultProxy } from 'trunkline/testing'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { game } from '../contract.ts'
import { freshStates, Headless } from '../headless.ts'
import { readSnapshot } from '../snapshot.ts'
import { buildGame, GameServer } from './game-process.ts'

let server: GameServer
/** What a test has opened, to be closed in this order. */
let opened: (() => Promise<unknown>)[]

beforeAll(buildGame)
beforeEach(async () => {
  server = await GameServer.start({ bots: 10 })
  opened = []
})
afterEach(async () => {
  for (const close of opened) await close()
  expect(await server.end()).toBe(0)
})

function headless(index: number, url = server.url): Headless {
  const player = new Headless(url, index)
  opened.push(() => player.stop())
  player.play().catch(() => {})
  return player
}

it('a player on a slow line sees what is new, and slows nobody', async () => {
  const proxy = await createFaultProxy({ target: server.url })
  const slow = createClient<typeof game>({
    url: proxy.url('/rpc'),
    params: { id: 'slow-pilot', name: 'Slow', hue: 0 },
  })
  opened.push(
    () => slow.connection.close(),
    () => proxy.close(),
  )
  const quick = headless(1)
  await expect.poll(() => quick.tick).toBeGreaterThan(0)

  // Some twenty states a second.
  const states = await slow.api.watch(undefined, freshStates)
  proxy.throttle(5_000, 'down')
  const begin = { tick: quick.tick, states: quick.states }
  const seen: { tick: number; quickTick: number }[] = []
  for await (const bytes of states) {
    seen.push({ tick: readSnapshot(bytes).tick, quickTick: quick.tick })
    if (seen.length === 80) break
  }

  // A state leaves the server when one that left sixteen before has arrived: it is newer than what all others had seen by then.
  const { credit } = freshStates
  for (const [index, { tick }] of seen.entries())
    if (index >= credit) expect(tick).toBeGreaterThanOrEqual(seen[index - credit]?.quickTick ?? 0)
  const ticks = quick.tick - begin.tick
  const [slowShare, quickShare] = [seen.length / ticks, (quick.states - begin.states) / ticks]
  const ages = seen.map(({ tick, quickTick }) => quickTick - tick)
  const percent = (share: number) => `${Math.round(share * 100)} %`
  console.log(
    `slow: ${percent(slowShare)} of ${ticks} states, at most ${Math.max(...ages)} ticks old; beside it: ${percent(quickShare)}`,
  )
  expect(slowShare).toBeLessThan(0.6)
  expect(quickShare).toBeGreaterThan(slowShare * 1.5)
})

it('two players and fifty more: everybody gets the states, and the server keeps its ticks', async () => {
  const players = Array.from({ length: 52 }, (_, index) => headless(index))
  await expect.poll(() => Math.min(...players.map(({ states }) => states)), { timeout: 45_000 }).toBeGreaterThan(300)
  const { ticks, dropped, lateMs } = (await players[0]?.pace()) ?? {}
  const states = players.map(({ states }) => states)
  const skipped = players.reduce((sum, player) => sum + player.skipped, 0)
  console.log(
    `52 players and 10 bots: ${ticks} ticks, ${dropped} dropped, late by ${lateMs?.p50} ms (p50), ${lateMs?.p99} ms (p99),` +
      ` ${lateMs?.max} ms (max); ${skipped} of ${states.reduce((sum, one) => sum + one)} states skipped`,
  )
  expect(Math.min(...states) / Math.max(...states)).toBeGreaterThan(0.5)
  await expect.poll(async () => (await players[0]?.pace())?.ticks).toBeGreaterThan(ticks ?? Number.NaN)
})
