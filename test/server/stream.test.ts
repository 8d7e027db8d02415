import { event, type Gap, query, RpcError, router, subscription, type as unchecked } from 'trunkline'
import { createServer, type ErrorReport, implement, memoryPublisher, type ServerSocket } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { BufferedFeed } from '../../packages/trunkline/src/server/feed.ts'

const contract = router({
  count: subscription({ input: unchecked<number>(), output: unchecked<number>() }),
  odd: subscription({ input: unchecked<string>(), output: unchecked<unknown>() }),
  typed: subscription({ output: z.object({ at: z.number() }) }),
  refused: subscription({ output: unchecked<number>(), errors: { FULL: z.object({ seats: z.number() }) } }),
  feed: subscription({ input: unchecked<string>(), output: z.object({ at: z.number() }) }),
  slowlyChecked: subscription({ output: z.number().refine(async (value) => check(value)) }),
  byHand: subscription({ input: unchecked<string>(), output: z.object({ at: z.number() }) }),
  late: subscription({ output: unchecked<number>() }),
  shared: subscription({ output: unchecked<number>() }),
  ping: query({ output: unchecked<string>() }),
})

let bus = memoryPublisher()
let cached: AsyncIterable<number> | undefined
let check: (value: number) => Promise<boolean> = async () => true
let own: AbortSignal | undefined
let open: () => void = () => {}
let log: string[] = []
let pulled = 0
let reports: ErrorReport<object>[] = []

const sources: Record<string, () => AsyncIterable<unknown>> = {
  'throws at once': async function* () {
    yield* []
    throw new Error('secret')
  },
  'throws after an item': async function* () {
    yield 1
    throw new Error('secret')
  },
  'throws an RpcError': async function* () {
    yield 1
    throw new RpcError('FORBIDDEN', { message: 'not any more' })
  },
  'throws in finally': async function* () {
    try {
      while (true) yield 1
    } finally {
      // biome-ignore lint/correctness/noUnsafeFinally: this is the fault under test
      throw new Error('in finally')
    }
  },
  'hangs in return()': () => ({
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: false, value: 1 }),
      return: () => new Promise(() => {}),
    }),
  }),
  'throws from return()': () => ({
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: false, value: 1 }),
      return: () => {
        throw new Error('from return()')
      },
    }),
  }),
  'throws from next()': () => ({
    [Symbol.asyncIterator]: () => ({
      next: () => {
        throw new Error('from next()')
      },
    }),
  }),
  'gives no result': () => ({ [Symbol.asyncIterator]: () => ({ next: async () => undefined as never }) }),
  'has no return()': () => ({ [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: 1 }) }) }),
  'yields for ever': async function* () {
    for (let at = 0; ; at++) yield at
  },
  'yields a class': async function* () {
    yield 1
    yield new (class Account {})()
  },
  'yields much': async function* () {
    yield 1
    yield 'x'.repeat(2_000_000)
  },
  'yields undefined and rich values': async function* () {
    yield undefined
    yield new Date(5)
    yield new Map([[1n, new Set([Number.NaN])]])
  },
}

const app = implement(contract).handlers({
  count: async function* ({ input, signal }) {
    signal.addEventListener('abort', () => log.push('abort'))
    try {
      for (let at = 1; at <= input; at++) {
        pulled = at
        yield at
      }
    } finally {
      log.push('finally')
    }
  },
  odd: ({ input }) => sources[input]?.() as AsyncIterable<unknown>,
  typed: async function* () {
    yield { at: 1, secret: 'kept' } as { at: number }
    yield { at: 'two' } as never
  },
  refused: ({ errors }) => {
    throw errors.FULL({ seats: 0 })
  },
  feed: ({ input, signal, lastEventId }) =>
    bus.subscribe(input, { signal, lastEventId, bufferItems: 256 }) as AsyncIterable<{ at: number }>,
  slowlyChecked: ({ signal, lastEventId }) =>
    bus.subscribe('numbers', { signal: own ?? signal, lastEventId }) as AsyncIterable<number>,
  byHand: async function* ({ input, signal }) {
    for await (const value of bus.subscribe(input, { signal })) yield value as { at: number }
  },
  late: async () => {
    await new Promise<void>((resolve) => {
      open = resolve
    })
    return (async function* () {
      log.push('pulled')
      yield 1
    })()
  },
  shared: () => {
    cached ??= bus.subscribe('numbers') as AsyncIterable<number>
    return cached
  },
  ping: () => 'pong',
})

