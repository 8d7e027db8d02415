// One procedure made ready to run: middleware, validation and handler composed into one function, once. Does not know the wire's messages.
import type { Procedure } from '../contract/procedure.ts'
import { type RouterRecord, walkRouter } from '../contract/router.ts'
import { compileSchema, SchemaFailure, type Validator } from '../contract/validator.ts'
import { RpcError, type RpcErrorOptions } from '../protocol/error.ts'
import { encodeValue, type Payload } from '../protocol/values.ts'
import { type AnyHandler, type App, unwrapHandler } from './app.ts'
import type { HandlerInvocation } from './invocation.ts'
import { composeMiddleware } from './middleware.ts'

export interface Operation {
  readonly path: string
  readonly procedure: Procedure
  /** `errors.CODE(data, message)`, the same object for every call. */
  readonly errors: object
  /** Schemas of the contract's errors. */
  readonly errorData: ReadonlyMap<string, Validator>
  /** Middleware, validation of the input, handler. Gives or throws what they do; a promise only where one of them made one. */
  readonly run: (invocation: HandlerInvocation) => unknown
  /** Validates an output or item; undefined where nothing is checked. */
  readonly output: Validator | undefined
  /** False: the caller gets `undefined`, whatever the handler gave. */
  readonly hasOutput: boolean
}

/** Gives every procedure of an app by its path. */
export function compileApp(app: App, settings: { validateOutput: boolean }): Map<string, Operation> {
  const operations = new Map<string, Operation>()
  for (const [path, procedure] of walkRouter(app.router as RouterRecord)) {
    operations.set(path, compileOperation(app, path, procedure, procedure.validateOutput ?? settings.validateOutput))
  }
  return operations
}

function compileOperation(app: App, path: string, procedure: Procedure, validateOutput: boolean): Operation {
  const { handler, middleware } = unwrapHandler(findHandler(app.handlers, path))
  const schemas = Object.entries(procedure.errors as Record<string, unknown>)
  return {
    path,
    procedure,
    errors: Object.fromEntries(schemas.map(([code]) => [code, errorConstructor(code)])),
    errorData: new Map(schemas.map(([code, schema]) => [code, compileSchema(schema)])),
    run: composeMiddleware([...app.middleware, ...middleware], { path, ...procedure }, innermost(procedure, handler)),
    output: procedure.output && validateOutput ? compileSchema(procedure.output) : undefined,
    hasOutput: procedure.output !== undefined,
  }
}

function findHandler(handlers: object, path: string): AnyHandler {
  let node: unknown = handlers
  // `implement` has checked that each of these is there.
  for (const name of path.split('.')) node = (node as Record<string, unknown>)[name]
  return node as AnyHandler
}

const errorConstructor = (code: string) => (data: unknown, message?: string) =>
  new RpcError(code, (message === undefined ? { data } : { data, message }) satisfies RpcErrorOptions<unknown>)

/** Validates the input and runs the handler, which gets undefined where the contract has no input. */
function innermost(procedure: Procedure, handler: AnyHandler): (invocation: HandlerInvocation) => unknown {
  const call = handler as (invocation: HandlerInvocation) => unknown
  if (procedure.input === undefined) {
    return (invocation) => {
      invocation.input = undefined
      return invocation.begin() ? undefined : call(invocation)
    }
  }
  const { sync, check } = compileSchema(procedure.input)
  if (sync) {
    return (invocation) => {
      invocation.input = checkInput(check, invocation.input)
      return invocation.begin() ? undefined : call(invocation)
    }
  }
  return async (invocation) => {
    try {
      invocation.input = await check(invocation.input)
    } catch (error) {
      throw badRequest(error)
    }
    return invocation.begin() ? undefined : call(invocation)
  }
}

function checkInput(check: Validator['check'], input: unknown): unknown {
  try {
    return check(input)
  } catch (error) {
    throw badRequest(error)
  }
}

function badRequest(error: unknown): unknown {
  if (!(error instanceof SchemaFailure)) return error
  const [first] = error.issues
  const where = first?.path.length ? `${first.path.join('.')}: ` : ''
  return new RpcError('BAD_REQUEST', {
    message: `Invalid input: ${where}${first?.message ?? 'refused by its schema'}`,
    data: { issues: error.issues },
    delivery: 'not-run',
    cause: error.cause,
  })
}

/**
 * Validates and encodes an output or item; undefined stands for an absent value. A promise only where the schema needs one.
 * @throws SchemaFailure, or TypeError for a value that can't travel
 */
export function encodeOutput(operation: Operation, value: unknown): Payload | undefined | Promise<Payload | undefined> {
  if (!operation.hasOutput) return undefined
  const validator = operation.output
  if (!validator) return encodePresent(value)
  if (!validator.sync) return (validator.check(value) as Promise<unknown>).then(encodePresent)
  const checked = validator.check(value)
  // Fresh from its schema and known to be plain: the walk of encodeValue would find nothing.
  return validator.plain ? { json: JSON.stringify(checked), rich: undefined } : encodePresent(checked)
}

const encodePresent = (value: unknown): Payload | undefined => (value === undefined ? undefined : encodeValue(value))
