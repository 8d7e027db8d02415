// What a client has going at the server: its calls and streams, by id. Lives as long as the session, whose socket may come and go.
// Does not read frames and does not know the socket.

import { closeCode } from '../protocol/close.ts'
import { Deadlines } from '../protocol/deadlines.ts'
import { FrameRefusal, refuse } from '../protocol/decode.ts'
import { isRpcError, type RpcError } from '../protocol/error.ts'
import { type CreditPair, encodeAccept, encodeError, OPEN, type OpenOptions } from '../protocol/messages.ts'
import type { ReadHello, ServerCalls } from '../protocol/read-at-server.ts'
import { decodeValue } from '../protocol/values.ts'
import { type CallHost, ServerCall } from './call.ts'
import type { ServerCore } from './core.ts'
import { describeFailure, refusal } from './failure.ts'
import { FedStream } from './fed-stream.ts'
import { feedOf } from './feed.ts'
import type { Connection } from './handler.ts'
import { isAsyncIterable, notASource, type Operation } from './operation.ts'
import { PulledStream } from './pulled-stream.ts'
import { RateLimit } from './rate-limit.ts'
import type { ServerStream, StreamHost } from './stream.ts'

/** The session, as its calls see it. */
export interface OpenCallsHost {
  /** The session's name. */
  readonly name: string
  /** The `connection` of a handler's argument. */
  readonly handle: Connection
  /** The socket is behind or gone: sources rest until it has caught up. */
  readonly isResting: boolean
  /** Runs `task` after what has arrived meanwhile was read. */
  yieldTo(task: () => void): void
  send(message: string): void
  /** Behind `send` in a batch, and in order among each other. */
  sendStream(message: string): void
}

/** Generators that never wait are pulled so often before others' turn comes: about as long as a slice of calls takes. */
const maxPulls = 128

/** Twice the calls and streams a client may have by default. */
const maxSettledAhead = 4_096

export class OpenCalls implements CallHost, StreamHost, ServerCalls {
  context: unknown
  generation = 0
  readonly messageBytes: number
  readonly deadlines: Deadlines
  readonly #core: ServerCore
  readonly #host: OpenCallsHost
  readonly #usualMs: number
  readonly #usualCredit: CreditPair
  readonly #calls = new Map<number, ServerCall>()
  readonly #streams = new Map<number, ServerStream>()
  /** Since others had their turn. */
  #pulls = 0
  /** Streams that wait for theirs, in order. */
  #unpulled = new Set<ServerStream>()
  /** Subscriptions whose handler has not given its source yet. */
  #opening = 0
  #lastId = 0
  /** Calls that the client has settled before their `open` came. */
  readonly #settledAhead = new Set<number>()
  /** When the message that is worked off came. */
  #now = 0
  readonly #rate: RateLimit | undefined

