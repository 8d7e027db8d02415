import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { settle, startServer } from './bare-sockets.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
})

type World = ReturnType<typeof startServer>

/** Lost clients, the first lost first. */
async function lose(world: World, names: readonly string[], params: object = {}, said = 0) {
  for (const session of names) {
    const line = await world.knock({ session, params })
    if (said > 0) line.say([2, 1, 'echo', 'x'.repeat(said)])
    await settle()
    line.lose()
    await vi.advanceTimersByTimeAsync(10)
  }
}

const isKept = async (world: World, session: string, params: object = {}, received = 0): Promise<boolean> => {
  const line = await world.knock({ session, attempt: 2, since: 1, received, params })
  const { welcome } = line
  line.lose(1000)
  return welcome?.session === 'resumed'
}

describe('a lost client', () => {
  it('is kept for a minute, and its calls end with that', async () => {
    const world = startServer()
    const line = await world.knock()
    line.say([2, 1, 'hold', 'a', { timeoutMs: 200_000 }])
    await settle()
    line.lose()
    await vi.advanceTimersByTimeAsync(59_000)
    expect(world.server.stats()).toMatchObject({ sessions: 1, detached: 1, calls: 1 })
    await vi.advanceTimersByTimeAsync(2_000)
    expect(world.server.stats()).toMatchObject({ sessions: 0, detached: 0, calls: 0 })
    expect(world.log).toEqual(['begin a', 'abort a'])
  })

  it('is kept for keepMs from its last loss, however old its session', async () => {
    const world = startServer({ resume: { keepMs: 5_000 } })
    ;(await world.knock()).lose()
    for (let attempt = 2; attempt < 6; attempt++) {
      await vi.advanceTimersByTimeAsync(4_000)
      const line = await world.knock({ attempt, since: 1 })
      expect(line.welcome).toMatchObject({ session: 'resumed' })
      line.lose()
    }
    await vi.advanceTimersByTimeAsync(6_100)
    expect(world.server.stats().sessions).toBe(0)
  })

  it('leaves no timer once nobody is away', async () => {
    const world = startServer()
    ;(await world.knock()).lose()
    const back = await world.knock({ attempt: 2, since: 1 })
    back.lose(1000)
    expect(world.server.stats().sessions).toBe(0)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('too many lost clients', () => {
  it('of one principal: the ninth makes the oldest go, and nobody else', async () => {
    const world = startServer()
    await lose(world, ['b1'], { user: 'bob' })
    const names = Array.from({ length: 9 }, (_, at) => `a${at}`)
    await lose(world, names)
    expect(world.server.stats()).toMatchObject({ detached: 9 })
    expect(await isKept(world, 'a0')).toBe(false)
    expect(await isKept(world, 'a1')).toBe(true)
    expect(await isKept(world, 'b1', { user: 'bob' })).toBe(true)
  })

  it('of one principal: those that are here do not count, and are not ended', async () => {
    const world = startServer({ resume: { perPrincipal: 1 } })
    const live = await world.knock({ session: 'live' })
    await lose(world, ['a', 'b'])
    expect(world.server.stats()).toMatchObject({ sessions: 2, detached: 1 })
    expect(live.state.code).toBeUndefined()
  })

  it('of one principal: the one lost the longest goes, not the one made first', async () => {
    const world = startServer({ resume: { perPrincipal: 2 } })
    const first = await world.knock({ session: 'made-first' })
    await lose(world, ['b', 'c'])
    first.lose()
    expect(await isKept(world, 'b')).toBe(false)
    expect(await isKept(world, 'made-first')).toBe(true)
  })

  it('of all: the one lost the longest goes', async () => {
    const world = startServer({ resume: { sessions: 2 } })
    await lose(world, ['a'], { user: 'a' })
    await lose(world, ['b'], { user: 'b' })
    await lose(world, ['c'], { user: 'c' })
    expect(world.server.stats().detached).toBe(2)
    expect(await isKept(world, 'a', { user: 'a' })).toBe(false)
    expect(await isKept(world, 'b', { user: 'b' })).toBe(true)
  })

  it('with too much text together: those lost the longest go, as many as it takes', async () => {
    const world = startServer({ resume: { totalBytes: 2_500 } })
    await lose(world, ['a', 'b', 'c', 'd'], {}, 1_000)
    await vi.advanceTimersByTimeAsync(1_000)
    const { detached, replayBytes } = world.server.stats()
    expect(detached).toBe(2)
    expect(replayBytes).toBeLessThanOrEqual(2_500)
    expect(await isKept(world, 'b')).toBe(false)
    expect(await isKept(world, 'c')).toBe(true)
  })
})

describe('a principal that is away', () => {
  it('and is revoked has nothing to come back to', async () => {
    const world = startServer()
    const line = await world.knock()
    line.say([2, 1, 'hold', 'a'])
    await settle()
    line.lose()
    expect(world.server.revoke('ada')).toBe(0)
    expect(world.log).toEqual(['begin a', 'abort a'])
    expect(world.server.stats()).toMatchObject({ sessions: 0, detached: 0, calls: 0 })
    await vi.advanceTimersByTimeAsync(1)
    expect(await isKept(world, 's')).toBe(false)
  })

  it('is disconnected too: nothing of it is kept', async () => {
    const world = startServer()
    ;(await world.knock()).lose()
    const here = await world.knock({ session: 'here' })
    expect(world.server.disconnect({ where: () => true })).toBe(2)
    expect(here.state.code).toBe(4003)
    expect(world.server.stats()).toMatchObject({ sessions: 0, detached: 0 })
  })
})

it('stats() tells the sessions from the connections', async () => {
  const world = startServer()
  const away = await world.knock({ session: 'away' })
  away.say([2, 1, 'feed'])
  await settle()
  await world.knock({ session: 'here' })
  away.lose()
  expect(world.server.stats()).toEqual({
    connections: 1,
    sessions: 2,
    detached: 1,
    calls: 0,
    streams: 1,
    bufferedBytes: 0,
    replayBytes: away.texts[1]?.length,
    resumes: 0,
    replayedFrames: 0,
    gaps: 0,
  })
  await world.knock({ session: 'away', attempt: 2, since: 1 })
  expect(world.server.stats()).toMatchObject({ connections: 2, detached: 0, resumes: 1, replayedFrames: 1 })
})
