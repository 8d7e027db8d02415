// What a client has going at the server: its calls and streams, by id. Speaks through the connection it is given.
// Does not read frames and does not know the socket, so that it can outlive one.
import { Deadlines } from '../protocol/deadlines.ts'
import { refuse } from '../protocol/decode.ts'
import { isRpcError, type RpcError } from '../protocol/error.ts'
import { type CreditPair, encodeAccept, encodeError, type Hello, OPEN, type OpenOptions } from '../protocol/messages.ts'
import { decodeValue } from '../protocol/values.ts'
import { type CallHost, ServerCall } from './call.ts'
import { describeFailure, refusal } from './failure.ts'
import { feedOf } from './feed.ts'
import type { Connection } from './handler.ts'
import { isAsyncIterable, notASource, type Operation } from './operation.ts'
import { RateLimit } from './rate-limit.ts'
import type { ServerCore } from './server.ts'
import { FedStream, PulledStream, type ServerStream, type StreamHost } from './stream.ts'

/** The connection, as its session sees it. */
export interface SessionLine extends Connection {
  /** The socket is behind: sources rest until it has caught up. */
  readonly isResting: boolean
  send(message: string): void
  /** Behind `send` in a batch, and in order among each other. */
  sendStream(message: string): void
}

export class ServerSession implements CallHost, StreamHost {
  context: unknown
  generation = 0
  readonly messageBytes: number
  readonly deadlines: Deadlines
  readonly #core: ServerCore
  readonly #line: SessionLine
  readonly #usualMs: number
  readonly #usualCredit: CreditPair
  readonly #calls = new Map<number, ServerCall>()
  readonly #streams = new Map<number, ServerStream>()
  /** Subscriptions whose handler has not given its source yet. */
  #opening = 0
  #lastId = 0
  readonly #rate: RateLimit | undefined

  constructor(core: ServerCore, line: SessionLine, hello: Required<Hello>, context: unknown) {
    this.#core = core
    this.#line = line
    this.#usualMs = hello.timeoutMs
    this.#usualCredit = hello.credit
    this.context = context
    this.messageBytes = core.messageBytes
    this.deadlines = new Deadlines(() => this.#calls.values())
    const { rateLimit } = core.settings
    this.#rate = rateLimit && new RateLimit(rateLimit, performance.now())
  }

  get handle(): Connection {
    return this.#line
  }

  get openCalls(): number {
    return this.#calls.size
  }

  get openStreams(): number {
    return this.#streams.size
  }

  get isResting(): boolean {
    return this.#line.isResting
  }

  // ── From the wire ──────────────────────────────────────────────────────────

  open(id: number, path: string, input: unknown, options: OpenOptions, rich: unknown, now: number): void {
    if (id > this.#lastId) this.#lastId = id
    else if (!options.repeat) throw refuse(OPEN, `id ${id} is not above the last, ${this.#lastId}`)
    else if (this.#calls.has(id) || this.#streams.has(id)) throw refuse(OPEN, `id ${id} is open already`)
    const operation = this.#core.operations.get(path)
    const waitMs = this.#rate?.take(operation?.procedure.cost ?? 1, now) ?? 0
    if (waitMs > 0) return this.#turnAway(id, refusal.rateLimited(path, waitMs), operation)
    if (!operation) return this.#turnAway(id, refusal.notFound(path), undefined)
    const full = this.#refusalFor(operation)
    if (full) return this.#turnAway(id, full, operation)
    if (options.repeat && !isRepeatable(operation)) return this.#turnAwayRepeat(id)
    let decoded = input
    try {
      if (rich !== undefined) decoded = decodeValue(input, rich)
    } catch (error) {
      return this.#turnAway(id, refusal.unreadable(error as Error), operation)
    }
    const limitMs = Math.min(options.timeoutMs ?? this.#usualMs, this.#core.settings.limits.timeoutMs)
    const call = new ServerCall(this, id, operation, options, now + limitMs)
    this.#calls.set(id, call)
    if (isStream(operation)) this.#opening++
    this.deadlines.watch(call.deadline, now)
    call.run(decoded)
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

  /** Of a stream that is not accepted yet there is nothing to raise: its first credit came with its `open`. */
  credit(id: number, items: number, bytes: number): void {
    this.#streams.get(id)?.credit(items, bytes)
  }

  /** The socket has caught up. */
  wake(): void {
    for (const stream of this.#streams.values()) stream.wake()
  }

  /** The same principal with new credentials: what is open is asked for again. */
  renew(context: unknown): void {
    this.context = context
    this.generation++
    for (const stream of [...this.#streams.values()]) this.#askAgain(stream)
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
    this.#line.send(text)
  }

  sendStream(text: string): void {
    this.#line.sendStream(text)
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
    this.sendStream(encodeAccept(call.id, number, feed?.position))
    if (call.generation !== this.generation) this.#askAgain(stream)
    stream.start()
  }

  endStream(stream: ServerStream): void {
    this.#streams.delete(stream.call.id)
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
    // Nobody is let through because the question took too long.
    const timer = setTimeout(() => stream.refuse(refusal.notAllowed(path)), authTimeoutMs)
    try {
      const { kind, meta } = procedure
      if (await reauthorize({ path, kind, meta, input }, this.context)) stream.release()
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

  #refusalFor(operation: Operation): RpcError | undefined {
    if (this.#core.isDraining) return refusal.shuttingDown()
    const { calls, streams } = this.#core.settings.limits
    if (this.#calls.size >= calls) return refusal.tooManyCalls(calls)
    if (isStream(operation) && this.#streams.size + this.#opening >= streams) return refusal.tooManyStreams(streams)
    return undefined
  }

  /** Refuses a call that has not run. */
  #turnAway(id: number, error: RpcError, operation: Operation | undefined): void {
    const failure = describeFailure(error, operation, false)
    // Only errors of a contract have data that is checked, and this is none.
    if (failure instanceof Promise) return
    this.#line.send(encodeError(id, failure, operation !== undefined && isStream(operation)))
  }

  #turnAwayRepeat(id: number): void {
    const message = 'The connection was lost before the answer; whether the call has run is not known'
    this.#line.send(encodeError(id, { code: 'CONNECTION_LOST', message, delivery: 'unknown', data: undefined }, false))
  }

  /** Subscriptions of one topic share a number, so that their items' bytes are equal; on one connection each has its own. */
  #streamNumber(operation: Operation, topic: object | undefined): number {
    const shared = topic && this.#core.sharedStreamNumber(operation, topic)
    if (shared === undefined) return this.#core.nextStreamNumber()
    for (const stream of this.#streams.values()) if (stream.number === shared) return this.#core.nextStreamNumber()
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
