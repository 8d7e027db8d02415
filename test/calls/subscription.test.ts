import { event, type Gap, query, router, subscription, type as unchecked } from 'trunkline'
import { createClient, type WebSocketConstructor } from 'trunkline/client'
import { implement, memoryPublisher } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const contract = router({
  count: subscription({ input: unchecked<number>(), output: unchecked<number>() }),
  numbered: subscription({ input: unchecked<number>(), output: unchecked<number>() }),
  feed: subscription({ output: unchecked<number>() }),
  newest: subscription({ output: unchecked<number>() }),
  fails: subscription({ output: unchecked<number>() }),
  ping: query(),
})

let bus = memoryPublisher()
let log: string[] = []
let pulled = 0
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
  numbered: async function* ({ input, lastEventId }) {
    for (let at = Number(lastEventId ?? 0) + 1; at <= input; at++) yield event(at, { id: String(at) })
  },
  feed: ({ signal, lastEventId }) => bus.subscribe('feed', { signal, lastEventId }) as AsyncIterable<number>,
  newest: ({ signal }) => bus.subscribe('feed', { signal, policy: 'latest' }) as AsyncIterable<number>,
  fails: async function* () {
    yield 1
    yield 2
    throw new Error('behind two items')
  },
  ping: () => {},
})

let pair = createPair(app)
let { api, connection } = pair.createClient()

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  bus = memoryPublisher()
  log = []
  pulled = 0
  pair = createPair(app, { onError: () => {} })
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

async function take<Item>(iterator: AsyncIterator<Item>, count: number): Promise<Item[]> {
  const items: Item[] = []
  while (items.length < count) items.push((await iterator.next()).value)
  return items
}

