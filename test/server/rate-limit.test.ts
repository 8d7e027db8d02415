import { mutation, query, router, subscription, type as unchecked } from 'trunkline'
import { createServer, implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RateLimit, TokenBucket } from '../../packages/trunkline/src/server/rate-limit.ts'
import { acceptOn, hello } from './accepted.ts'

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
})

afterEach(() => {
  vi.clearAllTimers()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('a token bucket', () => {
  it('is full at first and gives no more than it has', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, 0)
    expect([1, 1, 1, 1].map((tokens) => bucket.take(tokens, 0))).toEqual([0, 0, 0, 100])
  })

  it('says how long it takes until there are enough', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, 0)
    bucket.take(5, 0)
    expect(bucket.take(3, 0)).toBe(300)
    expect(bucket.take(3, 200)).toBe(100)
    expect(bucket.take(3, 300)).toBe(0)
  })

  it('takes nothing when there is not enough', () => {
    const bucket = new TokenBucket({ perSecond: 1, burst: 5 }, 0)
    expect(bucket.take(6, 0)).toBe(1_000)
    expect(bucket.take(5, 0)).toBe(0)
  })

  it('saves no more than its burst', () => {
    const bucket = new TokenBucket({ perSecond: 100, burst: 2 }, 0)
    expect([1, 1, 1].map((tokens) => bucket.take(tokens, 3_600_000))).toEqual([0, 0, 10])
  })

  it('fills by parts of tokens', () => {
    const bucket = new TokenBucket({ perSecond: 0.5, burst: 1 }, 0)
    bucket.take(1, 0)
    expect(bucket.take(1, 1_000)).toBe(1_000)
    expect(bucket.take(1, 2_000)).toBe(0)
  })

  it('loses nothing to a call that came before the bucket was made', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 10 }, 5_000)
    expect(bucket.take(1, 1_000)).toBe(0)
    expect(bucket.take(9, 5_000)).toBe(0)
    expect(bucket.take(1, 5_000)).toBe(100)
  })

  it('gives what costs nothing even when it is empty', () => {
    const bucket = new TokenBucket({ perSecond: 1, burst: 1 }, 0)
    bucket.take(1, 0)
    expect(bucket.take(0, 0)).toBe(0)
  })
})

describe('the rate limit of a client', () => {
  it('forgives 1 024 refusals at once, then takes the client for an abuser', () => {
    const limit = new RateLimit({ perSecond: 1, burst: 1 }, 0)
    limit.take(1, 0)
    for (let refusal = 0; refusal < 1_024; refusal++) expect(limit.take(1, 0)).toBeGreaterThan(0)
    expect(limit.isAbused).toBe(false)
    limit.take(1, 0)
    expect(limit.isAbused).toBe(true)
  })

  it('forgives ten times the rate for ever', () => {
    const limit = new RateLimit({ perSecond: 100, burst: 100 }, 0)
    let refused = 0
    for (let ms = 0; ms < 10_000; ms++) if (limit.take(1, ms) > 0) refused++
    expect(refused).toBeGreaterThan(8_000)
    expect(limit.isAbused).toBe(false)
  })

  it('does not forgive twenty times the rate', () => {
    const limit = new RateLimit({ perSecond: 100, burst: 100 }, 0)
    for (let ms = 0; ms < 10_000 && !limit.isAbused; ms++) for (const _ of [1, 2]) limit.take(1, ms)
    expect(limit.isAbused).toBe(true)
  })
})

let runs: string[] = []
const app = implement(
  router({
    one: query(),
  }),
).handlers({ one: () => void runs.push('one') })
const costly = implement(
  router({
    one: query(),
    five: mutation({ cost: 5 }),
    free: query({ cost: 0 }),
    items: subscription({ output: unchecked<number>(), cost: 2 }),
  }),
).handlers({
  one: () => void runs.push('one'),
  five: () => void runs.push('five'),
  free: () => void runs.push('free'),
  items: async function* () {
    yield 1
  },
})

beforeEach(() => {
  runs = []
})

