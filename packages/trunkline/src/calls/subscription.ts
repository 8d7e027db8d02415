// An accepted subscription at the client: items that wait for the loop, and the credit that lets more come.
// Lives across connections. Does not know sockets, ids of calls or reconnects.
import type { Gap, SubscribeOptions, Subscription } from '../contract/client-types.ts'
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
  readonly value?: unknown
  readonly id?: string | undefined
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
  readonly #host: SubscriptionHost
  /** It goes on behind something: an event of before, or a connection. */
  #isContinued: boolean
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

  constructor(
    host: SubscriptionHost,
    number: number,
    position: string | undefined,
    { lastEventId, credit }: SubscribeOptions,
  ) {
    this.#host = host
    this.number = number
    this.lastEventId = lastEventId ?? position
    this.#isContinued = lastEventId !== undefined
    this.#window = new ReceiveWindow(credit)
  }

  /** What waits to be read. */
  get #size(): number {
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
    if (waiter) waiter.resolve(this.#take(value, id, bytes))
    else {
      this.#held += share
      this.#buffer.push({ value, id, bytes, share })
    }
    return true
  }

  /** Events are missing here; `position`: what is continued behind from now on. */
  missing(reason: Gap['reason'], position: string | undefined): void {
    // A repeat of an `open` whose `accept` never came: there was nothing yet that events could be missing from.
    if (this.#isOver || (reason === 'source' && !this.#isContinued)) return
    const gap = { path: this.#host.path, reason, lastEventId: this.lastEventId }
    if (position !== undefined) this.lastEventId = position
    // Gaps cost no credit, so that one behind another is the same one.
    if (this.#buffer.at(-1)?.gap) return
    if (this.#size > 0) this.#buffer.push({ bytes: 0, share: 0, gap })
    else this.#tell(gap)
  }

  /** The stream has ended, well or with a failure; what was received before is still read. */
  end(failure?: unknown): void {
    if (!this.#isOver) this.#finish(failure)
  }

  /** Ends it at once, whatever was received. */
  abort(failure: unknown): void {
    this.#buffer = []
    this.#head = 0
    this.#finish(failure)
  }

  /** The server has ended it for being slow. False when it can't be continued, having no id. */
  pause(): boolean {
    if (this.lastEventId === undefined) return false
    this.#isPaused = true
    this.#goOn()
    return true
  }

  /** Accepted again. */
  continue(number: number): void {
    this.number = number
    this.#isContinued = true
  }

  /** States its credit once more: what was said before may be lost with its connection. */
  renew(): void {
    this.#host.credit(...this.#window.limits)
  }

  /** First credit of the stream when it is opened again: counts begin anew, and what still waits here is charged to it. */
  reopen(): CreditPair {
    let items = 0
    let bytes = 0
    // Gaps cost no credit, and give none back.
    for (const received of this.#buffer) {
      if (!received?.bytes) continue
      items++
      bytes += received.bytes
    }
    this.#isPaused = false
    return this.#window.restart(items, bytes)
  }

  // ── For the loop ───────────────────────────────────────────────────────────

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    this.processedId = this.#takenId
    let received = this.#shift()
    if (received?.gap) {
      this.#tell(received.gap)
      received = this.#shift()
    }
    const result = received && this.#take(received.value, received.id, received.bytes)
    this.#goOn()
    if (result) return Promise.resolve(result)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      if (this.#isOver) this.#settle()
    })
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    this.processedId = this.#takenId
    if (!this.#isOver) this.#host.unsubscribe()
    // A failure that came while the loop was leaving has nobody to go to.
    this.abort(undefined)
    return Promise.resolve(done)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #shift(): Received | undefined {
    const received = this.#buffer[this.#head]
    if (!received) return undefined
    this.#held -= received.share
    this.#buffer[this.#head++] = undefined
    if (this.#size === 0) {
      this.#buffer = []
      this.#head = 0
    }
    return received
  }

  #take(value: unknown, id: string | undefined, bytes: number): IteratorResult<unknown, undefined> {
    if (id !== undefined) this.#takenId = id
    const limits = this.#window.consume(bytes, this.#size === 0)
    if (limits && !this.#isOver && !this.#isPaused) this.#host.credit(...limits)
    return { done: false, value }
  }

  /** Opens it again once all that came was read, where the server has ended it for being slow. */
  #goOn(): void {
    if (!this.#isPaused || this.#isOver || this.#size > 0) return
    this.#isPaused = false
    this.#host.reopen()
  }

  #finish(failure: unknown): void {
    this.#isOver = true
    this.#failure = failure
    this.#settle()
  }

  /** Nothing is left to read for those who wait. */
  #settle(): void {
    for (const { resolve, reject } of this.#waiters.splice(0)) {
      // The first to look gets the failure, as with a generator; after it the stream has ended.
      if (this.#failure === undefined) resolve(done)
      else reject(this.#failure)
      this.#failure = undefined
    }
  }

  #tell(gap: Gap): void {
    if (!this.#host.gap(gap)) return
    this.#host.unsubscribe()
    this.abort(new RpcError('GAP', { message: `Events of "${this.#host.path}" are missing (${gap.reason})` }))
  }
}
