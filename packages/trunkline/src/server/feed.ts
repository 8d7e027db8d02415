// A feed: what a publisher's `subscribe` gives. Takes entries from a source, holds a bounded buffer, gives them to one consumer.
// A server that finds one returned bare takes entries straight from it, past the async iterator. Knows neither topics nor sockets.
import { describe, mistake } from '../contract/mistake.ts'
import { RpcError } from '../protocol/error.ts'

/** One event. All feeds of a topic share the object, so what is encoded once can be kept with it. */
export interface FeedEntry<Value = unknown> {
  readonly id: string
  readonly value: Value
  /** For the server: the encoded item, by procedure and stream number. */
  encodings?: unknown[]
}

/** What to do with events for a subscriber that is too slow, once its buffer is full. */
export type SlowSubscriberPolicy<Value = unknown> =
  /** The publisher's `publish` waits. */
  | 'pause'
  /** Keep the newest only. */
  | 'latest'
  /** Keep the newest of each key; see `latestBy`. */
  | LatestBy<Value>
  /** Drop the oldest and tell the consumer of the gap. */
  | 'drop-oldest'
  /** End with `SLOW_CONSUMER`; the client comes back by itself and continues from history. */
  | 'end'

export interface LatestBy<Value = unknown> {
  readonly latestBy: (value: Value) => unknown
}

/** Policy: a slow subscriber gets the newest event of each key, for instance `latestBy((move) => move.player)`. */
export function latestBy<Value>(key: (value: Value) => unknown): LatestBy<Value> {
  if (typeof key !== 'function') {
    throw mistake(`latestBy(key): expected a function from a value to its key, got ${describe(key)}`, 'subscriptions')
  }
  return { latestBy: key }
}

/** The consumer of a feed. */
export interface FeedSink {
  /** True while it takes an entry at once. */
  ready(): boolean
  deliver(entry: FeedEntry): void
  gap(reason: 'history' | 'dropped'): void
  end(): void
  fail(error: unknown): void
}

export const feedMark = Symbol.for('trunkline.feed')

/** The server's side of a feed. */
export interface FeedSource {
  /** The id to continue from when nothing was received yet. */
  readonly position: string | undefined
  /** Stands for the topic: subscriptions of one topic share their encoded items. */
  readonly topic: object
  attach(sink: FeedSink): void
  /** The sink is ready again. */
  wake(): void
  close(): void
}

/** An async iterable of values that a subscription's handler may return as it is. */
export interface Feed<Value> extends AsyncIterable<Value, void, undefined> {
  readonly [feedMark]: FeedSource
}

export function feedOf(value: unknown): FeedSource | undefined {
  if (typeof value !== 'object' || value === null || !(feedMark in value)) return undefined
  return value[feedMark] as FeedSource
}

export interface BufferedFeedOptions {
  position: string | undefined
  topic: object
  policy: SlowSubscriberPolicy<never>
  bufferItems: number
  /** Entries to give before anything offered. */
  backlog: readonly FeedEntry[]
  /** The backlog does not reach back to where the consumer left off. */
  gap: boolean
  /** Called once, when the feed is closed from either side. */
  onClose: () => void
  /** Called when a full buffer has room again. */
  onRoom: () => void
}

export class BufferedFeed<Value> implements Feed<Value>, FeedSource {
  readonly position: string | undefined
  readonly topic: object
  readonly #policy: SlowSubscriberPolicy<unknown>
  readonly #bufferItems: number
  readonly #onClose: () => void
  readonly #onRoom: () => void
  #buffer: FeedEntry[]
  #limit: number
  #gap: 'history' | 'dropped' | undefined
  #sink: FeedSink | undefined
  #closed = false
  #failure: unknown

  constructor(options: BufferedFeedOptions) {
    this.position = options.position
    this.topic = options.topic
    this.#policy = options.policy as SlowSubscriberPolicy<unknown>
    this.#bufferItems = options.policy === 'latest' ? 1 : options.bufferItems
    this.#onClose = options.onClose
    this.#onRoom = options.onRoom
    this.#buffer = [...options.backlog]
    // What the history gave does not count as lagging behind.
    this.#limit = this.#bufferItems + this.#buffer.length
    this.#gap = options.gap ? 'history' : undefined
  }

  get [feedMark](): FeedSource {
    return this
  }

  /** True when the source has to wait before it offers more. */
  get isPausing(): boolean {
    return this.#policy === 'pause' && this.#buffer.length >= this.#limit
  }

