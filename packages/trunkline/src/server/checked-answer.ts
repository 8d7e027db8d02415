// What a client answers, checked by the contract's schemas: it is a stranger like any other. Does not know calls or sockets.
import type { Subscription } from '../contract/client-types.ts'
import { givesItems, type ProcedureKind } from '../contract/procedure.ts'
import { checkRouter, type RouterRecord, walkRouter } from '../contract/router.ts'
import { compileSchema, describeIssues, SchemaFailure, type Validator } from '../contract/validator.ts'
import { isRpcError, RpcError } from '../protocol/error.ts'

/** What a procedure's answers have to be. */
export interface Expected {
  readonly kind: ProcedureKind
  readonly output: Validator | undefined
  readonly errors: ReadonlyMap<string, Validator>
}

/** Compiled once a router. */
const known = new WeakMap<object, ReadonlyMap<string, Expected>>()

/** What each procedure of a router answers, by its path. */
export function expectedOf(router: RouterRecord): ReadonlyMap<string, Expected> {
  const before = known.get(router)
  if (before) return before
  checkRouter(router)
  const expected = new Map<string, Expected>()
  for (const [path, { kind, output, errors }] of walkRouter(router)) {
    const schemas = Object.entries(errors as Record<string, unknown>)
    expected.set(path, {
      kind,
      output: output === undefined ? undefined : compileSchema(output),
      errors: new Map(schemas.map(([code, schema]) => [code, compileSchema(schema)])),
    })
  }
  known.set(router, expected)
  return expected
}

/** Whether a call may be answered so: accepted with a stream, as an upload, or not at all but with a result. */
export function mayAnswer(expected: Expected | undefined, answer: 'stream' | 'upload' | 'result'): boolean {
  const isStream = expected !== undefined && givesItems(expected.kind)
  if (answer === 'upload') return expected?.kind === 'upload'
  return isStream === (answer === 'stream')
}

/** A call's promise, with what comes out of it checked: a client is a stranger. */
export async function checkAnswer(
  promise: Promise<unknown>,
  path: string,
  expected: Expected | undefined,
): Promise<unknown> {
  let answer: unknown
  try {
    answer = await promise
  } catch (error) {
    throw await checkError(path, error, expected)
  }
  if (!expected || !givesItems(expected.kind)) return checkValue(path, answer, expected)
  return new CheckedSubscription(answer as Subscription<unknown>, path, expected)
}

async function checkValue(path: string, value: unknown, expected: Expected | undefined): Promise<unknown> {
  if (!expected?.output) return undefined
  try {
    return await expected.output.check(value)
  } catch (error) {
    throw unexpected(path, error)
  }
}

async function checkError(path: string, error: unknown, expected: Expected | undefined): Promise<unknown> {
  if (!isRpcError(error) || error.data === undefined) return error
  const { code, message, delivery } = error
  const validator = expected?.errors.get(code)
  // Of an undeclared code nobody knows what the data should be.
  if (!validator) return code === 'BAD_REQUEST' ? error : new RpcError(code, { message, delivery })
  try {
    return new RpcError(code, { message, delivery, data: await validator.check(error.data) })
  } catch (failure) {
    return unexpected(path, failure)
  }
}

function unexpected(path: string, error: unknown): unknown {
  if (!(error instanceof SchemaFailure)) return error
  const message = `The client's answer of "${path}" is not what the contract says: ${describeIssues(error.issues, 1)}`
  return new RpcError('INTERNAL', { message, cause: error })
}

class CheckedSubscription implements Subscription<unknown>, AsyncIterator<unknown, void, undefined> {
  readonly #subscription: Subscription<unknown>
  readonly #iterator: AsyncIterator<unknown, void, undefined>
  readonly #path: string
  readonly #expected: Expected

  constructor(subscription: Subscription<unknown>, path: string, expected: Expected) {
    this.#subscription = subscription
    this.#iterator = subscription[Symbol.asyncIterator]()
    this.#path = path
    this.#expected = expected
  }

  get processedId(): string | undefined {
    return this.#subscription.processedId
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<unknown, void>> {
    try {
      const { done, value } = await this.#iterator.next()
      return done ? { done, value } : { done: false, value: await checkValue(this.#path, value, this.#expected) }
    } catch (error) {
      await this.return()
      throw await checkError(this.#path, error, this.#expected)
    }
  }

  async return(): Promise<IteratorResult<unknown, void>> {
    await this.#iterator.return?.()
    return { done: true, value: undefined }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
