// What a server can be told, with defaults and their reasons. Checks options once, at the door; knows nothing else.
import { describe, mistake } from '../contract/mistake.ts'
import type { ProcedureKind } from '../contract/procedure.ts'
import type { AdvertisedLimits } from '../protocol/messages.ts'
import { requireTypes } from '../protocol/value-types.ts'
import type { ValueType, ValueTypes } from '../protocol/values.ts'
import type { Connection, StreamCall } from './handler.ts'
import { memoryResultStore, type ResultStore } from './idempotency.ts'
import type { UpgradeRequest } from './socket.ts'

/** What `authenticate` gets: once for each connection, so once more after each break, and for each `connection.authenticate()`. */
export interface AuthenticateArgument {
  /** The client's `params`. Comes from the client: check everything. */
  readonly params: Readonly<Record<string, unknown>>
  /** The upgrade, with its cookies and other headers. */
  readonly request: UpgradeRequest
  /** Aborts when the connection is gone, or `authTimeoutMs` has passed. */
  readonly signal: AbortSignal
}

/** Who a connection belongs to. */
export interface Identity {
  /** The same for the same person on every connection and every node; a client that comes back as somebody else starts anew. */
  readonly principal: string
  /** When the credentials end: a date, or milliseconds since 1970. The client renews them before; without that the connection is closed (4101) 25 s after. */
  readonly expiresAt?: Date | number | undefined
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
  /** Connections of this server; more get 503 before the upgrade. @default 20_000, what 400 MB hold */
  connections?: number
  /** New connections a second, a quarter of them at once; more get 503 before the upgrade and come back. @default 1_000, what a server takes in beside its work after all have lost it */
  connectsPerSecond?: number
  /** Connections of one principal; one more is closed with 4104. @default 20_000, or what `connections` says: a principal may be shared by many guests */
  connectionsPerPrincipal?: number
  /** Connections of one address that have not authenticated yet; more get 429 before the upgrade. @default 64, a large office behind one address after a restart */
  unauthenticatedPerAddress?: number
  /** Bytes a connection may send before it has authenticated. @default 65_536, four times what our client sends */
  unauthenticatedBytes?: number
  /** Unsent bytes of a connection at which it is closed (4202) as too slow. @default 16_777_216 */
  bufferedBytes?: number
  /** The longest deadline a call may have, in ms. @default 300_000 */
  timeoutMs?: number
}

/** A token bucket for each connection: a call takes its procedure's `cost`, and gets `RATE_LIMITED` when there is not enough. */
export interface RateLimitOptions {
  /** Tokens that come back a second. */
  perSecond: number
  /** Tokens a connection starts with, and the most it can save. @default perSecond */
  burst?: number
}

export interface CommonServerOptions<Context> {
  /** Says who a context is: for `server.connections`, `revoke`, and so that nothing of one person is taken for another's. */
  identify?: (context: Context) => Identity
  /**
   * Asked for each open subscription, upload and duplex call when the credentials were renewed: false, or throwing, ends it with
   * `FORBIDDEN`. Until it has answered, a subscription or duplex call sends nothing.
   */
  reauthorize?: (call: StreamCall, context: Context) => boolean | Promise<boolean>
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
  /** `false`: a lost connection ends what was open on it, and nothing is kept. */
  resume?: false | ResumeOptions
  /** Keeps answers of `idempotent` mutations, for callers who ask again. @default memoryResultStore(), this process's own */
  resultStore?: ResultStore
  /** Calls a second of one connection. @default no limit: what a call costs only its author knows */
  rateLimit?: RateLimitOptions
  /** Types of your own that travel as themselves; clients need the same. @default none */
  types?: readonly ValueType[]
  /** Runs `flush` when the current turn has said what it has to say. An adapter knows best. @default queueMicrotask */
  schedule?: (flush: () => void) => void
  /** The same for items of streams alone: they may wait a moment for more, while those come turn after turn. @default schedule */
  scheduleItems?: (flush: () => void, said: { readonly size: number }) => void
  /** Runs `task` after what has arrived meanwhile was read. An adapter knows best. @default setTimeout, 0 ms */
  yieldTo?: (task: () => void) => void
}

/** What is kept of a client whose connection is lost, so that it goes on where it was. */
export interface ResumeOptions {
  /** Milliseconds. @default 60_000, a tunnel or a change of networks */
  keepMs?: number
  /** Bytes of frames that wait for one client. @default 1_048_576 */
  bufferBytes?: number
  /** Lost clients of one principal; the oldest make room. @default 8, more devices than most people carry */
  perPrincipal?: number
  /** Lost clients of this server; the oldest make room. @default 10_000 */
  sessions?: number
  /** Bytes that wait for all of them together. @default 268_435_456 */
  totalBytes?: number
}

export type ResumeSettings = Required<Readonly<ResumeOptions>>

export interface CloseOptions {
  /** How long running calls may go on, in ms. @default 10_000 */
  drainMs?: number
}

