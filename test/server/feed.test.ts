import { describe, expect, it } from 'vitest'
import type { RpcError } from '../../packages/trunkline/src/protocol/error.ts'
import {
  BufferedFeed,
  type BufferedFeedOptions,
  type FeedEntry,
  type FeedSink,
  feedMark,
  feedOf,
  latestBy,
} from '../../packages/trunkline/src/server/feed.ts'

const entry = (value: unknown): FeedEntry => ({ id: `id ${value}`, value })

/** A consumer that takes entries while it is open, and writes down what it gets. */
class Sink implements FeedSink {
  readonly log: unknown[] = []
  isOpen = true
  /** Takes this many entries, then closes. */
  takes = Number.POSITIVE_INFINITY

  ready(): boolean {
    return this.isOpen && this.takes > 0
  }

  deliver({ value }: FeedEntry): void {
    this.takes--
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

function feedWith(options: Partial<BufferedFeedOptions> = {}) {
  const counts = { closed: 0, room: 0 }
  const feed = new BufferedFeed<unknown>({
    position: 'p',
    topic: {},
    policy: 'end',
    bufferItems: 3,
    backlog: [],
    gap: false,
    onClose: () => counts.closed++,
    onRoom: () => counts.room++,
    ...options,
  })
  const offer = (...values: unknown[]): void => {
    for (const value of values) feed.offer(entry(value))
  }
  return { feed, counts, offer }
}

/** Lets what is awaited settle. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a feed', () => {
  it('is known by its mark, and nothing else is', () => {
    const { feed } = feedWith()
    expect(feedOf(feed)).toBe(feed)
    expect(feedMark).toBe(Symbol.for('trunkline.feed'))
    for (const value of [null, undefined, 5, 'x', {}, [], async function* () {}]) expect(feedOf(value)).toBeUndefined()
  })

  it('gives entries at once to a consumer that is ready', () => {
    const { feed, offer } = feedWith()
    const sink = new Sink()
    feed.attach(sink)
    offer(1, 2)
    expect(sink.log).toEqual([1, 2])
  })

  it('keeps what is offered before there is a consumer', () => {
    const { feed, offer } = feedWith()
    offer(1, 2)
    const sink = new Sink()
    feed.attach(sink)
    offer(3)
    expect(sink.log).toEqual([1, 2, 3])
  })

  it('keeps the order when a consumer rests and wakes', () => {
    const { feed, offer } = feedWith()
    const sink = new Sink()
    feed.attach(sink)
    sink.takes = 1
    offer(1, 2, 3)
    expect(sink.log).toEqual([1])
    sink.takes = 1
    feed.wake()
    expect(sink.log).toEqual([1, 2])
    sink.takes = Number.POSITIVE_INFINITY
    offer(4)
    expect(sink.log).toEqual([1, 2, 3, 4])
  })

  it('gives its backlog first, and the gap before that', () => {
    const { feed, offer } = feedWith({ backlog: [entry(1), entry(2)], gap: true })
    offer(3)
    const sink = new Sink()
    feed.attach(sink)
    expect(sink.log).toEqual(['gap: history', 1, 2, 3])
  })

  it('gives the gap before an entry to a consumer that was not ready for it at first', () => {
    const { feed, offer } = feedWith({ gap: true })
    const sink = new Sink()
    sink.isOpen = false
    feed.attach(sink)
    expect(sink.log).toEqual([])
    sink.isOpen = true
    offer(1)
    expect(sink.log).toEqual(['gap: history', 1])
  })

  it('has one consumer', () => {
    const { feed } = feedWith()
    feed.attach(new Sink())
    expect(() => feed.attach(new Sink())).toThrow(TypeError)
  })

  it('closes once, whoever closes it, and offers nothing afterwards', () => {
    const { feed, counts, offer } = feedWith()
    const sink = new Sink()
    feed.attach(sink)
    feed.close()
    feed.close()
    offer(1)
    expect(counts.closed).toBe(1)
    expect(sink.log).toEqual(['end'])
  })

  it('that is closed still gives what it has, then the end', () => {
    const { feed, offer } = feedWith()
    offer(1, 2)
    feed.close()
    const sink = new Sink()
    sink.takes = 1
    feed.attach(sink)
    expect(sink.log).toEqual([1])
    sink.takes = 5
    feed.wake()
    expect(sink.log).toEqual([1, 2, 'end'])
  })
})

describe('policy end', () => {
  it('fails with SLOW_CONSUMER at the first entry that has no room', () => {
    const { feed, counts, offer } = feedWith({ policy: 'end' })
    const sink = new Sink()
    sink.isOpen = false
    feed.attach(sink)
    offer(1, 2, 3)
    expect(counts.closed).toBe(0)
    offer(4)
    expect(counts.closed).toBe(1)
    expect(sink.log).toEqual(['fail: SLOW_CONSUMER'])
  })

  it('a backlog does not count as lagging behind', () => {
    const { counts, offer } = feedWith({ backlog: [1, 2, 3, 4, 5].map(entry) })
    offer(6, 7, 8)
    expect(counts.closed).toBe(0)
    offer(9)
    expect(counts.closed).toBe(1)
  })

  it('once the backlog is given, the buffer is as large as it was said', () => {
    const { feed, counts, offer } = feedWith({ backlog: [1, 2, 3, 4, 5].map(entry) })
    const sink = new Sink()
    feed.attach(sink)
    sink.isOpen = false
    offer(6, 7, 8)
    expect(counts.closed).toBe(0)
    offer(9)
    expect(counts.closed).toBe(1)
  })

  it('a failure before there is a consumer is kept for it', () => {
    const { feed, offer } = feedWith()
    offer(1, 2, 3, 4)
    const sink = new Sink()
    feed.attach(sink)
    expect(sink.log).toEqual(['fail: SLOW_CONSUMER'])
  })
})

describe('policy latest', () => {
  it('keeps the newest only, and tells of no gap', () => {
    const { feed, offer } = feedWith({ policy: 'latest', bufferItems: 100 })
    offer(1, 2, 3)
    const sink = new Sink()
    feed.attach(sink)
    expect(sink.log).toEqual([3])
  })
})

describe('policy latestBy', () => {
  const policy = latestBy<never>((move: { player: string; at: number }) => move.player)
  const move = (player: string, at: number) => ({ player, at })

  it('keeps the newest of each key, in the order of the newest', () => {
    const { feed, offer } = feedWith({ policy, bufferItems: 3 })
    offer(move('a', 1), move('b', 1), move('a', 2), move('c', 1), move('b', 2))
    const sink = new Sink()
    feed.attach(sink)
    expect(sink.log).toEqual([move('a', 2), move('c', 1), move('b', 2)])
  })

  it('drops the oldest with a gap when there are more keys than room', () => {
    const { feed, offer } = feedWith({ policy, bufferItems: 2 })
    offer(move('a', 1), move('b', 1), move('c', 1))
    const sink = new Sink()
    feed.attach(sink)
    expect(sink.log).toEqual(['gap: dropped', move('b', 1), move('c', 1)])
  })

  it('tells keys apart as Object.is does', () => {
    const { feed, offer } = feedWith({ policy: latestBy<never>((value: unknown) => value), bufferItems: 9 })
    offer(Number.NaN, '1', 1, Number.NaN)
    const sink = new Sink()
    feed.attach(sink)
    expect(sink.log).toEqual(['1', 1, Number.NaN])
  })

  it('of what is no function is refused', () => {
    expect(() => latestBy('player' as never)).toThrow(TypeError)
  })
})

describe('policy drop-oldest', () => {
  it('drops the oldest and tells of the gap before what is left', () => {
    const { feed, offer } = feedWith({ policy: 'drop-oldest' })
    const sink = new Sink()
    sink.takes = 1
    feed.attach(sink)
    offer(0, 1, 2, 3, 4, 5)
    sink.takes = Number.POSITIVE_INFINITY
    feed.wake()
    expect(sink.log).toEqual([0, 'gap: dropped', 3, 4, 5])
  })

  it('tells of each gap once', () => {
    const { feed, offer } = feedWith({ policy: 'drop-oldest', bufferItems: 1 })
    const sink = new Sink()
    feed.attach(sink)
    for (let round = 0; round < 2; round++) {
      sink.isOpen = false
      offer(1, 2, 3)
      sink.isOpen = true
      feed.wake()
      offer('live')
    }
    expect(sink.log).toEqual(['gap: dropped', 3, 'live', 'gap: dropped', 3, 'live'])
  })

  it('tells of none while there is room', () => {
    const { feed, offer } = feedWith({ policy: 'drop-oldest' })
    offer(1, 2, 3)
    const sink = new Sink()
    feed.attach(sink)
    expect(sink.log).toEqual([1, 2, 3])
  })
})

describe('policy pause', () => {
  it('asks its source to wait while the buffer is full, and calls it when there is room', () => {
    const { feed, counts, offer } = feedWith({ policy: 'pause', bufferItems: 2 })
    offer(1)
    expect(feed.isPausing).toBe(false)
    offer(2)
    expect(feed.isPausing).toBe(true)
    const sink = new Sink()
    sink.takes = 1
    feed.attach(sink)
    expect(feed.isPausing).toBe(false)
    expect(counts.room).toBe(1)
    feed.wake()
    expect(counts.room).toBe(1)
  })

  it('other policies never ask', () => {
    for (const policy of ['end', 'latest', 'drop-oldest', latestBy<never>(() => 1)] as const) {
      const { feed, offer } = feedWith({ policy, bufferItems: 1 })
      offer(1, 2)
      expect(feed.isPausing).toBe(false)
    }
  })
})

describe('iterated by hand', () => {
  it('gives values, waits for more, and ends when it is closed', async () => {
    const { feed, offer } = feedWith()
    const iterator = feed[Symbol.asyncIterator]()
    offer(1)
    expect(await iterator.next()).toEqual({ done: false, value: 1 })
    const second = iterator.next()
    await turn()
    offer(2)
    expect(await second).toEqual({ done: false, value: 2 })
    const last = iterator.next()
    await turn()
    feed.close()
    expect(await last).toEqual({ done: true, value: undefined })
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  it('serves concurrent next() in order', async () => {
    const { feed, offer } = feedWith()
    const iterator = feed[Symbol.asyncIterator]()
    const all = Promise.all([iterator.next(), iterator.next(), iterator.next()])
    await turn()
    offer(1, 2, 3)
    expect((await all).map(({ value }) => value)).toEqual([1, 2, 3])
  })

  it('a break closes it', async () => {
    const { feed, counts, offer } = feedWith()
    offer(1, 2)
    for await (const value of feed) if (value === 1) break
    expect(counts.closed).toBe(1)
    offer(3)
    expect(() => feed[Symbol.asyncIterator]()).toThrow(TypeError)
  })

  it('throws SLOW_CONSUMER when it has lagged behind', async () => {
    const { feed, offer } = feedWith({ bufferItems: 1 })
    const iterator = feed[Symbol.asyncIterator]()
    const first = iterator.next()
    await turn()
    offer(1, 2, 3)
    expect(await first).toMatchObject({ value: 1 })
    await expect(iterator.next()).rejects.toMatchObject({ code: 'SLOW_CONSUMER' })
  })

  it('passes over a gap, and gives what is behind it', async () => {
    const { feed, offer } = feedWith({ policy: 'drop-oldest', bufferItems: 1 })
    offer(1, 2, 3)
    const iterator = feed[Symbol.asyncIterator]()
    expect(await iterator.next()).toMatchObject({ value: 3 })
  })

  it('return() while a next() waits ends both', async () => {
    const { feed, counts } = feedWith()
    const iterator = feed[Symbol.asyncIterator]()
    const settled: string[] = []
    iterator.next().then(() => settled.push('next'))
    await turn()
    iterator.return?.().then(() => settled.push('return'))
    await turn()
    expect(settled).toEqual(['next', 'return'])
    expect(counts.closed).toBe(1)
  })
})
