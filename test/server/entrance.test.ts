import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { settle, startServer } from './bare-sockets.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
})

describe('a later attempt', () => {
  it('goes on with the session: counts, what was said meanwhile, and what runs', async () => {
    const { knock, open, log, server } = startServer()
    const first = await knock()
    first.say([2, 1, 'hold', 'a'])
    first.say([2, 3, 'hold', 'b'])
    await settle()
    first.lose()
    open.get('a')?.('A')
    await settle()
    const second = await knock({ attempt: 2, since: 1 })
    expect(second.welcome).toMatchObject({ session: 'resumed', received: 2 })
    expect(second.sent.slice(1)).toEqual([[3, 1, 'A']])
    open.get('b')?.('B')
    await settle()
    expect(second.sent.slice(2)).toEqual([[3, 3, 'B']])
    expect(log).toEqual(['begin a', 'begin b'])
    expect(server.stats()).toMatchObject({ connections: 1, sessions: 1, resumes: 1, replayedFrames: 1 })
  })

  it('gets the same bytes again, and those that its counts acknowledge no more', async () => {
    const { knock } = startServer()
    const first = await knock()
    for (const id of [1, 3, 5]) {
      first.say([2, id, 'echo', { id }])
      await settle()
    }
    first.lose()
    const second = await knock({ attempt: 2, since: 1, received: 1 })
    expect(second.texts.slice(1)).toEqual(first.texts.slice(2))
    second.lose()
    const third = await knock({ attempt: 3, since: 1, received: 3 })
    expect(third.texts).toHaveLength(1)
  })

  it('takes over while the old socket is still there: that one is closed with 4011, and heard no more', async () => {
    const { knock, log, server } = startServer()
    const first = await knock()
    first.say([2, 1, 'hold', 'a'])
    await settle()
    const second = await knock({ attempt: 2, since: 1 })
    expect(first.state.code).toBe(4011)
    expect(second.welcome).toMatchObject({ session: 'resumed', received: 1 })
    first.say([2, 3, 'hold', 'late'])
    first.lose()
    await settle()
    expect(log).toEqual(['begin a'])
    second.say([12, 0, 1])
    expect(second.all(13)).toEqual([[13, 1, 0]])
    expect(server.stats()).toMatchObject({ connections: 1, sessions: 1, calls: 1 })
  })

  it('with what was said in the same turn and is not flushed: it is counted before, and replayed', async () => {
    const { knock, open, dial } = startServer()
    const first = await knock()
    first.say([2, 1, 'hold', 'a'])
    await settle()
    const second = dial()
    open.get('a')?.('A')
    second.say([0, { session: 's', attempt: 2, since: 1, features: ['resume'] }])
    await settle()
    expect(second.sent.map(([type]) => type)).toEqual([1, 3])
  })

  it('is refused with 4110 when what was said in this very turn is too much to be kept', async () => {
    const { knock, dial, server } = startServer({ limits: { bufferedBytes: 2_000 }, schedule: () => {} })
    const first = await knock()
    const second = dial()
    first.say([2, 1, 'echo', 'x'.repeat(3_000)])
    await settle()
    second.say([0, { session: 's', attempt: 2, since: 1, features: ['resume'] }])
    await settle()
    expect([second.state.code, second.sent]).toEqual([4110, []])
    expect(first.sent.at(-1)).toEqual([3, 1, 'x'.repeat(3_000)])
    expect(server.stats()).toMatchObject({ sessions: 1, resumes: 0 })
  })

  it('begins anew when what was said in this very turn is too much for a client that is away', async () => {
    const { knock, dial, open, server } = startServer({ resume: { bufferBytes: 1_000 }, schedule: () => {} })
    const first = await knock()
    first.say([2, 1, 'hold', 'a'])
    await settle()
    first.lose()
    const second = dial()
    open.get('a')?.('x'.repeat(3_000))
    await settle()
    second.say([0, { session: 's', attempt: 2, since: 1, features: ['resume'] }])
    await settle()
    expect(second.welcome).toMatchObject({ session: 'new' })
    expect(server.stats()).toMatchObject({ sessions: 1, detached: 0, resumes: 0 })
  })

  it('ends what it says it has settled, running or still to come', async () => {
    const { knock, log, server } = startServer()
    const first = await knock()
    first.say([2, 1, 'hold', 'a'])
    first.say([2, 3, 'feed'])
    await settle()
    first.lose()
    const second = await knock({ attempt: 2, since: 1, received: 1, settled: [1, 3, 5, 99] })
    expect(log).toEqual(['begin a', 'abort a'])
    expect(server.stats()).toMatchObject({ calls: 0, streams: 0 })
    // The open of 5 was lost with the link, and is replayed.
    second.say([2, 5, 'hold', 'dropped'])
    second.say([2, 7, 'hold', 'taken'])
    await settle()
    expect(log).toEqual(['begin a', 'abort a', 'begin taken'])
    second.say([12, 1, 4])
    expect(second.all(13)).toEqual([[13, 4, 1]])
  })
})

