// One call at the client, from the moment it was made until it settles; a subscription lives on in it until it ends.
// Lives across connections. Knows how to say itself on a line; does not know when there is one.
import type { Gap, SendOptions, SubscribeOptions } from '../contract/client-types.ts'
import type { Expiring } from '../protocol/deadlines.ts'
import { decodeValue } from '../protocol/decode-value.ts'
import type { Encoded } from '../protocol/encoded.ts'
import { RpcError } from '../protocol/error.ts'
import { type ErrorDetails, encodeOpen, type OpenOptions } from '../protocol/messages.ts'
import { lengthOf, type Payload, type ValueTypes } from '../protocol/values.ts'
import { creditFor } from '../protocol/window.ts'
import { callBack } from './call-back.ts'
import { Sender, type SenderHost, type SenderPlace } from './sender.ts'
import { ClientSubscription, type SubscriptionHost } from './subscription.ts'

/** The client, as its calls see it. */
export interface CallHost {
  readonly types: ValueTypes | undefined
  /** Takes a call that has settled off the table; `tell` says that the server has to hear of it. */
  settled(call: ClientCall, tell: boolean): void
  /** Sends the call once more, under a new id. */
  reopen(call: ClientCall): void
  gap(gap: Gap): void
}

/** Where a call is written: the session, as its calls see it. */
export interface CallPlace extends SenderPlace {
  /** Forgets a call that has settled, or goes elsewhere; `tell` says that the other end has to hear of it. */
  settled(call: ClientCall, tell: boolean): void
  credit(id: number, items: number, bytes: number): void
}

/** Says why there is no line, where there is none. */
export interface CallConnection {
  readonly state: { readonly reason?: string | undefined }
}

/** Options of a call as the client keeps them. */
export interface KeptOptions extends SubscribeOptions, SendOptions<unknown> {
  /** Told when the call turns out to be a stream that was refused. */
  onStreamRefused?: () => void
}

// Kept small, since each call makes one: what only a stream needs is in its subscription.
export class ClientCall implements Expiring, SubscriptionHost, SenderHost {
  id = 0
  readonly path: string
  /** Where it is written, until it settles. */
  place: CallPlace | undefined
  input: Payload | undefined
  /** Infinity once a subscription is accepted. */
  deadline: number
  /** The line it was first written on: from then on, whether it has run is no longer for this end to say. */
  firstLine: object | undefined
  isSettled = false
  subscription: ClientSubscription | undefined
  /** Its `open`, where that has parts: it may be on its way for long. */
  opened: Encoded | undefined
  /** What it pushes; only where it was given something to push. */
  sender: Sender | undefined
  /** The promise the caller holds. */
  readonly promise: Promise<unknown>
  readonly #host: CallHost
  readonly #connection: CallConnection
  readonly #options: KeptOptions
  #resolve!: (value: unknown) => void
  #reject!: (error: unknown) => void

  constructor(host: CallHost, connection: CallConnection, path: string, options: KeptOptions, deadline: number) {
    this.#host = host
    this.#connection = connection
    this.path = path
    this.deadline = deadline
    this.#options = options
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // First, since it throws where it is given something else.
    if (options.send !== undefined) this.sender = new Sender(this, options.send)
    options.signal?.addEventListener('abort', this)
  }

  get wasSent(): boolean {
    return this.firstLine !== undefined
  }

  /** Bytes it holds while it waits, in UTF-16 units. */
  get size(): number {
    return this.path.length + lengthOf(this.input)
  }

  /** Its `open`; `usualMs` is the deadline that needs no mention. */
  encode(now: number, usualMs: number): Encoded {
    return encodeOpen(this.id, this.path, this.input, this.#openOptions(now, usualMs))
  }

  /** Undefined where there is nothing to say, as for most calls. */
  #openOptions(now: number, usualMs: number): OpenOptions | undefined {
    const { meta, idempotencyKey: key, credit } = this.#options
    // What a stream continues behind.
    const { lastEventId } = this.subscription ?? this.#options
    // A subscription that is opened again gets the client's usual time to be accepted.
    const left = this.deadline === Infinity ? usualMs : this.deadline - now
    // A few milliseconds between the call and its frame are no reason to send a number along.
    const isUsual = Math.abs(left - usualMs) <= 50
    if (isUsual && !this.wasSent && !meta && (key ?? lastEventId ?? credit) === undefined) return undefined
    return {
      timeoutMs: isUsual ? undefined : Math.max(1, Math.round(left)),
      meta: meta || undefined,
      key,
      repeat: this.wasSent || undefined,
      lastEventId,
      credit: this.subscription?.reopen() ?? (credit === undefined ? undefined : creditFor(credit)),
    }
  }

