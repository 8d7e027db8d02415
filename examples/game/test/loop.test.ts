// The loop of fixed steps, on a clock that the test holds.
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Loop } from '../loop.ts'

let now = 0
let steps = 0
let shown = 0
/** What a step takes. */
let stepMs = 0
let loop: Loop

beforeEach(() => {
  now = steps = shown = stepMs = 0
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  loop = new Loop({
    tickMs: 10,
    step: () => {
      steps++
      now += stepMs
    },
    shown: () => void shown++,
  })
  loop.start()
})
afterEach(() => {
  loop.stop()
  expect(vi.getTimerCount()).toBe(0)
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** The timer fires at this time, on the loop's clock. */
function turnAt(time: number): void {
  now = time
  vi.runOnlyPendingTimers()
}

it('steps once a tick', () => {
  for (let time = 10; time <= 100; time += 10) turnAt(time)
  expect([steps, shown]).toEqual([10, 10])
  expect(loop.pace()).toEqual({ ticks: 10, dropped: 0, lateMs: { p50: 0, p99: 0, max: 0 } })
})

it('makes up for a turn that comes late, shows the result once, and does not drift', () => {
  turnAt(10)
  turnAt(57)
  expect([steps, shown]).toEqual([5, 2])
  turnAt(60)
  expect(steps).toBe(6)
  expect(loop.pace()).toMatchObject({ dropped: 0, lateMs: { max: 37 } })
})

it('gives up what is too far behind, and goes on from there', () => {
  turnAt(10)
  turnAt(10_015)
  expect(steps).toBe(7)
  expect(loop.pace().dropped).toBe(994)
  turnAt(10_020)
  expect(steps).toBe(8)
})

it('does not spiral when a step takes longer than a tick', () => {
  stepMs = 25
  let last = 0
  for (let turn = 0; turn < 50; turn++) {
    last = steps
    turnAt(now + 1)
    expect(steps - last).toBeLessThanOrEqual(6)
  }
  expect(loop.pace().dropped).toBeGreaterThan(0)
})

it('started twice is one loop, and stopped twice is stopped', () => {
  loop.start()
  turnAt(10)
  expect(steps).toBe(1)
  loop.stop()
  loop.stop()
  turnAt(20)
  expect(steps).toBe(1)
})
