// What a client has going at the server: its calls and streams, by id. Lives as long as the session, whose socket may come and go.
// Does not read frames and does not know the socket.
import { givesItems, takesItems } from '../contract/procedure.ts'
import { closeCode } from '../protocol/close.ts'
import { Deadlines } from '../protocol/deadlines.ts'
import { FrameRefusal, refuse } from '../protocol/decode.ts'
import { decodeValue, RichParts } from '../protocol/decode-value.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { RpcError } from '../protocol/error.ts'
import { IdMap } from '../protocol/id-map.ts'
import { type CreditPair, encodeAccept, encodeError, OPEN, type OpenOptions } from '../protocol/messages.ts'
import type { Calls } from '../protocol/read-calls.ts'
import type { Answering, OpenCallsHost } from './answering.ts'
import { type CallHost, ServerCall } from './call.ts'
import { describeFailure, refusal } from './failure.ts'
import { type FedNumber, FedStream } from './fed-stream.ts'
import { feedOf } from './feed.ts'
import type { Connection } from './handler.ts'
import { isAsyncIterable, notASource, type Operation } from './operation.ts'
import { PulledStream } from './pulled-stream.ts'
import { callerGone, Pushed } from './pushed.ts'
import { RateLimit } from './rate-limit.ts'
import { type Reauthorized, reauthorizeAgain, toReauthorized } from './reauthorization.ts'
import type { ServerStream, StreamHost } from './stream.ts'
import { Turns } from './turns.ts'

/** Twice the calls and streams a client may have by default. */
const maxSettledAhead = 4_096

export class OpenCalls implements CallHost, StreamHost, Calls {
  context: unknown
  generation = 0
  readonly messageBytes: number
  readonly deadlines: Deadlines
  readonly #core: Answering
  readonly #host: OpenCallsHost
  readonly #usualMs: number
  readonly #usualCredit: CreditPair
  #calls = new IdMap<ServerCall>()
  readonly #streams = new Map<number, ServerStream>()
  readonly #turns: Turns
  readonly #pushed: Pushed
  /** Streams whose handler has not given its source yet, and uploads. */
  #opening = 0
  #lastId = 0
  /** Calls that the client has settled before their `open` came. */
  readonly #settledAhead = new Set<number>()
  /** When the message that is worked off came. */
  #now = 0
  #share = 0
  readonly #rate: RateLimit | undefined

