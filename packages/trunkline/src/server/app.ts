// `implement`: a router with its handlers and middleware, ready to be served. Data still: nothing runs, no socket is known.
import { isProcedure } from '../contract/procedure.ts'
import type { RouterRecord, RouterTree } from '../contract/router.ts'
import type { MiddlewareArgument, Passed, RouterHandlers } from './handler.ts'
import type { AnyMiddleware } from './middleware.ts'

/** A router and what answers it. `Context` is what `authenticate` has to give. */
export interface App<Router = unknown, Context = unknown> {
  readonly router: Router
  readonly handlers: object
  readonly middleware: readonly AnyMiddleware[]
  /** Only a type: an app takes any context that has what its handlers need. */
  readonly contextType?: (context: Context) => void
}

/** Gives one handler a middleware of its own; made by `implement(…).middleware(fn)`. */
export type HandlerWrapper<Context, Added> = <Argument, Result>(
  handler: (argument: Argument & { readonly context: Context & Added }) => Result,
) => (argument: Argument) => Result

export interface Implementer<Router, Given, Context> {
  /** Says what `authenticate` gives: made once a connection, and every handler's `context`. */
  context<Type extends object>(): Implementer<Router, Type, Type>
  /** Runs a middleware around every handler, in the order of these calls. */
  use<Added extends object>(
    middleware: (argument: MiddlewareArgument<Context>) => Promise<Passed<Added>>,
  ): Implementer<Router, Given, Context & Added>
  /** Makes a middleware for single handlers: `const authed = ….middleware(fn)`, then `authed(handler)`. */
  middleware<Added extends object>(
    middleware: (argument: MiddlewareArgument<Context>) => Promise<Passed<Added>>,
  ): HandlerWrapper<Context, Added>
  /**
   * Takes one handler for each procedure, under the router's names.
   * @throws TypeError naming the path of a handler that is missing, superfluous or not a function.
   */
  handlers(handlers: RouterHandlers<Router, Context>): App<Router, Given>
}

// biome-ignore lint/complexity/noBannedTypes: an app without context takes any; `{}` is what `Context & Added` starts from.
type NoContext = {}

/** Starts the implementation of a router. */
export function implement<const Router extends RouterRecord>(
  router: Router,
): Implementer<Router, NoContext, NoContext> {
  return implementWith(router, [])
}

function implementWith<Router extends RouterRecord, Given, Context>(
  router: Router,
  stack: readonly AnyMiddleware[],
): Implementer<Router, Given, Context> {
  return {
    context: () => implementWith(router, stack),
    // What a middleware adds is a matter of types; at run time they are all alike.
    use: (middleware) => implementWith(router, [...stack, middleware as unknown as AnyMiddleware]),
    middleware: (middleware) => wrapWith(middleware as unknown as AnyMiddleware) as HandlerWrapper<Context, never>,
    handlers: (handlers) => {
      checkHandlers(router as object as RouterTree, handlers, '')
      return { router, handlers, middleware: stack }
    },
  }
}

const wrapped = Symbol.for('trunkline.handler')

interface Wrapped {
  readonly middleware: AnyMiddleware
  readonly handler: AnyHandler
}

export type AnyHandler = (argument: never) => unknown

const wrapWith =
  (middleware: AnyMiddleware) =>
  (handler: AnyHandler): unknown => {
    if (typeof handler !== 'function') throw new TypeError(`a middleware wraps a handler, got ${typeof handler}`)
    const made = () => {
      throw new TypeError('a wrapped handler is run by its app; use createCaller(app) to call it')
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

function checkHandlers(router: RouterTree, handlers: unknown, path: string): void {
  if (typeof handlers !== 'object' || handlers === null) {
    throw new TypeError(
      `${path || 'handlers'}: expected a record of handlers, got ${handlers === null ? 'null' : typeof handlers}`,
    )
  }
  for (const name of Object.keys(handlers)) {
    if (!Object.hasOwn(router, name))
      throw new TypeError(`${join(path, name)}: a handler without a procedure in the router`)
  }
  for (const [name, node] of Object.entries(router)) {
    const inner = join(path, name)
    const handler = Object.hasOwn(handlers, name) ? (handlers as Record<string, unknown>)[name] : undefined
    if (handler === undefined) throw new TypeError(`${inner}: the handler is missing`)
    if (!isProcedure(node)) checkHandlers(node, handler, inner)
    else if (typeof handler !== 'function')
      throw new TypeError(`${inner}: the handler is a ${typeof handler}, not a function`)
  }
}

const join = (path: string, name: string): string => (path ? `${path}.${name}` : name)
