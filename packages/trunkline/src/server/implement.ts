// `implement`: a router with its handlers and middleware, ready to be served. Data still: nothing runs, no socket is known.
import { describe, mistake } from '../contract/mistake.ts'
import { isProcedure } from '../contract/procedure.ts'
import { checkRouter, type RouterRecord, type RouterTree } from '../contract/router.ts'
import { serves } from '../protocol/serving.ts'
import { type App, wrapWith } from './app.ts'
import type { MiddlewareArgument, Passed, RouterHandlers } from './handler.ts'
import type { AnyMiddleware } from './middleware.ts'
import { serveOnClient } from './serving.ts'

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
  if (typeof router === 'object' && router !== null && serves in router) {
    throw mistake('implement(router): expected a router, got an app, which has its handlers already', 'handlers')
  }
  checkRouter(router)
  return implementWith(router, { stack: [], needsContext: false })
}

interface Begun {
  readonly stack: readonly AnyMiddleware[]
  readonly needsContext: boolean
}

function implementWith<Router extends RouterRecord, Given, Context>(
  router: Router,
  begun: Begun,
): Implementer<Router, Given, Context> {
  return {
    context: () => implementWith(router, { ...begun, needsContext: true }),
    use: (middleware) => implementWith(router, { ...begun, stack: [...begun.stack, toMiddleware('use', middleware)] }),
    middleware: (middleware) => wrapWith(toMiddleware('middleware', middleware)) as HandlerWrapper<Context, never>,
    handlers: (handlers) => {
      checkHandlers(router as object as RouterTree, handlers, '')
      const app: App<Router, Given> = {
        router,
        handlers,
        middleware: begun.stack,
        needsContext: begun.needsContext,
        // A client that serves the app need know nothing of how.
        [serves]: (settings) => serveOnClient(app as App, settings),
      }
      return app
    },
  }
}

/** What a middleware adds is a matter of types; at run time they are all alike. */
function toMiddleware(method: string, middleware: unknown): AnyMiddleware {
  if (typeof middleware === 'function') return middleware as AnyMiddleware
  throw mistake(`${method}(middleware): expected a function, got ${describe(middleware)}`, 'middleware')
}

function checkHandlers(router: RouterTree, handlers: unknown, path: string): void {
  const names = Object.keys(router)
  if (typeof handlers !== 'object' || handlers === null) {
    const expected = `a record of handlers { ${names.join(', ')} }`
    throw mistake(`${path || 'handlers'}: expected ${expected}, got ${describe(handlers)}`, 'handlers')
  }
  const given = handlers as Record<string, unknown>
  const missing = names.filter((name) => !Object.hasOwn(given, name) || given[name] === undefined)
  for (const name of Object.keys(handlers)) {
    if (Object.hasOwn(router, name)) continue
    const hint = missing.length
      ? `did you mean ${missing.join(' or ')}?`
      : 'add it to the router, or remove the handler'
    throw mistake(`${join(path, name)}: a handler without a procedure in the router; ${hint}`, 'handlers')
  }
  const [first] = missing
  if (first !== undefined) {
    const node = router[first]
    const what = isProcedure(node) ? `the router has this ${node.kind}` : 'the router has a record of procedures here'
    throw mistake(`${join(path, first)}: the handler is missing; ${what}`, 'handlers')
  }
  for (const [name, node] of Object.entries(router)) {
    const inner = join(path, name)
    if (!isProcedure(node)) checkHandlers(node, given[name], inner)
    else if (typeof given[name] !== 'function') {
      throw mistake(`${inner}: the handler is ${describe(given[name])}, not a function`, 'handlers')
    }
  }
}

const join = (path: string, name: string): string => (path ? `${path}.${name}` : name)