const options = { onError: (report: ErrorReport<object>) => void reports.push(report) }
let pair = createPair(app, options)
let { api, connection } = pair.createClient()

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  bus = memoryPublisher()
  cached = own = undefined
  check = async () => true
  log = []
  reports = []
  pulled = 0
  pair = createPair(app, options)
  const client = pair.createClient()
  api = client.api
  connection = client.connection
})

afterEach(async () => {
  vi.restoreAllMocks()
  await pair.close()
  vi.useRealTimers()
})

const settle = () => vi.advanceTimersByTimeAsync(0)
const oneConnection = () => expect(pair.frames.filter(({ text }) => text.startsWith('[0,'))).toHaveLength(1)

async function take<Item>(iterator: AsyncIterator<Item>, count: number): Promise<Item[]> {
  const items: Item[] = []
  while (items.length < count) items.push((await iterator.next()).value)
  return items
}

/** The items a loop gets, and the error it ends with. */
async function drain(stream: AsyncIterable<unknown>): Promise<{ items: unknown[]; error: unknown }> {
  const items: unknown[] = []
  try {
    for await (const item of stream) items.push(item)
  } catch (error) {
    return { items, error }
  }
  return { items, error: undefined }
}

/** The rejections nobody handled while `act` ran; in Node each would end the process. */
async function unhandledDuring(act: () => Promise<unknown>): Promise<unknown[]> {
  const others = process.listeners('unhandledRejection')
  const seen: unknown[] = []
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (error) => seen.push(error))
  try {
    await act()
    await settle()
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const listener of others) process.on('unhandledRejection', listener)
  }
  return seen
}

describe('accept', () => {
  it('comes before the first item', async () => {
    await drain(api.count(2))
    const types = pair.frames
      .filter(({ from }) => from === 'server')
      .flatMap(({ text }) => (text[1] === '[' ? JSON.parse(text) : [JSON.parse(text)]))
      .map(([type]) => type)
    expect(types).toEqual([1, 5, 6, 6, 8])
  })

  it('does not come for a refusal: that is the error of the call, with its data', async () => {
    await expect(api.refused()).rejects.toMatchObject({ code: 'FULL', data: { seats: 0 } })
    expect((await drain(api.refused())).error).toMatchObject({ code: 'FULL' })
  })

  it('waits for the handler', async () => {
    const pending = api.late()
    await settle()
    expect(pair.server.stats()).toMatchObject({ calls: 1, streams: 0 })
    open()
    await pending
    expect(pair.server.stats()).toMatchObject({ calls: 0 })
  })

  it('does not come when the caller has left before: the source is not pulled', async () => {
    const controller = new AbortController()
    const pending = api.late(undefined, { signal: controller.signal })
    await settle()
    controller.abort()
    await expect(pending).rejects.toMatchObject({ code: 'CANCELLED' })
    await settle()
    open()
    await settle()
    expect(log).toEqual([])
    expect(pair.server.stats()).toMatchObject({ calls: 0, streams: 0 })
  })
})

