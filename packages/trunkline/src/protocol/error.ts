// The error that travels: code, message, data and delivery. Does not know who raised it, nor how it is encoded.

/** Whether the handler of a failed call has run: certainly not, certainly, or nobody can tell. */
export type Delivery = 'not-run' | 'unknown' | 'ran'

/** Codes the framework itself raises; a contract's own errors may not take one of them. */
export const builtinCodes = [
  'BAD_REQUEST',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'NOT_FOUND',
  'TIMEOUT',
  'CANCELLED',
  'CONNECTION_LOST',
  'RATE_LIMITED',
  'TOO_LARGE',
  'OVERLOADED',
  'SLOW_CONSUMER',
  'GAP',
  'SHUTTING_DOWN',
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
  readonly code: Code
  readonly data: Data
  readonly delivery: Delivery
}

export interface RpcErrorOptions<Data> {
  /** For people; defaults to the code. */
  message?: string | undefined
  /** Travels to the caller when the contract declares the code. */
  data?: Data
  /** Stays on this side: never sent. */
  cause?: unknown
  /** @default 'ran' */
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

class TravellingError extends Error {
  readonly code: string
  readonly data: unknown
  readonly delivery: Delivery

  constructor(code: string, options: RpcErrorOptions<unknown> = {}) {
    super(options.message || code, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.data = options.data
    this.delivery = options.delivery ?? 'ran'
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isRpcError(value)
  }
}
Object.defineProperty(TravellingError, 'name', { value: 'RpcError' })
Object.defineProperties(TravellingError.prototype, { name: { value: 'RpcError' }, [brand]: { value: true } })

/** `new RpcError(code, { message, data })`: throw it in a handler, middleware or `authenticate`. */
export const RpcError = TravellingError as unknown as RpcErrorConstructor
