// Middleware at run time: a stack of functions around a handler, composed once. Does not know calls or sockets.
import { mistake } from '../contract/mistake.ts'
import type { ProcedureKind, ProcedureMeta } from '../contract/procedure.ts'
import type { HandlerInvocation } from './invocation.ts'
import { isPromiseLike } from './promise-like.ts'

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
    run = (invocation) => {
      const argument = new MiddlewareInvocation(described, invocation, inner)
      return argument.outcomeOf(middleware(argument))
    }
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
  /** What `next()` gave, and what it stands for where that is known already. */
  #given: Promise<unknown> | undefined
  #outcome: unknown
  #hasThrown = false

  constructor(described: Described, invocation: HandlerInvocation, inner: Innermost) {
    this.path = described.path
    this.kind = described.kind
    this.meta = described.meta
    this.context = invocation.context
    this.#invocation = invocation
    let called = false
    this.next = (options) => {
      if (called) {
        const message = `${described.path}: a middleware called next() twice; a handler runs once a call`
        return Promise.reject(mistake(message, 'middleware'))
      }
      called = true
      if (options?.context) invocation.context = { ...(invocation.context as object), ...options.context }
      try {
        const outcome = inner(invocation)
        this.#given = Promise.resolve(outcome)
        // Whatever has a `then` is asked once: there are queries that run each time.
        this.#outcome = isPromiseLike(outcome) ? this.#given : outcome
      } catch (error) {
        this.#outcome = error
        this.#hasThrown = true
        this.#given = Promise.reject(error)
      }
      return this.#given
    }
  }

  /** A middleware that returns what `next()` gave costs a synchronous handler no turn: its outcome is there. */
  outcomeOf(returned: unknown): unknown {
    if (returned !== this.#given || !this.#given) return returned
    if (!this.#hasThrown) return this.#outcome
    this.#given.catch(() => {})
    throw this.#outcome
  }

  get call(): { meta: Readonly<Record<string, unknown>> } {
    return { meta: this.#invocation.meta }
  }

  get signal(): AbortSignal {
    return this.#invocation.signal
  }
}
