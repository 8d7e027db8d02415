// An app: a router, what answers it, and the middleware around that. Data only.
import { describe, mistake } from '../contract/mistake.ts'
import type { Servable } from '../protocol/serving.ts'
import type { AnyMiddleware } from './middleware.ts'

/** A router and what answers it. `Context` is what `authenticate` has to give. */
export interface App<Router = unknown, Context = unknown> extends Servable {
  readonly router: Router
  readonly handlers: object
  readonly middleware: readonly AnyMiddleware[]
  /** `context<Type>()` was called: somebody has to give one. */
  readonly needsContext: boolean
  /** Only a type: an app takes any context that has what its handlers need. */
  readonly contextType?: (context: Context) => void
}

const wrapped = Symbol.for('trunkline.handler')

interface Wrapped {
  readonly middleware: AnyMiddleware
  readonly handler: AnyHandler
}

export type AnyHandler = (argument: never) => unknown

export const wrapWith =
  (middleware: AnyMiddleware) =>
  (handler: AnyHandler): unknown => {
    if (typeof handler !== 'function') {
      throw mistake(`a middleware wraps a handler: expected a function, got ${describe(handler)}`, 'middleware')
    }
    const made = () => {
      throw mistake('a wrapped handler is run by its app; use createCaller(app) to call it', 'middleware')
    }
    return Object.assign(made, { [wrapped]: { middleware, handler } satisfies Wrapped })
  }

/** Takes a handler out of the middleware it was wrapped in, the outermost first. */
export function unwrapHandler(handler: AnyHandler): { handler: AnyHandler; middleware: AnyMiddleware[] } {
  const middleware: AnyMiddleware[] = []
  let inner = handler
  while (wrapped in inner) {
    const layer = inner[wrapped] as Wrapped
    middleware.push(layer.middleware)
    inner = layer.handler
  }
  return { handler: inner, middleware }
}