  constructor(core: ServerCore, host: OpenCallsHost, hello: ReadHello, context: unknown) {
    this.#core = core
    this.#host = host
    this.#usualMs = hello.timeoutMs
    this.#usualCredit = hello.credit
    this.context = context
    this.messageBytes = core.messageBytes
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

  get isResting(): boolean {
    return this.#host.isResting
  }

  // ── From the wire ──────────────────────────────────────────────────────────

  /** What is worked off now came at `now`. */
  at(now: number): void {
    this.#now = now
  }

  open(id: number, path: string, input: unknown, options: OpenOptions, rich: unknown): void {
    const now = this.#now
    if (id > this.#lastId) this.#lastId = id
    else if (!options.repeat) throw refuse(OPEN, `id ${id} is not above the last, ${this.#lastId}`)
    else if (this.#calls.has(id) || this.#streams.has(id)) throw refuse(OPEN, `id ${id} is open already`)
    if (this.#settledAhead.delete(id)) return
    const operation = this.#core.operations.get(path)
    // Before any other refusal: whether it has run is not known, and none of them may say that it has not.
    if (operation && options.repeat && !isRepeatable(operation)) return this.#turnAwayRepeat(id)
    const refused = this.#refusalFor(path, operation, now)
    if (refused || !operation) return this.#turnAway(id, refused ?? refusal.notFound(path), operation, options)
    let decoded = input
    try {
      if (rich !== undefined) decoded = decodeValue(input, rich)
    } catch (error) {
      return this.#turnAway(id, refusal.unreadable(error as Error), operation, options)
    }
    const limitMs = Math.min(options.timeoutMs ?? this.#usualMs, this.#core.settings.limits.timeoutMs)
    const call = new ServerCall(this, id, operation, options, now + limitMs)
    this.#calls.set(id, call)
    if (isStream(operation)) this.#opening++
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
    if (!call) return
    this.#takeOff(call)
    call.abort()
  }

  /** Calls that the client has settled while it could not say so. */
  settled(ids: readonly number[]): void {
    for (const id of ids) {
      if (id <= this.#lastId) this.cancel(id)
      // An honest client has no more calls than it may have open; what a hostile one names is not remembered.
      else if (this.#settledAhead.size < maxSettledAhead) this.#settledAhead.add(id)
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
    await Promise.all([...this.#streams.values()].map((stream) => this.#askAgain(stream)))
  }

  /** Nobody will come for the answers any more. Safe to call twice. */
  end(): void {
    this.deadlines.stop()
    const open = [...this.#streams.values()]
    const calls = [...this.#calls.values()]
    this.#streams.clear()
    this.#calls.clear()
    for (const stream of open) stream.cancel()
    for (const call of calls) call.abort()
  }

  // ── For calls and streams ──────────────────────────────────────────────────

  answer(call: ServerCall, text: string): void {
    this.#takeOff(call)
    this.#host.send(text)
  }

  mayPull(stream: ServerStream): boolean {
    if (this.#pulls < maxPulls) {
      this.#pulls++
      return true
    }
    if (this.#unpulled.size === 0) this.#host.yieldTo(this.#pullOn)
    this.#unpulled.add(stream)
    return false
  }

  readonly #pullOn = (): void => {
    const streams = this.#unpulled
    this.#unpulled = new Set()
    this.#pulls = 0
    for (const stream of streams) stream.wake()
  }

  sendStream(text: string): void {
    this.#host.sendStream(text)
  }

  accept(call: ServerCall, source: unknown): void {
    const feed = feedOf(source)
    if (call.isOver) return void disposeSource(source, feed)
    if (!feed && !isAsyncIterable(source)) {
      return call.fail(notASource(call.operation.path, source))
    }
    const number = this.#streamNumber(call.operation, feed?.topic)
    const credit = call.options.credit ?? this.#usualCredit
    let stream: ServerStream
    try {
      stream = feed
        ? new FedStream(this, call, number, credit, feed)
        : new PulledStream(this, call, number, credit, source as AsyncIterable<unknown>)
    } catch (error) {
      return call.fail(error)
    }
    this.#takeOff(call)
    this.#streams.set(call.id, stream)
    // Before the first event it is where the consumer was, not the source: a break in between must lose nothing.
    this.sendStream(encodeAccept(call.id, number, call.options.lastEventId ?? feed?.position))
    if (call.generation !== this.generation) this.#askAgain(stream)
    stream.start()
  }

  endStream(stream: ServerStream): void {
    this.#streams.delete(stream.call.id)
  }

  gapTold(): void {
    this.#core.gapTold()
  }

  report(error: unknown, operation: Operation): void {
    this.#core.report(error, operation, this.context)
  }

  /** Asks `reauthorize` about an open stream, which sends nothing meanwhile. */
  async #askAgain(stream: ServerStream): Promise<void> {
    const { reauthorize, authTimeoutMs } = this.#core.settings
    if (!reauthorize) return
    const { operation, input } = stream.call
    const { path, procedure } = operation
    stream.hold()
    const { kind, meta } = procedure
    let timer: ReturnType<typeof setTimeout> | undefined
    try {
      // Nobody is let through because the question took too long.
      const tooLong = new Promise<boolean>((resolve) => {
        timer = setTimeout(() => resolve(false), authTimeoutMs)
      })
      const isAllowed = await Promise.race([reauthorize({ path, kind, meta, input }, this.context), tooLong])
      if (isAllowed) stream.release()
      else stream.refuse(refusal.notAllowed(path))
    } catch (error) {
      if (!isRpcError(error)) this.report(error, operation)
      stream.refuse(isRpcError(error) ? error : refusal.notAllowed(path))
    } finally {
      clearTimeout(timer)
    }
  }

  #takeOff(call: ServerCall): void {
    if (this.#calls.delete(call.id) && isStream(call.operation)) this.#opening--
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
    const failure = describeFailure(error, operation, false)
    // Only errors of a contract have data that is checked, and this is none.
    if (failure instanceof Promise) return
    const delivery = repeat ? 'unknown' : failure.delivery
    this.#host.send(encodeError(id, { ...failure, delivery }, operation !== undefined && isStream(operation)))
    if (this.#rate?.isAbused) throw new FrameRefusal(closeCode.rateLimited, 'calls went on after RATE_LIMITED')
  }

  #turnAwayRepeat(id: number): void {
    const message = 'The connection was lost before the answer; whether the call has run is not known'
    this.#host.send(encodeError(id, { code: 'CONNECTION_LOST', message, delivery: 'unknown', data: undefined }, false))
  }

  /** Subscriptions of one topic share a number, so that their items' bytes are equal; on one connection each has its own. */
  #streamNumber(operation: Operation, topic: object | undefined): number {
    const shared = topic && this.#core.broadcast.sharedStreamNumber(operation, topic)
    if (shared === undefined) return this.#core.broadcast.nextStreamNumber()
    for (const stream of this.#streams.values())
      if (stream.number === shared) return this.#core.broadcast.nextStreamNumber()
    return shared
  }
}

function isStream({ procedure }: Operation): boolean {
  return procedure.kind === 'subscription'
}

function isRepeatable({ procedure }: Operation): boolean {
  return procedure.kind !== 'mutation' || procedure.idempotent
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
