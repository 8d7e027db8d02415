// What a client can be told, with defaults and their reasons. Knows nothing else.
import { maxTimerMs } from '../protocol/deadlines.ts'
import { expect } from '../protocol/expect.ts'
import type { Servable } from '../protocol/serving.ts'
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

/** How much may wait while there is no connection: more is a sign that waiting does not help. */
export const maxWaitingCalls = 10_000
export const maxWaitingLength = 8 * 1024 * 1024

/** Before the server has said who we are: it holds no more than this (PROTOCOL.md section 3). */
export const maxFirstFlight = 16 * 1024

/** @throws TypeError for what is no time at all */
export function requireTimeout(timeoutMs: number): number {
  expect(timeoutMs > 0, 'timeoutMs', 'milliseconds above 0', timeoutMs)
  return Math.min(timeoutMs, maxTimerMs)
}

/** As long as the server has to answer an attempt. */
const askTimeoutMs = 20_000

/** Gives `url` or `params`, which may be a function of the user's; what comes too late is not heard. */
export function ask<Value>(provided: Provided<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`url or params gave nothing in ${askTimeoutMs} ms`)), askTimeoutMs)
    const given = async () => (typeof provided === 'function' ? (provided as () => MaybePromise<Value>)() : provided)
    given()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

/**
 * Makes a WebSocket's address of what the user gave.
 * @throws TypeError for what is none
 */
export function toUrl(given: string | URL): string {
  try {
    const url = new URL(given, (globalThis as { location?: { href: string } }).location?.href)
    url.protocol = url.protocol.replace('http', 'ws')
    url.hash = ''
    if ((typeof given === 'string' || given instanceof URL) && /^wss?:$/.test(url.protocol)) return url.href
  } catch {
    // Said below.
  }
  expect(false, 'url', 'an address like wss://example.com/rpc', given)
}