describe('a loop', () => {
  it('gets every item in order, then ends', async () => {
    const items: number[] = []
    for await (const item of api.count(1_000)) items.push(item)
    expect(items).toEqual(Array.from({ length: 1_000 }, (_, at) => at + 1))
    expect(connection.stats().streams).toBe(0)
  })

  it('gets the items before an error, then the error', async () => {
    const items: number[] = []
    const loop = (async () => {
      for await (const item of api.fails()) items.push(item)
    })()
    await expect(loop).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(items).toEqual([1, 2])
  })

  it('that begins late gets the items before the error too', async () => {
    const live = await api.fails()
    await settle()
    const iterator = live[Symbol.asyncIterator]()
    expect(await take(iterator, 2)).toEqual([1, 2])
    await expect(iterator.next()).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  it.each([
    [
      'break',
      async () => {
        for await (const item of api.count(1_000_000)) if (item === 5) break
      },
    ],
    [
      'return',
      async () => {
        for await (const item of api.count(1_000_000)) if (item === 5) return
      },
    ],
    [
      'throw',
      async () => {
        for await (const item of api.count(1_000_000)) if (item === 5) throw new Error('mine')
      },
    ],
  ])('that ends with %s unsubscribes: the signal aborts, then finally runs', async (_how, loop) => {
    await loop().catch(({ message }) => expect(message).toBe('mine'))
    await settle()
    expect(log).toEqual(['abort', 'finally'])
    expect(pair.server.stats()).toMatchObject({ calls: 0, streams: 0 })
  })

  it('that has left is sent nothing more', async () => {
    for await (const item of api.count(1_000_000)) if (item === 5) break
    await settle()
    const before = pair.frames.length
    await api.ping()
    await settle()
    expect(pair.frames.slice(before).map(({ text }) => JSON.parse(text)[0])).toEqual([2, 3])
  })
})

describe('an iterator', () => {
  it('serves concurrent next() in order', async () => {
    const iterator = api.count(3)[Symbol.asyncIterator]()
    const results = await Promise.all([1, 2, 3, 4, 5].map(() => iterator.next()))
    expect(results.map(({ value, done }) => (done ? 'done' : value))).toEqual([1, 2, 3, 'done', 'done'])
  })

  it('gives an error to the first who waits, and done to the others', async () => {
    const iterator = api.fails()[Symbol.asyncIterator]()
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => iterator.next()))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect(results[3]).toMatchObject({ value: { done: true } })
  })

  it('that returns ends those who wait quietly', async () => {
    const iterator = (await api.feed())[Symbol.asyncIterator]()
    const waiting = iterator.next()
    await iterator.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  it('can return twice', async () => {
    const iterator = (await api.feed())[Symbol.asyncIterator]()
    await iterator.return?.()
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
    await settle()
    expect(pair.frames.filter(({ text }) => text.startsWith('[10,'))).toHaveLength(1)
  })
})

describe('an aborted signal', () => {
  it('ends the loop with CANCELLED at once, and tells the server', async () => {
    const controller = new AbortController()
    const iterator = (await api.count(1_000_000, { signal: controller.signal }))[Symbol.asyncIterator]()
    await take(iterator, 3)
    controller.abort()
    await expect(iterator.next()).rejects.toMatchObject({ code: 'CANCELLED' })
    await settle()
    expect(log).toEqual(['abort', 'finally'])
  })

  it('ends a loop that waits', async () => {
    const controller = new AbortController()
    const iterator = (await api.feed(undefined, { signal: controller.signal }))[Symbol.asyncIterator]()
    const waiting = iterator.next()
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it('that comes before the accept refuses the subscription', async () => {
    const controller = new AbortController()
    const pending = api.feed(undefined, { signal: controller.signal })
    controller.abort()
    await expect(pending).rejects.toMatchObject({ code: 'CANCELLED', delivery: 'not-run' })
  })
})

describe('credit', () => {
  it('lets at most 256 items be ahead of a consumer that stops', async () => {
    await api.count(1_000_000)
    await settle()
    await settle()
    expect(pulled).toBe(256)
  })

  it('is renewed when half of the window was read', async () => {
    const iterator = (await api.count(1_000_000))[Symbol.asyncIterator]()
    await settle()
    await take(iterator, 127)
    await settle()
    expect(pulled).toBe(256)
    await take(iterator, 1)
    await settle()
    expect(pulled).toBe(384)
  })

  it('grows to 4096 items while the consumer keeps up', async () => {
    const iterator = (await api.count(1_000_000))[Symbol.asyncIterator]()
    let ahead = 0
    for (let at = 1; at <= 40_000; at++) await iterator.next()
    await settle()
    ahead = pulled - 40_000
    expect(ahead).toBeGreaterThan(2_000)
    expect(ahead).toBeLessThanOrEqual(4_096)
  })

  it('does not grow for a consumer that lags', async () => {
    const iterator = (await api.count(1_000_000))[Symbol.asyncIterator]()
    for (let read = 0; read < 2_000; read += 100) {
      await settle()
      expect(pulled - read).toBeLessThanOrEqual(256)
      await take(iterator, 100)
    }
  })

  it('counts bytes for large items', async () => {
    const large = router({ blobs: subscription({ output: unchecked<string>() }) })
    let made = 0
    const sender = createPair(
      implement(large).handlers({
        blobs: async function* () {
          for (;;) {
            made++
            yield 'x'.repeat(64 * 1024)
          }
        },
      }),
    )
    const iterator = (await sender.createClient().api.blobs())[Symbol.asyncIterator]()
    await settle()
    expect(made).toBe(4)
    await take(iterator, 4)
    await settle()
    expect(made).toBeGreaterThan(6)
    await sender.close()
  })

  it('of one stream holds up neither another nor a call', async () => {
    await api.count(1_000_000)
    await settle()
    const items: number[] = []
    for await (const item of api.count(600)) items.push(item)
    expect(items).toHaveLength(600)
    await api.ping()
  })
})

describe('processedId', () => {
  it('is the id of the last event the loop has finished with', async () => {
    const live = await api.numbered(3)
    const iterator = live[Symbol.asyncIterator]()
    expect(live.processedId).toBeUndefined()
    await iterator.next()
    expect(live.processedId).toBeUndefined()
    await iterator.next()
    expect(live.processedId).toBe('1')
    await iterator.return?.()
    expect(live.processedId).toBe('2')
  })

  it('is the last one after the end', async () => {
    const live = await api.numbered(3)
    for await (const _ of live);
    expect(live.processedId).toBe('3')
  })
})

describe('lastEventId', () => {
  it('continues behind it', async () => {
    const items: number[] = []
    for await (const item of api.numbered(5, { lastEventId: '3' })) items.push(item)
    expect(items).toEqual([4, 5])
  })

  it('of a feed continues behind it', async () => {
    const first = await bus.publish('feed', 1)
    await bus.publish('feed', 2)
    await bus.publish('feed', 3)
    const iterator = (await api.feed(undefined, { lastEventId: first }))[Symbol.asyncIterator]()
    expect(await take(iterator, 2)).toEqual([2, 3])
  })
})

describe('a gap', () => {
  const foreign = { lastEventId: 'another-epoch.1' }

  it('is an event of the connection and tells the call', async () => {
    const seen: Gap[] = []
    const told: Gap[] = []
    connection.on('gap', (gap) => seen.push(gap))
    const live = await api.feed(undefined, { ...foreign, onGap: (gap) => told.push(gap) })
    await bus.publish('feed', 1)
    expect(await take(live[Symbol.asyncIterator](), 1)).toEqual([1])
    expect(seen).toEqual([{ path: 'feed', reason: 'history', lastEventId: 'another-epoch.1' }])
    expect(told).toEqual(seen)
  })

  it("ends the loop with GAP when onGap is 'error', and unsubscribes", async () => {
    const iterator = api.feed(undefined, { ...foreign, onGap: 'error' })[Symbol.asyncIterator]()
    await expect(iterator.next()).rejects.toMatchObject({ code: 'GAP' })
    expect(await iterator.next()).toMatchObject({ done: true })
    await settle()
    expect(pair.server.stats().streams).toBe(0)
  })

  it('of a source that does not read lastEventId has the reason source', async () => {
    const seen: Gap[] = []
    connection.on('gap', (gap) => seen.push(gap))
    const live = await api.count(3, { lastEventId: '2' })
    for await (const _ of live);
    expect(seen).toMatchObject([{ path: 'count', reason: 'source' }])
  })

  it('told to an onGap that throws harms no other call', async () => {
    const others = process.listeners('uncaughtException')
    const crashes: unknown[] = []
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => crashes.push(error))
    const mistake = new Error('in onGap')
    const onGap = () => {
      throw mistake
    }
    const live = await api.feed(undefined, { ...foreign, onGap })
    await bus.publish('feed', 1)
    expect(await take(live[Symbol.asyncIterator](), 1)).toEqual([1])
    await api.ping()
    process.removeAllListeners('uncaughtException')
    for (const listener of others) process.on('uncaughtException', listener)
    expect(crashes).toEqual([mistake])
  })

  it('does not arise for a break before the first event of a feed', async () => {
    const seen: Gap[] = []
    connection.on('gap', (gap) => seen.push(gap))
    const iterator = (await api.feed())[Symbol.asyncIterator]()
    pair.cut()
    await bus.publish('feed', 1)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await take(iterator, 1)).toEqual([1])
    expect(seen).toEqual([])
  })
})

/** A server of frames, played by the test. */
class ScriptedSocket {
  static made: ScriptedSocket[] = []
  onopen: (() => void) | undefined
  onmessage: ((event: { data: string }) => void) | undefined
  onclose: ((event: { code: number; reason: string }) => void) | undefined
  readonly bufferedAmount = 0
  readonly sent: unknown[][] = []

  constructor() {
    ScriptedSocket.made.push(this)
  }

  send(text: string): void {
    const frame = JSON.parse(text)
    this.sent.push(...(Array.isArray(frame[0]) ? frame : [frame]))
  }

  close(code: number): void {
    queueMicrotask(() => this.onclose?.({ code, reason: '' }))
  }

  say(...messages: unknown[]): void {
    this.onmessage?.({ data: JSON.stringify(messages) })
  }

  opens(): unknown[][] {
    return this.sent.filter(([type]) => type === 2)
  }
}

describe('against a scripted server', () => {
  const lastSocket = () => ScriptedSocket.made.at(-1) as ScriptedSocket

  async function connected() {
    ScriptedSocket.made = []
    const client = createClient<typeof contract>({
      url: 'ws://a.test',
      WebSocket: ScriptedSocket as unknown as WebSocketConstructor,
      eager: true,
    })
    await settle()
    await welcome()
    return client
  }

  async function welcome(): Promise<void> {
    lastSocket().onopen?.()
    lastSocket().onmessage?.({ data: '[1,{"connection":"c","session":"new"}]' })
    await settle()
  }

  it('a gap between items comes to the loop in its place', async () => {
    const client = await connected()
    const log: unknown[] = []
    const pending = client.api.feed(undefined, { onGap: ({ lastEventId }) => log.push(`gap ${lastEventId}`) })
    await settle()
    lastSocket().say([5, 1, 9], [6, 9, 1, 'a'], [7, 9, { reason: 'dropped' }], [6, 9, 2, 'b'], [8, 1])
    for await (const item of pending) log.push(item)
    expect(log).toEqual([1, 'gap a', 2])
    await client.connection.close()
  })

  it.each([
    ['ends before it was accepted', [8, 1]],
    [
      'is answered like a query after it was accepted',
      [
        [5, 1, 9],
        [3, 1, 'x'],
      ],
    ],
  ])('what %s fails, and nothing is left pending', async (_name, messages) => {
    const client = await connected()
    const pending = client.api.feed()
    const loop = (async () => {
      for await (const _ of pending);
    })()
    await settle()
    lastSocket().onmessage?.({ data: JSON.stringify(messages) })
    await expect(loop).rejects.toMatchObject({ code: 'INTERNAL' })
    await client.connection.close()
  })

  it("a gap before the end still ends the loop with GAP when onGap is 'error'", async () => {
    const client = await connected()
    const pending = client.api.feed(undefined, { onGap: 'error' })
    await settle()
    lastSocket().say([5, 1, 9], [6, 9, 1, 'a'], [7, 9, { reason: 'dropped' }], [6, 9, 2, 'b'], [8, 1])
    const items: number[] = []
    const loop = (async () => {
      for await (const item of pending) items.push(item)
    })()
    await expect(loop).rejects.toMatchObject({ code: 'GAP' })
    expect(items).toEqual([1])
    await client.connection.close()
  })

  it('SLOW_CONSUMER is opened again behind the last event once the loop has caught up', async () => {
    const client = await connected()
    const iterator = client.api.feed()[Symbol.asyncIterator]()
    await settle()
    lastSocket().say([5, 1, 9, 'p'], [6, 9, 1, 'a'], [6, 9, 2, 'b'], [4, 1, 'SLOW_CONSUMER', ''])
    expect(await take(iterator, 1)).toEqual([1])
    await settle()
    expect(lastSocket().opens()).toHaveLength(1)
    expect(await take(iterator, 1)).toEqual([2])
    await settle()
    expect(lastSocket().opens()[1]).toEqual([
      2,
      3,
      'feed',
      null,
      expect.objectContaining({ lastEventId: 'b' }),
      [['undefined']],
    ])
    lastSocket().say([5, 3, 10, 'q'], [6, 10, 3, 'c'])
    expect(await take(iterator, 1)).toEqual([3])
    await client.connection.close()
  })

  it('SLOW_CONSUMER behind a gap is opened again when the loop has come to it', async () => {
    const client = await connected()
    const iterator = client.api.feed()[Symbol.asyncIterator]()
    await settle()
    lastSocket().say([5, 1, 9], [6, 9, 1, 'a'], [7, 9, { reason: 'dropped' }], [4, 1, 'SLOW_CONSUMER', ''])
    expect(await take(iterator, 1)).toEqual([1])
    const waiting = take(iterator, 1)
    await settle()
    expect(lastSocket().opens()[1]?.[4]).toMatchObject({ lastEventId: 'a' })
    lastSocket().say([5, 3, 10], [6, 10, 2, 'b'])
    expect(await waiting).toEqual([2])
    await client.connection.close()
  })

  it('SLOW_CONSUMER without any id is the error of the loop', async () => {
    const client = await connected()
    const iterator = client.api.count(1)[Symbol.asyncIterator]()
    await settle()
    lastSocket().say([5, 1, 9], [6, 9, 1], [4, 1, 'SLOW_CONSUMER', ''])
    await take(iterator, 1)
    await expect(iterator.next()).rejects.toMatchObject({ code: 'SLOW_CONSUMER' })
    await client.connection.close()
  })

  it('SLOW_CONSUMER and then a lost connection opens it once', async () => {
    const client = await connected()
    const iterator = client.api.feed()[Symbol.asyncIterator]()
    await settle()
    lastSocket().say([5, 1, 9, 'p'], [6, 9, 1, 'a'], [6, 9, 2, 'b'], [4, 1, 'SLOW_CONSUMER', ''])
    expect(await take(iterator, 1)).toEqual([1])
    lastSocket().onclose?.({ code: 1006, reason: '' })
    await vi.advanceTimersByTimeAsync(500)
    await welcome()
    const [, id] = lastSocket().opens()[0] as [number, number]
    lastSocket().say([5, id, 4, 'q'])
    expect(await take(iterator, 1)).toEqual([2])
    await settle()
    const cancelled = lastSocket().sent.filter(([type]) => type === 10).length
    expect(lastSocket().opens().length - cancelled).toBe(1)
    await client.connection.close()
  })

  it('a gap that waits takes no room of what is opened again', async () => {
    const client = await connected()
    const iterator = client.api.feed(undefined, { credit: 1 })[Symbol.asyncIterator]()
    await settle()
    lastSocket().say([5, 1, 9, 'p'], [6, 9, 1, 'a'], [7, 9, { reason: 'dropped' }])
    lastSocket().onclose?.({ code: 1006, reason: '' })
    await vi.advanceTimersByTimeAsync(500)
    await welcome()
    const [, id, , , { credit }] = lastSocket().opens()[0] as [number, number, string, null, { credit: unknown }]
    expect(credit).toEqual([0, 0])
    lastSocket().say([5, id, 4, 'q'])
    expect(await take(iterator, 1)).toEqual([1])
    await settle()
    expect(lastSocket().sent.filter(([type]) => type === 9)).toEqual([[9, id, 1, 1_024]])
    await client.connection.close()
  })

  it('the first credit of a repeat is what the loop has room for', async () => {
    const client = await connected()
    const iterator = client.api.feed()[Symbol.asyncIterator]()
    await settle()
    lastSocket().say([5, 1, 9, 'p'], ...Array.from({ length: 100 }, (_, at) => [6, 9, at, `${at}`]))
    await take(iterator, 10)
    lastSocket().onclose?.({ code: 1006, reason: '' })
    await vi.advanceTimersByTimeAsync(500)
    await welcome()
    expect(lastSocket().opens()[0]?.[4]).toEqual({
      repeat: true,
      lastEventId: '99',
      credit: [166, 166 * 1_024],
    })
    await client.connection.close()
  })
})

describe('credit', () => {
  it('of a few items, from a source that keeps the newest: a loop that rests finds no more than those old', async () => {
    const live = await api.newest(undefined, { credit: 4 })
    const iterator = live[Symbol.asyncIterator]()
    for (const last of [1_000, 2_000, 3_000]) {
      // In one turn: nothing is read meanwhile.
      for (let at = last - 999; at <= last; at++) void bus.publish('feed', at)
      await settle()
      const items: number[] = []
      while (items.at(-1) !== last) items.push(...(await take(iterator, 1)))
      expect(items.length).toBeLessThanOrEqual(5)
      expect(items[0]).toBe(last - 999)
    }
  })

  it('of a few items is stated with the open, and a faster loop gets no more', async () => {
    const iterator = api.count(1_000, { credit: 4 })[Symbol.asyncIterator]()
    await settle()
    expect(pulled).toBe(4)
    for (let at = 1; at <= 900; at++) expect(await take(iterator, 1)).toEqual([at])
    await settle()
    expect(pulled).toBeLessThanOrEqual(904)
    await iterator.return?.()
  })

  it.each([0, -1, 1.5, Number.NaN])('%j is a mistake', (credit) => {
    expect(() => api.feed(undefined, { credit })).toThrow(TypeError)
  })
})