describe('a source that', () => {
  it.each([
    ['throws at once', [], 'INTERNAL'],
    ['throws after an item', [1], 'INTERNAL'],
    ['throws an RpcError', [1], 'FORBIDDEN'],
    ['throws from next()', [], 'INTERNAL'],
    ['gives no result', [], 'INTERNAL'],
    ['yields a class', [1], 'INTERNAL'],
    ['yields much', [1], 'INTERNAL'],
  ])('%s ends its stream alone, behind the items before', async (what, items, code) => {
    const other = (await api.count(1_000))[Symbol.asyncIterator]()
    const result = await drain(api.odd(what))
    expect(result).toEqual({ items, error: expect.objectContaining({ code }) })
    expect(await take(other, 1_000)).toHaveLength(1_000)
    expect(pair.frames.some(({ text }) => text.includes('secret'))).toBe(false)
    oneConnection()
  })

  it.each(['throws in finally', 'hangs in return()', 'throws from return()', 'has no return()', 'yields for ever'])(
    '%s can be left, and the others live',
    async (what) => {
      const unhandled = await unhandledDuring(async () => {
        for await (const item of api.odd(what)) if (item === 1) break
        await settle()
      })
      expect(unhandled).toEqual([])
      expect(pair.server.stats().streams).toBe(0)
      expect(await api.ping()).toBe('pong')
      oneConnection()
    },
  )

  it('throws in finally is heard of by onError', async () => {
    for await (const _ of api.odd('throws in finally')) break
    await settle()
    expect(reports).toMatchObject([{ error: { message: 'in finally' }, path: 'odd', kind: 'subscription' }])
  })

  it('yields undefined and rich values has them arrive as they are', async () => {
    expect((await drain(api.odd('yields undefined and rich values'))).items).toEqual([
      undefined,
      new Date(5),
      new Map([[1n, new Set([Number.NaN])]]),
    ])
  })

  it('yields what its schema refuses ends INTERNAL, and keys it does not know are left out', async () => {
    const { items, error } = await drain(api.typed())
    expect(items).toEqual([{ at: 1 }])
    expect(error).toMatchObject({ code: 'INTERNAL' })
    expect(reports).toMatchObject([{ path: 'typed' }])
  })

  it('waits inside an await when its consumer leaves runs finally once that settles', async () => {
    const steps: string[] = []
    sources.waits = async function* () {
      try {
        yield 1
        await new Promise<void>((resolve) => {
          open = resolve
        })
        steps.push('went on')
        yield 2
      } finally {
        steps.push('finally')
      }
    }
    for await (const _ of api.odd('waits')) break
    await settle()
    expect(steps).toEqual([])
    open()
    await settle()
    expect(steps).toEqual(['went on', 'finally'])
  })
})

it("a late source whose return() throws is nobody's failure", async () => {
  const refusing = createPair(
    implement(router({ late: subscription({ output: unchecked<number>() }) })).handlers({
      late: async () => {
        await new Promise<void>((resolve) => {
          open = resolve
        })
        return sources['throws from return()']?.() as AsyncIterable<number>
      },
    }),
  )
  const unhandled = await unhandledDuring(async () => {
    const pending = refusing.createClient().api.late()
    await settle()
    await pending[Symbol.asyncIterator]().return?.()
    await settle()
    open()
    await settle()
  })
  await refusing.close()
  expect(unhandled).toEqual([])
})

it('a feed that is returned to two callers fails the second call alone', async () => {
  const first = await api.shared()
  const outcomes: unknown[] = []
  const unhandled = await unhandledDuring(async () => {
    drain(api.shared()).then(({ error }) => outcomes.push(error))
    await settle()
  })
  expect(unhandled).toEqual([])
  expect(outcomes).toMatchObject([{ code: 'INTERNAL' }])
  const next = first[Symbol.asyncIterator]().next()
  await bus.publish('numbers', 1)
  expect(await next).toEqual({ done: false, value: 1 })
  oneConnection()
})

/** A socket whose other end is the test; it has said hello. */
async function bare() {
  const sent: unknown[][] = []
  const socket: ServerSocket & { bufferedAmount: number } = {
    bufferedAmount: 0,
    send: (text) => {
      const frame = JSON.parse(String(text))
      sent.push(...(Array.isArray(frame[0]) ? frame : [frame]))
    },
    close() {},
    terminate() {},
    pause() {},
    resume() {},
  }
  const events = createServer(app, options).accept(socket, {
    url: '/',
    headers: new Headers(),
    remoteAddress: undefined,
  })
  const say = async (...messages: unknown[]) => {
    events.text(JSON.stringify(messages.length === 1 ? messages[0] : messages))
    await settle()
  }
  await say([0, { session: 'abc', attempt: 1, credit: [4, 1_000_000] }])
  const items = () => sent.filter(([type]) => type === 6).length
  return { say, sent, items, socket, events }
}

