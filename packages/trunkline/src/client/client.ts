// A client: its typed proxy, and the calls made through it. Knows that there is a connection; not how it comes about.

import { ClientCall, type KeptOptions } from '../calls/call.ts'
import { type Pending, toPending } from '../calls/pending.ts'
import { createProxy } from '../calls/proxy.ts'
import type { RouterClient, SubscribeOptions } from '../contract/client-types.ts'
import { expect } from '../protocol/expect.ts'
import type { ClientConnection } from './connection.ts'
import { ManagedConnection } from './managed-connection.ts'
import { runMiddleware } from './middleware.ts'
import { type ClientOptions, requireTimeout } from './options.ts'
import type { Platform } from './platform.ts'

export interface Client<Router> {
  readonly api: RouterClient<Router>
  readonly connection: ClientConnection
}

const noOptions: SubscribeOptions = Object.freeze({})

/** A client on a given platform; the doors choose it. */
export function createClientOn<Router>(platform: Platform, options: ClientOptions): Client<Router> {
  const connection = new ManagedConnection(platform, options)
  const { use } = options
  const invoke = (path: string, input: unknown, given: SubscribeOptions = noOptions): Pending => {
    if (use?.length) return runMiddleware(use, path, input, given, (more) => start(connection, path, input, more))
    const call = start(connection, path, input, given)
    return toPending(call.promise, call)
  }
  if (options.eager) connection.connect()
  // The proxy answers any path; the types say which there are.
  return { api: createProxy(invoke as never) as RouterClient<Router>, connection }
}

/** Makes a call, and sees to it that there is a connection. */
function start(connection: ManagedConnection, path: string, input: unknown, options: KeptOptions): ClientCall {
  const { calls } = connection
  const { timeoutMs = calls.usualMs, signal } = options
  const now = performance.now()
  checkOptions(options)
  const call = new ClientCall(calls, connection, path, options, now + requireTimeout(timeoutMs))
  if (signal?.aborted) call.cancel()
  else calls.add(call, input, now)
  if (connection.state.status === 'idle' && !call.isSettled) connection.connect()
  return call
}

/** As PROTOCOL.md section 4 has them. */
function checkOptions({ idempotencyKey = '', lastEventId = '', credit = 1 }: KeptOptions): void {
  expect(idempotencyKey.length <= 128, 'idempotencyKey.length', 'at most 128', idempotencyKey.length)
  expect(lastEventId.length <= 512, 'lastEventId.length', 'at most 512', lastEventId.length)
  expect(Number.isInteger(credit) && credit > 0, 'credit', 'a positive integer', credit)
}
