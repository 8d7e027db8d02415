// One call at the server, from its `open` to its answer. Does not know the socket; a subscription goes on as a stream.
import { givesItems } from '../contract/procedure.ts'
import type { Deadlines, Expiring } from '../protocol/deadlines.ts'
import type { Encoded } from '../protocol/encoded.ts'
import { type Delivery, RpcError } from '../protocol/error.ts'
import { encodeError, encodeResult, type Failure, type OpenOptions } from '../protocol/messages.ts'
import { exceedsBytes } from '../protocol/size.ts'
import type { Payload } from '../protocol/values.ts'
import { describeFailure, isDefect } from './failure.ts'
import type { Connection } from './handler.ts'
import { HandlerInvocation, type Invoker } from './invocation.ts'
import type { Items } from './items.ts'
import { fromKept, toKept } from './kept-answer.ts'
import { encodeOutput, type Operation } from './operation.ts'
import { isPromiseLike } from './promise-like.ts'

/** The connection, as its calls see it. */
export interface CallHost {
  readonly handle: Connection
  readonly context: unknown
  /** Rises with each renewal of the credentials. */
  readonly generation: number
  readonly deadlines: Deadlines
  /** The longest message the other end takes. */
  readonly messageBytes: number
  /** Takes the call off the table and sends its answer. */
  answer(call: ServerCall, message: Encoded): void
  /** An upload's handler runs: from now on it may take as long as it likes. */
  acceptUpload(call: ServerCall): void
  /** A stream's handler has given its source. */
  accept(call: ServerCall, source: unknown): void
  /** Tells `onError` of a defect. */
  report(error: unknown, operation: Operation): void
}

/** Shared, since nearly every call has none. */
const noMeta: Readonly<Record<string, unknown>> = Object.freeze({})

export class ServerCall implements Invoker, Expiring {
  readonly id: number
  readonly operation: Operation
  readonly options: OpenOptions
  /** Infinity once a stream is accepted. */
  deadline: number
  /** Of an upload or duplex call: what its caller pushes. */
  items: Items | undefined
  /** That of the host when it began. */
  readonly generation: number
  hasReadLastEventId = false
  /** Of an idempotent mutation: told once when its handler is done, with what others that asked for the same may be told too. */
  whenOver: ((answer: string | undefined) => void) | undefined
  /** Of an idempotent mutation: runs it, where nothing is kept for it. */
  restart: (() => void) | undefined
  readonly #host: CallHost
  #controller: AbortController | undefined
  #invocation: HandlerInvocation | undefined
  /** What is known of whether a handler has run for it: its own, an earlier one that it repeats, or one that it waits for. */
  #delivery: Delivery
  /** Its own handler was started. */
  #isRunning = false
  #over = false

  constructor(host: CallHost, id: number, operation: Operation, options: OpenOptions, deadline: number) {
    this.#host = host
    this.id = id
    this.operation = operation
    this.options = options
    this.deadline = deadline
    this.generation = host.generation
    this.#delivery = options.repeat ? 'unknown' : 'not-run'
  }

  /** A stream's validated input. */
  get input(): unknown {
    return this.#invocation?.input
  }

  get connection(): Connection {
    return this.#host.handle
  }

  get meta(): Readonly<Record<string, unknown>> {
    return this.options.meta ?? noMeta
  }

  get lastEventId(): string | undefined {
    this.hasReadLastEventId = true
    return this.options.lastEventId
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#over && !this.#controller.signal.aborted) this.#controller.abort()
    return this.#controller.signal
  }

  get isOver(): boolean {
    return this.#over
  }

