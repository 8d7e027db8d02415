// Asks the server's `reauthorize` about what is open, when its caller's credentials were renewed. Does not know the calls' table.
import { isRpcError, type RpcError } from '../protocol/error.ts'
import type { ServerCall } from './call.ts'
import { refusal } from './failure.ts'
import type { ServerSettings } from './options.ts'

/** What is open and may no longer be allowed. */
export interface Reauthorized {
  readonly call: ServerCall
  /** Sends nothing until `release`. */
  hold(): void
  release(): void
  refuse(error: RpcError): void
}

/** An upload sends nothing before its answer; what it is sent meanwhile goes no further than its own handler. */
export const toReauthorized = (call: ServerCall): Reauthorized => ({
  call,
  hold() {},
  release() {},
  refuse: (error) => call.refuse(error),
})

/** Resolves when it is answered; what is open sends nothing meanwhile. */
export async function reauthorizeAgain(
  open: Reauthorized,
  context: unknown,
  { reauthorize, authTimeoutMs }: Pick<ServerSettings, 'reauthorize' | 'authTimeoutMs'>,
  report: (error: unknown) => void,
): Promise<void> {
  if (!reauthorize) return
  const { operation, input } = open.call
  const { path, procedure } = operation
  const { kind, meta } = procedure
  open.hold()
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    // Nobody is let through because the question took too long.
    const tooLong = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), authTimeoutMs)
    })
    const isAllowed = await Promise.race([reauthorize({ path, kind, meta, input }, context), tooLong])
    if (isAllowed) open.release()
    else open.refuse(refusal.notAllowed(path))
  } catch (error) {
    if (!isRpcError(error)) report(error)
    open.refuse(isRpcError(error) ? error : refusal.notAllowed(path))
  } finally {
    clearTimeout(timer)
  }
}
