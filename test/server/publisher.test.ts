import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RpcError } from '../../packages/trunkline/src/protocol/error.ts'
import {
  type Feed,
  type FeedEntry,
  type FeedSink,
  feedMark,
  latestBy,
} from '../../packages/trunkline/src/server/feed.ts'
import {
  memoryPublisher,
  type Publisher,
  type SubscribeFeedOptions,
} from '../../packages/trunkline/src/server/publisher.ts'

/** A consumer that writes down what it gets: `3`, `gap: history`, `end`. */
class Sink implements FeedSink {
  readonly log: unknown[] = []
  readonly ids: string[] = []
  takes = Number.POSITIVE_INFINITY

  ready(): boolean {
    return this.takes > 0
  }

  deliver({ id, value }: FeedEntry): void {
    this.takes--
    this.ids.push(id)
    this.log.push(value)
  }

  gap(reason: string): void {
    this.log.push(`gap: ${reason}`)
  }

  end(): void {
    this.log.push('end')
  }

  fail(error: unknown): void {
    this.log.push(`fail: ${(error as RpcError).code}`)
  }
}

const follow = (feed: Feed<unknown>, takes = Number.POSITIVE_INFINITY): Sink => {
  const sink = new Sink()
  sink.takes = takes
  feed[feedMark].attach(sink)
  return sink
}

/** Lets what is awaited settle. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

type Bus = Publisher

/** What a subscriber with these options gets at once. */
function resumed(bus: Bus, topic: string, options: SubscribeFeedOptions): unknown[] {
  const feed = bus.subscribe(topic, options)
  const { log } = follow(feed)
  feed[feedMark].close()
  return log.filter((line) => line !== 'end')
}

describe('publish and subscribe', () => {
  it('a subscriber gets what is published to its topic, in order, and nothing else', async () => {
    const bus = memoryPublisher()
    const a = follow(bus.subscribe('a'))
    const b = follow(bus.subscribe('b'))
    await bus.publish('a', 1)
    await bus.publish('b', 2)
    await bus.publish('a', 3)
    expect(a.log).toEqual([1, 3])
    expect(b.log).toEqual([2])
  })

  it('registers when it is called, not at the first pull', async () => {
    const bus = memoryPublisher()
    const feed = bus.subscribe('a')
    await bus.publish('a', 1)
    const iterator = feed[Symbol.asyncIterator]()
    await bus.publish('a', 2)
    expect((await iterator.next()).value).toBe(1)
    expect((await iterator.next()).value).toBe(2)
    await iterator.return?.()
  })

  it('a subscriber without lastEventId gets nothing of the past', async () => {
    const bus = memoryPublisher()
    await bus.publish('a', 1)
    expect(follow(bus.subscribe('a')).log).toEqual([])
  })

  it('names of topics are any text', async () => {
    const bus = memoryPublisher()
    for (const topic of ['__proto__', 'constructor', 'toString', '']) {
      const { log } = follow(bus.subscribe(topic))
      await bus.publish(topic, topic)
      expect(log).toEqual([topic])
    }
  })

  it.each([undefined, null, 5, {}])('a topic that is no text is refused: %s', (topic) => {
    const bus = memoryPublisher()
    expect(() => bus.subscribe(topic as never)).toThrow(TypeError)
    expect(() => bus.publish(topic as never, 1)).toThrow(TypeError)
  })

  it('undefined is a value', async () => {
    const bus = memoryPublisher()
    const iterator = bus.subscribe('a')[Symbol.asyncIterator]()
    const next = iterator.next()
    await bus.publish('a', undefined)
    expect(await next).toEqual({ done: false, value: undefined })
    await iterator.return?.()
  })

  it.each([{ history: -1 }, { history: 1.5 }, { maxAgeMs: -1 }, { maxAgeMs: Number.NaN }])(
    'options that are no counts are refused: %o',
    (options) => {
      expect(() => memoryPublisher(options)).toThrow(TypeError)
    },
  )

  it('a bufferItems that is no count is refused', () => {
    expect(() => memoryPublisher().subscribe('a', { bufferItems: -1 })).toThrow(TypeError)
  })

  it('a policy that does not exist is refused', () => {
    expect(() => memoryPublisher().subscribe('a', { policy: 'drop' as never })).toThrow(TypeError)
  })
})

