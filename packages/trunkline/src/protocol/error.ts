// The error that travels: code, message, data and delivery. Does not know who raised it, nor how it is encoded.

/** Whether the handler of a failed call has run: certainly not, certainly, or nobody can tell. */
export type Delivery = 'not-run' | 'unknown' | 'ran'

/**
 * Codes the framework itself raises; a contract's own errors may not take one of them. docs/reference.md is made of the
 * comments: when it is raised, whether the handler has run, and what the caller can do.
 */
export const builtinCodes = [
  /**
   * The input does not pass the procedure's schema, or can't travel. `data.issues` has at most 32 issues, each with `message` and `path`.
   * @delivery `not-run`
   * @remedy Show the issues to the user, or mend the caller. The same input fails again.
   */
  'BAD_REQUEST',
  /**
   * `authenticate` refused the credentials, the server closed the connection with `disconnect()`, or a middleware or handler threw it.
   * @delivery `not-run` from `authenticate` and middleware, `unknown` for a call that had been sent before, `ran` from a handler
   * @remedy Get other credentials, then call `connection.connect()`.
   */
  'UNAUTHORIZED',
  /**
   * A middleware or handler threw it: known, but not allowed. Thrown by `authenticate` it closes with 4003 and calls end with `UNAUTHORIZED`.
   * @delivery `not-run` from middleware, `ran` from a handler
   * @remedy Don't repeat it.
   */
  'FORBIDDEN',
  /**
   * The server has no procedure of this path, or a handler threw it.
   * @delivery `not-run`, `ran` from a handler
   * @remedy For a path: deploy the server before the clients. Else as the handler says.
   */
  'NOT_FOUND',
  /**
   * No answer before the call's deadline, at either end.
   * @delivery `not-run` when it was never sent or its handler had not begun, else `unknown`
   * @remedy Raise `timeoutMs`, or make the handler answer sooner; repeat a mutation only if running twice is harmless.
   */
  'TIMEOUT',
  /**
   * The caller's `signal` aborted, or `connection.close()` ended it; new calls get it until `connect()`.
   * @delivery `not-run` when it was never sent, else `unknown`
   * @remedy Nothing: this program asked for it.
   */
  'CANCELLED',
  /**
   * A mutation was sent, the connection broke before its answer, and it is not `idempotent`. Or the server closed for good while the call waited.
   * @delivery `unknown`; `not-run` when it was never sent
   * @remedy Look whether it happened (read it back, or send an id of your own with it), then repeat or not.
   */
  'CONNECTION_LOST',
  /**
   * More calls than the server's `rateLimit` allows; the message says how long to wait. Or a middleware or handler threw it.
   * @delivery `not-run` from `rateLimit`; else as for `FORBIDDEN`
   * @remedy Wait, then repeat.
   */
  'RATE_LIMITED',
  /**
   * The input is larger than `limits.messageBytes` of the server (found before it is sent), or the output is.
   * @delivery `not-run` for the input, `ran` for the output
   * @remedy Page the result, or raise `limits.messageBytes`.
   */
  'TOO_LARGE',
  /**
   * 10 000 calls or 8 MiB wait at the client, more than `limits.calls` calls or `limits.streams` streams are open, or a publisher has 1 024 events waiting for a paused subscriber.
   * @delivery `not-run`, `ran` when a handler passes on what `publish` threw
   * @remedy Wait, then repeat; open fewer at once.
   */
  'OVERLOADED',
  /**
   * A publisher's subscriber fell further behind than `bufferItems` under the policy `end`. Seen only where there is no event id to continue from: in a loop over the feed on the server, and by the clients of a generator that passes its items on without ids. Everywhere else the client opens the subscription again by itself.
   * @delivery `ran`
   * @remedy Choose another `policy`, or a larger `bufferItems`.
   */
  'SLOW_CONSUMER',
  /**
   * Events are missing and the subscription was made with `onGap: 'error'`.
   * @delivery `ran`
   * @remedy Load the state anew, then subscribe again.
   */
  'GAP',
  /**
   * The call reached a server that is closing.
   * @delivery `not-run`
   * @remedy Repeat: the client connects again after the close, and calls made after `goaway` wait for that by themselves.
   */
  'SHUTTING_DOWN',
  /**
   * The handler threw something that is no `RpcError`, its output does not pass its schema, or an answer could not be read. What was thrown is not sent, the message names the procedure only; the server's `onError` has the rest.
   * @delivery `ran`, `not-run` from middleware
   * @remedy Look at the server's log. The same call probably fails again.
   */
  'INTERNAL',
] as const

export type BuiltinCode = (typeof builtinCodes)[number]

/** One thing that is wrong with an input, as Standard Schema words it. */
export interface Issue {
  readonly message: string
  /** Keys and indexes from the input's root. */
  readonly path: readonly (string | number)[]
}

/** What a call rejects with. `code` is a built-in code or one of the contract's; `data` is typed by the contract. */
export interface RpcError<Code extends string = string, Data = unknown> extends Error {
  /** A built-in code, or one of the contract's. */
  readonly code: Code
  /** What the contract declares for the code; `{ issues }` of `BAD_REQUEST`. */
  readonly data: Data
  /** Whether the handler has run: `not-run`, `ran` or `unknown`. */
  readonly delivery: Delivery
}

export interface RpcErrorOptions<Data> {
  /** For people; defaults to the code. */
  message?: string | undefined
  /** Travels to the caller when the contract declares the code. */
  data?: Data
  /** Stays on this side: never sent. */
  cause?: unknown
  /** Whether the handler has run. Only for errors that stay on this side: what a handler throws travels with what the server knows. @default 'ran' */
  delivery?: Delivery | undefined
}

interface RpcErrorConstructor {
  new <const Code extends string, Data = undefined>(code: Code, options?: RpcErrorOptions<Data>): RpcError<Code, Data>
}

// ESM and CJS copies of this file may meet in one process, so the mark is a registered symbol and not the class.
const brand = Symbol.for('trunkline.error')

/** True for an RpcError of any copy of Trunkline. */
export function isRpcError(value: unknown): value is RpcError {
  return typeof value === 'object' && value !== null && brand in value
}

/** To TypeScript `name` is a field of any Error; here it is made of the code. */
type NamelessError = new (message: string, options: object) => Omit<Error, 'name'>

class TravellingError extends (Error as unknown as NamelessError) {
  readonly code: string
  readonly data: unknown
  readonly delivery: Delivery

  constructor(code: string, options: RpcErrorOptions<unknown> = {}) {
    super(options.message || code, options)
    this.code = code
    this.data = options.data
    this.delivery = options.delivery ?? 'ran'
  }

  /** With the code, since this is what every console and every log prints before the message. */
  get name(): string {
    return `RpcError [${this.code}]`
  }

  get [brand](): true {
    return true
  }

  static override get name(): string {
    return 'RpcError'
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isRpcError(value)
  }
}

/** `new RpcError(code, { message, data })`: throw it in a handler, middleware or `authenticate`. */
export const RpcError = TravellingError as unknown as RpcErrorConstructor

/** What a call ends with whose handler has certainly not run. */
export const notRun = (code: string, message: string | undefined): RpcError =>
  new RpcError(code, { message, delivery: 'not-run' })
