// What a server can be told, with defaults and their reasons. Checks options once, at the door; knows nothing else.
import { describe, mistake } from '../contract/mistake.ts'
import type { ProcedureKind } from '../contract/procedure.ts'
import type { AdvertisedLimits } from '../protocol/messages.ts'
import type { UpgradeRequest } from './socket.ts'

/** What `authenticate` gets: once for each connection, so once more after each break. */
export interface AuthenticateArgument {
  /** The client's `params`. Comes from the client: check everything. */
  readonly params: Readonly<Record<string, unknown>>
  /** The HTTP request of the upgrade. */
  readonly request: UpgradeRequest
  /** Aborts when the connection is gone, or `authTimeoutMs` has passed. */
  readonly signal: AbortSignal
}

/** Who a connection belongs to. */
export interface Identity {
  /** Names a person or program: equal for all connections of one. */
  readonly principal: string
}

/** What `onError` gets: something nobody has answered for. */
export interface ErrorReport<Context> {
  /** What was thrown. */
  readonly error: unknown
  /** Undefined outside a call, for instance in `authenticate`. */
  readonly path: string | undefined
  /** Undefined outside a call. */
  readonly kind: ProcedureKind | undefined
  /** The context of the connection; undefined before there is one. */
  readonly context: Context | undefined
}

export interface KeepAliveOptions {
  /** Silence in either direction, in ms, after which the server pings. @default 25_000, below the 30 s after which many proxies cut an idle line */
  intervalMs?: number
  /** Silence after a ping, in ms, after which the line counts as dead. @default 10_000 */
  timeoutMs?: number
}

export interface LimitOptions {
  /** Bytes of one message, either way. @default 1_048_576 */
  messageBytes?: number
  /** Calls running at once on a connection; a client queues the rest. @default 1_024 */
  calls?: number
  /** Subscriptions open at once on a connection. @default 1_024 */
  streams?: number
  /** Connections of this server; more get 503 before the upgrade. @default 20_000 */
  connections?: number
  /** The longest deadline a call may have, in ms. @default 300_000 */
  timeoutMs?: number
}

export interface CommonServerOptions<Context> {
  /** Says who a context is: the `principal` of its connection. */
  identify?: (context: Context) => Identity
  /** Hears of every defect: what a handler throws that is not an RpcError, an output its schema refuses. @default console.error */
  onError?: (report: ErrorReport<Context>) => void
  /** `false`: outputs and items go out unchecked, unknown keys and all. @default true */
  validateOutput?: boolean
  keepAlive?: KeepAliveOptions
  /** Time for the first message, in ms; then 4108. @default 5_000 */
  helloTimeoutMs?: number
  /** Time for `authenticate`, in ms; then 1013. @default 10_000 */
  authTimeoutMs?: number
  limits?: LimitOptions
  /** Runs `flush` when the current turn has said what it has to say. An adapter knows best. @default queueMicrotask */
  schedule?: (flush: () => void) => void
}

/** Options of a server; `authenticate` is required when handlers expect a context. */
export type ServerOptions<Context> = CommonServerOptions<Context> &
  (object extends Context
    ? { authenticate?: (argument: AuthenticateArgument) => Context | Promise<Context> }
    : {
        /** Makes the context of a connection. Throw `new RpcError('UNAUTHORIZED')` to refuse; anything else means "try again later". */
        authenticate: (argument: AuthenticateArgument) => Context | Promise<Context>
      })

/** Options with every default filled in. */
export interface ServerSettings {
  readonly authenticate: ((argument: AuthenticateArgument) => unknown) | undefined
  readonly identify: ((context: unknown) => Identity) | undefined
  readonly onError: (report: ErrorReport<unknown>) => void
  readonly validateOutput: boolean
  readonly keepAlive: { readonly intervalMs: number; readonly timeoutMs: number }
  readonly helloTimeoutMs: number
  readonly authTimeoutMs: number
  readonly limits: AdvertisedLimits & { readonly connections: number }
  readonly schedule: (flush: () => void) => void
}

export function resolveOptions(options: CommonServerOptions<never> & { authenticate?: unknown }): ServerSettings {
  const { keepAlive = {}, limits = {} } = options
  return {
    authenticate: requireFunction('authenticate', options.authenticate),
    identify: requireFunction('identify', options.identify),
    onError: requireFunction('onError', options.onError) ?? logError,
    validateOutput: options.validateOutput ?? true,
    keepAlive: {
      intervalMs: requirePositive('keepAlive.intervalMs', keepAlive.intervalMs ?? 25_000),
      timeoutMs: requirePositive('keepAlive.timeoutMs', keepAlive.timeoutMs ?? 10_000),
    },
    helloTimeoutMs: requirePositive('helloTimeoutMs', options.helloTimeoutMs ?? 5_000),
    authTimeoutMs: requirePositive('authTimeoutMs', options.authTimeoutMs ?? 10_000),
    limits: {
      messageBytes: requirePositive('limits.messageBytes', limits.messageBytes ?? 1_048_576),
      calls: requirePositive('limits.calls', limits.calls ?? 1_024),
      streams: requirePositive('limits.streams', limits.streams ?? 1_024),
      connections: requirePositive('limits.connections', limits.connections ?? 20_000),
      timeoutMs: requirePositive('limits.timeoutMs', limits.timeoutMs ?? 300_000),
    },
    schedule: requireFunction('schedule', options.schedule) ?? ((flush) => queueMicrotask(flush)),
  }
}

function requireFunction<Type>(name: string, value: unknown): Type | undefined {
  if (value === undefined || typeof value === 'function') return value as Type | undefined
  throw mistake(`options.${name}: expected a function, got ${describe(value)}`, 'server')
}

function requirePositive(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value
  throw mistake(`options.${name}: expected a positive integer, got ${String(value)}`, 'server')
}

function logError({ error, path, context }: ErrorReport<unknown>): void {
  const where = path ?? (context === undefined ? 'authenticate' : 'connection')
  console.error(`trunkline: ${where}:`, error)
}
