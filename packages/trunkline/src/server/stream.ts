// One accepted subscription at the server: its number, its credit, and the two kinds of source that feed it.
// Knows neither the socket nor how the call came.

import { isStreamEvent } from '../contract/event.ts'
import { type CreditPair, encodeEnd, encodeGap, encodeItem, nominalItemBytes, sizeOf } from '../protocol/messages.ts'
import { exceedsBytes } from '../protocol/size.ts'
import type { Payload } from '../protocol/values.ts'
import type { ServerCall } from './call.ts'
import type { FeedEntry, FeedSink, FeedSource } from './feed.ts'
import { encodeOutput, type Operation } from './operation.ts'

/** The connection, as its streams see it. */
export interface StreamHost {
  /** The socket is behind: sources rest until it has caught up. */
  readonly isResting: boolean
  readonly messageBytes: number
  sendStream(text: string): void
  gapTold(): void
  /** Takes the stream off the table. */
  endStream(stream: ServerStream): void
  report(error: unknown, operation: Operation): void
}

export abstract class ServerStream {
  readonly call: ServerCall
  /** What its items carry; equal for all streams that may share bytes. */
  readonly number: number
  protected readonly host: StreamHost
  protected isOver = false
  #itemLimit: number
  #byteLimit: number
  #items = 0
  #bytes = 0
  /** Questions whether it may go on that are not answered. */
  #holds = 0
  /** Sends the item that was on its way when the question came up. */
  #late: (() => void) | undefined

  constructor(host: StreamHost, call: ServerCall, number: number, credit: CreditPair) {
    this.host = host
    this.call = call
    this.number = number
    this.#itemLimit = credit[0]
    this.#byteLimit = credit[1]
  }

  abstract start(): void
  /** Credit was raised, or the socket has caught up. */
  abstract wake(): void
  /** Stops the source; nothing more is sent. */
  protected abstract stop(): void

  ready(): boolean {
    return (
      !this.isOver &&
      this.#items < this.#itemLimit &&
      this.#bytes < this.#byteLimit &&
      this.#holds === 0 &&
      !this.host.isResting
    )
  }

  credit(items: number, bytes: number): void {
    this.#itemLimit = Math.max(this.#itemLimit, items)
    this.#byteLimit = Math.max(this.#byteLimit, bytes)
    this.wake()
  }

  /** Sends nothing until `release`. */
  hold(): void {
    this.#holds++
  }

  release(): void {
    if (--this.#holds > 0) return
    const late = this.#late
    this.#late = undefined
    if (late) late()
    else this.wake()
  }

  protected get isHeld(): boolean {
    return this.#holds > 0
  }

  /** Keeps what may not be said yet; a stream has one item on its way at most. */
  protected sendLate(send: () => void): void {
    this.#late = send
  }

  /** The consumer has unsubscribed or gone: the signal first, then the source. */
  cancel(): void {
    if (this.isOver) return
    this.isOver = true
    this.call.abort()
    this.stop()
  }

  gap(reason: string, position?: string): void {
    this.host.gapTold()
    this.host.sendStream(encodeGap(this.number, reason, position))
  }

  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.host.sendStream(encodeEnd(this.call.id))
    this.host.endStream(this)
  }

  /** Its source has failed. */
  fail(error: unknown): void {
    this.refuse(error)
  }

  /** Ends it at once, whatever is on its way. */
  refuse(error: unknown): void {
    if (this.isOver) return
    this.isOver = true
    this.call.failStream(error, (text) => this.host.sendStream(text))
    this.host.endStream(this)
    this.call.abort()
    this.stop()
  }

  /** True when the consumer expects a continuation that its source has not promised. */
  protected get isGap(): boolean {
    const { lastEventId, repeat } = this.call.options
    return lastEventId === undefined ? repeat === true : !this.call.hasReadLastEventId
  }

  protected sendItem(text: string, bytes: number): void {
    if (exceedsBytes(text, this.host.messageBytes)) {
      this.fail(
        new RangeError(
          `${this.call.operation.path}: an item is larger than ${this.host.messageBytes} bytes (limits.messageBytes of the server)`,
        ),
      )
      return
    }
    this.#items++
    this.#bytes += bytes || nominalItemBytes
    this.host.sendStream(text)
  }
}

/** Pulls an async iterable, one item ahead of nothing: without credit `next()` is not called. */
export class PulledStream extends ServerStream {
  readonly #iterator: AsyncIterator<unknown>
  #isBusy = false
  #hasBegun = false

  constructor(host: StreamHost, call: ServerCall, number: number, credit: CreditPair, source: AsyncIterable<unknown>) {
    super(host, call, number, credit)
    this.#iterator = source[Symbol.asyncIterator]()
  }

  start(): void {
    this.wake()
  }

