import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Turns } from '../../packages/trunkline/src/server/turns.ts'

/** The clock: only pulls move it. */
let now = 0
let turns: (() => void)[] = []
/** The line has room for so many pulls. */
let room = Number.POSITIVE_INFINITY

const nextTurn = (): Promise<void> => {
  for (const task of turns.splice(0)) task()
  return settled()
}
/** Promises have come to rest: all that was to be done in this turn is done. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

beforeEach(() => {
  now = 1_000
  turns = []
  room = Number.POSITIVE_INFINITY
  vi.spyOn(performance, 'now').mockImplementation(() => now)
})
afterEach(() => void vi.restoreAllMocks())

/** Generators that never wait: each pulls as soon as what it pulled has come, for as long as it may. */
function generators(count: number, costMs: number) {
  const all = new Turns({ hasRoom: () => room > 0, yieldTo: (task) => void turns.push(task) })
  const pulls: number[] = Array.from({ length: count }, () => 0)
  const pull = (index: number): void => {
    if (!all.take({ wake: () => pull(index) })) return
    pulls[index] = (pulls[index] as number) + 1
    now += costMs
    room--
    queueMicrotask(() => pull(index))
  }
  const start = (): Promise<void> => {
    for (let index = 0; index < count; index++) pull(index)
    return settled()
  }
  return { pulls, start, goOn: () => all.goOn() }
}

it('pull for a millisecond, then others have their turn', async () => {
  const { pulls, start } = generators(1, 0.05)
  await start()
  expect(pulls[0]).toBeGreaterThanOrEqual(20)
  expect(pulls[0]).toBeLessThan(36)
  expect(turns).toHaveLength(1)
})

it('pull on in their next turn', async () => {
  const { pulls, start } = generators(1, 0.05)
  await start()
  const [before = 0] = pulls
  await nextTurn()
  expect(pulls[0]).toBe(2 * before)
})

it('all together have no more than that, and go on one after the other', async () => {
  const { pulls, start } = generators(8, 0.05)
  const started = now
  await start()
  expect(now - started).toBeLessThan(1.8)
  expect(turns).toHaveLength(1)
  for (let turn = 0; turn < 64; turn++) {
    const begun = now
    await nextTurn()
    expect(now - begun).toBeLessThan(1.8)
  }
  expect(Math.max(...pulls) - Math.min(...pulls)).toBeLessThanOrEqual(1)
})

it('pull 64 times at most, whatever the clock says', async () => {
  const { pulls, start } = generators(1, 0)
  await start()
  expect(pulls[0]).toBe(64)
})

it('rest while the line is full, and have their turns in order when it has room', async () => {
  const { pulls, start, goOn } = generators(8, 0)
  room = 5
  await start()
  expect(pulls).toEqual([1, 1, 1, 1, 1, 0, 0, 0])
  goOn()
  expect(turns).toEqual([])

  room = 6
  goOn()
  goOn()
  expect(turns).toHaveLength(1)
  await nextTurn()
  expect(pulls).toEqual([2, 2, 2, 1, 1, 1, 1, 1])
  expect(turns).toEqual([])
})

it('pull nothing where the line was filled again before their turn came', async () => {
  const { pulls, start, goOn } = generators(2, 0)
  room = 2
  await start()
  room = 1
  goOn()
  room = 0
  await nextTurn()
  expect(pulls).toEqual([1, 1])
  room = 2
  goOn()
  await nextTurn()
  expect(pulls).toEqual([2, 2])
})
