import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { settle, startServer } from './bare-sockets.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
})

describe('an acknowledgement', () => {
  async function asked(frames: number) {
    const world = startServer()
    const line = await world.knock()
    for (let at = 0; at < frames; at++) {
      line.say([2, at * 2 + 1, 'echo', at])
      await settle()
    }
    return { ...world, line }
  }

  it('rides on the answer to the 16th frame, and counts it', async () => {
    const { line } = await asked(16)
    expect(line.texts.filter((text) => text.includes('[11,'))).toEqual(['[[3,31,15],[11,16,16]]'])
  })

  it('does not ride before that', async () => {
    expect((await asked(15)).line.all(11)).toEqual([])
  })

  it('goes alone behind 256 frames that get no answer', async () => {
    const { knock } = startServer()
    const line = await knock()
    for (let at = 0; at < 256; at++) line.say([10, at * 2 + 1])
    await settle()
    expect(line.texts.slice(1)).toEqual(['[11,256,0]'])
  })

  it('goes alone behind 256 KiB', async () => {
    const { knock } = startServer()
    const line = await knock()
    line.say([10, 1, 'x'.repeat(255 * 1024)])
    expect(line.texts).toHaveLength(1)
    line.say([10, 3, 'x'.repeat(1024)])
    expect(line.texts.slice(1)).toEqual(['[11,2,0]'])
  })

  it('drops the copies it covers', async () => {
    const { line, server } = await asked(3)
    expect(server.stats().replayBytes).toBe(line.texts.slice(1).join('').length)
    line.say(
      [
        [9, 99, 1, 1],
        [11, 2, 3],
      ][1],
    )
    expect(server.stats().replayBytes).toBe(line.texts[3]?.length)
  })

  it.each([
    ['of more than was sent', [11, 4, 3]],
    ['that has another count of what it sent', [11, 3, 2]],
  ])('%s closes with 4110 and ends the session', async (_what, ack) => {
    const { line, server } = await asked(3)
    line.say(ack)
    expect(line.state.code).toBe(4110)
    expect(server.stats().sessions).toBe(0)
  })

  it('that rides is checked with its frame counted, and its calls are worked off', async () => {
    const { line } = await asked(3)
    line.say([2, 7, 'echo', 'more'], [11, 3, 4])
    await settle()
    expect(line.state.code).toBeUndefined()
    expect(line.sent.at(-1)).toEqual([3, 7, 'more'])
  })
})

describe('a break', () => {
  it.each([1006, 1005, 4101, 4102, 4201, 4202])('with %i keeps the session', async (code) => {
    const { knock, server } = startServer()
    ;(await knock()).lose(code)
    expect(server.stats()).toMatchObject({ connections: 0, sessions: 1, detached: 1 })
  })

  it.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 4000, 4003, 4011, 4110])(
    'with %i ends the session',
    async (code) => {
      const { knock, log, server } = startServer()
      const line = await knock()
      line.say([2, 1, 'hold', 'a'])
      await settle()
      line.lose(code)
      expect(log).toEqual(['begin a', 'abort a'])
      expect(server.stats()).toMatchObject({ sessions: 0, detached: 0, calls: 0 })
    },
  )

  it('lets a deadline run on, and replays its error', async () => {
    const { knock, log } = startServer()
    const first = await knock()
    first.say([2, 1, 'hold', 'a', { timeoutMs: 5_000 }])
    await settle()
    first.lose()
    await vi.advanceTimersByTimeAsync(5_100)
    expect(log).toEqual(['begin a', 'abort a'])
    const second = await knock({ attempt: 2, since: 1 })
    expect(second.sent[1]).toEqual([4, 1, 'TIMEOUT', expect.any(String), { delivery: 'unknown' }])
  })

  it('lets a client find what more than its share of copies is: the session ends, and its calls with it', async () => {
    const { knock, open, log, server } = startServer({ resume: { bufferBytes: 1_000 } })
    const first = await knock()
    for (const [id, name] of [
      [1, 'a'],
      [3, 'b'],
      [5, 'c'],
    ])
      first.say([2, id, 'hold', name])
    await settle()
    first.lose()
    open.get('a')?.('x'.repeat(900))
    await settle()
    expect(server.stats()).toMatchObject({ sessions: 1, calls: 2 })
    open.get('b')?.('x'.repeat(900))
    await settle()
    expect(server.stats()).toMatchObject({ sessions: 0, calls: 0, replayBytes: 0 })
    expect(log).toEqual(['begin a', 'begin b', 'begin c', 'abort c'])
    expect((await knock({ attempt: 2, since: 1 })).welcome).toMatchObject({ session: 'new' })
  })
})

describe('too many copies on a live link', () => {
  async function overflown() {
    const world = startServer({ limits: { bufferedBytes: 2_000 }, resume: { bufferBytes: 100 } })
    const line = await world.knock()
    for (let at = 0; at < 5; at++) {
      line.say([2, at * 2 + 1, 'echo', 'x'.repeat(500)])
      await settle()
    }
    return { ...world, line }
  }

  it('never break it: the copies go, and calls go on', async () => {
    const { line, server } = await overflown()
    expect(line.state.code).toBeUndefined()
    expect(server.stats()).toMatchObject({ sessions: 1, replayBytes: 0 })
    line.say([2, 11, 'echo', 'still'])
    await settle()
    expect(line.sent.at(-1)).toEqual([3, 11, 'still'])
    line.say([12, 6, 6])
    expect(line.sent.at(-1)).toEqual([13, 6, 6])
  })

  it('may be as many as the connection may have unsent, though a detached client has less', async () => {
    const { knock, server } = startServer({ limits: { bufferedBytes: 2_000 }, resume: { bufferBytes: 100 } })
    const line = await knock()
    line.say([2, 1, 'echo', 'x'.repeat(1_500)])
    await settle()
    expect(server.stats().replayBytes).toBeGreaterThan(1_500)
  })

  it('cost the resume: an attempt meanwhile gets 4110, and the session ends with its link', async () => {
    const { knock, line, server } = await overflown()
    const other = await knock({ attempt: 2, since: 1, received: 5 })
    expect(other.state.code).toBe(4110)
    line.lose()
    expect(server.stats()).toMatchObject({ sessions: 0, detached: 0 })
  })
})

it('the connection of a handler stays the same across sockets', async () => {
  const { knock, server } = startServer()
  const first = await knock()
  const [before] = server.connections
  first.lose()
  expect([...server.connections]).toEqual([])
  await knock({ attempt: 2, since: 1 })
  const [after] = server.connections
  expect(after).toBe(before)
})

it('connection.disconnect() of a client that is away ends its session', async () => {
  const { knock, server } = startServer()
  const first = await knock()
  const [connection] = server.connections
  first.lose()
  connection?.disconnect()
  expect(server.stats()).toMatchObject({ sessions: 0, detached: 0 })
})