describe('credit', () => {
  it('is never exceeded, and no item is pulled without it', async () => {
    const { say, items } = await bare()
    await say([2, 1, 'count', 100])
    expect({ items: items(), pulled }).toEqual({ items: 4, pulled: 4 })
    await say([9, 1, 7, 1_000_000])
    expect({ items: items(), pulled }).toEqual({ items: 7, pulled: 7 })
  })

  it('only rises', async () => {
    const { say, items } = await bare()
    await say([2, 1, 'count', 100])
    await say([9, 1, 2, 10])
    await say([9, 1, 4, 1_000_000])
    expect(items()).toBe(4)
  })

  it('of an open goes before that of hello', async () => {
    const { say, items } = await bare()
    await say([2, 1, 'count', 100, { credit: [2, 1_000_000] }])
    expect(items()).toBe(2)
  })

  it('of nothing accepts and pulls nothing', async () => {
    const { say, sent } = await bare()
    await say([2, 1, 'count', 100, { credit: [0, 0] }])
    expect(sent.map(([type]) => type)).toEqual([1, 5])
    expect(pulled).toBe(0)
  })

  it('in bytes counts 1 024 for a small item; the last may go past it', async () => {
    const { say, items } = await bare()
    await say([2, 1, 'count', 100, { credit: [100, 2_049] }])
    expect(items()).toBe(3)
  })

  it('is not needed for the end', async () => {
    const { say, sent } = await bare()
    await say([2, 1, 'count', 3, { credit: [4, 1_000_000] }])
    expect(sent.at(-1)).toEqual([8, 1])
  })

  it('holds a feed back too', async () => {
    const { say, items } = await bare()
    await say([2, 1, 'feed', 't'])
    for (let at = 0; at < 10; at++) void bus.publish('t', { at })
    await settle()
    expect(items()).toBe(4)
    await say([9, 1, 10, 1_000_000])
    expect(items()).toBe(10)
  })

  it('of one stream leaves another its own', async () => {
    const { say, items } = await bare()
    await say([2, 1, 'count', 100], [2, 3, 'count', 100])
    expect(items()).toBe(8)
  })

  it('rests while the socket is behind, until it is drained', async () => {
    const { say, items, socket, events } = await bare()
    await say([2, 1, 'count', 1_000])
    socket.bufferedAmount = 70_000
    await say([9, 1, 1_000, 10_000_000])
    const resting = items()
    expect(resting).toBeLessThan(100)
    socket.bufferedAmount = 0
    events.drained()
    await settle()
    expect(items()).toBeGreaterThan(resting)
  })
})