  begin(): boolean {
    this.#isRunning = !this.#over
    if (this.#isRunning) this.#delivery = 'ran'
    if (this.#isRunning && this.operation.procedure.kind === 'upload') this.#host.acceptUpload(this)
    return this.#over
  }

  /** It waits for another that runs: from now on nobody can say that it has not run. */
  join(): void {
    this.#delivery = 'unknown'
  }

  /** Runs it. Synchronous handlers answer within this call: no promise is made that they did not make. */
  run(input: unknown): void {
    const invocation = new HandlerInvocation(this, input, this.#host.context, this.operation.errors)
    if (this.#isStream || this.items) this.#invocation = invocation
    let outcome: unknown
    try {
      outcome = this.operation.run(invocation)
    } catch (error) {
      this.fail(error)
      return
    }
    if (isPromiseLike(outcome))
      outcome.then(
        (value) => this.#settle(value),
        (error) => this.fail(error),
      )
    else this.#settle(outcome)
  }

  /** Ends it without an answer: the caller has gone, or no longer wants one. */
  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#controller?.abort()
    if (!this.#isRunning) this.#tell(undefined)
  }

  /** Ends it with an error while its handler runs: nobody waits for what that will say. */
  refuse(error: RpcError): void {
    if (this.#over) return
    this.stopItems(error)
    this.#describe(error, (failure) => this.#answer(encodeError(this.id, failure, this.#isStream)))
  }

  /** The signal first, then what its caller pushes: a handler is never told that all has come when it has not. */
  stopItems(error: unknown): void {
    this.#controller?.abort(error)
    this.items?.abort(error)
  }

  expire(): void {
    if (this.#over) return
    const message = `"${this.operation.path}" took longer than its deadline`
    const delivery = this.#delivery === 'not-run' ? 'not-run' : 'unknown'
    this.#over = true
    this.stopItems(new RpcError('TIMEOUT', { message }))
    this.#host.answer(
      this,
      encodeError(this.id, { code: 'TIMEOUT', message, delivery, data: undefined }, this.#isStream),
    )
    if (!this.#isRunning) this.#tell(undefined)
  }

  /** Answers with what was thrown, or refuses it before it has run. */
  fail(error: unknown): void {
    // Nobody waits for it any more, and what an abort makes a handler throw is no defect.
    if (this.#over) return this.#tell(undefined)
    if (isDefect(error)) this.#host.report(error, this.operation)
    else if (error instanceof Error && error.cause !== undefined) this.#host.report(error.cause, this.operation)
    const { errorData } = this.operation
    this.#describe(error, (failure) =>
      this.#answer(encodeError(this.id, failure, this.#isStream), errorData.has(failure.code)),
    )
  }

  /** Says what a failure looks like from outside; one whose data its schema refuses is a defect of its own. */
  #describe(error: unknown, answer: (failure: Failure) => void): void {
    const described = describeFailure(error, this.operation, this.#delivery)
    if (!(described instanceof Promise)) return answer(described)
    described.then(answer, (defect) => {
      this.#host.report(defect, this.operation)
      const bare = error as RpcError
      answer({ code: bare.code, message: bare.message, delivery: 'ran', data: undefined })
    })
  }

  /** The failure of a stream that was accepted; `send` gets its message. */
  failStream(error: unknown, send: (message: Encoded) => void): void {
    if (isDefect(error)) this.#host.report(error, this.operation)
    this.#describe(error, (failure) => send(encodeError(this.id, failure, false)))
  }

  /** It can be opened again behind an event: a duplex call can't, since what its caller has pushed is gone. */
  get isResumable(): boolean {
    return this.operation.procedure.kind === 'subscription'
  }

  /** Its handler runs, on what the schema made of its input. */
  get isAcceptedUpload(): boolean {
    return this.#isRunning && this.operation.procedure.kind === 'upload'
  }

  get #isStream(): boolean {
    return givesItems(this.operation.procedure.kind)
  }

  #settle(value: unknown): void {
    if (this.#isStream) return this.#host.accept(this, value)
    // Others may wait for what its caller no longer does.
    if (this.#over && !(this.whenOver && this.#isRunning)) return this.#tell(undefined)
    let payload: Payload | undefined | Promise<Payload | undefined>
    try {
      payload = encodeOutput(this.operation, value)
    } catch (error) {
      return this.fail(error)
    }
    if (payload instanceof Promise)
      payload.then(
        (encoded) => this.#finish(encoded),
        (error) => this.fail(error),
      )
    else this.#finish(payload)
  }

  #finish(payload: Payload | undefined): void {
    const result = encodeResult(this.id, payload)
    if (!exceedsBytes(result, this.#host.messageBytes)) return this.#answer(result, true)
    const message = `The answer of "${this.operation.path}" is larger than ${this.#host.messageBytes} bytes (limits.messageBytes of the server)`
    this.#host.report(new RangeError(message), this.operation)
    this.#answer(encodeError(this.id, { code: 'TOO_LARGE', message, delivery: 'ran', data: undefined }, false))
  }

  /** Answers with what another call of the same was answered. */
  answerAs(answer: string): void {
    this.#answer(fromKept(answer, this.id))
  }

  /** `isKept`: whoever asks for the same may have it. */
  #answer(message: Encoded, isKept = false): void {
    if (!this.#over) {
      this.#over = true
      this.#host.answer(this, message)
    }
    if (this.whenOver) this.#tell(isKept ? toKept(message, this.id) : undefined)
  }

  /** Once: whoever asked for the same hears what became of it. */
  #tell(answer: string | undefined): void {
    const { whenOver } = this
    this.whenOver = undefined
    whenOver?.(answer)
  }
}
