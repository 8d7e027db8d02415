import { describe, expect, it } from 'vitest'
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

  it('doubles for a consumer that keeps up, to 4 MiB', () => {
    const window = new ReceiveWindow()
    const told: number[] = []
    for (let item = 1; item <= 100_000; item++) {
      expect(window.receive(kib)).toBe(true)
      const limits = window.consume(kib, true)
      if (limits) told.push(limits[0] - item)
    }
    expect(told.slice(0, 6)).toEqual([512, 1_024, 2_048, 4_096, 4_096, 4_096])
    expect(Math.max(...told)).toBe(4_096)
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
