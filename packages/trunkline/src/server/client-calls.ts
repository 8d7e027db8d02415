// A server's own calls to one client: same messages, the other direction. What a client answers is checked like anything from outside.
// Lives as long as the client's session. Does not read frames and does not know the socket.
import { type CallHost, type CallPlace, ClientCall, type KeptOptions } from '../calls/call.ts'
import { type Pending, toPending } from '../calls/pending.ts'
import { createProxy } from '../calls/proxy.ts'
import type { RouterClient } from '../contract/client-types.ts'
import { givesItems } from '../contract/procedure.ts'
import type { RouterRecord } from '../contract/router.ts'
import { Deadlines, maxTimerMs } from '../protocol/deadlines.ts'
import { refuse } from '../protocol/decode.ts'
import { encodeValue } from '../protocol/encode-value.ts'
import type { Encoded } from '../protocol/encoded.ts'
import { notRun, RpcError } from '../protocol/error.ts'
import { IdMap } from '../protocol/id-map.ts'
import { type AdvertisedLimits, defaultLimits, encodeCancel, encodeCredit, ITEM } from '../protocol/messages.ts'
import type { Replies } from '../protocol/read-replies.ts'
import { exceedsBytes } from '../protocol/size.ts'
import type { Payload, ValueTypes } from '../protocol/values.ts'

import { checkAnswer, type Expected, expectedOf, mayAnswer } from './checked-answer.ts'

/** The session, as the calls to its client see it. */
export interface ClientCallsHost {
  readonly isOver: boolean
  /** The socket is behind or gone: nothing more is pushed until it has caught up. */
  readonly isResting: boolean
  /** The client has said that it serves something, and how much at once. */
  readonly serves: AdvertisedLimits | undefined
  readonly types: ValueTypes | undefined
  send(message: Encoded): void
  /** Never before the `open` of its call. */
  sendAfter(message: string): void
  /** Takes back a message that is large and not sent whole. */
  withdraw(message: Encoded): boolean
  ride(message: string): void
  sendStream(message: Encoded): void
}

/** Deadline of a call that states none, in ms. */
const usualMs = 30_000

/** Calls that wait for a client's limit: more is a sign that waiting does not help. */
const maxWaiting = 10_000

const noState = { state: {} }

export class ClientCalls implements CallHost, CallPlace {
  readonly types: ValueTypes | undefined
  /** Of the frame that is worked off, a message's part: what a client states of sizes is only its word. */
  share = 0
  readonly #host: ClientCallsHost
  readonly #written = new IdMap<ClientCall>()
  /** Accepted; a client's streams have their call's id as number. */
  readonly #streams = new Set<ClientCall>()
  readonly #waiting = new Set<ClientCall>()
  readonly #deadlines = new Deadlines(() => [...this.#waiting, ...this.#written.values()])
  /** What the contract says of each: a client that answers a query with a stream would take its deadline away. */
  readonly #expected = new WeakMap<ClientCall, Expected>()
  #lastId = 0

  constructor(host: ClientCallsHost) {
    this.#host = host
    this.types = host.types
  }

  /** The client's procedures as functions. */
  proxy<Router extends RouterRecord>(router: Router): RouterClient<Router> {
    const expected = expectedOf(router)
    const invoke = (path: string, input: unknown, options: KeptOptions = {}): Pending => {
      const answerOf = expected.get(path)
      const call = this.#start(path, input, options, answerOf)
      const answer = checkAnswer(call.promise, path, answerOf)
      // A subscription that fails keeps its error for whoever iterates it; a client doesn't decide whether it is one.
      if (answerOf && givesItems(answerOf.kind)) answer.catch(() => {})
      return toPending(answer, call)
    }
    return createProxy(invoke as never) as RouterClient<Router>
  }

  /** Calls that wait for an answer. */
  get unanswered(): number {
    return this.#waiting.size + this.#written.size - this.#streams.size
  }

