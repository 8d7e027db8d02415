// `memoryPublisher`: topics of one process, with history, ids and resume. Does not know subscriptions, calls or sockets.
import { describe, mistake } from '../contract/mistake.ts'
import { RpcError } from '../protocol/error.ts'
import { BufferedFeed, type Feed, type FeedEntry, type SlowSubscriberPolicy } from './feed.ts'
import { randomId } from './random-id.ts'

export interface SubscribeFeedOptions<Value = unknown> {
  /** Ends the feed. */
  signal?: AbortSignal | undefined
  /** Continue behind this event. */
  lastEventId?: string | undefined
  /** What happens when the subscriber is too slow. @default 'end' */
  policy?: SlowSubscriberPolicy<Value> | undefined
  /** Events that may wait for a slow subscriber. @default 255, one less than the history of a topic holds */
  bufferItems?: number | undefined
}

/** Topics by name. `Topics` says what each carries: `{ [topic: `room:${string}`]: Message }`. */
export interface Publisher<Topics extends object = Record<string, unknown>> {
  /**
   * Gives an event to every subscriber of the topic, in order of the calls.
   * @returns the event's id, once every subscriber with the policy `pause` had room for it
   * @throws RpcError `OVERLOADED` when too many events wait for a paused subscriber; the event is not published then
   */
  publish<Topic extends keyof Topics & string>(topic: Topic, value: Topics[Topic]): Promise<string>
  /** Registers at once: nothing published after this call is missed. Return it bare from a subscription's handler. */
  subscribe<Topic extends keyof Topics & string, Value extends Topics[Topic] = Topics[Topic]>(
    topic: Topic,
    options?: SubscribeFeedOptions<Value>,
  ): Feed<Value>
}

export interface MemoryPublisherOptions {
  /** Events kept a topic, for those who come back. @default 256, one window of a stream's credit */
  history?: number
  /** Milliseconds an event is kept. @default 120_000, longer than a restart or a tunnel takes */
  maxAgeMs?: number
}

/** One less than a topic's history: who is ended for the event that found no room finds that one and all before it when coming back at once. */
const usualBufferItems = 255

/** Publishes a process may have waiting for paused subscribers, per topic, before it is told to stop. */
const maxWaiting = 1024

interface Waiting {
  readonly value: unknown
  readonly resolve: (id: string) => void
}

class Topic {
  readonly feeds = new Set<BufferedFeed<unknown>>()
  readonly history: { entry: FeedEntry; sequence: number; at: number }[] = []
  readonly waiting: Waiting[] = []
  /** An event goes round: what this makes room for has to wait until everybody has it. */
  isEmitting = false
  /** The last event that the history no longer has. */
  dropped: number

  constructor(dropped: number) {
    this.dropped = dropped
  }

  get isPausing(): boolean {
    for (const feed of this.feeds) if (feed.isPausing) return true
    return false
  }
}

/** Behind a gap everything that is left. */
function entriesBehind(topic: Topic, after: number): FeedEntry[] {
  return topic.history.filter(({ sequence }) => sequence > after).map(({ entry }) => entry)
}

class MemoryPublisher implements Publisher {
  readonly #history: number
  readonly #maxAgeMs: number
  readonly #topics = new Map<string, Topic>()
  /** Part of every id: an id of another process, or of this one before it restarted, is recognised as foreign. */
  readonly #epoch = randomId()
  /** One sequence for all topics, so that a topic that was forgotten and came back can't give an id twice. */
  #sequence = 0
  #forgotten = 0
  #sweptAt = performance.now()

  constructor({ history = 256, maxAgeMs = 120_000, ...others }: MemoryPublisherOptions) {
    for (const name of Object.keys(others)) {
      throw mistake(`memoryPublisher({ ${name} }): expected only history, maxAgeMs`, 'subscriptions')
    }
    this.#history = requireCount('history', history)
    this.#maxAgeMs = requireCount('maxAgeMs', maxAgeMs)
  }

  publish(name: string, value: unknown): Promise<string> {
    const topic = this.#topic(name)
    if (topic.waiting.length === 0 && !topic.isPausing && !topic.isEmitting) {
      const id = this.#emit(topic, value)
      this.#emitWaiting(topic)
      return Promise.resolve(id)
    }
    if (topic.waiting.length >= maxWaiting) {
      const message = `${maxWaiting} events of "${name}" wait for a paused subscriber; await publish() before the next`
      return Promise.reject(new RpcError('OVERLOADED', { message, delivery: 'not-run' }))
    }
    return new Promise((resolve) => topic.waiting.push({ value, resolve }))
  }

