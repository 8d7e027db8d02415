// One accepted socket, from its first frame to its end: reads, dispatches, writes. Does not know HTTP or the runtime.
//
//   opening ──hello──▶ authenticating ──welcome──▶ open ──▶ closed
//      └──────────────────────┴── refusal, time-out, loss ──────▲
import { closeCode, cutReason } from '../protocol/close.ts'
import { Deadlines } from '../protocol/deadlines.ts'
import { FrameRefusal, readFrame, refuse } from '../protocol/decode.ts'
import { RpcError } from '../protocol/error.ts'
import {
  encodeAccept,
  encodeError,
  encodeGoaway,
  encodePing,
  encodePong,
  encodeWelcome,
  HELLO,
  type Hello,
  OPEN,
  type OpenOptions,
  PING,
} from '../protocol/messages.ts'
import { Outbox } from '../protocol/outbox.ts'
import { readAtServer, type ServerReceiver } from '../protocol/read-at-server.ts'
import { decodeValue } from '../protocol/values.ts'
import { Authentication } from './authentication.ts'
import { type CallHost, ServerCall } from './call.ts'
import { describeFailure, refusal } from './failure.ts'
import { feedOf } from './feed.ts'
import type { Connection } from './handler.ts'
import type { Operation } from './operation.ts'
import type { ServerCore } from './server.ts'
import type { ServerSocket, SocketEvents, UpgradeRequest } from './socket.ts'
import { FedStream, PulledStream, type ServerStream, type StreamHost } from './stream.ts'

/** Unsent bytes at which generators rest: the kernel's buffer is full, and more would only wait here. */
const restAtBytes = 64 * 1024
/** Unsent bytes at which no more calls are read. */
const pauseAtBytes = 1024 * 1024
/** Unsent bytes at which a connection is given up. */
const giveUpAtBytes = 16 * 1024 * 1024
/** What a stranger may have the server hold before it is known (PROTOCOL.md section 3), in UTF-16 units. */
const maxUnauthenticated = 64 * 1024

export class ServerConnection implements ServerReceiver, SocketEvents, CallHost, StreamHost, Connection {
  readonly id: string
  readonly deadlines: Deadlines
  readonly messageBytes: number
  context: unknown
  principal: string | undefined
  isResting = false
  lastReceivedAt: number
  lastSentAt: number
  readonly #core: ServerCore
  readonly #socket: ServerSocket
  readonly #outbox: Outbox
  readonly #calls = new Map<number, ServerCall>()
  readonly #streams = new Map<number, ServerStream>()
  #phase: 'opening' | 'authenticating' | 'open' | 'closed' = 'opening'
  #authentication: Authentication | undefined
  #hello: Required<Hello> | undefined
  #held: string[] = []
  #heldLength = 0
  #lastId = 0
  #received = 0
  #sent = 0
  #isPaused = false

