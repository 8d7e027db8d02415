// What a caller pushes, as its handler reads it: an async iterable, validated one by one, that is sent no faster than it is read.
// Does not know the wire's messages or the socket.
import { describeIssues, SchemaFailure, type Validator } from '../contract/validator.ts'
import { RpcError } from '../protocol/error.ts'
import { maxHeldBytes, nominalItemBytes } from '../protocol/messages.ts'
import { ReceiveWindow } from '../protocol/window.ts'

/** A call, as what it is sent sees it. */
export interface ItemsHost {
  readonly path: string
  /** Raises the caller's limits. */
  credit(items: number, bytes: number): void
}

interface Received {
  readonly value: unknown
  readonly bytes: number
  /** Its part of the frame it came in. */
  readonly share: number
}

interface Waiter {
  readonly resolve: (received: Received | undefined) => void
  readonly reject: (error: unknown) => void
}

export class Items implements AsyncIterableIterator<unknown, void, undefined> {
  readonly #host: ItemsHost
  readonly #validator: Validator | undefined
  readonly #window = new ReceiveWindow()
  #buffer: Received[] = []
  /** What waits to be read, as it came: what a caller states of sizes is only its word. */
  #held = 0
  #waiters: Waiter[] = []
  #isOver = false
  #failure: unknown

  constructor(host: ItemsHost, validator: Validator | undefined) {
    this.#host = host
    this.#validator = validator
  }

  // ── From the wire ──────────────────────────────────────────────────────────

  /** False when it is beyond the credit, which no honest caller does. */
  push(value: unknown, size: number, share = 0): boolean {
    if (this.#isOver) return true
    const bytes = size || nominalItemBytes
    if (!this.#window.receive(bytes) || this.#held + share > maxHeldBytes) return false
    this.#held += share
    const waiter = this.#waiters.shift()
    if (waiter) waiter.resolve(this.#take({ value, bytes, share }))
    else this.#buffer.push({ value, bytes, share })
    return true
  }

  /** The caller has sent all; what came before is still read. */
  end(): void {
    this.#isOver = true
    if (this.#buffer.length === 0) this.#settle()
  }

  /** The call is over: with a failure, the handler hears of it at its next look. Safe to call twice. */
  abort(failure?: unknown): void {
    if (this.#isOver && this.#buffer.length === 0) return
    this.#isOver = true
    this.#failure = failure
    this.#buffer = []
    this.#held = 0
    this.#settle()
  }

  /** Limits once more: what was told before may be lost with its connection. */
  renew(): void {
    if (!this.#isOver) this.#host.credit(...this.#window.limits)
  }

  // ── For the handler ────────────────────────────────────────────────────────

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    const received = await this.#next()
    if (!received) return { done: true, value: undefined }
    try {
      return { done: false, value: this.#validator ? await this.#validator.check(received.value) : received.value }
    } catch (error) {
      throw badItem(this.#host.path, error)
    }
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.abort()
    return { done: true, value: undefined }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort()
  }

  #next(): Promise<Received | undefined> | Received | undefined {
    const received = this.#buffer.shift()
    if (received) return this.#take(received)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      if (this.#isOver) this.#settle()
    })
  }

  #take(received: Received): Received {
    this.#held -= received.share
    const limits = this.#window.consume(received.bytes, this.#buffer.length === 0)
    if (limits && !this.#isOver) this.#host.credit(...limits)
    return received
  }

  #settle(): void {
    for (const { resolve, reject } of this.#waiters.splice(0)) {
      // The first to look gets the failure, as with a generator.
      if (this.#failure === undefined) resolve(undefined)
      else reject(this.#failure)
      this.#failure = undefined
    }
  }
}

/** What a handler is thrown, and with it the caller is told, when an item is not what the contract says. */
export function badItem(path: string, error: unknown): unknown {
  if (!(error instanceof SchemaFailure)) return error
  return new RpcError('BAD_REQUEST', {
    message: `Invalid item of "${path}": ${describeIssues(error.issues, 1)}`,
    data: { issues: error.issues },
    cause: error.cause,
  })
}
