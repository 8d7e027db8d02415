// What a client can be told, with defaults and their reasons. Knows nothing else.
import { expect } from '../protocol/expect.ts'
import { type Servable, serves } from '../protocol/serving.ts'
import type { ValueType } from '../protocol/values.ts'
import type { ReconnectOptions } from './backoff.ts'
import type { WebSocketConstructor } from './platform.ts'

type MaybePromise<Value> = Value | Promise<Value>

/** A value, or a function asked on each attempt to connect. */
export type Provided<Value> = Value | (() => MaybePromise<Value>)

/** What a client middleware gets. */
export interface ClientMiddlewareArgument {
  /** `rooms.post` */
  readonly path: string
  /** What the caller gave. */
  readonly input: unknown
  /** The call's metadata; goes to the server with the call. */
  readonly call: { readonly meta: Readonly<Record<string, unknown>> }
  /** The caller's `signal`. */
  readonly signal: AbortSignal | undefined
  /** Makes the call, with more metadata if you like. Gives the output, or the subscription once it is accepted; throws its error. */
  next(options?: { meta: Readonly<Record<string, unknown>> }): Promise<unknown>
}

/** Runs around every call of a client. What it returns is what the caller gets. */
export type ClientMiddleware = (argument: ClientMiddlewareArgument) => Promise<unknown>

/** What a server may ask of a client that serves. */
export interface ServeLimits {
  /** Bytes of one message. @default 1_048_576 */
  messageBytes?: number
  /** Queries and mutations at once; more wait at the server. @default 64, since a page has other work */
  calls?: number
  /** Streams at once; more are refused with `OVERLOADED`. @default 64 */
  streams?: number
  /** The longest deadline, in ms. @default 300_000 */
  timeoutMs?: number
}

export interface ClientOptions {
  /** `ws://` or `wss://` (`http` and `https` stand for them); a path alone is taken from the page. */
  url: Provided<string | URL>
  /** For the server's `authenticate`, as JSON: `async () => ({ token: await getToken() })`. A function is asked again before the credentials expire. */
  params?: Provided<Readonly<Record<string, unknown>>>
  /** Connect at once, not with the first call. @default false */
  eager?: boolean
  /** Deadline of a call that states none, in ms. @default 30_000 */
  timeoutMs?: number
  /** Waits between attempts to connect. */
  reconnect?: ReconnectOptions
  /** `false`: a lost connection is a new beginning; what was written is asked for again, as the server allows. @default true */
  resume?: boolean
  /** Middleware, the first outermost. */
  use?: readonly ClientMiddleware[]
  /** Answers calls of the server: `implement(browserApi).handlers({ … })`. */
  serve?: Servable
  /** What the server may ask of `serve`. */
  limits?: ServeLimits
  /** Types of your own that travel as themselves; the server needs the same. @default none */
  types?: readonly ValueType[]
  /** Instead of the global one (or `ws` in Node). */
  WebSocket?: WebSocketConstructor
}

/** A page has other work than its server's. */
export const usualServeLimits = { calls: 64, streams: 64 }

/** @throws TypeError for what is no app */
export function requireServable(app: Servable | undefined): Servable | undefined {
  const isApp = app === undefined || typeof app?.[serves] === 'function'
  expect(isApp, 'serve', 'what implement(router).handlers() gives', app)
  return app
}

/** How much may wait while there is no connection: more is a sign that waiting does not help. */
export const maxWaitingCalls = 10_000
export const maxWaitingLength = 8 * 1024 * 1024

/** Before the server has said who we are: it holds no more than this (PROTOCOL.md section 3). */
export const maxFirstFlight = 16 * 1024

export const provide = async <Value>(provided: Provided<Value>): Promise<Value> =>
  typeof provided === 'function' ? (provided as () => MaybePromise<Value>)() : provided

/** Makes a WebSocket's address of what the user gave. */
export function toUrl(given: string | URL): string {
  const base = (globalThis as { location?: { href: string } }).location?.href
  let url: URL | undefined
  try {
    url = new URL(given, base)
    url.protocol = url.protocol.replace('http', 'ws')
    url.hash = ''
  } catch {
    // Said below.
  }
  const isAddress = (typeof given === 'string' || given instanceof URL) && /^wss?:$/.test(url?.protocol ?? '')
  expect(isAddress, 'url', 'an address like wss://example.com/rpc', given)
  return (url as URL).href
}
