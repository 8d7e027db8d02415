// An accepted subscription at the client: items that wait for the loop, and the credit that lets more come.
// Lives across connections. Does not know sockets, ids of calls or reconnects.
import type { Gap, Subscription } from '../contract/client-types.ts'
import { RpcError } from '../protocol/error.ts'
import { type CreditPair, initialCredit, maxWindowBytes, nominalItemBytes } from '../protocol/messages.ts'

/** What a subscription asks of its call. */
export interface SubscriptionHost {
  readonly path: string
  /** Raises the limits of the stream. */
  credit(items: number, bytes: number): void
  /** The loop has left, or the subscription failed on this side. */
  unsubscribe(): void
  /** Tells the consumer of missing events; true when it wants to end. */
  gap(gap: Gap): boolean
  /** Opens the stream once more, under a new id. */
  reopen(): void
}

interface Received {
  readonly value: unknown
  readonly id: string | undefined
  readonly bytes: number
  /** In place of an item: events are missing here. */
  readonly gap?: Gap
}

interface Waiter {
  readonly resolve: (result: IteratorResult<unknown, undefined>) => void
  readonly reject: (error: unknown) => void
}

const done = { done: true, value: undefined } as const

export class ClientSubscription implements Subscription<unknown>, AsyncIterator<unknown, void, undefined> {
  processedId: string | undefined
  /** The line's number of the stream. */
  number: number
  /** The last event received, or where the source was when it accepted: what a reopening continues behind. */
  lastEventId: string | undefined
  /** It was accepted before, on another connection. */
  isContinued = false
  readonly #host: SubscriptionHost
  /** Read from `#head` on; what was read is let go at once. */
  #buffer: (Received | undefined)[] = []
  #head = 0
  #waiters: Waiter[] = []
  #takenId: string | undefined
  /** How many items may be ahead of the loop; doubles while the loop keeps up. */
  #window = initialCredit[0]
  #itemLimit = initialCredit[0]
  #byteLimit = initialCredit[1]
  #items = 0
  #bytes = 0
  #consumedItems = 0
  #consumedBytes = 0
  #isOver = false
  #failure: unknown
  /** The server has ended it for being slow; it is opened again when all that came was read. */
  #isPaused = false

  constructor(host: SubscriptionHost, number: number, lastEventId: string | undefined) {
    this.#host = host
    this.number = number
    this.lastEventId = lastEventId
  }

  /** Items that wait to be read. */
  get size(): number {
    return this.#buffer.length - this.#head
  }

  // ── From the wire ──────────────────────────────────────────────────────────

  /** Takes an item; false when it is beyond the credit, which no honest server does. */
  receive(value: unknown, id: string | undefined, size: number): boolean {
    if (this.#isOver) return true
    if (this.#items >= this.#itemLimit || this.#bytes >= this.#byteLimit) return false
    if (id !== undefined) this.lastEventId = id
    const bytes = size || nominalItemBytes
    this.#items++
    this.#bytes += bytes
    const waiter = this.#waiters.shift()
    if (waiter) this.#take(value, id, bytes, waiter)
    else this.#buffer.push({ value, id, bytes })
    return true
  }

  receiveGap(gap: Gap): void {
    if (this.#isOver) return
    if (this.size > 0) this.#buffer.push({ value: undefined, id: undefined, bytes: 0, gap })
    else this.#tell(gap)
  }

  /** The stream has ended, well or with a failure; what was received before is still read. */
  end(failure?: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#failure = failure
    if (this.size === 0) this.#settle()
  }

  /** Ends it at once, whatever was received. */
  abort(failure: unknown): void {
    this.#buffer = []
    this.#head = 0
    this.#isOver = true
    this.#failure = failure
    this.#settle()
  }

  /** The server has ended it for being slow. False when it can't be continued, having no id. */
  pause(): boolean {
    if (this.lastEventId === undefined) return false
    this.#isPaused = true
    if (this.size === 0) this.#unpause()
    return true
  }

  /** Accepted again. */
  continue(number: number): void {
    this.number = number
    this.isContinued = true
  }

  /** States its credit once more: what was said before may be lost with its connection. */
  renew(): void {
    this.#host.credit(this.#itemLimit, this.#byteLimit)
  }

  /** First credit of the stream when it is opened again: counts begin anew, and what still waits here is charged to it. */
  reopen(): CreditPair {
    let bytes = 0
    for (let index = this.#head; index < this.#buffer.length; index++) bytes += this.#buffer[index]?.bytes ?? 0
    this.#isPaused = false
    this.#items = this.#bytes = 0
    this.#consumedItems = -this.size
    this.#consumedBytes = -bytes
    return this.#raise()
  }

  // ── For the loop ───────────────────────────────────────────────────────────

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    this.processedId = this.#takenId
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject }
      if (this.size > 0) this.#read(waiter)
      else this.#waiters.push(waiter)
      if (this.#isOver && this.size === 0) this.#settle()
    })
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    this.processedId = this.#takenId
    if (!this.#isOver) this.#host.unsubscribe()
    this.abort(undefined)
    // A failure that came while the loop was leaving has nobody to go to.
    this.#failure = undefined
    return Promise.resolve(done)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #read(waiter: Waiter): void {
    const received = this.#buffer[this.#head] as Received
    this.#buffer[this.#head++] = undefined
    if (this.#head === this.#buffer.length) {
      this.#buffer = []
      this.#head = 0
    }
    if (!received.gap) return this.#take(received.value, received.id, received.bytes, waiter)
    this.#waiters.unshift(waiter)
    this.#tell(received.gap)
    const next = this.size > 0 ? this.#waiters.shift() : undefined
    if (next) this.#read(next)
  }

  #take(value: unknown, id: string | undefined, bytes: number, waiter: Waiter): void {
    if (id !== undefined) this.#takenId = id
    waiter.resolve({ done: false, value })
    this.#consumedItems++
    this.#consumedBytes += bytes
    if (this.#isOver) return
    if (this.#isPaused) {
      if (this.size === 0) this.#unpause()
      return
    }
    const isLow =
      this.#itemLimit - this.#consumedItems <= this.#window / 2 ||
      this.#byteLimit - this.#consumedBytes <= (this.#window / 2) * nominalItemBytes
    if (isLow) {
      if (this.size === 0) this.#window = Math.min(this.#window * 2, maxWindowBytes / nominalItemBytes)
      this.#host.credit(...this.#raise())
    }
  }

  #unpause(): void {
    this.#isPaused = false
    this.#host.reopen()
  }

  #raise(): CreditPair {
    this.#itemLimit = Math.max(0, this.#consumedItems + this.#window)
    this.#byteLimit = Math.max(0, this.#consumedBytes + this.#window * nominalItemBytes)
    return [this.#itemLimit, this.#byteLimit]
  }

  #tell(gap: Gap): void {
    if (!this.#host.gap(gap)) return
    this.#host.unsubscribe()
    this.abort(new RpcError('GAP', { message: `Events of "${this.#host.path}" are missing (${gap.reason})` }))
  }

  #settle(): void {
    const waiters = this.#waiters
    this.#waiters = []
    const failure = this.#failure
    for (const waiter of waiters) {
      // The first to look gets the failure, as with a generator; after it the stream has ended.
      if (this.#failure === undefined) waiter.resolve(done)
      else waiter.reject(failure)
      this.#failure = undefined
    }
  }
}
