// A client: its typed proxy, and the calls made through it. Knows that there is a connection; not how it comes about.

import { ClientCall, type KeptOptions } from '../calls/call.ts'
import { type Pending, toPending } from '../calls/pending.ts'
import { createProxy } from '../calls/proxy.ts'
import type { RouterClient, SubscribeOptions } from '../contract/client-types.ts'
import { maxTimerMs } from '../protocol/deadlines.ts'
import { expect } from '../protocol/expect.ts'
import { requireTypes } from '../protocol/value-types.ts'
import { Calls } from './calls.ts'
import type { ClientConnection } from './connection.ts'
import { ManagedConnection } from './managed-connection.ts'
import { runMiddleware } from './middleware.ts'
import { type ClientOptions, toUrl } from './options.ts'
import type { Platform } from './platform.ts'
import { Emitter } from './state.ts'

export interface Client<Router> {
  readonly api: RouterClient<Router>
  readonly connection: ClientConnection
}

const noOptions: SubscribeOptions = Object.freeze({})

/** A client on a given platform; the doors choose it. */
export function createClientOn<Router>(platform: Platform, options: ClientOptions): Client<Router> {
  // A function is asked when there is an attempt.
  if (typeof options.url !== 'function') toUrl(options.url)
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

/** Gives what makes calls, and sees to it that there is a connection. */
function makeStart(calls: Calls, connection: ManagedConnection, usualMs: number) {
  return (path: string, input: unknown, options: KeptOptions): ClientCall => {
    const now = performance.now()
    const timeoutMs = options.timeoutMs === undefined ? usualMs : requireTimeout(options.timeoutMs)
    checkOptions(options)
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

/** As PROTOCOL.md section 4 has them. */
function checkOptions({ idempotencyKey = '', lastEventId = '', credit = 1 }: KeptOptions): void {
  expect(idempotencyKey.length <= 128, 'idempotencyKey.length', 'at most 128', idempotencyKey.length)
  expect(lastEventId.length <= 512, 'lastEventId.length', 'at most 512', lastEventId.length)
  expect(Number.isInteger(credit) && credit > 0, 'credit', 'a positive integer', credit)
}

function requireTimeout(timeoutMs: number): number {
  expect(timeoutMs > 0, 'timeoutMs', 'milliseconds above 0', timeoutMs)
  return Math.min(timeoutMs, maxTimerMs)
}
