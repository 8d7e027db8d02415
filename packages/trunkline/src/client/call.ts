// One call at the client, from the moment it was made until it settles; a subscription lives on in it until it ends.
// Lives across connections. Knows how to say itself on a line; does not know when there is one.
import type { Gap, SubscribeOptions } from '../contract/client-types.ts'
import { type Expiring, maxTimerMs } from '../protocol/deadlines.ts'
import { type Delivery, RpcError } from '../protocol/error.ts'
import { type ErrorDetails, encodeBareOpen, encodeOpen, type OpenOptions } from '../protocol/messages.ts'
import { decodeValue, type Payload } from '../protocol/values.ts'
import { type ConnectionState, callBack } from './state.ts'
import { ClientSubscription, type SubscriptionHost } from './subscription.ts'

/** The client, as its calls see it. */
export interface CallHost {
  /** Takes a call that has settled off the table; `tell` says that the server has to hear of it. */
  settled(call: ClientCall, tell: boolean): void
  /** Sends the call once more, under a new id. */
  reopen(call: ClientCall): void
  credit(call: ClientCall, items: number, bytes: number): void
  gap(gap: Gap): void
}

/** Says why there is no line, where there is none. */
export interface CallConnection {
  readonly state: ConnectionState
}

/** Options of a call as the client keeps them. */
export interface KeptOptions extends SubscribeOptions {
  /** Told when the call turns out to be a stream that was refused. */
  onStreamRefused?: () => void
}

// Kept small, since each call makes one: what only a stream needs is in its subscription.
export class ClientCall implements Expiring, SubscriptionHost {
  id = 0
  readonly path: string
  readonly input: Payload | undefined
  /** Infinity once a subscription is accepted. */
  deadline: number
  /** The line it was first written on: from then on, whether it has run is no longer for this end to say. */
  firstLine: object | undefined
  isSettled = false
  subscription: ClientSubscription | undefined
  /** The promise the caller holds. */
  readonly promise: Promise<unknown>
  readonly #host: CallHost
  readonly #connection: CallConnection
  readonly #options: KeptOptions
  #resolve!: (value: unknown) => void
  #reject!: (error: unknown) => void

  constructor(
    host: CallHost,
    connection: CallConnection,
    path: string,
    input: Payload | undefined,
    options: KeptOptions,
    deadline: number,
  ) {
    this.#host = host
    this.#connection = connection
    this.path = path
    this.input = input
    this.deadline = deadline
    this.#options = options
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    options.signal?.addEventListener('abort', this)
  }

  get wasSent(): boolean {
    return this.firstLine !== undefined
  }

  /** Bytes it holds while it waits, in UTF-16 units. */
  get size(): number {
    return this.path.length + (this.input?.json.length ?? 0) + (this.input?.rich?.length ?? 0)
  }

  /** Its `open`; `usualMs` is the deadline that needs no mention. */
  encode(now: number, usualMs: number): string {
    const options = this.#openOptions(now, usualMs)
    return this.input
      ? encodeOpen(this.id, this.path, this.input, options)
      : encodeBareOpen(this.id, this.path, options)
  }