  constructor(core: ServerCore, socket: ServerSocket, request: UpgradeRequest, id: string) {
    this.#core = core
    this.#socket = socket
    this.id = id
    this.messageBytes = core.settings.limits.messageBytes
    this.lastReceivedAt = this.lastSentAt = performance.now()
    this.deadlines = new Deadlines(() => this.#calls.values())
    this.#outbox = new Outbox({
      schedule: (outbox) => core.schedule(outbox),
      write: (text, counted) => this.#write(text, counted),
      joinStreams: (messages) => core.joinStreams(messages),
    })
    this.#authentication = new Authentication(core.settings, request, {
      passed: (context, principal) => this.#welcome(context, principal),
      refused: (code, reason) => this.close(code, reason),
      failed: (error) => core.report(error),
    })
  }

  get handle(): Connection {
    return this
  }

  get openCalls(): number {
    return this.#calls.size
  }

  get openStreams(): number {
    return this.#streams.size
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount
  }

  // ── Socket events ──────────────────────────────────────────────────────────

  text(frame: string): void {
    if (this.#phase === 'closed') return
    this.lastReceivedAt = performance.now()
    if (this.#phase === 'authenticating') return this.#hold(frame)
    try {
      // A batch has a bracket in second place; what is not a batch is one message, and has a message's limit.
      if (frame.length > this.messageBytes && frame[1] !== '[')
        throw new FrameRefusal(closeCode.tooLarge, 'message too large')
      if (readFrame(frame, readAtServer, this)) this.#received++
    } catch (error) {
      this.#refuse(error)
    }
  }

  binary(): void {
    this.close(closeCode.unsupportedData, 'binary frames are not understood')
  }

  drained(): void {
    if (this.#phase === 'closed') return
    this.isResting = false
    if (this.#isPaused) {
      this.#isPaused = false
      this.#socket.resume()
    }
    for (const stream of this.#streams.values()) stream.wake()
  }

  closed(): void {
    this.#end()
    this.#core.forget(this)
  }

  // ── Messages ───────────────────────────────────────────────────────────────

  hello(hello: Required<Hello>): void {
    if (this.#phase !== 'opening') throw refuse(HELLO, 'sent twice')
    this.#phase = 'authenticating'
    this.#hello = hello
    this.#authentication?.start(hello.params)
  }

  open(id: number, path: string, input: unknown, options: OpenOptions, rich: unknown): void {
    this.#requireOpen()
    if (id <= this.#lastId) throw refuse(OPEN, `id ${id} is not above the last, ${this.#lastId}`)
    this.#lastId = id
    const operation = this.#core.operations.get(path)
    if (!operation) return this.#turnAway(id, refusal.notFound(path), undefined)
    const full = this.#refusalFor(operation)
    if (full) return this.#turnAway(id, full, operation)
    if (options.repeat && !isRepeatable(operation)) return this.#turnAwayRepeat(id)
    let decoded: unknown
    try {
      decoded = decodeValue(input, rich)
    } catch (error) {
      const message = `Invalid input: ${(error as Error).message}`
      return this.#turnAway(id, new RpcError('BAD_REQUEST', { message, data: { issues: [{ message }] } }), operation)
    }
    this.#dispatch(id, operation, decoded, options)
  }

  cancel(id: number): void {
    this.#requireOpen()
    const stream = this.#streams.get(id)
    const call = this.#calls.get(id)
    this.#streams.delete(id)
    this.#calls.delete(id)
    stream?.cancel()
    call?.abort()
  }

  credit(id: number, items: number, bytes: number): void {
    this.#requireOpen()
    this.#streams.get(id)?.credit(items, bytes)
    // Before `accept` there is no stream yet; a client gives its first credit in `open`.
  }

  ping(_received: number, sent: number): void {
    if (this.#phase !== 'open') throw refuse(PING, 'before welcome')
    this.#checkSequence(sent)
    this.#write(encodePong(this.#received, this.#sent), false)
  }

  pong(_received: number, sent: number): void {
    this.#requireOpen()
    this.#checkSequence(sent)
  }

  // ── For calls and streams ──────────────────────────────────────────────────

  answer(call: ServerCall, text: string): void {
    this.#calls.delete(call.id)
    // The answer of a stream that was refused keeps its place among the streams' messages, like that of an accepted one.
    this.#outbox.push(text)
  }

  sendStream(text: string): void {
    if (this.#phase === 'open') this.#outbox.pushStream(text)
  }

  accept(call: ServerCall, source: unknown): void {
    const feed = feedOf(source)
    if (call.isOver) return disposeSource(source, feed)
    if (!feed && !isAsyncIterable(source)) {
      return call.fail(
        new TypeError(`the handler of "${call.operation.path}" must return an async iterable, got ${typeof source}`),
      )
    }
    this.#calls.delete(call.id)
    const number = this.#streamNumber(call.operation, feed?.topic)
    const credit = call.options.credit ?? (this.#hello as Required<Hello>).credit
    const stream = feed
      ? new FedStream(this, call, number, credit, feed)
      : new PulledStream(this, call, number, credit, source as AsyncIterable<unknown>)
    this.#streams.set(call.id, stream)
    this.sendStream(encodeAccept(call.id, number, feed?.position))
    stream.start()
  }

  endStream(stream: ServerStream): void {
    this.#streams.delete(stream.call.id)
  }

  report(error: unknown, operation: Operation): void {
    this.#core.report(error, operation, this.context)
  }

  // ── Life ───────────────────────────────────────────────────────────────────

  sendPing(): void {
    this.#write(encodePing(this.#received, this.#sent), false)
  }

  sendGoaway(drainMs: number): void {
    if (this.#phase === 'open') this.#write(encodeGoaway(drainMs, 'the server is shutting down'), false)
  }

  get isOpen(): boolean {
    return this.#phase === 'open'
  }

  disconnect(reason = 'disconnected by the server'): void {
    this.close(closeCode.forbidden, reason)
  }

  /** Says what is left to say and closes. Safe to call twice. */
  close(code: number, reason: string): void {
    if (this.#phase === 'closed') return
    if (this.#phase === 'open') this.#outbox.flush()
    this.#end()
    this.#socket.close(code, cutReason(reason))
  }

  /** Drops the connection without waiting for the other end. */
  drop(): void {
    this.#end()
    this.#socket.terminate()
  }

  #end(): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#authentication?.stop()
    this.#authentication = undefined
    this.deadlines.stop()
    this.#outbox.clear()
    this.#held = []
    for (const stream of this.#streams.values()) stream.cancel()
    for (const call of this.#calls.values()) call.abort()
    this.#streams.clear()
    this.#calls.clear()
  }

  #welcome(context: unknown, principal: string | undefined): void {
    if (this.#phase !== 'authenticating') return
    this.#phase = 'open'
    this.#authentication = undefined
    this.context = context
    this.principal = principal
    this.#write(encodeWelcome(this.#core.welcomeFor(this.id)), false)
    const held = this.#held
    this.#held = []
    for (const frame of held) this.text(frame)
  }

  #hold(frame: string): void {
    this.#heldLength += frame.length
    if (this.#heldLength > maxUnauthenticated)
      this.close(closeCode.badMessage, 'more than 64 KiB before authentication')
    else this.#held.push(frame)
  }

  #requireOpen(): void {
    if (this.#phase === 'opening') throw refuse(HELLO, 'has to be the first frame')
    if (this.#phase === 'authenticating') throw refuse(HELLO, 'has to be alone in its frame')
  }

  #refuse(error: unknown): void {
    if (error instanceof FrameRefusal) return this.close(error.code, error.message)
    this.#core.report(error)
    this.close(1011, 'internal error')
  }

  #checkSequence(sent: number): void {
    if (sent !== this.#received)
      throw new FrameRefusal(closeCode.sequenceBroken, `${sent} frames sent, ${this.#received} received`)
  }

  #refusalFor(operation: Operation): RpcError | undefined {
    if (this.#core.isDraining) return refusal.shuttingDown()
    const { calls, streams } = this.#core.settings.limits
    if (this.#calls.size >= calls) return refusal.tooManyCalls(calls)
    if (operation.procedure.kind === 'subscription' && this.#streams.size >= streams)
      return refusal.tooManyStreams(streams)
    return undefined
  }

  #dispatch(id: number, operation: Operation, input: unknown, options: OpenOptions): void {
    const asked = options.timeoutMs ?? (this.#hello as Required<Hello>).timeoutMs
    const deadline = this.lastReceivedAt + Math.min(asked, this.#core.settings.limits.timeoutMs)
    const call = new ServerCall(this, id, operation, options, deadline)
    this.#calls.set(id, call)
    this.deadlines.watch(deadline, this.lastReceivedAt)
    call.run(input)
  }

  /** Refuses a call that has not run. */
  #turnAway(id: number, error: RpcError, operation: Operation | undefined): void {
    const failure = describeFailure(error, operation, false)
    // Only errors of a contract have data that is checked, and this is none.
    if (failure instanceof Promise) return
    this.#outbox.push(encodeError(id, failure, operation?.procedure.kind === 'subscription'))
  }

  #turnAwayRepeat(id: number): void {
    const message = 'The connection was lost before the answer; whether the call has run is not known'
    this.#outbox.push(
      encodeError(id, { code: 'CONNECTION_LOST', message, delivery: 'unknown', data: undefined }, false),
    )
  }

  /** Subscriptions of one topic share a number, so that their items' bytes are equal; on one connection each has its own. */
  #streamNumber(operation: Operation, topic: object | undefined): number {
    const shared = topic && this.#core.sharedStreamNumber(operation, topic)
    if (shared === undefined) return this.#core.nextStreamNumber()
    for (const stream of this.#streams.values()) if (stream.number === shared) return this.#core.nextStreamNumber()
    return shared
  }

  #write(text: string, counted: boolean): void {
    if (this.#phase === 'closed') return
    if (counted) this.#sent++
    this.lastSentAt = performance.now()
    this.#socket.send(text)
    const buffered = this.#socket.bufferedAmount
    if (buffered >= restAtBytes) this.#relieve(buffered)
  }

  #relieve(buffered: number): void {
    this.isResting = true
    if (buffered >= giveUpAtBytes) {
      this.close(closeCode.slowConsumer, 'reads too slowly')
    } else if (buffered >= pauseAtBytes && !this.#isPaused) {
      this.#isPaused = true
      this.#socket.pause()
    }
  }
}

function isRepeatable({ procedure }: Operation): boolean {
  return procedure.kind !== 'mutation' || procedure.idempotent
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function'
  )
}

/** A source that came too late: its caller has gone while the handler was getting it. */
function disposeSource(source: unknown, feed: { close(): void } | undefined): void {
  if (feed) feed.close()
  else if (isAsyncIterable(source)) Promise.resolve(source[Symbol.asyncIterator]().return?.()).catch(() => {})
}