  /** Another socket has taken over: what was said of credit may be lost. */
  resumed(): void {
    for (const { subscription } of this.#streams) subscription?.renew()
    this.wake()
  }

  /** The socket has caught up. */
  wake(): void {
    for (const { sender } of this.#written.values()) sender?.wake()
  }

  /** The session is over: no answer will come. */
  end(): void {
    this.#deadlines.stop()
    const open = [...this.#waiting, ...this.#written.values()]
    for (const call of open) call.refuse('CONNECTION_LOST', `The client went before it had answered "${call.path}"`)
  }

  /** What the client says of them. */
  readonly replies: Replies = {
    result: (id, value, rich) => {
      const call = this.#written.get(id)
      if (call && this.#mayAnswer(call, 'result')) call.result(value, rich)
    },
    error: (id, ...rest) => this.#written.get(id)?.error(...rest),
    accept: (id, stream, position) => this.#accepted(id, stream, position),
    item: (stream, value, eventId, size, rich) => {
      const call = this.#written.get(stream)
      if (call && !call.item(value, eventId, size, rich, this.share)) throw refuse(ITEM, 'beyond the credit')
    },
    gap: (stream, reason, position) => this.#written.get(stream)?.missing(reason, position),
    raise: (id, items, bytes) => this.#written.get(id)?.sender?.credit(items, bytes),
    end: (id) => this.#written.get(id)?.end(),
  }

  // ── For calls ──────────────────────────────────────────────────────────────

  settled(call: ClientCall, tell: boolean): void {
    this.#waiting.delete(call)
    this.#streams.delete(call)
    call.place = undefined
    if (!this.#written.delete(call.id)) return
    // Taken back, it was never asked; else never before what it cancels.
    if (tell && !(call.opened && this.#host.withdraw(call.opened))) this.#host.sendAfter(encodeCancel(call.id))
    this.#writeWaiting()
  }

  reopen(call: ClientCall): void {
    this.settled(call, false)
    call.id = 0
    call.firstLine = undefined
    this.#waiting.add(call)
    this.#writeWaiting()
  }

  credit(id: number, items: number, bytes: number): void {
    this.#host.ride(encodeCredit(id, items, bytes))
  }

  /** Its `onGap` hears of it; a server has no connection whose listeners could. */
  gap(): void {}

  get maySend(): boolean {
    return !this.#host.isResting
  }

  get limits(): AdvertisedLimits {
    return this.#host.serves ?? defaultLimits
  }

  push(message: Encoded): void {
    this.#host.sendStream(message)
  }

  #accepted(id: number, stream: number, position: string | undefined): void {
    const call = this.#written.get(id)
    if (!call || !this.#mayAnswer(call, stream ? 'stream' : 'upload')) return
    // It numbers its streams by their calls; an upload has none.
    call.accept(stream && id, position)
    this.#streams.add(call)
    this.#writeWaiting()
  }

  #mayAnswer(call: ClientCall, answer: Parameters<typeof mayAnswer>[1]): boolean {
    if (mayAnswer(this.#expected.get(call), answer)) return true
    const message = `The client's answer of "${call.path}" is not what the contract says: a ${answer}`
    call.fail(new RpcError('INTERNAL', { message }), answer !== 'result')
    return false
  }

  #start(path: string, input: unknown, options: KeptOptions, expected: Expected | undefined): ClientCall {
    const now = performance.now()
    const timeoutMs = requireTimeout(options.timeoutMs ?? usualMs)
    let payload: Payload | Promise<Payload> | undefined
    let problem: unknown
    try {
      payload = input === undefined ? undefined : encodeValue(input, this.types)
    } catch (error) {
      problem = error
    }
    const late = payload instanceof Promise ? payload : undefined
    const call = new ClientCall(this, noState, path, options, now + timeoutMs)
    if (!late) call.input = payload as Payload | undefined
    if (expected) this.#expected.set(call, expected)
    const refusal = problem ? invalid(path, problem) : this.#refusal(path)
    if (options.signal?.aborted) call.cancel()
    else if (refusal) call.fail(refusal, false)
    else if (late) this.#addLate(call, late)
    else this.#add(call, now)
    return call
  }

  #refusal(path: string): RpcError | undefined {
    if (this.#host.isOver) return notRun('CONNECTION_LOST', `The client that was to answer "${path}" is gone`)
    if (this.#waiting.size >= maxWaiting)
      return notRun('OVERLOADED', `${maxWaiting} calls wait for this client already; "${path}" was not sent`)
    if (this.#host.serves) return undefined
    return notRun('NOT_FOUND', `This client answers no calls: "${path}" needs createClient({ serve: … }) there`)
  }

  async #addLate(call: ClientCall, late: Promise<Payload>): Promise<void> {
    try {
      call.input = await late
    } catch (error) {
      return call.fail(invalid(call.path, error), false)
    }
    const refusal = this.#refusal(call.path)
    if (call.isSettled) return
    if (refusal) call.fail(refusal, false)
    else this.#add(call, performance.now())
  }

  #add(call: ClientCall, now: number): void {
    this.#deadlines.watch(call.deadline, now)
    this.#waiting.add(call)
    this.#writeWaiting()
  }

  /** Over the client's limit calls wait; it need not refuse them. */
  #writeWaiting(): void {
    const { serves } = this.#host
    for (const call of this.#waiting) {
      if (!serves || this.#written.size - this.#streams.size >= serves.calls) return
      this.#waiting.delete(call)
      this.#write(call, serves)
    }
  }

  #write(call: ClientCall, { messageBytes }: AdvertisedLimits): void {
    this.#lastId += 2
    call.id = this.#lastId
    let message: Encoded
    try {
      message = call.encode(performance.now(), usualMs)
    } catch (error) {
      return call.fail(invalid(call.path, error), false)
    }
    if (exceedsBytes(message, messageBytes))
      return call.fail(
        notRun('TOO_LARGE', `The input of "${call.path}" is larger than the ${messageBytes} bytes this client takes`),
        false,
      )
    call.firstLine = this.#host
    this.#written.add(call)
    call.place = this
    if (typeof message !== 'string') call.opened = message
    this.#host.send(message)
    call.sender?.wake()
  }
}

const invalid = (path: string, error: unknown): RpcError =>
  notRun('BAD_REQUEST', `Invalid input of "${path}": ${(error as Error).message}`)

function requireTimeout(timeoutMs: number): number {
  if (timeoutMs > 0) return Math.min(timeoutMs, maxTimerMs)
  throw new TypeError(`timeoutMs: expected milliseconds above 0, got ${timeoutMs}`)
}