describe('an attempt', () => {
  it.each([1, 2])('that is not above the last is closed with 4011 alone: %i', async (attempt) => {
    const { knock, server } = startServer()
    const first = await knock()
    const second = await knock({ attempt: 2, since: 1 })
    first.lose()
    const stale = await knock({ attempt, since: 1 })
    expect([stale.state.code, stale.sent]).toEqual([4011, []])
    expect(second.state.code).toBeUndefined()
    stale.lose()
    second.say([2, 1, 'echo', 5])
    await settle()
    expect(second.sent.at(-1)).toEqual([3, 1, 5])
    expect(server.stats()).toMatchObject({ connections: 1, sessions: 1 })
  })

  it('of another since ends the session and begins another', async () => {
    const { knock, log, server } = startServer()
    const first = await knock()
    first.say([2, 1, 'hold', 'a'])
    await settle()
    first.lose()
    const second = await knock({ attempt: 3, since: 3 })
    expect(second.welcome).toMatchObject({ session: 'new', received: 0 })
    expect(log).toEqual(['begin a', 'abort a'])
    expect(server.stats()).toMatchObject({ sessions: 1, calls: 0 })
  })

  it('of a session that the server does not know begins it, and the next goes on with that', async () => {
    const { knock } = startServer()
    const first = await knock({ attempt: 4, since: 2, received: 9 })
    expect(first.welcome).toMatchObject({ session: 'new', received: 0 })
    first.lose()
    const next = await knock({ attempt: 5, since: 4 })
    expect(next.welcome).toMatchObject({ session: 'resumed' })
  })

  it.each([1, 3, 99])('with a count out of range is closed with 4110, and the session stays: %i', async (received) => {
    const { knock, server } = startServer()
    const first = await knock()
    first.say([2, 1, 'echo', 1])
    await settle()
    first.say([2, 3, 'echo', 2])
    await settle()
    // The second is acknowledged: 1 is no longer there.
    first.say([12, 2, 2])
    const other = await knock({ attempt: 2, since: 1, received })
    expect([other.state.code, other.sent]).toEqual([4110, []])
    expect(first.state.code).toBeUndefined()
    first.lose()
    const good = await knock({ attempt: 3, since: 1, received: 2 })
    expect(good.welcome).toMatchObject({ session: 'resumed' })
    expect(server.stats().sessions).toBe(1)
  })

  it('of a resume with calls behind it is closed with 4000, and they are not run', async () => {
    const { dial, knock, log } = startServer({ authenticate: async () => ({ user: 'ada', level: 1 }) })
    const first = await knock()
    first.lose()
    const hasty = dial()
    hasty.say([0, { session: 's', attempt: 2, since: 1, features: ['resume'] }])
    hasty.say([2, 1, 'hold', 'a'])
    await settle()
    expect([hasty.state.code, hasty.sent, log]).toEqual([4000, [], []])
    const good = await knock({ attempt: 3, since: 1 })
    expect(good.welcome).toMatchObject({ session: 'resumed' })
  })

  it('of another principal never finds the session', async () => {
    const { knock, log, server } = startServer()
    const ada = await knock()
    ada.say([2, 1, 'hold', 'a'])
    await settle()
    ada.lose()
    const bob = await knock({ attempt: 2, since: 1, params: { user: 'bob' } })
    expect(bob.welcome).toMatchObject({ session: 'new', principal: 'bob' })
    expect([log, server.stats().sessions]).toEqual([['begin a'], 2])
  })

  it('without the feature is new each time, and nothing is kept of it', async () => {
    const { knock, log, server } = startServer()
    const first = await knock({ features: [] })
    first.say([2, 1, 'hold', 'a'])
    await settle()
    first.lose()
    expect(log).toEqual(['begin a', 'abort a'])
    expect(server.stats()).toMatchObject({ sessions: 0, detached: 0, replayBytes: 0 })
    expect((await knock({ attempt: 2, features: [] })).welcome).toMatchObject({ session: 'new' })
  })

  it('at a server without the feature is new each time, nothing is kept and no frame says so', async () => {
    const { knock, log, server } = startServer({ resume: false })
    const first = await knock()
    expect(first.welcome?.features).toEqual(['authenticate'])
    for (let id = 1; id < 80; id += 2) first.say([2, id, 'echo', id])
    first.say([2, 81, 'hold', 'a'])
    await settle()
    expect(server.stats().replayBytes).toBe(0)
    expect(first.all(11)).toEqual([])
    first.lose()
    expect(log).toEqual(['begin a', 'abort a'])
    expect(server.stats()).toMatchObject({ sessions: 0, detached: 0 })
    expect((await knock({ attempt: 2, since: 1 })).welcome).toMatchObject({ session: 'new' })
  })
})

