// What waits while large messages wait for a reader: what is pulled, and the calls behind them.
import { query, router, subscription, type as unchecked } from 'trunkline'
import { implement, memoryPublisher } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { acceptOn, hello } from './accepted.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
})

let pulled = 0
const app = implement(router({ load: subscription({ output: unchecked<Uint8Array>() }), ping: query() })).handlers({
  load: async function* () {
    for (;;) {
      pulled++
      yield new Uint8Array(200_000)
    }
  },
  ping: () => {},
})

it('a generator of large items rests while those wait', async () => {
  pulled = 0
  const world = acceptOn(app as never)
  const reader = world.connect()
  reader.say(hello({}, { features: ['resume'], credit: [4096, 4 * 1024 * 1024] }))
  await settle()
  for (let id = 1; id < 21; id += 2) reader.say([2, id, 'load'])
  await settle()
  await vi.advanceTimersByTimeAsync(1000)
  expect(reader.closed).toEqual([])
  expect(pulled).toBeLessThan(20)
})

describe('a client that acknowledges nothing', () => {
  const endless = implement(
    router({
      texts: subscription({ output: unchecked<string>() }),
      bytes: subscription({ output: unchecked<Uint8Array>() }),
    }),
  ).handlers({
    texts: async function* () {
      for (;;) yield 'x'.repeat(1_000)
    },
    bytes: async function* () {
      for (;;) yield new Uint8Array(1_000)
    },
  })

  /** What a generator gave it, and what it was asked. */
  async function pulled(path: string, features: string[]) {
    const reader = acceptOn(endless as never).connect()
    reader.say(hello({}, { features, credit: [400, 4 * 1024 * 1024] }), [2, 1, path])
    await vi.advanceTimersByTimeAsync(1_000)
    const count = (type: number) => reader.sent.filter((message) => message[0] === type).length
    return { reader, items: () => count(6), pings: () => count(12) }
  }

  it('gets 32 KiB of text of a generator, is asked what it has, and gets more with its answer', async () => {
    const { reader, items, pings } = await pulled('texts', ['resume'])
    const first = items()
    expect([first > 30, first < 36, pings()]).toEqual([true, true, 1])
    const answer = async () => {
      const [, , sent] = reader.sent.findLast(([type]) => type === 12) as number[]
      reader.say([13, sent, 1])
      await vi.advanceTimersByTimeAsync(1_000)
    }
    // The first question went out before what had filled the line.
    await answer()
    await answer()
    expect(items()).toBeGreaterThan(first)
  })

  it('is asked anew on its next line', async () => {
    const world = acceptOn(endless as never)
    const more = { features: ['resume'], credit: [400, 4 * 1024 * 1024] }
    const reader = world.connect()
    reader.say(hello({}, more), [2, 1, 'texts'])
    await vi.advanceTimersByTimeAsync(1_000)
    reader.gone()
    const next = world.connect()
    next.say(hello({}, { ...more, attempt: 2, since: 1, received: 0 }))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(next.closed).toEqual([])
    expect(next.sent.filter(([type]) => type === 12)).toHaveLength(1)
  })

  it('gets all bytes of a generator that it has credit for', async () => {
    const { items, pings } = await pulled('bytes', ['resume'])
    expect([items(), pings()]).toEqual([400, 0])
  })

  it('gets all text too where no session is kept', async () => {
    const { items, pings } = await pulled('texts', [])
    expect([items(), pings()]).toEqual([400, 0])
  })
})

const size = 200_000
const mib = 1024 * 1024

/** A reader that acknowledges nothing by itself, and answers that are given when they are let go. */
async function reading(bufferedBytes: number) {
  const bus = memoryPublisher()
  const ran: string[] = []
  const waiting: (() => void)[] = []
  const gate = () => new Promise<void>((resolve) => waiting.push(resolve))
  const world = acceptOn(
    implement(
      router({
        load: query({ output: unchecked<Uint8Array>() }),
        loadLater: query({ output: unchecked<Uint8Array>() }),
        textLater: query({ output: unchecked<string>() }),
        feed: subscription({ output: unchecked<string>() }),
        feedLater: subscription({ output: unchecked<string>() }),
        ping: query({ input: unchecked<unknown>() }),
      }),
    ).handlers({
      load: () => new Uint8Array(size),
      loadLater: () => gate().then(() => new Uint8Array(size)),
      textLater: () => gate().then(() => 'x'.repeat(1.5 * size)),
      feed: ({ signal }) => bus.subscribe('t', { signal }) as AsyncIterable<string>,
      feedLater: ({ signal }) => gate().then(() => bus.subscribe('t', { signal }) as AsyncIterable<string>),
      ping: () => void ran.push('ping'),
    }) as never,
    { limits: { bufferedBytes }, yieldTo: (task: () => void) => setTimeout(task, 0) },
  )
  const reader = world.connect()
  reader.say(hello({}, { features: ['resume'] }))
  await settle()
  let lastId = -1
  let said = 0
  /** Calls, each when the one before has had its effect. */
  const call = async (...paths: string[]) => {
    for (const path of paths) {
      lastId += 2
      said++
      reader.say([2, lastId, path])
      await settle()
    }
  }
  /** Without a pause, as `reader.say` is. */
  const callAtOnce = (path: string, input: unknown) => {
    lastId += 2
    said++
    reader.say([2, lastId, path, input])
  }
  const letGo = async () => {
    for (const go of waiting.splice(0)) {
      go()
      for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    }
  }
  const acknowledge = (frames: number) => reader.say([11, frames, said])
  return { reader, bus, ran, call, callAtOnce, letGo, acknowledge }
}

describe('calls behind large answers that wait for an acknowledgement', () => {
  it('are worked off when the copies are given up, since nothing is acknowledged for them any more', async () => {
    const { reader, ran, call, letGo } = await reading(mib)
    await call('textLater', 'textLater', ...Array(7).fill('load'), 'ping')
    expect(ran).toEqual([])
    await letGo()
    await vi.advanceTimersByTimeAsync(100)
    expect(ran).toEqual(['ping'])
    expect(reader.closed).toEqual([])
  })

  it('are worked off though a message of a stream had the large ones go', async () => {
    const { reader, ran, call, letGo, acknowledge } = await reading(mib)
    await call('textLater', 'textLater', 'feedLater', ...Array(7).fill('load'), 'ping')
    expect(ran).toEqual([])
    await letGo()
    acknowledge(0)
    await vi.advanceTimersByTimeAsync(100)
    expect(ran).toEqual(['ping'])
    expect(reader.closed).toEqual([])
  })
})

it('a source goes on when large answers go because nothing more is read', async () => {
  const { reader, bus, call, callAtOnce, letGo } = await reading(2 * mib)
  await call('feed', ...Array(5).fill('loadLater'), ...Array(4).fill('load'))
  await bus.publish('t', 'hi')
  await settle()
  expect(reader.sent.filter(([type]) => type === 6)).toEqual([])
  callAtOnce('ping', 'x'.repeat(70_000))
  await letGo()
  await vi.advanceTimersByTimeAsync(100)
  expect(reader.sent.filter(([type]) => type === 6)).toEqual([[6, 1, 'hi', expect.any(String)]])
  expect(reader.closed).toEqual([])
})

const settle = () => vi.advanceTimersByTimeAsync(0)
