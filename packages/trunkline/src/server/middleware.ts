// Middleware at run time: a stack of functions around a handler, composed once. Does not know calls or sockets.
import { mistake } from '../contract/mistake.ts'
import type { ProcedureKind, ProcedureMeta } from '../contract/procedure.ts'
import type { HandlerInvocation } from './invocation.ts'

/** A middleware as it is kept, with its context forgotten. */
export type AnyMiddleware = (argument: MiddlewareInvocation) => unknown

interface Described {
  readonly path: string
  readonly kind: ProcedureKind
  readonly meta: ProcedureMeta
}

type Innermost = (invocation: HandlerInvocation) => unknown

/** Wraps `innermost` in a stack of middleware, the first outermost. An empty stack costs nothing. */
export function composeMiddleware(
  stack: readonly AnyMiddleware[],
  described: Described,
  innermost: Innermost,
): Innermost {
  let run = innermost
  for (const middleware of [...stack].reverse()) {
    const inner = run
    run = (invocation) => middleware(new MiddlewareInvocation(described, invocation, inner))
  }
  return run
}

export class MiddlewareInvocation {
  readonly path: string
  readonly kind: ProcedureKind
  readonly meta: ProcedureMeta
  readonly context: unknown
  readonly #invocation: HandlerInvocation
  /** Bound, since people destructure their argument. */
  readonly next: (options?: { context?: object }) => Promise<unknown>

  constructor(described: Described, invocation: HandlerInvocation, inner: Innermost) {
    this.path = described.path
    this.kind = described.kind
    this.meta = described.meta
    this.context = invocation.context
    this.#invocation = invocation
    let called = false
    this.next = async (options) => {
      if (called) {
        throw mistake(`${described.path}: a middleware called next() twice; a handler runs once a call`, 'middleware')
      }
      called = true
      if (options?.context) invocation.context = { ...(invocation.context as object), ...options.context }
      return inner(invocation)
    }
  }

  get call(): { meta: Readonly<Record<string, unknown>> } {
    return { meta: this.#invocation.meta }
  }

  get signal(): AbortSignal {
    return this.#invocation.signal
  }
}