describe('reauthorize on a resume', () => {
  async function asked(answer: () => boolean | Promise<boolean>) {
    const log: unknown[] = []
    const world = startServer({
      reauthorize: ({ path }, context) => {
        log.push([path, context])
        return answer()
      },
    })
    const first = await world.knock()
    first.say([2, 1, 'feed'])
    await settle()
    first.lose()
    await world.bus.publish('t', 'meanwhile')
    return { ...world, asks: log }
  }

  it('is asked with the new context, and no frame leaves before the verdict', async () => {
    let decide: (isAllowed: boolean) => void = () => {}
    const { asks, knock, server } = await asked(
      () =>
        new Promise((resolve) => {
          decide = resolve
        }),
    )
    const second = await knock({ attempt: 2, since: 1, received: 1, params: { level: 2 } })
    expect(asks).toEqual([['feed', { user: 'ada', level: 2 }]])
    expect(second.sent).toEqual([])
    decide(true)
    await settle()
    expect(second.welcome).toMatchObject({ session: 'resumed' })
    expect(second.all(6).map(([, , value]) => value)).toEqual(['meanwhile'])
    expect(server.stats()).toMatchObject({ connections: 1, sessions: 1, streams: 1 })
  })

  it('that is refused ends the stream with FORBIDDEN', async () => {
    const { knock, server, bus } = await asked(() => false)
    const second = await knock({ attempt: 2, since: 1, received: 1 })
    await bus.publish('t', 'later')
    await settle()
    expect(second.all(4).map(([, id, code]) => [id, code])).toEqual([[1, 'FORBIDDEN']])
    expect(second.all(6).map(([, , value]) => value)).not.toContain('later')
    expect(server.stats().streams).toBe(0)
  })

  it('is overtaken by a later attempt, which is asked for itself', async () => {
    const verdicts: ((isAllowed: boolean) => void)[] = []
    const { knock } = await asked(() => new Promise((resolve) => verdicts.push(resolve)))
    const slow = await knock({ attempt: 2, since: 1, received: 1 })
    const quick = await knock({ attempt: 3, since: 1, received: 1 })
    verdicts[1]?.(true)
    await settle()
    verdicts[0]?.(true)
    await settle()
    expect([slow.state.code, slow.sent]).toEqual([4011, []])
    expect(quick.welcome).toMatchObject({ session: 'resumed' })
  })
})