  subscribe<Value>(name: string, options: SubscribeFeedOptions<Value> = {}): Feed<Value> {
    const topic = this.#topic(name)
    const after = this.#sequenceOf(options.lastEventId)
    const resumed = after !== undefined && after >= topic.dropped && after <= this.#sequence
    const feed = new BufferedFeed<Value>({
      position: this.#id(this.#sequence),
      topic,
      policy: requirePolicy(options.policy ?? 'end'),
      bufferItems: requireCount('bufferItems', options.bufferItems ?? usualBufferItems) || 1,
      backlog: options.lastEventId === undefined ? [] : entriesBehind(topic, resumed ? after : 0),
      gap: options.lastEventId !== undefined && !resumed,
      onClose: () => {
        topic.feeds.delete(feed as BufferedFeed<unknown>)
        options.signal?.removeEventListener('abort', abort)
        this.#emitWaiting(topic)
      },
      onRoom: () => this.#emitWaiting(topic),
    })
    const abort = () => feed.close()
    topic.feeds.add(feed as BufferedFeed<unknown>)
    if (options.signal?.aborted) feed.close()
    else options.signal?.addEventListener('abort', abort, { once: true })
    return feed
  }

  #emit(topic: Topic, value: unknown): string {
    const sequence = ++this.#sequence
    const entry: FeedEntry = { id: this.#id(sequence), value }
    topic.history.push({ entry, sequence, at: performance.now() })
    if (topic.history.length > this.#history) topic.dropped = topic.history.shift()?.sequence ?? topic.dropped
    topic.isEmitting = true
    for (const feed of topic.feeds) feed.offer(entry)
    topic.isEmitting = false
    return entry.id
  }

  #emitWaiting(topic: Topic): void {
    while (topic.waiting.length > 0 && !topic.isPausing && !topic.isEmitting) {
      const next = topic.waiting.shift()
      next?.resolve(this.#emit(topic, next.value))
    }
  }

  #topic(name: string): Topic {
    if (typeof name !== 'string')
      throw mistake(`publisher: expected the name of a topic, a string, got ${describe(name)}`, 'subscriptions')
    const now = performance.now()
    if (now - this.#sweptAt > this.#maxAgeMs / 2) this.#sweep(now)
    let topic = this.#topics.get(name)
    if (!topic) {
      topic = new Topic(this.#forgotten)
      this.#topics.set(name, topic)
    }
    return topic
  }

  /** Drops what is too old, and topics that nobody would miss; no timer, since only use can make it grow. */
  #sweep(now: number): void {
    this.#sweptAt = now
    for (const [name, topic] of this.#topics) {
      while (topic.history[0] && now - topic.history[0].at > this.#maxAgeMs) {
        topic.dropped = topic.history.shift()?.sequence ?? topic.dropped
      }
      if (topic.history.length > 0 || topic.feeds.size > 0 || topic.waiting.length > 0) continue
      this.#topics.delete(name)
      this.#forgotten = Math.max(this.#forgotten, topic.dropped)
    }
  }

  #id(sequence: number): string {
    return `${this.#epoch}.${sequence}`
  }

  #sequenceOf(id: string | undefined): number | undefined {
    if (!id?.startsWith(`${this.#epoch}.`)) return undefined
    const sequence = Number(id.slice(this.#epoch.length + 1))
    return Number.isSafeInteger(sequence) && sequence >= 0 ? sequence : undefined
  }
}

const policies = ['pause', 'latest', 'drop-oldest', 'end']

function requirePolicy<Policy>(policy: Policy): Policy {
  if (policies.includes(policy as string)) return policy
  if (typeof (policy as { latestBy?: unknown }).latestBy === 'function') return policy
  throw mistake(
    `policy: expected one of ${policies.join(', ')} or latestBy(key), got ${String(policy)}`,
    'subscriptions',
  )
}

function requireCount(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw mistake(`${name}: expected a non-negative integer, got ${value}`, 'subscriptions')
}

/** A publisher for one process: history, ids with an epoch, resume, and a policy for slow subscribers. */
export function memoryPublisher<Topics extends object = Record<string, unknown>>(
  options: MemoryPublisherOptions = {},
): Publisher<Topics> {
  // Topics are a matter of types; at run time every topic carries any value.
  return new MemoryPublisher(options) as Publisher as unknown as Publisher<Topics>
}