  offer(entry: FeedEntry): void {
    if (this.#closed) return
    try {
      if (this.#buffer.length === 0 && this.#gap === undefined && this.#sink?.ready()) this.#sink.deliver(entry)
      else this.#keep(entry)
    } catch (error) {
      // A consumer or key function that throws is this subscriber's own trouble: the others get their event.
      this.#buffer = []
      this.#end(error)
    }
  }

  attach(sink: FeedSink): void {
    if (this.#sink) {
      const advice = 'call publisher.subscribe(…) in the handler, once for each subscription'
      throw mistake(`this feed has a consumer already; ${advice}`, 'subscriptions')
    }
    this.#sink = sink
    this.wake()
  }

  wake(): void {
    const sink = this.#sink
    if (!sink) return
    if (this.#gap && sink.ready()) {
      const gap = this.#gap
      this.#gap = undefined
      sink.gap(gap)
    }
    const wasFull = this.#buffer.length >= this.#limit
    let taken = 0
    while (taken < this.#buffer.length && sink.ready()) sink.deliver(this.#buffer[taken++] as FeedEntry)
    if (taken) this.#buffer.splice(0, taken)
    if (this.#buffer.length === 0) this.#limit = this.#bufferItems
    if (this.#closed && this.#buffer.length === 0) this.#finish()
    else if (wasFull && !this.isPausing) this.#onRoom()
  }

  /** Ends it, from either side; what is buffered is still given. Safe to call twice. */
  close(): void {
    this.#end(undefined)
  }

  [Symbol.asyncIterator](): AsyncIterator<Value, void, undefined> {
    const reader = new FeedReader<Value>(this)
    this.attach(reader)
    return reader
  }

  #keep(entry: FeedEntry): void {
    if (typeof this.#policy === 'object') this.#dropSameKey(entry, this.#policy)
    if (this.#buffer.length >= this.#limit && this.#policy !== 'pause') {
      if (this.#policy === 'end') return this.#overflow()
      this.#buffer.shift()
      if (this.#policy !== 'latest') this.#gap ??= 'dropped'
    }
    this.#buffer.push(entry)
    // A gap that was dropped into may be the only thing that held back a ready consumer.
    this.wake()
  }

  #dropSameKey(entry: FeedEntry, { latestBy: keyOf }: LatestBy): void {
    const key = keyOf(entry.value)
    const index = this.#buffer.findIndex((kept) => Object.is(keyOf(kept.value), key))
    if (index >= 0) this.#buffer.splice(index, 1)
  }

  #overflow(): void {
    this.#buffer = []
    this.#end(new RpcError('SLOW_CONSUMER', { message: `The subscriber lagged ${this.#bufferItems} events behind` }))
  }

  #end(failure: unknown): void {
    if (this.#closed) return
    this.#closed = true
    this.#failure = failure
    this.#onClose()
    if (this.#buffer.length === 0) this.#finish()
  }

  #finish(): void {
    if (this.#failure === undefined) this.#sink?.end()
    else this.#sink?.fail(this.#failure)
  }
}

interface Waiter<Value> {
  readonly resolve: (result: IteratorResult<Value, undefined>) => void
  readonly reject: (error: unknown) => void
}

const done = { done: true, value: undefined } as const

/** What a reader makes of a feed. */
interface Reading<Value> {
  read(entry: FeedEntry): Value
  gap(reason: 'history' | 'dropped'): void
}

/** A loop over values has no place for a gap; return the feed bare, and the client is told. */
const values: Reading<never> = {
  // A publisher's types are those of its topics.
  read: ({ value }) => value as never,
  gap() {},
}

/** Consumes a feed for a `for await` loop: ready while somebody waits. */
export class FeedReader<Value> implements FeedSink, AsyncIterator<Value, void, undefined> {
  readonly #feed: FeedSource
  readonly #reading: Reading<Value>
  #waiters: Waiter<Value>[] = []
  #isOver = false
  #failure: unknown

  constructor(feed: FeedSource, reading: Reading<Value> = values) {
    this.#feed = feed
    this.#reading = reading
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Value, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      if (!this.#isOver) this.#feed.wake()
      if (this.#isOver) this.#settle()
    })
  }

  return(): Promise<IteratorResult<Value, undefined>> {
    this.#isOver = true
    this.#settle()
    this.#feed.close()
    return Promise.resolve(done)
  }

  ready(): boolean {
    return this.#waiters.length > 0
  }

  deliver(entry: FeedEntry): void {
    this.#waiters.shift()?.resolve({ done: false, value: this.#reading.read(entry) })
  }

  gap(reason: 'history' | 'dropped'): void {
    this.#reading.gap(reason)
  }

  end(): void {
    this.#isOver = true
    this.#settle()
  }

  fail(error: unknown): void {
    this.#failure = error
    this.end()
  }

  #settle(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const { resolve, reject } of waiters) {
      const failure = this.#failure
      this.#failure = undefined
      if (failure === undefined) resolve(done)
      else reject(failure)
    }
  }
}
