// `authorize`: a middleware that refuses. Does not know who anybody is; its rule does.
import { RpcError } from '../protocol/error.ts'
import type { Middleware, MiddlewareArgument } from './handler.ts'

/**
 * A middleware that lets a call pass when `rule` says true, and else ends it with `FORBIDDEN` before its input is looked at:
 * `implement(chat).context<User>().use(authorize(({ meta, context }) => !meta.role || context.roles.includes(meta.role)))`.
 * A rule that throws an RpcError refuses with that.
 */
export function authorize<Context>(
  rule: (argument: MiddlewareArgument<Context>) => boolean | Promise<boolean>,
): Middleware<Context> {
  if (typeof rule !== 'function') throw new TypeError(`authorize(rule): rule must be a function, got ${typeof rule}`)
  return async (argument) => {
    if (await rule(argument)) return argument.next()
    throw new RpcError('FORBIDDEN', { message: `"${argument.path}" is not allowed`, delivery: 'not-run' })
  }
}
