import { query, router, subscription, type as unchecked } from 'trunkline'
import { implement } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import type { Frame } from '../../packages/trunkline/src/protocol/decode.ts'
import { Backlog } from '../../packages/trunkline/src/server/backlog.ts'
import { acceptOn, hello } from './accepted.ts'

/** The clock: only work moves it. */
let now = 0
/** What waits for its turn. */
let turns: (() => void)[] = []

const nextTurn = (): void => {
  for (const task of turns.splice(0)) task()
}
const finish = (): void => {
  while (turns.length > 0) nextTurn()
}

beforeEach(() => {
  now = 1_000
  turns = []
  vi.useFakeTimers()
  vi.spyOn(performance, 'now').mockImplementation(() => now)
})

afterEach(() => {
  vi.clearAllTimers()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const frameOf = (...messages: unknown[]): Frame => ({
  messages,
  length: 0,
  isCounted: true,
  isControl: false,
  ack: undefined,
})
const range = (length: number): number[] => Array.from({ length }, (_, index) => index)

describe('a backlog', () => {
  function make({ costMs = 1, endsAt = undefined as unknown } = {}) {
    const done: unknown[] = []
    const held: boolean[] = []
    const backlog: Backlog = new Backlog({
      work(frame, index) {
        done.push(frame.messages[index])
        now += costMs
        if (frame.messages[index] !== endsAt) return true
        backlog.clear()
        return false
      },
      yieldTo: (task) => void turns.push(task),
      hold: (isHeld) => void held.push(isHeld),
    })
    return { backlog, done, held }
  }

  it('works off at once what fits its turn', () => {
    const { backlog, done } = make({ costMs: 0.01 })
    backlog.take(frameOf(...range(100)), 100, now)
    expect(done).toEqual(range(100))
    expect(turns).toEqual([])
  })

  it('leaves the rest of a long frame for later turns, in order', () => {
    const { backlog, done } = make()
    backlog.take(frameOf(...range(100)), 100, now)
    expect(done.length).toBeLessThan(20)
    nextTurn()
    expect(done.length).toBeLessThan(40)
    finish()
    expect(done).toEqual(range(100))
  })

  it('counts frames that came in one piece as one', () => {
    const { backlog, done } = make()
    for (const message of range(50)) backlog.take(frameOf(message), 1, now)
    expect(done.length).toBeLessThan(10)
    finish()
    expect(done).toEqual(range(50))
  })

  it('gives a turn of its own to a frame that came later', () => {
    const { backlog, done } = make()
    for (const message of range(50)) {
      backlog.take(frameOf(message), 1, now)
      now += 1
    }
    expect(done).toEqual(range(50))
    expect(turns).toEqual([])
  })

  it('gives one turn to long frames of one piece, however long it takes to read them', () => {
    const { backlog, done } = make()
    for (const message of range(8)) {
      now += 0.6
      backlog.take(frameOf(message), 20_000, now)
    }
    expect(done).toEqual([0])
    nextTurn()
    expect(done).toEqual([0, 1])
    finish()
    expect(done).toEqual(range(8))
    now += 0.6
    backlog.take(frameOf('later'), 20_000, now)
    expect(done.at(-1)).toBe('later')
  })

  it('works a frame above 64 KiB off a turn after it was read, and lets the next be read a turn after that', () => {
    const { backlog, done, held } = make()
    backlog.take(frameOf('long'), 250_000, now)
    expect({ done, held }).toEqual({ done: [], held: [true] })
    nextTurn()
    expect({ done, held }).toEqual({ done: ['long'], held: [true] })
    nextTurn()
    expect({ done, held }).toEqual({ done: ['long'], held: [true, false] })
    expect(turns).toEqual([])
  })

  it('reads on after a frame above 64 KiB that was blocked before it let go', () => {
    const { backlog, held } = make()
    backlog.take(frameOf('long'), 250_000, now)
    nextTurn()
    backlog.block(true)
    nextTurn()
    expect(held).toEqual([true])
    backlog.block(false)
    finish()
    expect(held).toEqual([true, false])
  })

  it('keeps a frame behind those that wait', () => {
    const { backlog, done } = make()
    backlog.take(frameOf(...range(40)), 40, now)
    now += 100
    backlog.take(frameOf('last'), 1, now)
    expect(done).not.toContain('last')
    finish()
    expect(done).toEqual([...range(40), 'last'])
  })

  it('holds the socket above 64 KiB of waiting text and lets it go at half of that', () => {
    const { backlog, held } = make()
    for (const _ of range(20)) backlog.take(frameOf(...range(16)), 5_000, now)
    expect(held).toEqual([true])
    const lengths = [turns.length]
    while (held.length < 2 && turns.length > 0) {
      nextTurn()
      lengths.push(turns.length)
    }
    expect(held).toEqual([true, false])
    expect(lengths.at(-1)).toBe(1)
    finish()
    expect(held).toEqual([true, false])
  })

  it('does not hold the socket for one frame of 64 KiB', () => {
    const { backlog, held } = make()
    backlog.take(frameOf(...range(100)), 64 * 1024, now)
    finish()
    expect(held).toEqual([])
  })

  it('works nothing off after it was cleared', () => {
    const { backlog, done } = make()
    backlog.take(frameOf(...range(100)), 100, now)
    const before = done.length
    backlog.clear()
    finish()
    expect(done).toHaveLength(before)
  })

  it('works nothing off behind a message that ended the connection, in the same frame or in later ones', () => {
    const { backlog, done, held } = make({ endsAt: 20 })
    backlog.take(frameOf(...range(17)), 1, now)
    backlog.take(frameOf(17, 18), 1, now)
    backlog.take(frameOf(19, 20, 21), 1, now)
    for (const message of range(30)) backlog.take(frameOf(100 + message), 20_000, now)
    finish()
    expect(done).toEqual(range(21))
    expect(held).toEqual([true])
  })
})

describe('a connection with 1 024 calls of a millisecond each', () => {
  const calls = range(1_024)

  function start() {
    const log: string[] = []
    const app = implement(
      router({
        burn: query({ input: z.string() }),
        later: query({ input: unchecked<string>() }),
        ask: query({ input: z.string() }),
        end: query(),
      }),
    ).handlers({
      burn: ({ input }) => {
        log.push(input)
        now += 1
      },
      // Its schema is one of those that may be asynchronous: it runs in a micro-task.
      later: ({ input }) => {
        log.push(input)
        now += 1
      },
      ask: ({ input }) => void log.push(input),
      end: ({ connection }) => {
        log.push('end')
        connection.disconnect('enough')
      },
    })
    const { connect } = acceptOn(app as never, { yieldTo: (task: () => void) => void turns.push(task) })
    const [hog, other] = [connect(), connect()]
    hog.say(hello())
    other.say(hello())
    return { hog, other, log }
  }
  const burn = (index: number): unknown => [2, 2 * index + 1, 'burn', String(index)]

  it.each([
    ['one frame', () => [JSON.stringify(calls.map(burn))]],
    ['many frames', () => calls.map((index) => JSON.stringify(burn(index)))],
    ['frames of 32', () => range(32).map((at) => JSON.stringify(calls.slice(at * 32, at * 32 + 32).map(burn)))],
  ])('in %s lets another call through long before its last', async (_what, frames) => {
    const { hog, other, log } = start()
    hog.text(...frames())
    other.say([2, 1, 'ask', 'other'])
    nextTurn()
    await vi.advanceTimersByTimeAsync(0)
    expect(other.sent.map(([type]) => type)).toEqual([1, 3])
    expect(log.indexOf('other')).toBeLessThan(100)
    finish()
    await vi.advanceTimersByTimeAsync(0)
    expect(log.filter((entry) => entry !== 'other')).toEqual(calls.map(String))
    expect(hog.sent.filter(([type]) => type === 3).map(([, id]) => id)).toEqual(calls.map((index) => 2 * index + 1))
    expect(hog.closed).toEqual([])
  })

  it.each([
    ['one frame', (all: unknown[]) => [JSON.stringify(all)]],
    ['many frames', (all: unknown[]) => all.map((call) => JSON.stringify(call))],
  ])('in %s lets another through though their handlers run after their turn', async (_what, frames) => {
    const { hog, other, log } = start()
    hog.text(...frames(calls.map((index) => [2, 2 * index + 1, 'later', String(index)])))
    other.say([2, 1, 'ask', 'other'])
    while (turns.length > 0) {
      await vi.advanceTimersByTimeAsync(0)
      nextTurn()
    }
    await vi.advanceTimersByTimeAsync(0)
    expect(other.sent.map(([type]) => type)).toEqual([1, 3])
    expect(log).toHaveLength(calls.length + 1)
    expect(log.indexOf('other')).toBeLessThan(calls.length - 100)
    expect(log.filter((entry) => entry !== 'other')).toEqual(calls.map(String))
  })

  it('reads a large call, answers it and writes the answer in a turn each', () => {
    const text = 'x'.repeat(250_000)
    const log: string[] = []
    const echo = query({ input: z.string(), output: z.string() })
    const app = implement(router({ echo })).handlers({
      echo: ({ input }) => {
        log.push('handler')
        return input
      },
    })
    const { connect } = acceptOn(app as never, { yieldTo: (task: () => void) => void turns.push(task) })
    const hog = connect()
    hog.say(hello())
    hog.say([2, 1, 'echo', text])
    expect({ log, reading: hog.reading }).toEqual({ log: [], reading: ['paused'] })
    nextTurn()
    expect({ log, types: hog.sent.map(([type]) => type) }).toEqual({ log: ['handler'], types: [1] })
    nextTurn()
    expect(hog.sent.at(-1)).toEqual([3, 1, text])
    expect(hog.reading).toEqual(['paused', 'resumed'])
    finish()
    expect(hog.sent).toHaveLength(2)
  })

  it('reads on when it is closed behind a large call, so that the answer to the close is found', () => {
    const echo = query({ input: z.string(), output: z.string() })
    const app = implement(router({ echo })).handlers({ echo: ({ input }) => input })
    const { server, connect } = acceptOn(app as never, { yieldTo: (task: () => void) => void turns.push(task) })
    const hog = connect()
    hog.say(hello())
    hog.say([2, 1, 'echo', 'x'.repeat(250_000)])
    server.disconnect({ where: () => true })
    expect(hog.closed).toHaveLength(1)
    expect(hog.reading).toEqual(['paused', 'resumed'])
    finish()
    expect(hog.reading).toEqual(['paused', 'resumed'])
  })

  it('answers a ping while they wait, and the counts are right', async () => {
    const { hog } = start()
    const frames = calls.map((index) => JSON.stringify(burn(index)))
    hog.text(...frames)
    hog.say([12, 0, frames.length])
    expect(hog.sent.at(-1)?.[0]).toBe(13)
    expect(hog.sent.at(-1)?.[1]).toBe(frames.length)
    finish()
    await vi.advanceTimersByTimeAsync(0)
    expect(hog.sent.filter(([type]) => type === 3)).toHaveLength(calls.length)
    expect(hog.closed).toEqual([])
  })

  it('is not read while more than 64 KiB of them wait', () => {
    const { hog } = start()
    const padding = 'x'.repeat(9_000)
    for (const index of range(40)) hog.say([2, 2 * index + 1, 'burn', padding])
    expect(hog.reading).toEqual(['paused'])
    finish()
    expect(hog.reading).toEqual(['paused', 'resumed'])
  })

  it('runs none of them after one of them has disconnected it', () => {
    const { hog, log } = start()
    hog.say(...calls.slice(0, 20).map(burn), [2, 99, 'end'], ...calls.slice(50, 80).map(burn))
    finish()
    expect(log.at(-1)).toBe('end')
    expect(hog.closed).toEqual([{ code: 4003, reason: 'enough' }])
  })

  it('drops them when it is gone', () => {
    const { hog, log } = start()
    hog.text(JSON.stringify(calls.map(burn)))
    const before = log.length
    hog.gone()
    finish()
    expect(log).toHaveLength(before)
  })
})

describe('generators that never wait', () => {
  it('of one connection yield to others, and each has its share', async () => {
    const log: string[] = []
    const app = implement(
      router({ count: subscription({ input: z.string(), output: z.number() }), ask: query() }),
    ).handlers({
      count: async function* ({ input }) {
        for (let number = 0; ; number++) {
          log.push(input)
          now += 0.01
          yield number
        }
      },
      ask: () => void log.push('ask'),
    })
    const { connect } = acceptOn(app as never, { yieldTo: (task: () => void) => void turns.push(task) })
    const [hog, other] = [connect(), connect()]
    hog.say(hello())
    other.say(hello())
    const names = range(200).map((index) => `stream ${index}`)
    hog.say(...names.map((name, index) => [2, 2 * index + 1, 'count', name, { credit: [256, 1_000_000] }]))
    await vi.advanceTimersByTimeAsync(0)
    other.say([2, 1, 'ask'])
    expect(log.indexOf('ask')).toBeGreaterThan(0)
    expect(log.indexOf('ask')).toBeLessThan(300)
    for (let turn = 0; turn < 16; turn++) {
      nextTurn()
      await vi.advanceTimersByTimeAsync(0)
    }
    const counts = names.map((name) => log.filter((entry) => entry === name).length)
    // Those that had no turn at first are not forgotten for those before them.
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThan(4)
    while (turns.length > 0) {
      nextTurn()
      await vi.advanceTimersByTimeAsync(0)
    }
    expect(hog.sent.filter(([type]) => type === 6)).toHaveLength(200 * 256)
  })
})
