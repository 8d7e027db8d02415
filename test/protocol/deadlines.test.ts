import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Deadlines, type Expiring, maxTimerMs } from '../../packages/trunkline/src/protocol/deadlines.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

function table() {
  const calls = new Map<string, Expiring>()
  const expired: string[] = []
  const deadlines = new Deadlines(() => calls.values())
  const start = performance.now()
  return {
    deadlines,
    expired,
    calls,
    open(name: string, afterMs: number, then = () => {}) {
      const deadline = performance.now() + afterMs
      calls.set(name, {
        deadline,
        expire() {
          expired.push(`${name} at ${Math.round(performance.now() - start)}`)
          calls.delete(name)
          then()
        },
      })
      deadlines.watch(deadline, performance.now())
    },
  }
}

describe('deadlines', () => {
  it('a call expires at its deadline and not before', () => {
    const { open, expired } = table()
    open('a', 1_000)
    vi.advanceTimersByTime(990)
    expect(expired).toEqual([])
    vi.advanceTimersByTime(10)
    expect(expired).toEqual(['a at 1000'])
  })

  it('many calls keep one timer', () => {
    const { open } = table()
    for (let index = 0; index < 100; index++) open(`call ${index}`, 1_000 + index)
    expect(vi.getTimerCount()).toBe(1)
  })

  it('calls that end close together expire in one sweep at most 20 ms late', () => {
    const { open, expired } = table()
    open('a', 1_000)
    open('b', 1_005)
    open('c', 1_019)
    vi.advanceTimersByTime(1_000)
    expect(expired).toEqual(['a at 1000'])
    vi.advanceTimersByTime(20)
    expect(expired).toEqual(['a at 1000', 'b at 1020', 'c at 1020'])
  })

  it('an earlier deadline that comes later is met in time', () => {
    const { open, expired } = table()
    open('late', 5_000)
    open('early', 100)
    vi.advanceTimersByTime(100)
    expect(expired).toEqual(['early at 100'])
    vi.advanceTimersByTime(5_000)
    expect(expired).toEqual(['early at 100', 'late at 5000'])
  })

  it('a call that ended in time costs nothing but an empty sweep', () => {
    const { open, calls, expired } = table()
    open('a', 100)
    open('b', 1_000)
    calls.delete('a')
    vi.advanceTimersByTime(1_000)
    expect(expired).toEqual(['b at 1000'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('a call without a deadline arms no timer and never expires', () => {
    const { open, expired } = table()
    open('a', Number.POSITIVE_INFINITY)
    expect(vi.getTimerCount()).toBe(0)
    open('b', 100)
    vi.advanceTimersByTime(1_000_000)
    expect(expired).toEqual(['b at 100'])
  })

  it('a deadline beyond what setTimeout takes is kept, not fired at once', () => {
    const { open, expired } = table()
    const timers = vi.spyOn(globalThis, 'setTimeout')
    open('a', maxTimerMs + 10_000)
    vi.advanceTimersByTime(1_000)
    expect(expired).toEqual([])
    expect(timers.mock.calls.map(([, ms]) => ms)).toEqual([maxTimerMs])
    vi.advanceTimersByTime(maxTimerMs - 1_000)
    expect(expired).toEqual([])
    vi.advanceTimersByTime(10_000)
    expect(expired).toHaveLength(1)
  })

  it('a deadline that has passed already expires with the next timers', () => {
    const { open, expired } = table()
    open('a', -50)
    expect(expired).toEqual([])
    vi.advanceTimersByTime(1)
    expect(expired).toHaveLength(1)
  })

  it('a call that a call opens as it expires is watched too', () => {
    const { open, expired } = table()
    open('a', 100, () => open('b', 50))
    vi.advanceTimersByTime(1_000)
    expect(expired).toEqual(['a at 100', 'b at 150'])
  })

  it('stop leaves no timer, twice as well as once', () => {
    const { open, deadlines, expired } = table()
    open('a', 100)
    deadlines.stop()
    deadlines.stop()
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(1_000)
    expect(expired).toEqual([])
  })

  it('watches again after a stop', () => {
    const { open, deadlines, expired } = table()
    open('a', 100)
    deadlines.stop()
    open('b', 200)
    vi.advanceTimersByTime(200)
    expect(expired).toHaveLength(2)
  })
})

describe('a stall', () => {
  /** The loop was blocked: the clock is ahead, and the timer fires late. */
  const stall = (ms: number): number => performance.now() + ms

  it('gives what has arrived meanwhile one turn before anyone is judged', () => {
    const { open, calls, expired } = table()
    open('answered', 1_000)
    open('not answered', 1_000)
    const after = stall(5_000)
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => after)
    vi.advanceTimersByTime(1_000)
    expect(expired).toEqual([])
    // Its answer was in the socket's buffer, and is read now.
    calls.delete('answered')
    vi.advanceTimersByTime(1)
    expect(expired.map((line) => line.split(' at')[0])).toEqual(['not answered'])
    clock.mockRestore()
  })

  it('of less than 250 ms is none', () => {
    const { open, expired } = table()
    open('a', 1_000)
    const after = stall(1_200)
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => after)
    vi.advanceTimersByTime(1_000)
    expect(expired).toHaveLength(1)
    clock.mockRestore()
  })

  it('that is waited out does not lose an earlier deadline that comes in between', () => {
    const { open, expired } = table()
    open('a', 1_000)
    const after = stall(5_000)
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => after)
    vi.advanceTimersByTime(1_000)
    open('b', -4_500)
    vi.advanceTimersByTime(20)
    expect(expired).toHaveLength(2)
    clock.mockRestore()
  })

  it('a stop during that turn leaves no timer', () => {
    const { open, deadlines } = table()
    open('a', 1_000)
    const after = stall(5_000)
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => after)
    vi.advanceTimersByTime(1_000)
    deadlines.stop()
    expect(vi.getTimerCount()).toBe(0)
    clock.mockRestore()
  })
})
