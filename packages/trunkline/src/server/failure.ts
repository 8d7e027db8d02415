// What a failure looks like from outside: a code, a message, and data only where the contract declares it. Does not send it.
import { see } from '../contract/mistake.ts'
import { describeIssues, SchemaFailure, type Validator } from '../contract/validator.ts'
import { encodeValue } from '../protocol/encode-value.ts'
import { type Delivery, type Issue, isRpcError, RpcError } from '../protocol/error.ts'
import type { Failure } from '../protocol/messages.ts'
import type { Operation } from './operation.ts'

/** An INTERNAL failure names what the caller called and nothing else: message, stack and cause stay with `onError`. */
function internal(operation: Operation | undefined, delivery: Delivery): Failure {
  const message = operation ? `"${operation.path}" failed at the server; its log says why` : ''
  return { code: 'INTERNAL', message, delivery, data: undefined }
}

/** True for what the server's `onError` should hear of: not raised as an answer to the caller. */
export function isDefect(error: unknown): boolean {
  return !isAnswer(error)
}

/** JavaScript may leave the code out: that is no answer, and as a message it could not be written. */
function isAnswer(error: unknown): error is RpcError {
  return isRpcError(error) && typeof error.code === 'string' && error.code !== 'INTERNAL'
}

/**
 * Describes what was thrown while a call ran.
 * @param delivery whether the handler had begun
 */
export function describeFailure(
  error: unknown,
  operation: Operation | undefined,
  delivery: Delivery,
): Failure | Promise<Failure> {
  if (!isAnswer(error)) return internal(operation, delivery)
  const message = error.message === error.code ? '' : error.message
  const failure: Failure = { code: error.code, message, delivery, data: undefined }
  if (error.code === 'BAD_REQUEST') return withIssues(failure, error.data)
  const validator = operation?.errorData.get(error.code)
  return operation && validator ? withData(failure, error.data, validator, operation) : failure
}

async function withData(
  failure: Failure,
  data: unknown,
  validator: Validator,
  { path, types }: Operation,
): Promise<Failure> {
  try {
    const checked = await validator.check(data)
    return checked === undefined ? failure : { ...failure, data: await encodeValue(checked, types) }
  } catch (error) {
    throw badData(`${path}: the data of ${failure.code}`, error)
  }
}

function badData(what: string, error: unknown): unknown {
  if (error instanceof SchemaFailure) {
    const message = `${what} is not what the contract says: ${describeIssues(error.issues)} ${see('errors')}`
    return new SchemaFailure(error.issues, error.cause, message)
  }
  if (!(error instanceof TypeError)) return error
  return new TypeError(`${what}: ${error.message} ${see('errors')}`, { cause: error })
}

function withIssues(failure: Failure, data: unknown): Failure {
  const issues = (data as { issues?: readonly Issue[] } | undefined)?.issues
  if (!Array.isArray(issues)) return failure
  try {
    const encoded = encodeValue({ issues })
    if (!(encoded instanceof Promise)) return { ...failure, data: encoded }
    // Issues are said without what has to be read for them; whether it could be is nobody's concern.
    encoded.catch(() => {})
    return failure
  } catch {
    return failure
  }
}

export const refusal = {
  notFound: (path: string): RpcError =>
    new RpcError('NOT_FOUND', {
      message: `No procedure "${path.slice(0, 128)}" on this server; has it the same contract as the client?`,
    }),
  tooManyCalls: (limit: number): RpcError =>
    new RpcError('OVERLOADED', {
      message: `More than ${limit} calls at once on one connection (limits.calls of the server)`,
    }),
  tooManyStreams: (limit: number): RpcError =>
    new RpcError('OVERLOADED', {
      message: `More than ${limit} subscriptions at once on one connection (limits.streams of the server)`,
    }),
  unreadable: ({ message }: Error): RpcError =>
    new RpcError('BAD_REQUEST', { message: `Invalid input: ${message}`, data: { issues: [{ message, path: [] }] } }),
  rateLimited: (path: string, waitMs: number): RpcError =>
    new RpcError('RATE_LIMITED', {
      message: `"${path.slice(0, 128)}" was called too often; try again in ${waitMs} ms`,
    }),
  notAllowed: (path: string): RpcError => new RpcError('FORBIDDEN', { message: `"${path}" is no longer allowed` }),
  shuttingDown: (): RpcError => new RpcError('SHUTTING_DOWN', { message: 'The server is shutting down' }),
}