  wake(): void {
    if (this.#isBusy || !this.ready()) return
    this.#isBusy = true
    let step: Promise<IteratorResult<unknown>>
    try {
      step = this.#iterator.next()
    } catch (error) {
      this.fail(error)
      return
    }
    if (!this.#hasBegun) {
      this.#hasBegun = true
      // The generator's first step has run: it has read `lastEventId` by now, or it does not use it.
      if (this.isGap) this.gap('source')
    }
    Promise.resolve(step).then(this.#took, this.#broke)
  }

  protected stop(): void {
    const { call, host } = this
    const report = (error: unknown): void => host.report(error, call.operation)
    try {
      // Waits for a pending next() by itself; what `finally` throws has no caller any more.
      Promise.resolve(this.#iterator.return?.()).catch(report)
    } catch (error) {
      report(error)
    }
  }

  // Bound once a stream, not once an item.
  readonly #broke = (error: unknown): void => this.fail(error)

  readonly #took = (result: IteratorResult<unknown>): void => {
    if (this.isOver) return
    if (result.done) return this.end()
    const item = result.value
    const event = isStreamEvent(item) ? item : undefined
    let payload: Payload | undefined | Promise<Payload | undefined>
    try {
      payload = encodeOutput(this.call.operation, event ? event.value : item)
    } catch (error) {
      return this.fail(error)
    }
    if (payload instanceof Promise) payload.then((encoded) => this.#send(encoded, event?.id), this.#broke)
    else this.#send(payload, event?.id)
  }

  #send(payload: Payload | undefined, id: string | undefined): void {
    if (this.isHeld) return this.sendLate(() => this.#send(payload, id))
    this.#isBusy = false
    if (this.isOver) return
    this.sendItem(encodeItem(this.number, payload, id), sizeOf(payload))
    this.wake()
  }
}

/** An entry's item, kept with the entry for the other streams of the same procedure and number. */
interface Encoding {
  readonly operation: Operation
  readonly stream: number
  readonly item: EncodedItem | Promise<EncodedItem>
}

interface EncodedItem {
  readonly text: string
  readonly bytes: number
}

/** Takes entries straight from a publisher's feed: each is validated and encoded once for all its subscribers. */
export class FedStream extends ServerStream implements FeedSink {
  readonly #feed: FeedSource
  #isBusy = false
  /** The feed is another stream's until it has taken this one. */
  #isAttached = false
  /** What the feed said while an item was being validated: it has to come behind the item. */
  #ending: (() => void) | undefined

  constructor(host: StreamHost, call: ServerCall, number: number, credit: CreditPair, feed: FeedSource) {
    super(host, call, number, credit)
    this.#feed = feed
  }

  start(): void {
    // It was refused before it began: nobody else will tell the feed.
    if (this.isOver) return this.#feed.close()
    if (this.isGap) this.gap('source')
    try {
      this.#feed.attach(this)
      this.#isAttached = true
    } catch (error) {
      this.fail(error)
    }
  }

  override end(): void {
    if (this.#isBusy) this.#ending = () => super.end()
    else super.end()
  }

  override fail(error: unknown): void {
    if (this.#isBusy) this.#ending = () => super.fail(error)
    else super.fail(error)
  }

  wake(): void {
    if (!this.isOver) this.#feed.wake()
  }

  override ready(): boolean {
    return !this.#isBusy && super.ready()
  }

  deliver(entry: FeedEntry): void {
    const item = this.#encode(entry)
    if (!(item instanceof Promise)) {
      if (item) this.sendItem(item.text, item.bytes)
      return
    }
    this.#isBusy = true
    item.then(this.#encoded, (error) => {
      this.#isBusy = false
      this.fail(error)
    })
  }

  protected stop(): void {
    if (this.#isAttached) this.#feed.close()
  }

  readonly #encoded = (item: EncodedItem): void => {
    if (this.isHeld) return this.sendLate(() => this.#encoded(item))
    this.#isBusy = false
    if (this.isOver) return
    this.sendItem(item.text, item.bytes)
    if (this.#ending) this.#ending()
    else this.wake()
  }

  /** Undefined when it failed, which has ended the stream. */
  #encode(entry: FeedEntry): EncodedItem | Promise<EncodedItem> | undefined {
    const { operation } = this.call
    entry.encodings ??= []
    const known = entry.encodings as Encoding[]
    for (const encoding of known) {
      if (encoding.stream === this.number && encoding.operation === operation) return encoding.item
    }
    try {
      const payload = encodeOutput(operation, entry.value)
      const item =
        payload instanceof Promise ? payload.then((encoded) => this.#pack(encoded, entry)) : this.#pack(payload, entry)
      known.push({ operation, stream: this.number, item })
      return item
    } catch (error) {
      this.fail(error)
      return undefined
    }
  }

  #pack(payload: Payload | undefined, entry: FeedEntry): EncodedItem {
    return { text: encodeItem(this.number, payload, entry.id), bytes: sizeOf(payload) }
  }
}
