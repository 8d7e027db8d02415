// `safe`: a call's outcome as a value, with its errors typed.
import type { Call, PendingSubscription, Subscription } from '../contract/client-types.ts'
import { isRpcError } from '../protocol/error.ts'

export type Outcome<Value, Failure> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: Failure }

/** Awaits a call without throwing its RpcError: `{ ok: true, value }` or `{ ok: false, error }`, with `code` and `data` typed. */
export function safe<Value, Failure>(call: Call<Value, Failure>): Promise<Outcome<Value, Failure>>
export function safe<Item, Failure>(
  call: PendingSubscription<Item, Failure>,
): Promise<Outcome<Subscription<Item>, Failure>>
export async function safe(call: PromiseLike<unknown>): Promise<Outcome<unknown, unknown>> {
  try {
    return { ok: true, value: await call }
  } catch (error) {
    // Anything else is a mistake in this program (a middleware that throws, say), and no outcome of the call.
    if (isRpcError(error)) return { ok: false, error }
    throw error
  }
}
