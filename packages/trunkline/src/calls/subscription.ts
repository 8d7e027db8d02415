// An accepted subscription at the client: items that wait for the loop, and the credit that lets more come.
// Lives across connections. Does not know sockets, ids of calls or reconnects.
import type { Gap, Subscription } from '../contract/client-types.ts'
import { RpcError } from '../protocol/error.ts'
import { type CreditPair, maxHeldBytes, nominalItemBytes } from '../protocol/messages.ts'
import { ReceiveWindow } from '../protocol/window.ts'

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
  /** Its part of the frame it came in, where that is looked at. */
  readonly share: number
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
  /** Of what waits to be read. */
  #held = 0
  /** How much may be ahead of the loop. */
  readonly #window: ReceiveWindow
  #isOver = false
  #failure: unknown
  /** The server has ended it for being slow; it is opened again when all that came was read. */
  #isPaused = false

  constructor(host: SubscriptionHost, number: number, lastEventId: string | undefined, credit?: number) {
    this.#host = host
    this.#window = new ReceiveWindow(credit)
    this.number = number
    this.lastEventId = lastEventId
  }

  /** Items that wait to be read. */
  get size(): number {
    return this.#buffer.length - this.#head
  }

  // ── From the wire ──────────────────────────────────────────────────────────

  /** Takes an item; false when it is beyond the credit, which no honest server does. */
  receive(value: unknown, id: string | undefined, size: number, share = 0): boolean {
    if (this.#isOver) return true
    const bytes = size || nominalItemBytes
    if (!this.#window.receive(bytes) || this.#held + share > maxHeldBytes) return false
    if (id !== undefined) this.lastEventId = id
    const waiter = this.#waiters.shift()
    if (waiter) this.#take(value, id, bytes, waiter)
    else {
      this.#held += share
      this.#buffer.push({ value, id, bytes, share })
    }
    return true
  }

  receiveGap(gap: Gap): void {
    if (this.#isOver) return
    // Gaps cost no credit, so that one behind another is the same one.
    if (this.#buffer.at(-1)?.gap) return
    if (this.size > 0) this.#buffer.push({ value: undefined, id: undefined, bytes: 0, share: 0, gap })
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
    this.#host.credit(...this.#window.restate())
  }

  /** First credit of the stream when it is opened again: counts begin anew, and what still waits here is charged to it. */
  reopen(): CreditPair {
    // Gaps cost no credit, and give none back.
    const items = this.#buffer.filter((received) => received && !received.gap) as Received[]
    this.#isPaused = false
    return this.#window.restart(
      items.length,
      items.reduce((sum, { bytes }) => sum + bytes, 0),
    )
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
    this.#held -= received.share
    if (!received.gap) return this.#take(received.value, received.id, received.bytes, waiter)
    this.#waiters.unshift(waiter)
    this.#tell(received.gap)
    const next = this.size > 0 ? this.#waiters.shift() : undefined
    if (next) this.#read(next)
  }

  #take(value: unknown, id: string | undefined, bytes: number, waiter: Waiter): void {
    if (id !== undefined) this.#takenId = id
    waiter.resolve({ done: false, value })
    const limits = this.#window.consume(bytes, this.size === 0)
    if (this.#isOver) return
    if (this.#isPaused) {
      if (this.size === 0) this.#unpause()
    } else if (limits) this.#host.credit(...limits)
  }

  #unpause(): void {
    this.#isPaused = false
    this.#host.reopen()
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
