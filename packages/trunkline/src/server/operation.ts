// One procedure made ready to run: middleware, validation and handler composed into one function, once. Does not know the wire's messages.
import { isStreamEvent } from '../contract/event.ts'
import { describe, mistake, see } from '../contract/mistake.ts'
import { givesItems, isProcedure, type Procedure } from '../contract/procedure.ts'
import { type RouterRecord, walkRouter } from '../contract/router.ts'
import { compileSchema, describeIssues, SchemaFailure, type Validator } from '../contract/validator.ts'
import { encodeValue } from '../protocol/encode-value.ts'
import { RpcError, type RpcErrorOptions } from '../protocol/error.ts'
import { toJson } from '../protocol/json.ts'
import type { Payload, ValueTypes } from '../protocol/values.ts'
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
  /** Of each item that the caller pushes. */
  readonly sent: Validator | undefined
  /** False: the caller gets `undefined`, whatever the handler gave. */
  readonly hasOutput: boolean
  /** Types of one's own that its values may have. */
  readonly types: ValueTypes | undefined
}

/** `authenticate` is looked at where there is one: a caller in process brings its context along. */
interface AppSettings {
  readonly validateOutput: boolean
  readonly authenticate?: unknown
  readonly types?: ValueTypes | undefined
}

/** Gives every procedure of an app by its path. */
export function compileApp(app: App, settings: AppSettings): Map<string, Operation> {
  requireApp(app)
  if (app.needsContext && 'authenticate' in settings && settings.authenticate === undefined) {
    throw mistake(
      "options.authenticate: expected a function, got undefined; it makes the context that the app's handlers expect",
      'context',
    )
  }
  const operations = new Map<string, Operation>()
  for (const [path, procedure] of walkRouter(app.router as RouterRecord)) {
    operations.set(path, compileOperation(app, path, procedure, settings))
  }
  return operations
}

/** The steps that come before an app are taken for one now and then. */
function requireApp(app: unknown): void {
  const isObject = typeof app === 'object' && app !== null
  if (isObject && 'handlers' in app && 'middleware' in app && typeof app.middleware !== 'function') return
  const isBegun = isObject && 'handlers' in app && typeof app.handlers === 'function'
  const isRouter = isObject && Object.values(app).some(isProcedure)
  const got = isBegun ? 'one without its handlers' : isRouter ? 'a router' : describe(app)
  throw mistake(`expected an app, as implement(router).handlers({ … }) gives it, got ${got}`, 'server')
}

function compileOperation(app: App, path: string, procedure: Procedure, settings: AppSettings): Operation {
  const validateOutput = procedure.validateOutput ?? settings.validateOutput
  const { handler, middleware } = unwrapHandler(findHandler(app.handlers, path))
  const schemas = Object.entries(procedure.errors as Record<string, unknown>)
  return {
    path,
    procedure,
    errors: Object.fromEntries(schemas.map(([code]) => [code, errorConstructor(code)])),
    errorData: new Map(schemas.map(([code, schema]) => [code, compileSchema(schema)])),
    run: composeMiddleware(
      [...app.middleware, ...middleware],
      { path, ...procedure },
      innermost(path, procedure, handler),
    ),
    output: procedure.output && validateOutput ? compileSchema(procedure.output) : undefined,
    sent: procedure.send === undefined ? undefined : compileSchema(procedure.send),
    hasOutput: procedure.output !== undefined,
    types: settings.types,
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
function innermost(
  path: string,
  procedure: Procedure,
  handler: AnyHandler,
): (invocation: HandlerInvocation) => unknown {
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
      invocation.input = checkInput(path, check, invocation.input)
      return invocation.begin() ? undefined : call(invocation)
    }
  }
  return async (invocation) => {
    try {
      invocation.input = await check(invocation.input)
    } catch (error) {
      throw badRequest(path, error)
    }
    return invocation.begin() ? undefined : call(invocation)
  }
}

function checkInput(path: string, check: Validator['check'], input: unknown): unknown {
  try {
    return check(input)
  } catch (error) {
    throw badRequest(path, error)
  }
}

function badRequest(path: string, error: unknown): unknown {
  if (!(error instanceof SchemaFailure)) return error
  return new RpcError('BAD_REQUEST', {
    message: `Invalid input of "${path}": ${describeIssues(error.issues, 1)}`,
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
  try {
    if (!validator) return encodePresent(operation, value, value)
    if (!validator.sync) return encodeChecked(operation, validator, value)
    const checked = validator.check(value)
    // Fresh from its schema and known to be plain: the walk of encodeValue would find nothing.
    if (validator.plain) return { json: toJson(checked), rich: undefined }
    return encodePresent(operation, checked, value)
  } catch (error) {
    throw badOutput(operation, value, error)
  }
}

async function encodeChecked(operation: Operation, validator: Validator, value: unknown): Promise<Payload | undefined> {
  try {
    const checked = await validator.check(value)
    return checked === undefined ? undefined : await encodeValue(checked, operation.types)
  } catch (error) {
    throw badOutput(operation, value, error)
  }
}

function encodePresent(
  operation: Operation,
  checked: unknown,
  value: unknown,
): Payload | undefined | Promise<Payload | undefined> {
  const payload = checked === undefined ? undefined : encodeValue(checked, operation.types)
  if (!(payload instanceof Promise)) return payload
  return payload.catch((error) => {
    throw badOutput(operation, value, error)
  })
}

/** For `onError`, whose reader looks for the handler: says whose output it was, what is wrong with it, and what may be the reason. */
export function badOutput({ path, procedure }: Operation, value: unknown, error: unknown): unknown {
  const isStream = givesItems(procedure.kind)
  const what = `${path}: ${isStream ? 'an item' : 'the output'}`
  if (!(error instanceof SchemaFailure)) {
    if (!(error instanceof TypeError)) return error
    return new TypeError(`${what}: ${error.message} ${see('outputs')}`, { cause: error })
  }
  let hint = ''
  if (isStreamEvent(value)) hint = '; event() is for subscriptions, return the value itself'
  else if (value === undefined) hint = '; has the handler, or a middleware around it, forgotten to return?'
  const message = `${what} is not what the contract says: ${describeIssues(error.issues)}${hint} ${see('outputs')}`
  return new SchemaFailure(error.issues, error.cause, message)
}

/** @throws TypeError when a subscription's handler gave something else than a source of items */
export function requireSource(path: string, source: unknown): AsyncIterable<unknown> {
  if (isAsyncIterable(source)) return source
  throw notASource(path, source)
}

export function notASource(path: string, source: unknown): TypeError {
  const expected = 'an async iterable (an async generator, or what publisher.subscribe(…) gives)'
  return mistake(`${path}: the handler must return ${expected}, got ${describe(source)}`, 'subscriptions')
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function'
  )
}