describe('ids', () => {
  it('publish gives the id that subscribers get', async () => {
    const bus = memoryPublisher()
    const { ids } = follow(bus.subscribe('a'))
    const given = [await bus.publish('a', 1), await bus.publish('a', 2)]
    expect(ids).toEqual(given)
    expect(new Set(given).size).toBe(2)
  })

  it('have the epoch of their publisher: those of two differ', async () => {
    const [first, second] = [memoryPublisher(), memoryPublisher()]
    expect(await first.publish('a', 1)).not.toBe(await second.publish('a', 1))
  })

  it('are not given twice, across topics and after a topic was forgotten', async () => {
    const bus = memoryPublisher({ history: 0 })
    const ids = new Set<string>()
    for (let round = 0; round < 10; round++) ids.add(await bus.publish(`topic ${round % 3}`, round))
    expect(ids.size).toBe(10)
  })
})

describe('resume', () => {
  it('continues behind the id', async () => {
    const bus = memoryPublisher()
    const ids: string[] = []
    for (const value of [1, 2, 3, 4]) ids.push(await bus.publish('a', value))
    expect(resumed(bus, 'a', { lastEventId: ids[1] })).toEqual([3, 4])
    expect(resumed(bus, 'a', { lastEventId: ids[3] })).toEqual([])
  })

  it('goes on with what is published afterwards', async () => {
    const bus = memoryPublisher()
    const id = await bus.publish('a', 1)
    await bus.publish('a', 2)
    const feed = bus.subscribe('a', { lastEventId: id })
    await bus.publish('a', 3)
    const { log } = follow(feed)
    await bus.publish('a', 4)
    expect(log).toEqual([2, 3, 4])
  })

  it('works from the position, before any event was received', async () => {
    const bus = memoryPublisher()
    await bus.publish('b', 0)
    const { position } = bus.subscribe('a')[feedMark]
    await bus.publish('a', 1)
    await bus.publish('b', 2)
    await bus.publish('a', 3)
    expect(resumed(bus, 'a', { lastEventId: position })).toEqual([1, 3])
  })

  it('works from the position of a publisher that has never published', async () => {
    const bus = memoryPublisher()
    const { position } = bus.subscribe('a')[feedMark]
    await bus.publish('a', 1)
    expect(resumed(bus, 'a', { lastEventId: position })).toEqual([1])
  })

  it('works any number of times in a row, without a gap or a double', async () => {
    const bus = memoryPublisher()
    const got: unknown[] = []
    let lastEventId = bus.subscribe('a')[feedMark].position
    for (let round = 0; round < 50; round++) {
      await bus.publish('a', round)
      const feed = bus.subscribe('a', { lastEventId })
      const sink = follow(feed)
      got.push(...sink.log)
      lastEventId = sink.ids.at(-1) ?? lastEventId
      feed[feedMark].close()
    }
    expect(got).toEqual(Array.from({ length: 50 }, (_, round) => round))
  })

  it.each([
    ['of another publisher', 'V1StGXR8_Z.1'],
    ['empty', ''],
    ['of no form', '17'],
    ['of a name of Object.prototype', '__proto__'],
  ])('an id %s is answered by a gap, then by all there is', async (_name, lastEventId) => {
    const bus = memoryPublisher()
    await bus.publish('a', 1)
    const { log } = follow(bus.subscribe('a', { lastEventId }))
    await bus.publish('a', 2)
    expect(log).toEqual(['gap: history', 1, 2])
  })

  it('an id that was not given yet is answered by a gap', async () => {
    const bus = memoryPublisher()
    const id = await bus.publish('a', 1)
    const epoch = id.slice(0, id.lastIndexOf('.'))
    for (const tail of ['2', '99999999999', '1.5', '-1', 'x', '1e400']) {
      expect(resumed(bus, 'a', { lastEventId: `${epoch}.${tail}` })).toEqual(['gap: history', 1])
    }
  })

  it('an id that the history no longer has is answered by a gap', async () => {
    const bus = memoryPublisher({ history: 2 })
    const ids: string[] = []
    for (const value of [1, 2, 3, 4]) ids.push(await bus.publish('a', value))
    expect(resumed(bus, 'a', { lastEventId: ids[0] })).toEqual(['gap: history', 3, 4])
    // Both that the history has were published behind this one.
    expect(resumed(bus, 'a', { lastEventId: ids[1] })).toEqual([3, 4])
  })

  it('a position before what the history has dropped is answered by a gap', async () => {
    const bus = memoryPublisher({ history: 1 })
    const { position } = bus.subscribe('a')[feedMark]
    await bus.publish('a', 1)
    await bus.publish('a', 2)
    expect(resumed(bus, 'a', { lastEventId: position })).toEqual(['gap: history', 2])
  })

  it('the history is bounded by topic', async () => {
    const bus = memoryPublisher({ history: 2 })
    const first = await bus.publish('a', 1)
    for (let index = 0; index < 10; index++) await bus.publish('b', index)
    await bus.publish('a', 2)
    expect(resumed(bus, 'a', { lastEventId: first })).toEqual([2])
  })

  it('without history continues only where nothing was published since', async () => {
    const bus = memoryPublisher({ history: 0 })
    const id = await bus.publish('a', 1)
    expect(resumed(bus, 'a', { lastEventId: id })).toEqual([])
    await bus.publish('a', 2)
    expect(resumed(bus, 'a', { lastEventId: id })).toEqual(['gap: history'])
  })

  it('more events than the buffer holds come from the history without being slow', async () => {
    const bus = memoryPublisher()
    const { position } = bus.subscribe('a')[feedMark]
    for (let value = 0; value < 100; value++) await bus.publish('a', value)
    const feed = bus.subscribe('a', { lastEventId: position, bufferItems: 2 })
    await bus.publish('a', 100)
    expect(follow(feed).log).toEqual(Array.from({ length: 101 }, (_, value) => value))
  })
})

