import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Revocations } from '../../packages/trunkline/src/server/revocations.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a revocation', () => {
  it('meets who was asked before or at that moment, and not who is asked later', () => {
    const revocations = new Revocations(10_000)
    const before = performance.now()
    vi.advanceTimersByTime(5)
    const at = performance.now()
    revocations.add('ada')
    vi.advanceTimersByTime(5)
    expect([before, at, performance.now()].map((askedAt) => revocations.has('ada', askedAt))).toEqual([
      true,
      true,
      false,
    ])
  })

  it('meets nobody else', () => {
    const revocations = new Revocations(10_000)
    revocations.add('ada')
    expect(revocations.has('bob', 0)).toBe(false)
  })

  it('counts from the last time', () => {
    const revocations = new Revocations(10_000)
    revocations.add('ada')
    vi.advanceTimersByTime(5)
    const between = performance.now()
    vi.advanceTimersByTime(5)
    revocations.add('ada')
    expect(revocations.has('ada', between)).toBe(true)
  })

  it('is remembered for as long as an authentication may take, and forgotten when the next comes', () => {
    const revocations = new Revocations(10_000)
    const askedAt = performance.now()
    revocations.add('ada')
    vi.advanceTimersByTime(9_999)
    revocations.add('bob')
    expect(revocations.has('ada', askedAt)).toBe(true)
    vi.advanceTimersByTime(2)
    revocations.add('bob')
    expect(revocations.has('ada', askedAt)).toBe(false)
  })
})
