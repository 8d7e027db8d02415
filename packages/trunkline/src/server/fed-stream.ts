// A subscription whose source is a publisher's feed: takes its entries straight, and encodes each once for all who listen.
import type { Encoded } from '../protocol/encoded.ts'
import { type CreditPair, encodeItem, sizeOf } from '../protocol/messages.ts'
import type { Payload } from '../protocol/values.ts'
import type { ServerCall } from './call.ts'
import type { FeedEntry, FeedSink, FeedSource } from './feed.ts'
import { encodeOutput, type Operation } from './operation.ts'
import { ServerStream, type StreamHost } from './stream.ts'

/** An entry's item, kept with the entry for the other streams of the same procedure and number. */
interface Encoding {
  readonly operation: Operation
  readonly stream: number
  readonly item: EncodedItem | Promise<EncodedItem>
}

interface EncodedItem {
  readonly message: Encoded
  readonly bytes: number
}

/** A stream's number, and whether streams of other connections have the same. */
export interface FedNumber {
  readonly number: number
  readonly isShared: boolean
}

/** Takes entries straight from a publisher's feed: each is validated and encoded once for all its subscribers. */
export class FedStream extends ServerStream implements FeedSink {
  readonly #feed: FeedSource
  /** Others have its number too, and so its bytes. */
  readonly #isShared: boolean
  #isBusy = false
  /** The feed is another stream's until it has taken this one. */
  #isAttached = false
  /** What the feed said while an item was being validated: it has to come behind the item. */
  #ending: (() => void) | undefined

  constructor(
    host: StreamHost,
    call: ServerCall,
    { number, isShared }: FedNumber,
    credit: CreditPair,
    feed: FeedSource,
  ) {
    super(host, call, number, credit)
    this.#feed = feed
    this.#isShared = isShared
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
      if (item) this.sendItem(item.message, item.bytes)
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
    this.sendItem(item.message, item.bytes)
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
      // A number of one's own is met once: kept with each event of a history, a client's many streams would fill the memory.
      if (this.#isShared) known.push({ operation, stream: this.number, item })
      return item
    } catch (error) {
      this.fail(error)
      return undefined
    }
  }

  #pack(payload: Payload | undefined, entry: FeedEntry): EncodedItem {
    return {
      message: encodeItem(this.number, payload, this.call.isResumable ? entry.id : undefined),
      bytes: sizeOf(payload),
    }
  }
}