  // ── From the wire ──────────────────────────────────────────────────────────

  result(value: unknown, rich: unknown): void {
    const decoded = this.#decode(value, rich)
    if (this.isSettled) return
    if (this.subscription) return this.#broken('a result came for a stream')
    this.#resolve(decoded)
    this.#close(false)
  }

  error(code: string, message: string, details: ErrorDetails, data: unknown, rich: unknown): void {
    // It goes on behind the last event once the loop has caught up; nobody needs to know.
    if (code === 'SLOW_CONSUMER' && this.subscription?.pause()) return
    const error = new RpcError(code, { message, data: this.#decode(data, rich), delivery: details.delivery })
    this.fail(error, false, details.stream)
  }

  accept(stream: number, position: string | undefined): void {
    this.deadline = Infinity
    // An upload: it has an answer, and no items of its own.
    if (stream === 0) return
    if (this.subscription) return this.subscription.continue(stream)
    this.subscription = new ClientSubscription(this, stream, position, this.#options)
    this.#resolve(this.subscription)
  }

  /** False when the item breaks the protocol. */
  item(value: unknown, id: string | undefined, size: number, rich: unknown, share?: number): boolean {
    return this.subscription?.receive(this.#decode(value, rich), id, size, share) ?? false
  }

  missing(reason: string, position: string | undefined): void {
    this.subscription?.missing(reason as Gap['reason'], position)
  }

  end(): void {
    if (!this.subscription) return this.#broken('it ended before it was accepted')
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
    this.#close(tell, error)
  }

  expire(): void {
    const { reason } = this.#connection.state
    const missing = this.wasSent ? 'answer from' : 'connection for'
    const why = reason ? `: ${reason}` : ''
    this.refuse('TIMEOUT', `No ${missing} "${this.path}" in time${why}`, true)
  }

  /** An RpcError of this call that this end has found. */
  failure(code: string, message: string): RpcError {
    return new RpcError(code, { message, delivery: this.wasSent ? 'unknown' : 'not-run' })
  }

  /** Ends it with what this end has found. */
  refuse(code: string, message: string, tell = false): void {
    this.fail(this.failure(code, message), tell)
  }

  cancel(): void {
    this.abort(this.failure('CANCELLED', `"${this.path}" was aborted`))
  }

  /** Ends it at once, whatever was received. */
  abort(error: unknown): void {
    this.subscription?.abort(error)
    this.fail(error, true)
  }

  /** Its signal has aborted: an object as a listener costs no closure. */
  handleEvent(): void {
    this.cancel()
  }

  // ── For what it pushes ─────────────────────────────────────────────────────

  get types(): ValueTypes | undefined {
    return this.#host.types
  }

  /** Makes what pushes by hand, where nothing pushes by itself. */
  get hand(): Sender {
    this.sender ??= new Sender(this, undefined)
    // It settled before anything was written.
    if (this.isSettled) this.sender.stop()
    return this.sender
  }

  // ── For its subscription ───────────────────────────────────────────────────

  credit(items: number, bytes: number): void {
    this.place?.credit(this.id, items, bytes)
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

  /** What was sent; where it can't be read the call is over, and takes nothing more. */
  #decode(value: unknown, rich: unknown): unknown {
    try {
      return decodeValue(value, rich, this.#host.types)
    } catch (error) {
      return this.#broken((error as Error).message)
    }
  }

  #broken(why: string): void {
    const message = `The answer of "${this.path}" could not be read: ${why}`
    this.fail(new RpcError('INTERNAL', { message }), this.subscription !== undefined)
  }

  #close(tell: boolean, error?: unknown): void {
    if (this.isSettled) return
    this.isSettled = true
    this.sender?.stop(error)
    this.#options.signal?.removeEventListener('abort', this)
    this.#host.settled(this, tell)
  }
}