export interface DisconnectOptions<Context = unknown> {
  /** Which connections; `context` is what `authenticate` made. */
  where: (connection: Connection, context: Context) => boolean
  /** For the client, in its `connection.state.reason`. @default 'disconnected by the server' */
  reason?: string
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
  readonly reauthorize: ((call: StreamCall, context: unknown) => boolean | Promise<boolean>) | undefined
  readonly onError: (report: ErrorReport<unknown>) => void
  readonly validateOutput: boolean
  readonly keepAlive: { readonly intervalMs: number; readonly timeoutMs: number }
  readonly helloTimeoutMs: number
  readonly authTimeoutMs: number
  readonly limits: AdvertisedLimits & Required<Readonly<LimitOptions>>
  readonly resume: ResumeSettings | undefined
  readonly rateLimit: Required<Readonly<RateLimitOptions>> | undefined
  readonly resultStore: ResultStore
  readonly types: ValueTypes | undefined
  readonly schedule: Schedule
  readonly scheduleItems: ScheduleItems
  readonly yieldTo: (task: () => void) => void
}

/** As a record, so that the compiler says which one is missing. */
const ownNames: Readonly<Record<'authenticate' | keyof CommonServerOptions<never>, true>> = {
  authenticate: true,
  identify: true,
  reauthorize: true,
  onError: true,
  validateOutput: true,
  keepAlive: true,
  helloTimeoutMs: true,
  authTimeoutMs: true,
  limits: true,
  resume: true,
  resultStore: true,
  rateLimit: true,
  types: true,
  schedule: true,
  scheduleItems: true,
  yieldTo: true,
}

/** What an adapter reads itself: the same options may be given to each door. */
const adapterNames = ['port', 'host', 'tls', 'path', 'origins', 'allowedHosts', 'trustedProxies']

/** Runs `flush` when it is time. */
export type Schedule = (flush: () => void) => void

/** The same; `said` is what will be flushed, and grows with what more is said. */
export type ScheduleItems = (flush: () => void, said: { readonly size: number }) => void

/** @throws TypeError for options that are no object, or a name that nobody would read */
export function requireOptions<Options extends object>(options: Options): Options {
  if (typeof options !== 'object') {
    throw mistake(`options: expected an object such as { limits: { … } }, got ${describe(options)}`, 'server')
  }
  const known = [...adapterNames, ...Object.keys(ownNames)]
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw mistake(`options.${name}: expected one of ${known.join(', ')}`, 'server')
  }
  return options
}

export function resolveOptions(options: CommonServerOptions<never> & { authenticate?: unknown }): ServerSettings {
  const schedule: Schedule = requireFunction('schedule', options.schedule) ?? ((flush) => queueMicrotask(flush))
  return {
    authenticate: requireFunction('authenticate', options.authenticate),
    identify: requireFunction('identify', options.identify),
    reauthorize: requireFunction('reauthorize', options.reauthorize),
    onError: requireFunction('onError', options.onError) ?? logError,
    validateOutput: options.validateOutput ?? true,
    keepAlive: fill('keepAlive', options.keepAlive ?? {}, { intervalMs: 25_000, timeoutMs: 10_000 }),
    helloTimeoutMs: requirePositive('helloTimeoutMs', options.helloTimeoutMs ?? 5_000),
    authTimeoutMs: requirePositive('authTimeoutMs', options.authTimeoutMs ?? 10_000),
    limits: resolveLimits(options.limits ?? {}),
    resume: options.resume === false ? undefined : resolveResume(options.resume ?? {}),
    resultStore: options.resultStore ?? memoryResultStore(),
    rateLimit: options.rateLimit && resolveRateLimit(options.rateLimit),
    types: requireTypes(options.types),
    schedule,
    scheduleItems: requireFunction('scheduleItems', options.scheduleItems) ?? schedule,
    yieldTo: requireFunction('yieldTo', options.yieldTo) ?? ((task) => void setTimeout(task, 0)),
  }
}

function resolveLimits(limits: LimitOptions): ServerSettings['limits'] {
  const connections = requirePositive('limits.connections', limits.connections ?? 20_000)
  return fill('limits', limits, {
    messageBytes: 1_048_576,
    calls: 1_024,
    streams: 1_024,
    connections,
    connectsPerSecond: 1_000,
    connectionsPerPrincipal: connections,
    unauthenticatedPerAddress: 64,
    unauthenticatedBytes: 64 * 1024,
    bufferedBytes: 16 * 1024 * 1024,
    timeoutMs: 300_000,
  })
}

function resolveResume(resume: ResumeOptions): ResumeSettings {
  return fill('resume', resume, {
    keepMs: 60_000,
    bufferBytes: 1_048_576,
    perPrincipal: 8,
    sessions: 10_000,
    totalBytes: 256 * 1024 * 1024,
  })
}

/** Fills in defaults. @throws TypeError for a name that is none, or a value that is no positive integer */
function fill<Name extends string>(
  what: string,
  given: Readonly<Partial<Record<Name, number | undefined>>>,
  usual: Record<Name, number>,
): Record<Name, number> {
  const filled = { ...usual }
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(usual, name))
      throw mistake(`options.${what}.${name}: expected one of ${Object.keys(usual).join(', ')}`, 'server')
    if (value !== undefined) filled[name as Name] = requirePositive(`${what}.${name}`, value as number)
  }
  return filled
}

function resolveRateLimit({ perSecond, burst = perSecond }: RateLimitOptions): Required<RateLimitOptions> {
  for (const [name, value] of Object.entries({ perSecond, burst })) {
    if (!(Number.isFinite(value) && value > 0))
      throw new TypeError(`rateLimit.${name} must be a positive number, got ${String(value)}`)
  }
  return { perSecond, burst }
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
