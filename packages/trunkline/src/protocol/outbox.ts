// Frame batching: gathers what one end says in a turn and writes it as one frame. Does not know the socket or the messages.
import { joinPacked } from './binary-frame.ts'
import { Bulk, type BulkHost } from './bulk.ts'
import { type Encoded, type FrameData, joinTexts } from './encoded.ts'

/** Batches are cut here, so that one frame neither waits for the rest nor meets the receiver's limit. */
const cutAt = 64 * 1024

/**
 * Calls are cut earlier: the other end begins with the first while this one is still at the last. With 128 calls in flight that made
 * 1.5 times as many calls a second; half as many messages a frame cost more in writes than they gave.
 */
const cutAtCalls = 32

/** Joins the messages of a batch into a frame. */
export function joinBatch(messages: readonly Encoded[]): FrameData {
  for (const message of messages) if (typeof message !== 'string') return joinPacked(messages)
  return joinTexts(messages as readonly string[])
}

export interface OutboxHost extends BulkHost {
  /** Runs `outbox.flush()` once what the current turn has to say is said. */
  schedule(outbox: Outbox): void
  /** Writes a frame; `counted` says whether it belongs to the session's sequence. */
  write(frame: FrameData, counted: boolean): void
  /** What else may ride on a frame that is about to be written, if there is something. */
  rider(counted: boolean): string | undefined
  /** Joins a batch of stream messages alone; a server shares the result between connections. */
  joinStreams(messages: Encoded[]): FrameData
}

export class Outbox {
  /** What is large and waits for room. */
  readonly bulk: Bulk
  readonly #host: OutboxHost
  #calls: Encoded[] = []
  #streams: Encoded[] = []
  #size = 0
  #counted = false
  #scheduled = false
  /** Something large is in the batch: in the order of streams. */
  #hasLarge = false

  constructor(host: OutboxHost) {
    this.#host = host
    this.bulk = new Bulk(host, (message) => {
      this.#hasLarge = true
      this.#add(message, true)
    })
  }

  /** Of what waits to be flushed. */
  get size(): number {
    return this.#size
  }

  /** Adds a message that goes before those of streams. */
  push(message: Encoded): void {
    if (typeof message === 'string' || !this.bulk.take(message, false)) this.#add(message, false)
  }

  /** Adds a message of a stream: those keep their order among each other. */
  pushStream(message: Encoded): void {
    if (!this.bulk.take(message, true)) this.#add(message, true)
  }

  /** Adds a message about a call: never before its `open`, which may be large and on its way. */
  pushAfter(message: string): void {
    if (this.#hasLarge || this.bulk.length > 0) this.pushStream(message)
    else this.push(message)
  }

  /** Adds a message that rides with others and, alone, makes a frame that isn't counted. */
  ride(message: string): void {
    this.#add(message, false, false)
  }

  flush(): void {
    this.#scheduled = false
    this.#write()
  }

  #write(): void {
    const calls = this.#calls
    const streams = this.#streams
    if (this.#size === 0) return
    const counted = this.#counted
    this.#empty()
    // Alone, streams' messages are the same for many connections: nothing of one's own is put among them.
    if (calls.length === 0) return this.#host.write(this.#host.joinStreams(streams), counted)
    const rider = this.#host.rider(counted)
    if (rider !== undefined) calls.push(rider)
    this.#host.write(joinBatch(streams.length ? calls.concat(streams) : calls), counted)
  }

  /** Forgets what was not written. */
  clear(): void {
    this.bulk.clear()
    this.#empty()
  }

  #empty(): void {
    this.#calls = []
    this.#streams = []
    this.#size = 0
    this.#counted = this.#hasLarge = false
  }

  #add(message: Encoded, isStream: boolean, isCounted = true): void {
    if (this.#size > 0 && this.#size + message.length > cutAt) this.#write()
    this.#size += message.length
    if (isCounted) this.#counted = true
    if (!this.#scheduled) {
      this.#scheduled = true
      this.#host.schedule(this)
    }
    if (isStream) this.#streams.push(message)
    else if (this.#calls.push(message) >= cutAtCalls) this.#write()
  }
}
