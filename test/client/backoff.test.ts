import { query, router } from 'trunkline'
import { implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

const app = implement(router({ ping: query() })).handlers({ ping: () => {} })

let pair = createPair(app)

beforeEach(() => {
  vi.useFakeTimers()
  pair = createPair(app)
  pair.isReachable = false
})

afterEach(async () => {
  vi.restoreAllMocks()
  await pair.close()
  vi.useRealTimers()
})

/** The waits before the next `count` attempts, as announced. */
async function waitsOf(connection: ReturnType<typeof pair.createClient>['connection'], count: number) {
  const waits: number[] = []
  const undo = connection.on('change', ({ status, nextAttemptAt = 0 }) => {
    if (status === 'waiting') waits.push(nextAttemptAt - Date.now())
  })
  connection.connect().catch(() => {})
  await vi.advanceTimersByTimeAsync(0)
  while (waits.length < count) await vi.advanceTimersByTimeAsync(Math.ceil(waits.at(-1) ?? 1))
  undo()
  return waits
}

it('never waits less than minMs', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  expect(await waitsOf(pair.createClient().connection, 4)).toEqual([100, 100, 100, 100])
})

it('doubles the random part up to the cap', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(1)
  const waits = await waitsOf(pair.createClient().connection, 9)
  expect(waits).toEqual([600, 1_100, 2_100, 4_100, 8_100, 16_100, 20_100, 20_100, 20_100])
})

it('is random at the cap too', async () => {
  const { connection } = pair.createClient()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  expect((await waitsOf(connection, 8)).at(-1)).toBe(10_100)
})

it('spreads evenly between its bounds', async () => {
  const { connection } = pair.createClient({ reconnect: { minMs: 100, baseMs: 1_000, maxMs: 1_000 } })
  const waits = await waitsOf(connection, 300)
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(100)
  expect(Math.max(...waits)).toBeLessThanOrEqual(1_100)
  // 300 draws from U(0, 1000): a half that gets fewer than 100 has a chance below one in a million.
  expect(waits.filter((wait) => wait < 600).length).toBeGreaterThan(100)
  expect(waits.filter((wait) => wait >= 600).length).toBeGreaterThan(100)
})

it('takes its numbers from the options', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  const { connection } = pair.createClient({ reconnect: { minMs: 10, baseMs: 100, maxMs: 200 } })
  expect(await waitsOf(connection, 3)).toEqual([60, 110, 110])
})

it('goes on for ever', async () => {
  const { connection } = pair.createClient()
  connection.connect().catch(() => {})
  await vi.advanceTimersByTimeAsync(3_600_000)
  expect(connection.state.attempt).toBeGreaterThan(100)
  pair.isReachable = true
  await vi.advanceTimersByTimeAsync(21_000)
  expect(connection.state.status).toBe('open')
})

it('starts anew after 10 s of healthy life', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  const { connection } = pair.createClient()
  await waitsOf(connection, 5)
  pair.isReachable = true
  await connection.connect()
  await vi.advanceTimersByTimeAsync(10_000)
  pair.isReachable = false
  pair.cut()
  expect(connection.state.nextAttemptAt).toBe(Date.now() + 350)
})

it('goes on counting after a life shorter than that', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  const { connection } = pair.createClient()
  await waitsOf(connection, 5)
  pair.isReachable = true
  await connection.connect()
  await vi.advanceTimersByTimeAsync(9_000)
  pair.isReachable = false
  pair.cut()
  expect((connection.state.nextAttemptAt ?? 0) - Date.now()).toBeGreaterThan(8_000)
})

it('is not waited out by connect()', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  const { connection } = pair.createClient()
  await waitsOf(connection, 6)
  pair.isReachable = true
  await connection.connect()
  expect(connection.state.status).toBe('open')
})