  constructor(
    core: Answering,
    host: OpenCallsHost,
    hello: { readonly timeoutMs: number; readonly credit: CreditPair },
    context: unknown,
  ) {
    this.#core = core
    this.#host = host
    this.#usualMs = hello.timeoutMs
    this.#usualCredit = hello.credit
    this.context = context
    this.messageBytes = core.messageBytes
    this.#turns = new Turns(host)
    this.#pushed = new Pushed(core.settings.types, (message) => host.ride(message))
    this.deadlines = new Deadlines(() => this.#calls.values())
    const { rateLimit } = core.settings
    this.#rate = rateLimit && new RateLimit(rateLimit, performance.now())
  }

  get handle(): Connection {
    return this.#host.handle
  }

  get openCalls(): number {
    return this.#calls.size
  }

  get openStreams(): number {
    return this.#streams.size
  }

  get isIdle(): boolean {
    return this.#calls.size === 0 && this.#streams.size === 0
  }

  get isResting(): boolean {
    return this.#host.isResting
  }

  // ── From the wire ──────────────────────────────────────────────────────────

  /** What is worked off now came at `now`; `share`: a message's part of its frame's length. */
  at(now: number, share = 0): void {
    this.#now = now
    this.#share = share
  }

  open(id: number, path: string, input: unknown, options: OpenOptions, rich: unknown): void {
    const now = this.#now
    if (id > this.#lastId) this.#lastId = id
    else if (!options.repeat && !(rich instanceof RichParts && rich.isLate))
      throw refuse(OPEN, `id ${id} is not above the last, ${this.#lastId}`)
    else if (this.#calls.get(id) || this.#streams.has(id)) throw refuse(OPEN, `id ${id} is open already`)
    if (this.#settledAhead.delete(id)) return
    const operation = this.#core.operations.get(path)
    // Before any other refusal: whether it has run is not known, and none of them may say that it has not.
    if (operation && options.repeat && !isRepeatable(operation)) return this.#turnAwayRepeat(id, now)
    const refused = this.#refusalFor(path, operation, now)
    if (refused || !operation) return this.#turnAway(id, refused ?? refusal.notFound(path), operation, options)
    let decoded = input
    try {
      if (rich !== undefined) decoded = decodeValue(input, rich, this.#core.settings.types)
    } catch (error) {
      return this.#turnAway(id, refusal.unreadable(error as Error), operation, options)
    }
    const limitMs = Math.min(options.timeoutMs ?? this.#usualMs, this.#core.settings.limits.timeoutMs)
    const call = new ServerCall(this, id, operation, options, now + limitMs)
    this.#calls.add(call)
    if (isStream(operation)) this.#opening++
    if (operation.sent) this.#pushed.begin(call, operation.sent)
    this.deadlines.watch(call.deadline, now)
    if (!operation.procedure.idempotent) return call.run(decoded)
    const { name, handle } = this.#host
    // A key without somebody it belongs to is the session's alone: nobody may have another's answer by guessing it.
    const key = `${path} ${options.key ?? `${name}.${id}`}`
    this.#core.idempotency.run(call, handle.principal ?? name, key, () => call.run(decoded))
  }

  cancel(id: number): void {
    const stream = this.#streams.get(id)
    const call = this.#calls.get(id)
    this.#streams.delete(id)
    stream?.cancel()
    this.#pushed.stop(id, callerGone())
    if (!call) return
    this.#takeOff(call)
    call.abort()
  }

  /** An item that a caller pushes; it may cross the end of its call. */
  item(id: number, value: unknown, size: number, rich: unknown): void {
    const problem = this.#pushed.take(id, value, size, rich, this.#share)
    if (!problem) return
    this.#streams.get(id)?.refuse(problem)
    this.#calls.get(id)?.refuse(problem)
  }

  /** A caller has pushed all it has. */
  finish(id: number): void {
    this.#pushed.end(id)
  }

  /** The limits that callers have, once more: what was said before may be lost with its connection. */
  renewCredit(): void {
    this.#pushed.renew()
  }

  /** Calls that the client has settled while it could not say so. */
  settled(ids: readonly number[]): void {
    for (const id of ids) {
      if (this.#calls.get(id) || this.#streams.has(id)) this.cancel(id)
      else this.#settleAhead(id)
    }
  }

  /**
   * Its `open` may be on its way, below the last id too where it is large; or it was answered, and nothing of it comes.
   * An honest client has no more calls open than this remembers.
   */
  #settleAhead(id: number): void {
    this.#settledAhead.add(id)
    if (this.#settledAhead.size <= maxSettledAhead) return
    for (const oldest of this.#settledAhead) {
      this.#settledAhead.delete(oldest)
      return
    }
  }

  /** Of a stream that is not accepted yet there is nothing to raise: its first credit came with its `open`. */
  credit(id: number, items: number, bytes: number): void {
    this.#streams.get(id)?.credit(items, bytes)
  }

  /** The socket has caught up. */
  wake(): void {
    for (const stream of this.#streams.values()) stream.wake()
  }

  /** The same principal with new credentials: what is open is asked for again. Resolves when all is answered. */
  async renew(context: unknown): Promise<void> {
    this.context = context
    this.generation++
    // Those that are not accepted yet are asked about then: their input is not validated before.
    const uploads = this.#calls.values().filter(({ isAcceptedUpload }) => isAcceptedUpload)
    const open = [...this.#streams.values(), ...uploads.map(toReauthorized)]
    await Promise.all(open.map((stream) => this.#askAgain(stream)))
  }

  /** Nobody will come for the answers any more. Safe to call twice. */
  end(): void {
    this.deadlines.stop()
    const open = [...this.#streams.values()]
    const calls = this.#calls.values()
    this.#streams.clear()
    this.#calls = new IdMap()
    for (const stream of open) stream.cancel()
    // The last first: who waits for another's answer leaves before that one, and is not run in its place.
    for (const call of calls.reverse()) call.abort()
    this.#pushed.stopAll()
  }

  // ── For calls and streams ──────────────────────────────────────────────────

  answer(call: ServerCall, message: Encoded): void {
    this.#takeOff(call)
    this.#host.send(message)
  }

  /** There may be room again for what generators give. */
  pull(): void {
    this.#turns.goOn()
  }

  mayPull(stream: ServerStream): boolean {
    return this.#turns.take(stream)
  }

  sendStream(message: Encoded): void {
    this.#host.sendStream(message)
  }

  acceptUpload(call: ServerCall): void {
    call.deadline = Number.POSITIVE_INFINITY
    this.#host.send(encodeAccept(call.id, 0, undefined))
    if (call.generation !== this.generation) this.#askAgain(toReauthorized(call))
  }

  accept(call: ServerCall, source: unknown): void {
    const feed = feedOf(source)
    if (call.isOver) return void disposeSource(source, feed)
    if (!feed && !isAsyncIterable(source)) {
      return call.fail(notASource(call.operation.path, source))
    }
    const number = this.#streamNumber(call, feed?.topic)
    const credit = call.options.credit ?? this.#usualCredit
    let stream: ServerStream
    try {
      stream = feed
        ? new FedStream(this, call, number, credit, feed)
        : new PulledStream(this, call, number.number, credit, source as AsyncIterable<unknown>)
    } catch (error) {
      return call.fail(error)
    }
    this.#streams.set(call.id, stream)
    this.#takeOff(call)
    // Before the first event it is where the consumer was, not the source: a break in between must lose nothing.
    const position = call.isResumable ? (call.options.lastEventId ?? feed?.position) : undefined
    this.sendStream(encodeAccept(call.id, stream.number, position))
    if (call.generation !== this.generation) this.#askAgain(stream)
    stream.start()
  }

  endStream(stream: ServerStream): void {
    this.#streams.delete(stream.call.id)
    if (stream.call.items) this.#pushed.stop(stream.call.id)
  }

  gapTold(): void {
    this.#core.gapTold()
  }

  report(error: unknown, operation: Operation): void {
    this.#core.report(error, operation, this.context)
  }

  #askAgain(stream: Reauthorized): Promise<void> {
    return reauthorizeAgain(stream, this.context, this.#core.settings, (error) =>
      this.report(error, stream.call.operation),
    )
  }

  #takeOff(call: ServerCall): void {
    if (this.#calls.delete(call.id) && isStream(call.operation)) this.#opening--
    if (call.items && !this.#streams.has(call.id)) this.#pushed.stop(call.id)
  }

  #refusalFor(path: string, operation: Operation | undefined, now: number): RpcError | undefined {
    const waitMs = this.#rate?.take(operation?.procedure.cost ?? 1, now) ?? 0
    if (waitMs > 0) return refusal.rateLimited(path, waitMs)
    if (!operation) return undefined
    if (this.#core.isDraining) return refusal.shuttingDown()
    const { calls, streams } = this.#core.settings.limits
    if (this.#calls.size >= calls) return refusal.tooManyCalls(calls)
    if (isStream(operation) && this.#streams.size + this.#opening >= streams) return refusal.tooManyStreams(streams)
    return undefined
  }

  /** Refuses a call that has not run; of a repeat only this time is known. */
  #turnAway(id: number, error: RpcError, operation: Operation | undefined, { repeat }: OpenOptions): void {
    const failure = describeFailure(error, operation, repeat ? 'unknown' : 'not-run')
    // Only errors of a contract have data that is checked, and this is none.
    if (failure instanceof Promise) return
    this.#host.send(encodeError(id, failure, operation !== undefined && isStream(operation)))
    this.#refuseAbuse('calls went on after RATE_LIMITED')
  }

  #turnAwayRepeat(id: number, now: number): void {
    const message = 'The connection was lost before the answer; whether the call has run is not known'
    this.#host.send(encodeError(id, { code: 'CONNECTION_LOST', message, delivery: 'unknown', data: undefined }, false))
    // It was paid for when it was made.
    this.#rate?.refused(now)
    this.#refuseAbuse('repeats of calls went on that are refused')
  }

  #refuseAbuse(reason: string): void {
    if (this.#rate?.isAbused) throw new FrameRefusal(closeCode.rateLimited, reason)
  }

  /** Subscriptions of one topic share a number, so that their items' bytes are equal; on one connection each has its own. */
  #streamNumber({ id, operation }: ServerCall, topic: object | undefined): FedNumber {
    const { broadcast } = this.#core
    const shared = topic && broadcast.sharedStreamNumber(operation, topic)
    return shared === undefined || this.#hasStream(shared)
      ? { number: broadcast.nextStreamNumber(id), isShared: false }
      : { number: shared, isShared: true }
  }

  #hasStream(number: number): boolean {
    for (const stream of this.#streams.values()) if (stream.number === number) return true
    return false
  }
}

function isStream({ procedure }: Operation): boolean {
  return givesItems(procedure.kind) || takesItems(procedure.kind)
}

function isRepeatable({ procedure }: Operation): boolean {
  const { kind, idempotent } = procedure
  return kind === 'query' || kind === 'subscription' || idempotent
}

/** A source that came too late: its caller has gone while the handler was getting it, and nobody hears what it throws. */
async function disposeSource(source: unknown, feed: { close(): void } | undefined): Promise<void> {
  try {
    if (feed) feed.close()
    else if (isAsyncIterable(source)) await source[Symbol.asyncIterator]().return?.()
  } catch {
    // See above.
  }
}
