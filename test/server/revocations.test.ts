import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Revocations } from '../../packages/trunkline/src/server/revocations.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('revocations', () => {
  it('hold against those who were asked before', () => {
    vi.advanceTimersByTime(1_000)
    const list = new Revocations(10_000)
    const now = performance.now()
    list.add('ada')
    expect([now - 1, now, now + 1].map((askedAt) => list.has('ada', askedAt))).toEqual([true, true, false])
    expect(list.has('bob', 1)).toBe(false)
  })

  it('are forgotten when nobody asked before them can still be waiting', () => {
    const list = new Revocations(10_000)
    const asked = performance.now() - 1
    list.add('ada')
    vi.advanceTimersByTime(10_000)
    list.add('bob')
    expect(list.has('ada', asked)).toBe(true)
    vi.advanceTimersByTime(1)
    list.add('eve')
    expect(list.has('ada', asked)).toBe(false)
  })

  it.each(['__proto__', 'constructor', 'toString'])('take %s for a name', (name) => {
    const list = new Revocations(10_000)
    expect(list.has(name, 0)).toBe(false)
    list.add(name)
    expect(list.has(name, 0)).toBe(true)
  })
})