describe('a feed', () => {
  it('returned bare and iterated by hand give the same values', async () => {
    const [bareFeed, byHand] = [
      (await api.feed('t'))[Symbol.asyncIterator](),
      (await api.byHand('t'))[Symbol.asyncIterator](),
    ]
    await settle()
    for (let at = 0; at < 100; at++) void bus.publish('t', { at })
    const expected = Array.from({ length: 100 }, (_, at) => ({ at }))
    expect(await take(bareFeed, 100)).toEqual(expected)
    expect(await take(byHand, 100)).toEqual(expected)
  })

  it('misses nothing published between the call of subscribe and the first pull', async () => {
    const iterator = (await api.feed('t'))[Symbol.asyncIterator]()
    await bus.publish('t', { at: 1 })
    expect(await take(iterator, 1)).toEqual([{ at: 1 }])
  })

  it('has its events validated: keys the schema does not know are left out', async () => {
    const iterator = (await api.feed('t'))[Symbol.asyncIterator]()
    await bus.publish('t', { at: 1, secret: 'kept' })
    expect(await take(iterator, 1)).toEqual([{ at: 1 }])
    expect(pair.frames.some(({ text }) => text.includes('secret'))).toBe(false)
  })

  it('with an event its schema refuses ends INTERNAL for each, and the topic lives', async () => {
    const [one, other] = [api.feed('t'), api.feed('t')].map(drain)
    await settle()
    await bus.publish('t', { at: 'x' })
    expect((await one)?.error).toMatchObject({ code: 'INTERNAL' })
    expect((await other)?.error).toMatchObject({ code: 'INTERNAL' })
    const iterator = (await api.feed('t'))[Symbol.asyncIterator]()
    await bus.publish('t', { at: 1 })
    expect(await take(iterator, 1)).toEqual([{ at: 1 }])
  })

  it('keeps its order though later items are validated sooner', async () => {
    const gates: (() => void)[] = []
    check = (value) => new Promise((resolve) => (value === 1 ? gates.push(() => resolve(true)) : resolve(true)))
    const iterator = (await api.slowlyChecked())[Symbol.asyncIterator]()
    for (const value of [1, 2, 3]) void bus.publish('numbers', value)
    await settle()
    for (const pass of gates) pass()
    expect(await take(iterator, 3)).toEqual([1, 2, 3])
  })

  it('ends behind the item that is being validated', async () => {
    let pass: () => void = () => {}
    check = () =>
      new Promise((resolve) => {
        pass = () => resolve(true)
      })
    const controller = new AbortController()
    own = controller.signal
    const result = drain(await api.slowlyChecked())
    void bus.publish('numbers', 1)
    await settle()
    controller.abort()
    await settle()
    pass()
    expect(await result).toEqual({ items: [1], error: undefined })
  })

  it('goes to two subscriptions of one connection, each whole', async () => {
    const [one, other] = [
      (await api.feed('t'))[Symbol.asyncIterator](),
      (await api.feed('t'))[Symbol.asyncIterator](),
    ] as const
    for (let at = 0; at < 50; at++) void bus.publish('t', { at })
    const expected = Array.from({ length: 50 }, (_, at) => ({ at }))
    expect(await take(one, 50)).toEqual(expected)
    expect(await take(other, 50)).toEqual(expected)
  })

  it('keeps with an event what it is for all subscribers, and not what it is for each', async () => {
    const offer = vi.spyOn(BufferedFeed.prototype, 'offer')
    const iterators = await Promise.all(
      Array.from({ length: 20 }, async () => (await api.feed('t'))[Symbol.asyncIterator]()),
    )
    await bus.publish('t', { at: 1 })
    for (const iterator of iterators) expect(await take(iterator, 1)).toEqual([{ at: 1 }])
    expect(offer.mock.calls[0]?.[0].encodings).toHaveLength(1)
  })

  it('goes on for the second when the first of one connection leaves, and for a third', async () => {
    const one = (await api.feed('t'))[Symbol.asyncIterator]()
    const other = (await api.feed('t'))[Symbol.asyncIterator]()
    void bus.publish('t', { at: 1 })
    await take(one, 1)
    await one.return?.()
    const third = (await api.feed('t'))[Symbol.asyncIterator]()
    void bus.publish('t', { at: 2 })
    expect(await take(other, 2)).toEqual([{ at: 1 }, { at: 2 }])
    expect(await take(third, 1)).toEqual([{ at: 2 }])
  })

  it('goes to many connections as byte-equal frames', async () => {
    const clients = Array.from({ length: 20 }, () => pair.createClient())
    const iterators = await Promise.all(clients.map(async ({ api }) => (await api.feed('t'))[Symbol.asyncIterator]()))
    const before = pair.frames.length
    await bus.publish('t', { at: 1 })
    await Promise.all(iterators.map((iterator) => take(iterator, 1)))
    const frames = pair.frames.slice(before).filter(({ from }) => from === 'server')
    expect(frames).toHaveLength(20)
    expect(new Set(frames.map(({ text }) => text)).size).toBe(1)
  })

  it('is closed when its consumer leaves, and with the session', async () => {
    for await (const _ of await startedFeed()) break
    await settle()
    expect(pair.server.stats().streams).toBe(0)
    await api.feed('t')
    expect(pair.server.stats().streams).toBe(1)
    pair.isReachable = false
    pair.cut()
    expect(pair.server.stats()).toMatchObject({ streams: 1, connections: 0, detached: 1 })
    await vi.advanceTimersByTimeAsync(61_000)
    expect(pair.server.stats()).toMatchObject({ streams: 0, sessions: 0 })
  })

  async function startedFeed() {
    const live = await api.feed('t')
    void bus.publish('t', { at: 1 })
    return live
  }

  it('that its handler ends, ends the loop behind the items before', async () => {
    const controller = new AbortController()
    own = controller.signal
    const result = drain(await api.slowlyChecked())
    for (const value of [1, 2, 3]) void bus.publish('numbers', value)
    await settle()
    controller.abort()
    expect(await result).toEqual({ items: [1, 2, 3], error: undefined })
  })
})

