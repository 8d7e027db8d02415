// Client middleware: functions around a call. Does not know lines or sockets.
import type { SubscribeOptions } from '../contract/client-types.ts'
import type { ClientCall, KeptOptions } from './call.ts'
import type { ClientMiddleware } from './options.ts'
import { type Pending, toPending } from './pending.ts'

type Meta = Readonly<Record<string, unknown>>

/** Runs a call through middleware; `start` makes it, perhaps more than once, if a middleware says so. */
export function runMiddleware(
  stack: readonly ClientMiddleware[],
  path: string,
  input: unknown,
  options: SubscribeOptions,
  start: (options: KeptOptions) => ClientCall,
): Pending {
  const calls: ClientCall[] = []
  let isCancelled = false
  // A refused subscription keeps its error for whoever iterates it, through every layer.
  const onStreamRefused = (): void => void outcome.catch(() => {})
  const run = async (index: number, meta: Meta): Promise<unknown> => {
    const middleware = stack[index]
    if (middleware) {
      const next = (more?: { meta: Meta }): Promise<unknown> => run(index + 1, { ...meta, ...more?.meta })
      return middleware({ path, input, call: { meta }, signal: options.signal, next })
    }
    const call = start({ ...options, meta, onStreamRefused })
    calls.push(call)
    if (isCancelled) call.cancel()
    return call.promise
  }
  const outcome: Promise<unknown> = run(0, options.meta ?? {})
  const cancel = (): void => {
    isCancelled = true
    for (const call of calls) call.cancel()
  }
  return toPending(outcome, { cancel })
}
