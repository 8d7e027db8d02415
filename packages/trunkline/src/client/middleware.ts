// Client middleware: functions around a call. Does not know lines or sockets.

import type { ClientCall, KeptOptions } from '../calls/call.ts'
import { type Hand, type Pending, toPending } from '../calls/pending.ts'
import type { SubscribeOptions } from '../contract/client-types.ts'
import { notRun } from '../protocol/error.ts'
import { makeDeferred } from './deferred.ts'
import type { ClientMiddleware } from './options.ts'

type Meta = Readonly<Record<string, unknown>>

const none = (): undefined => undefined

/** Runs a call through middleware; `start` makes it, perhaps more than once, if a middleware says so. */
export function runMiddleware(
  stack: readonly ClientMiddleware[],
  path: string,
  input: unknown,
  options: SubscribeOptions,
  start: (options: KeptOptions) => ClientCall,
): Pending {
  /** The last one is the one that counts. */
  const calls: ClientCall[] = []
  let isCancelled = false
  const first = makeDeferred()
  const run = async (index: number, meta: Meta): Promise<unknown> => {
    const middleware = stack[index]
    if (middleware) {
      const next = (more?: { meta: Meta }): Promise<unknown> => run(index + 1, { ...meta, ...more?.meta })
      return middleware({ path, input, call: { meta }, signal: options.signal, next })
    }
    const before = calls.at(-1)
    // What it has pushed can't be had again: it stays at the outcome it had, and is never made anew with a part of it.
    if (before?.sender?.isSpent) return before.promise
    // A refused subscription keeps its error for whoever iterates it, through every layer.
    const call = start({ ...options, meta, onStreamRefused: () => void outcome.catch(none) })
    calls.push(call)
    first.resolve()
    if (isCancelled) call.cancel()
    return call.promise
  }
  const outcome = run(0, options.meta ?? {})
  const made = Promise.race([first.promise, outcome]).then(() => {
    const call = calls.at(-1)
    // A middleware that makes no call has the last word: then nothing is pushed.
    if (!call) throw notRun('CANCELLED', `"${path}" takes no more items: it is over`)
    return call
  })
  made.catch(none)
  const hand: Hand = {
    send: (value) => {
      const sent = made.then((call) => call.hand.send(value))
      // As with a call without middleware: whoever does not wait hears of it from the call.
      sent.catch(none)
      return sent
    },
    end: () => void made.then((call) => call.hand.end(), none),
  }
  const cancel = (): void => {
    isCancelled = true
    for (const call of calls) call.cancel()
  }
  return toPending(outcome, { cancel, hand })
}