describe('a consumer that is too slow for a feed', () => {
  async function lag(events: number) {
    const gaps: Gap[] = []
    connection.on('gap', (gap) => gaps.push(gap))
    const iterator = (await api.feed('t'))[Symbol.asyncIterator]()
    for (let at = 0; at < events; at++) void bus.publish('t', { at })
    await settle()
    const seen = (await take(iterator, 256)) as { at: number }[]
    await settle()
    void bus.publish('t', { at: events })
    while (seen.at(-1)?.at !== events) seen.push((await iterator.next()).value as { at: number })
    oneConnection()
    return { seen: seen.map(({ at }) => at), gaps }
  }

  it('gets every event that the history holds, and hears nothing of SLOW_CONSUMER', async () => {
    bus = memoryPublisher({ history: 2_048 })
    // 256 go out on the first credit, 256 wait in the buffer, the next one is too much.
    const { seen, gaps } = await lag(1_500)
    expect(seen).toEqual(Array.from({ length: 1_501 }, (_, at) => at))
    expect(gaps).toEqual([])
  })

  it('misses nothing by default when it comes back at once', async () => {
    const { seen, gaps } = await lag(512)
    expect(gaps).toEqual([])
    expect(seen).toEqual(Array.from({ length: 513 }, (_, at) => at))
  })

  it('gets what the history still holds behind a gap', async () => {
    const { seen, gaps } = await lag(1_500)
    expect(gaps).toHaveLength(1)
    expect(seen).toHaveLength(256 + 256 + 1)
  })

  it('sees every event or is told of a gap, however far it lags', async () => {
    const gaps: Gap[] = []
    connection.on('gap', (gap) => gaps.push(gap))
    const iterator = (await api.feed('t'))[Symbol.asyncIterator]()
    for (let at = 0; at < 5_000; at++) void bus.publish('t', { at })
    await settle()
    const seen: number[] = []
    const last = (async () => {
      while (seen.at(-1) !== 9_999) seen.push(((await iterator.next()).value as { at: number }).at)
    })()
    await settle()
    void bus.publish('t', { at: 9_999 })
    await settle()
    await last
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(gaps.length).toBeGreaterThan(0)
    expect(pair.server.stats().streams).toBe(1)
  })

  it('is opened again a few times, not in a loop', async () => {
    await api.feed('t')
    for (let round = 0; round < 20; round++) {
      for (let at = 0; at < 1_000; at++) void bus.publish('t', { at })
      await vi.advanceTimersByTimeAsync(1_000)
    }
    const opens = pair.frames.filter(({ from, text }) => from === 'client' && /\[2,\d+,"feed"/.test(text))
    expect(opens.length).toBeLessThanOrEqual(2)
  })
})

describe('a generator with ids', () => {
  it('is opened again behind the last event received', async () => {
    const starts: (string | undefined)[] = []
    const ids = createPair(
      implement(router({ ticks: subscription({ output: unchecked<number>() }) })).handlers({
        ticks: async function* ({ lastEventId, signal }) {
          starts.push(lastEventId)
          for (let at = Number(lastEventId ?? 0) + 1; at <= Number(lastEventId ?? 0) + 3; at++)
            yield event(at, { id: String(at) })
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
        },
      }),
      { resume: false },
    )
    const gaps: Gap[] = []
    const client = ids.createClient()
    client.connection.on('gap', (gap) => gaps.push(gap))
    const iterator = client.api.ticks()[Symbol.asyncIterator]()
    expect(await take(iterator, 3)).toEqual([1, 2, 3])
    ids.cut()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await take(iterator, 3)).toEqual([4, 5, 6])
    expect(starts).toEqual([undefined, '3'])
    expect(gaps).toEqual([])
    await ids.close()
  })
})
