// A client: its typed proxy, and the calls made through it. Knows that there is a connection; not how it comes about.

import { ClientCall, type KeptOptions } from '../calls/call.ts'
import { type Pending, toPending } from '../calls/pending.ts'
import { createProxy } from '../calls/proxy.ts'
import type { RouterClient, SubscribeOptions } from '../contract/client-types.ts'
import { maxTimerMs } from '../protocol/deadlines.ts'
import { requireTypes } from '../protocol/value-types.ts'
import { Calls } from './calls.ts'
import type { ClientConnection } from './connection.ts'
import { ManagedConnection } from './managed-connection.ts'
import { runMiddleware } from './middleware.ts'
import { badUrl, type ClientOptions, toUrl } from './options.ts'
import type { Platform } from './platform.ts'
import { Emitter } from './state.ts'

export interface Client<Router> {
  readonly api: RouterClient<Router>
  readonly connection: ClientConnection
}

const noOptions: SubscribeOptions = Object.freeze({})

/** A client on a given platform; the doors choose it. */
export function createClientOn<Router>(platform: Platform, options: ClientOptions): Client<Router> {
  checkUrl(options)
  const usualMs = requireTimeout(options.timeoutMs ?? 30_000)
  const emitter = new Emitter()
  const calls = new Calls(usualMs, emitter, requireTypes(options.types))
  const connection = new ManagedConnection(platform, options, usualMs, calls, emitter)
  const start = makeStart(calls, connection, usualMs)
  const invoke = (path: string, input: unknown, given: SubscribeOptions = noOptions): Pending => {
    if (options.use?.length) return runMiddleware(options.use, path, input, given, (more) => start(path, input, more))
    const call = start(path, input, given)
    return toPending(call.promise, call)
  }
  if (options.eager) connection.connect()
  // The proxy answers any path; the types say which there are.
  return { api: createProxy(invoke as never) as RouterClient<Router>, connection }
}

function checkUrl({ url }: ClientOptions): void {
  if (typeof url === 'string' || url instanceof URL) toUrl(url)
  else if (typeof url !== 'function') throw badUrl(url)
}

/** Gives what makes calls, and sees to it that there is a connection. */
function makeStart(calls: Calls, connection: ManagedConnection, usualMs: number) {
  return (path: string, input: unknown, options: KeptOptions): ClientCall => {
    const now = performance.now()
    const timeoutMs = options.timeoutMs === undefined ? usualMs : requireTimeout(options.timeoutMs)
    requireShort('idempotencyKey', options.idempotencyKey, 128)
    requireShort('lastEventId', options.lastEventId, 512)
    requireCredit(options.credit)
    const call = new ClientCall(calls, connection, path, options, now + timeoutMs)
    const { refusal, state } = connection
    if (options.signal?.aborted) call.cancel()
    else if (refusal) call.refuse(refusal.code, refusal.message)
    else {
      calls.add(call, input, now)
      if (state.status === 'idle' && !call.isSettled) connection.connect()
    }
    return call
  }
}

function requireShort(name: string, value: string | undefined, most: number): void {
  if (value !== undefined && value.length > most)
    throw new TypeError(`${name} may have ${most} characters, this one has ${value.length}`)
}

function requireCredit(credit: number | undefined): void {
  if (credit !== undefined && !(Number.isInteger(credit) && credit > 0))
    throw new TypeError(`credit: expected a positive integer, got ${credit}`)
}

function requireTimeout(timeoutMs: number): number {
  if (timeoutMs > 0) return Math.min(timeoutMs, maxTimerMs)
  throw new TypeError(`timeoutMs: expected milliseconds above 0, got ${timeoutMs}`)
}