describe('a server with a rate limit', () => {
  it('answers what is too much with RATE_LIMITED, not-run, and says how long to wait', async () => {
    const pair = createPair(app, { rateLimit: { perSecond: 10, burst: 2 } })
    const { api } = pair.createClient()
    await Promise.all([api.one(), api.one()])
    await expect(api.one()).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      delivery: 'not-run',
      message: expect.stringMatching(/"one".*100 ms/),
    })
    expect(runs).toEqual(['one', 'one'])
    await vi.advanceTimersByTimeAsync(100)
    await api.one()
    expect(runs).toHaveLength(3)
    await pair.close()
  })

  it('has a burst of a second where none is said', async () => {
    const pair = createPair(app, { rateLimit: { perSecond: 3 } })
    const { api } = pair.createClient()
    const outcomes = await Promise.allSettled([api.one(), api.one(), api.one(), api.one()])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
    await pair.close()
  })

  it('takes what the contract says a call costs', async () => {
    const pair = createPair(costly, { rateLimit: { perSecond: 1, burst: 6 } })
    const { api } = pair.createClient()
    await api.five()
    await expect(api.five()).rejects.toMatchObject({ code: 'RATE_LIMITED', delivery: 'not-run' })
    await api.one()
    await expect(api.one()).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    await api.free()
    await expect(api.items()).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    expect(runs).toEqual(['five', 'one', 'free'])
    await pair.close()
  })

  it('counts each connection for itself', async () => {
    const pair = createPair(app, { rateLimit: { perSecond: 1, burst: 1 } })
    await Promise.all([pair.createClient().api.one(), pair.createClient().api.one()])
    expect(runs).toHaveLength(2)
    await pair.close()
  })

  it('counts paths that there are not', async () => {
    const { connect } = acceptOn(app as never, { rateLimit: { perSecond: 1, burst: 1 } })
    const end = connect()
    end.say(hello(), [2, 1, 'nothing'], [2, 3, 'nothing'])
    await vi.advanceTimersByTimeAsync(0)
    expect(end.sent.slice(1).map(([, id, code]) => [id, code])).toEqual([
      [1, 'NOT_FOUND'],
      [3, 'RATE_LIMITED'],
    ])
  })

  it('refuses no first call because authentication took its time', async () => {
    const { connect } = acceptOn(app as never, {
      rateLimit: { perSecond: 10, burst: 2 },
      authenticate: () => new Promise((resolve) => setTimeout(() => resolve({}), 5_000)),
    })
    const end = connect()
    end.say(hello(), [2, 1, 'one'], [2, 3, 'one'])
    await vi.advanceTimersByTimeAsync(5_000)
    expect(end.sent.map(([type]) => type)).toEqual([1, 3, 3])
  })

  it('closes with 4103 what goes on and on, and answers what came before', async () => {
    const { connect } = acceptOn(app as never, { rateLimit: { perSecond: 1, burst: 1 } })
    const end = connect()
    end.say(hello())
    for (let call = 0; call < 2_000; call++) end.say([2, 2 * call + 1, 'one'])
    await vi.advanceTimersByTimeAsync(100)
    expect(end.closed).toEqual([{ code: 4103, reason: expect.stringContaining('RATE_LIMITED') }])
    expect(runs).toEqual(['one'])
    expect(end.sent.filter(([type]) => type === 4)).toHaveLength(1_025)
  })

  it('closes with 4103 repeats that are refused and go on, but takes nothing for those of an honest client', async () => {
    const changing = implement(router({ one: mutation() })).handlers({ one: () => void runs.push('one') })
    const { connect } = acceptOn(changing as never, { rateLimit: { perSecond: 1, burst: 1 } })
    const end = connect()
    end.say(hello())
    for (let call = 0; call < 1_024; call++) end.say([2, 2 * call + 1, 'one', null, { repeat: true }])
    await vi.advanceTimersByTimeAsync(0)
    expect(end.closed).toEqual([])
    end.say([2, 2_049, 'one'])
    await vi.advanceTimersByTimeAsync(0)
    expect(runs).toEqual(['one'])
    for (let call = 1_025; call < 1_100; call++) end.say([2, 2 * call + 1, 'one', null, { repeat: true }])
    await vi.advanceTimersByTimeAsync(100)
    expect(end.closed).toEqual([{ code: 4103, reason: expect.stringContaining('repeats') }])
  })
})

describe('what is no rate limit', () => {
  it('one that a procedure could never meet is refused at the start, with its path', () => {
    const start = () => createServer(costly, { rateLimit: { perSecond: 1, burst: 4 } })
    expect(start).toThrow('five: its cost of 5 is above options.rateLimit.burst, 4')
  })

  it.each([
    [{ perSecond: 0 }, 'rateLimit.perSecond'],
    [{ perSecond: -1 }, 'rateLimit.perSecond'],
    [{ perSecond: Number.NaN }, 'rateLimit.perSecond'],
    [{ perSecond: Number.POSITIVE_INFINITY }, 'rateLimit.perSecond'],
    [{ perSecond: '10' }, 'rateLimit.perSecond'],
    [{}, 'rateLimit.perSecond'],
    [{ perSecond: 1, burst: 0 }, 'rateLimit.burst'],
    [{ perSecond: 1, burst: null }, 'rateLimit.burst'],
  ])('%j is refused at the start', (rateLimit, name) => {
    const start = () => createServer(app, { rateLimit: rateLimit as never })
    expect(start).toThrow(TypeError)
    expect(start).toThrow(name)
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '2', {}])('a cost of %j is refused in the contract', (cost) => {
    const make = () => query({ cost: cost as never })
    expect(make).toThrow(TypeError)
    expect(make).toThrow('query({ cost }): expected a number from 0')
  })
})
