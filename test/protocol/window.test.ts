import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { initialCredit } from '../../packages/trunkline/src/protocol/messages.ts'
import { ReceiveWindow, SendWindow } from '../../packages/trunkline/src/protocol/window.ts'

const kib = 1024

describe('what may be sent', () => {
  it('ends at the items', () => {
    const window = new SendWindow([2, 1_000_000])
    window.spend(0)
    expect(window.isOpen).toBe(true)
    window.spend(0)
    expect(window.isOpen).toBe(false)
  })

  it('ends behind the item that crosses the bytes', () => {
    const window = new SendWindow([100, 10_000])
    window.spend(9_999)
    expect(window.isOpen).toBe(true)
    window.spend(5_000)
    expect(window.isOpen).toBe(false)
  })

  it('counts 1 KiB for an item that states no size', () => {
    const window = new SendWindow([100, 3 * kib])
    window.spend(0)
    window.spend(0)
    expect(window.isOpen).toBe(true)
    window.spend(0)
    expect(window.isOpen).toBe(false)
  })

  it('is raised, and never lowered', () => {
    const window = new SendWindow([1, 10 * kib])
    window.spend(0)
    window.raise(3, 20 * kib)
    window.raise(2, 1)
    window.spend(0)
    expect(window.isOpen).toBe(true)
    window.spend(0)
    expect(window.isOpen).toBe(false)
  })

  it('is nothing with a credit of nothing', () => {
    expect(new SendWindow([0, 0]).isOpen).toBe(false)
  })
})

describe('what may be received', () => {
  const receive = (window: ReceiveWindow, items: number, bytes = kib): boolean[] =>
    Array.from({ length: items }, () => window.receive(bytes))

  it('is the initial credit, and not an item more', () => {
    const window = new ReceiveWindow()
    expect(window.limits).toEqual(initialCredit)
    expect(receive(window, 257)).toEqual([...Array(256).fill(true), false])
  })

  it('takes the item that crosses the bytes, and none behind it', () => {
    const window = new ReceiveWindow()
    expect(receive(window, 4, 100_000)).toEqual([true, true, true, false])
  })

  it('is told anew when half is consumed', () => {
    const window = new ReceiveWindow()
    receive(window, 256)
    for (let item = 1; item < 128; item++) expect(window.consume(kib, false)).toBeUndefined()
    expect(window.consume(kib, false)).toEqual([384, 384 * kib])
    expect(window.limits).toEqual([384, 384 * kib])
  })

  it('is told anew when half of the bytes is consumed', () => {
    const window = new ReceiveWindow()
    receive(window, 2, 100_000)
    expect(window.consume(100_000, false)).toBeUndefined()
    expect(window.consume(100_000, false)).toEqual([258, 200_000 + 256 * kib])
  })

  it('agrees with its sender at every item, whatever the sizes', () => {
    const sends = new SendWindow(initialCredit)
    const takes = new ReceiveWindow()
    const waiting: number[] = []
    let state = 1
    const random = (below: number): number => {
      state = (state * 48_271) % 0x7fffffff
      return state % below
    }
    let count = 0
    while (count < 20_000) {
      while (sends.isOpen && random(50) > 0) {
        const size = random(10) === 0 ? 1_025 + random(50_000) : 0
        sends.spend(size)
        expect(takes.receive(size || kib)).toBe(true)
        waiting.push(size || kib)
        count++
      }
      // None waits for a credit that never comes.
      expect(sends.isOpen || waiting.length > 0).toBe(true)
      for (let takesNow = random(waiting.length + 1); takesNow > 0; takesNow--) {
        const limits = takes.consume(waiting.shift() as number, waiting.length === 0)
        if (limits) sends.raise(...limits)
      }
    }
  })

  it('begins anew, with what still waits charged to it', () => {
    const window = new ReceiveWindow()
    receive(window, 200)
    expect(window.restart(200, 200 * kib)).toEqual([56, 56 * kib])
    expect(receive(window, 57)).toEqual([...Array(56).fill(true), false])
  })

  it('gives no credit below zero where more waits than there is room for', () => {
    const window = new ReceiveWindow()
    expect(window.restart(300, 900 * kib)).toEqual([0, 0])
  })
})

describe('how much is in flight', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  interface Line {
    roundTripMs: number
    /** What sender or consumer manage at the most. */
    itemsPerMs: number
    itemBytes?: number
    /** The consumer's buffer, when it has taken one. */
    waiting?: number
  }

  /** Items over a line for a while, in steps of a tenth of a millisecond; gives what may be in flight then. */
  function run(window: ReceiveWindow, line: Line, forMs: number): number {
    const { roundTripMs, itemsPerMs, itemBytes = kib, waiting = 0 } = line
    const stepMs = 0.1
    const sends = new SendWindow(window.limits)
    const onTheWay: { at: number; limits: readonly [number, number] }[] = []
    const coming: { at: number; count: number }[] = []
    for (let now = 0; now < forMs; now += stepMs) {
      while (onTheWay[0] && onTheWay[0].at <= now) sends.raise(...(onTheWay.shift()?.limits ?? [0, 0]))
      let count = 0
      for (; count < itemsPerMs * stepMs && sends.isOpen; count++) sends.spend(itemBytes)
      if (count > 0) coming.push({ at: now + roundTripMs / 2, count })
      vi.advanceTimersByTime(stepMs)
      let items = 0
      while (coming[0] && coming[0].at <= now) items += coming.shift()?.count ?? 0
      for (let item = 0; item < items; item++) if (!window.receive(itemBytes)) throw new Error('beyond the credit')
      for (; items > 0; items--) {
        const limits = window.consume(itemBytes, items === 1 && waiting === 0)
        if (limits) onTheWay.push({ at: now + roundTripMs / 2, limits })
      }
    }
    return window.size
  }

  it('is as much as a long line carries, to 4 MiB', () => {
    expect(run(new ReceiveWindow(), { roundTripMs: 60, itemsPerMs: 1_000 }, 3_000)).toBe(4_096)
  })

  it('is what a slow line needs for its speed, and no more', () => {
    // 20 items a ms and 10 ms: 200 in flight keep it busy.
    expect(run(new ReceiveWindow(), { roundTripMs: 10, itemsPerMs: 20 }, 3_000)).toBeLessThanOrEqual(1_024)
  })

  it('is what a short line carries in a moment: what comes behind it does not wait for more', () => {
    expect(run(new ReceiveWindow(), { roundTripMs: 0.2, itemsPerMs: 600 }, 1_000)).toBe(1_024)
  })

  it('is counted in bytes where items are large', () => {
    expect(run(new ReceiveWindow(), { roundTripMs: 0.2, itemsPerMs: 10, itemBytes: 64 * kib }, 1_000)).toBe(1_024)
  })

  it('stays as it is while the consumer does not keep up, whatever the line carries', () => {
    expect(run(new ReceiveWindow(), { roundTripMs: 60, itemsPerMs: 1_000, waiting: 1 }, 1_000)).toBe(256)
  })

  it('stays as it is where it was told a number', () => {
    expect(run(new ReceiveWindow(10), { roundTripMs: 60, itemsPerMs: 1_000 }, 1_000)).toBe(10)
  })

  it('is measured anew on another line', () => {
    const window = new ReceiveWindow()
    expect(run(window, { roundTripMs: 0.2, itemsPerMs: 100 }, 500)).toBeLessThanOrEqual(512)
    window.restart(0, 0)
    expect(run(window, { roundTripMs: 60, itemsPerMs: 1_000 }, 3_000)).toBe(4_096)
  })
})