describe('maxAgeMs', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'setInterval'] }))
  afterEach(() => vi.useRealTimers())

  it('keeps events for so long', async () => {
    const bus = memoryPublisher({ maxAgeMs: 10_000 })
    const id = await bus.publish('a', 1)
    await bus.publish('a', 2)
    vi.advanceTimersByTime(9_999)
    expect(resumed(bus, 'a', { lastEventId: id })).toEqual([2])
  })

  it('forgets events that are half as old again, and says so', async () => {
    const bus = memoryPublisher({ maxAgeMs: 10_000 })
    const id = await bus.publish('a', 1)
    await bus.publish('a', 2)
    vi.advanceTimersByTime(15_001)
    expect(resumed(bus, 'a', { lastEventId: id })).toEqual(['gap: history'])
  })

  it('keeps the younger ones', async () => {
    const bus = memoryPublisher({ maxAgeMs: 10_000 })
    const first = await bus.publish('a', 1)
    const second = await bus.publish('a', 2)
    vi.advanceTimersByTime(9_000)
    await bus.publish('a', 3)
    vi.advanceTimersByTime(7_000)
    expect(resumed(bus, 'a', { lastEventId: first })).toEqual(['gap: history', 3])
    expect(resumed(bus, 'a', { lastEventId: second })).toEqual([3])
  })

  it('forgets a topic that nobody uses, and its ids are answered by a gap', async () => {
    const bus = memoryPublisher({ maxAgeMs: 10_000 })
    const id = await bus.publish('gone', 1)
    await bus.publish('gone', 2)
    vi.advanceTimersByTime(20_000)
    await bus.publish('other', 1)
    expect(resumed(bus, 'gone', { lastEventId: id })).toEqual(['gap: history'])
  })

  it('a position that is newer than all that was forgotten continues', async () => {
    const bus = memoryPublisher({ maxAgeMs: 10_000 })
    await bus.publish('a', 1)
    const position = await bus.publish('a', 2)
    vi.advanceTimersByTime(20_000)
    await bus.publish('other', 1)
    expect(resumed(bus, 'a', { lastEventId: position })).toEqual([])
  })

  it('keeps a topic that has a subscriber', async () => {
    const bus = memoryPublisher({ maxAgeMs: 10_000 })
    const { log } = follow(bus.subscribe('a'))
    vi.advanceTimersByTime(60_000)
    await bus.publish('b', 1)
    vi.advanceTimersByTime(60_000)
    await bus.publish('a', 2)
    expect(log).toEqual([2])
  })

  it('needs no timer', () => {
    const bus = memoryPublisher()
    bus.subscribe('a')
    bus.publish('a', 1)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('policies', () => {
  const slow = (bus: Bus, options: SubscribeFeedOptions<never>): Sink => follow(bus.subscribe('a', options as never), 0)

  function wake(sink: Sink, feed: Feed<unknown>): void {
    sink.takes = Number.POSITIVE_INFINITY
    feed[feedMark].wake()
  }

  it('end, the default: ends with SLOW_CONSUMER when 256 events wait', async () => {
    const bus = memoryPublisher()
    const sink = slow(bus, {})
    for (let value = 0; value < 255; value++) await bus.publish('a', value)
    expect(sink.log).toEqual([])
    await bus.publish('a', 255)
    expect(sink.log).toEqual(['fail: SLOW_CONSUMER'])
  })

  it('end: the events that were lost are in the history', async () => {
    const bus = memoryPublisher()
    const first = await bus.publish('a', 0)
    slow(bus, { bufferItems: 1 })
    for (const value of [1, 2, 3]) await bus.publish('a', value)
    expect(resumed(bus, 'a', { lastEventId: first })).toEqual([1, 2, 3])
  })

  it('latest: the newest only', async () => {
    const bus = memoryPublisher()
    const feed = bus.subscribe('a', { policy: 'latest' })
    const sink = follow(feed, 0)
    for (const value of [1, 2, 3]) await bus.publish('a', value)
    wake(sink, feed)
    expect(sink.log).toEqual([3])
  })

  it('latestBy: the newest of each key', async () => {
    const bus = memoryPublisher<{ a: { player: string; at: number } }>()
    const feed = bus.subscribe('a', { policy: latestBy((move: { player: string }) => move.player) })
    const sink = follow(feed, 0)
    await bus.publish('a', { player: 'x', at: 1 })
    await bus.publish('a', { player: 'y', at: 1 })
    await bus.publish('a', { player: 'x', at: 2 })
    wake(sink, feed)
    expect(sink.log).toEqual([
      { player: 'y', at: 1 },
      { player: 'x', at: 2 },
    ])
  })

  it('drop-oldest: a gap, then the newest', async () => {
    const bus = memoryPublisher()
    const feed = bus.subscribe('a', { policy: 'drop-oldest', bufferItems: 2 })
    const sink = follow(feed, 0)
    for (const value of [1, 2, 3, 4]) await bus.publish('a', value)
    wake(sink, feed)
    expect(sink.log).toEqual(['gap: dropped', 3, 4])
  })

  it('pause: publish waits for room, and its event comes in its place', async () => {
    const bus = memoryPublisher()
    const feed = bus.subscribe('a', { policy: 'pause', bufferItems: 2 })
    const sink = follow(feed, 0)
    const published: number[] = []
    for (const value of [1, 2, 3, 4]) bus.publish('a', value).then(() => published.push(value))
    await turn()
    expect(published).not.toContain(3)
    sink.takes = 1
    feed[feedMark].wake()
    await turn()
    expect(published).toContain(3)
    expect(published).not.toContain(4)
    wake(sink, feed)
    await turn()
    expect(published).toEqual([1, 2, 3, 4])
    expect(sink.log).toEqual([1, 2, 3, 4])
  })

  it('pause: other subscribers wait too, and get the same order', async () => {
    const bus = memoryPublisher()
    const paused = bus.subscribe('a', { policy: 'pause', bufferItems: 1 })
    const sink = follow(paused, 0)
    const other = follow(bus.subscribe('a'))
    for (const value of [1, 2, 3]) bus.publish('a', value)
    expect(other.log).toEqual([1])
    wake(sink, paused)
    expect(other.log).toEqual([1, 2, 3])
  })

  it('pause: other topics do not wait', async () => {
    const bus = memoryPublisher()
    follow(bus.subscribe('a', { policy: 'pause', bufferItems: 1 }), 0)
    const { log } = follow(bus.subscribe('b'))
    for (const value of [1, 2, 3]) bus.publish('a', value)
    await bus.publish('b', 'b')
    expect(log).toEqual(['b'])
  })

  it('pause: a subscriber that leaves frees the publisher', async () => {
    const bus = memoryPublisher()
    const feed = bus.subscribe('a', { policy: 'pause', bufferItems: 1 })
    await bus.publish('a', 1)
    const second = bus.publish('a', 2)
    feed[feedMark].close()
    expect(await second).toBeTypeOf('string')
  })

  it('pause: at most 1 024 events wait; more are refused with OVERLOADED, not-run', async () => {
    const bus = memoryPublisher()
    const feed = bus.subscribe('a', { policy: 'pause', bufferItems: 1 })
    const sink = follow(feed, 0)
    await bus.publish('a', 0)
    const waiting = Array.from({ length: 1_024 }, (_, index) => bus.publish('a', index + 1))
    await expect(bus.publish('a', 'too many')).rejects.toMatchObject({ code: 'OVERLOADED', delivery: 'not-run' })
    await expect(bus.publish('a', 'too many')).rejects.toBeInstanceOf(RpcError)
    wake(sink, feed)
    await Promise.all(waiting)
    expect(sink.log).toEqual(Array.from({ length: 1_025 }, (_, index) => index))
  })

  it('pause: every subscriber gets waiting events in the order they were published', async () => {
    const bus = memoryPublisher()
    const full = bus.subscribe('a', { policy: 'pause', bufferItems: 1 })
    const fullSink = follow(full, 0)
    const halfFull = follow(bus.subscribe('a', { policy: 'pause', bufferItems: 2 }), 0)
    const last = follow(bus.subscribe('a'))
    for (const value of [1, 2, 3]) bus.publish('a', value)
    // A socket that has drained: both are ready, and the first is woken first.
    halfFull.takes = Number.POSITIVE_INFINITY
    wake(fullSink, full)
    await turn()
    expect(last.log).toEqual([1, 2, 3])
  })

  it('latestBy: a key that throws hurts its own subscriber only', async () => {
    const bus = memoryPublisher()
    const broken = (): never => {
      throw new Error('no key')
    }
    slow(bus, { policy: latestBy<never>(broken) })
    const other = follow(bus.subscribe('a'))
    await bus.publish('a', 1)
    await bus.publish('a', 2)
    expect(other.log).toEqual([1, 2])
  })
})

describe('a consumer that throws', () => {
  class Broken extends Sink {
    override deliver(): void {
      throw new Error('broken sink')
    }
  }

  it('does not stop its topic', async () => {
    const bus = memoryPublisher()
    const broken = bus.subscribe('a')
    broken[feedMark].attach(new Broken())
    const other = follow(bus.subscribe('a'))
    await Promise.resolve()
      .then(() => bus.publish('a', 1))
      .catch(() => {})
    broken[feedMark].close()
    bus.publish('a', 2)
    await turn()
    expect(other.log).toContain(2)
  })
})

describe('signal', () => {
  it('ends the feed, and nothing is given afterwards', async () => {
    const bus = memoryPublisher()
    const controller = new AbortController()
    const { log } = follow(bus.subscribe('a', { signal: controller.signal }))
    await bus.publish('a', 1)
    controller.abort()
    await bus.publish('a', 2)
    expect(log).toEqual([1, 'end'])
  })

  it('that is aborted already gives a feed that has ended', async () => {
    const bus = memoryPublisher()
    const feed = bus.subscribe('a', { signal: AbortSignal.abort() })
    await bus.publish('a', 1)
    expect(await feed[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
  })

  it('ends a loop that waits', async () => {
    const bus = memoryPublisher()
    const controller = new AbortController()
    const next = bus.subscribe('a', { signal: controller.signal })[Symbol.asyncIterator]().next()
    await turn()
    controller.abort()
    expect(await next).toEqual({ done: true, value: undefined })
  })

  it('loses its listener when the feed is closed', () => {
    const bus = memoryPublisher()
    const { signal } = new AbortController()
    const added = vi.spyOn(signal, 'addEventListener')
    const removed = vi.spyOn(signal, 'removeEventListener')
    bus.subscribe('a', { signal })[feedMark].close()
    expect(removed.mock.calls.map(([name, listener]) => [name, listener])).toEqual(
      added.mock.calls.map(([name, listener]) => [name, listener]),
    )
  })
})

describe('by hand', () => {
  it('a loop gets values, and break unsubscribes', async () => {
    const bus = memoryPublisher()
    const feed = bus.subscribe('a', { policy: 'pause', bufferItems: 3 })
    for (const value of [1, 2, 3]) await bus.publish('a', value)
    const got: unknown[] = []
    for await (const value of feed) {
      got.push(value)
      if (value === 2) break
    }
    expect(got).toEqual([1, 2])
    for (const value of [4, 5, 6, 7, 8]) await bus.publish('a', value)
  })

  it('two subscribers iterate independently', async () => {
    const bus = memoryPublisher()
    const [first, second] = [bus.subscribe('a'), bus.subscribe('a')].map((feed) => feed[Symbol.asyncIterator]())
    await bus.publish('a', 1)
    await bus.publish('a', 2)
    expect((await first?.next())?.value).toBe(1)
    expect((await first?.next())?.value).toBe(2)
    expect((await second?.next())?.value).toBe(1)
    await first?.return?.()
    await bus.publish('a', 3)
    expect((await second?.next())?.value).toBe(2)
    expect((await second?.next())?.value).toBe(3)
    await second?.return?.()
  })
})