  /** Undefined where there is nothing to say, as for most calls. */
  #openOptions(now: number, usualMs: number): OpenOptions | undefined {
    const { meta, idempotencyKey } = this.#options
    // What a stream continues behind.
    const { lastEventId } = this.subscription ?? this.#options
    // A subscription that is opened again gets the client's usual time to be accepted.
    const left = this.deadline === Infinity ? usualMs : this.deadline - now
    // A few milliseconds between the call and its frame are no reason to send a number along.
    const isUsual = Math.abs(left - usualMs) <= 50
    if (isUsual && !meta && idempotencyKey === undefined && !this.firstLine && lastEventId === undefined)
      return undefined
    const options: OpenOptions = {}
    if (!isUsual) options.timeoutMs = Math.max(1, Math.round(Math.min(left, maxTimerMs)))
    if (meta) options.meta = meta
    if (idempotencyKey !== undefined) options.key = idempotencyKey
    if (this.wasSent) options.repeat = true
    if (lastEventId !== undefined) options.lastEventId = lastEventId
    if (this.subscription) options.credit = this.subscription.reopen()
    return options
  }

  // ── From the wire ──────────────────────────────────────────────────────────

  result(value: unknown, rich: unknown): void {
    if (rich === undefined) return this.#settle(value)
    try {
      this.#settle(decodeValue(value, rich))
    } catch (error) {
      this.#broken(error)
    }
  }

  error(code: string, message: string, details: ErrorDetails, data: unknown, rich: unknown): void {
    // It goes on behind the last event once the loop has caught up; nobody needs to know.
    if (code === 'SLOW_CONSUMER' && this.subscription?.pause()) return
    try {
      const error = new RpcError(code, { message, data: decodeValue(data, rich), delivery: details.delivery })
      this.fail(error, false, details.stream)
    } catch (error) {
      this.#broken(error)
    }
  }

  accept(stream: number, position: string | undefined): void {
    this.deadline = Infinity
    if (this.subscription) return this.subscription.continue(stream)
    this.subscription = new ClientSubscription(this, stream, this.#options.lastEventId ?? position)
    this.#resolve(this.subscription)
  }

  /** False when the item breaks the protocol. */
  item(value: unknown, id: string | undefined, size: number, rich: unknown): boolean {
    const { subscription } = this
    if (!subscription) return false
    if (rich === undefined) return subscription.receive(value, id, size)
    try {
      return subscription.receive(decodeValue(value, rich), id, size)
    } catch (error) {
      this.#broken(error)
      return true
    }
  }

  missing(reason: string, position: string | undefined): void {
    const { subscription } = this
    // A repeat of an `open` whose `accept` never came: there was nothing yet that events could be missing from.
    if (reason === 'source' && !subscription?.isContinued && this.#options.lastEventId === undefined) return
    subscription?.receiveGap({
      path: this.path,
      reason: reason as Gap['reason'],
      lastEventId: subscription.lastEventId,
    })
    if (subscription && position !== undefined) subscription.lastEventId = position
  }

  end(): void {
    if (!this.subscription) return this.#broken(new Error('it ended before it was accepted'))
    this.subscription.end()
    this.#close(false)
  }

  // ── From this side ─────────────────────────────────────────────────────────

  /** Ends it with an error; `isStream` when the caller may not have looked at its promise, being about to iterate. */
  fail(error: unknown, tell: boolean, isStream = false): void {
    if (this.isSettled) return
    this.subscription?.end(error)
    if (isStream) {
      this.promise.catch(() => {})
      this.#options.onStreamRefused?.()
    }
    this.#reject(error)
    this.#close(tell)
  }

  expire(): void {
    const { reason } = this.#connection.state
    const missing = this.wasSent ? 'answer from' : 'connection for'
    const why = reason ? `: ${reason}` : ''
    this.fail(this.failure('TIMEOUT', `No ${missing} "${this.path}" in time${why}`), true)
  }

  /** An RpcError of this call that this end has found. */
  failure(code: string, message: string): RpcError {
    const delivery: Delivery = this.wasSent ? 'unknown' : 'not-run'
    return new RpcError(code, { message, delivery })
  }

  cancel(): void {
    const error = this.failure('CANCELLED', `"${this.path}" was aborted`)
    this.subscription?.abort(error)
    this.fail(error, true)
  }

  /** Its signal has aborted: an object as a listener costs no closure. */
  handleEvent(): void {
    this.cancel()
  }

  // ── For its subscription ───────────────────────────────────────────────────

  credit(items: number, bytes: number): void {
    this.#host.credit(this, items, bytes)
  }

  unsubscribe(): void {
    this.#close(true)
  }

  gap(gap: Gap): boolean {
    this.#host.gap(gap)
    const { onGap } = this.#options
    if (onGap === 'error') return true
    if (onGap) callBack(() => onGap(gap))
    return false
  }

  reopen(): void {
    if (!this.isSettled) this.#host.reopen(this)
  }

  #broken(error: unknown): void {
    const message = `The answer of "${this.path}" could not be read: ${(error as Error).message}`
    this.fail(new RpcError('INTERNAL', { message }), this.subscription !== undefined)
  }

  #settle(value: unknown): void {
    if (this.isSettled) return
    if (this.subscription) return this.#broken(new Error('a result came for a stream'))
    this.#resolve(value)
    this.#close(false)
  }

  #close(tell: boolean): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#options.signal?.removeEventListener('abort', this)
    this.#host.settled(this, tell)
  }
}
