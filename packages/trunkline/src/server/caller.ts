// `createCaller`: an app's procedures as functions in this process, through middleware and schemas. No network, same types as the client.
import type {
  CallOptions,
  PendingSubscription,
  RouterClient,
  SubscribeOptions,
  Subscription,
} from '../contract/client-types.ts'
import { isStreamEvent } from '../contract/event.ts'
import { isProcedure } from '../contract/procedure.ts'
import type { RouterRecord } from '../contract/router.ts'
import { SchemaFailure } from '../contract/validator.ts'
import { RpcError } from '../protocol/error.ts'
import type { App } from './app.ts'
import type { Connection } from './handler.ts'
import { HandlerInvocation, type Invoker } from './invocation.ts'
import { compileApp, type Operation } from './operation.ts'

/** `context` may be left out when the app expects none. */
export type CallerOptions<Context> = object extends Context ? { context?: Context } : { context: Context }

const connection: Connection = { id: 'caller', principal: undefined, disconnect() {} }

/**
 * Calls an app without a socket, for tests, jobs and server rendering. Inputs and outputs pass their schemas and are handed over as they are.
 * What a handler throws reaches the caller whole, not as INTERNAL: there is nothing to hide from oneself.
 */
export function createCaller<Router, Context>(
  app: App<Router, Context>,
  ...rest: object extends Context ? [options?: CallerOptions<Context>] : [options: CallerOptions<Context>]
): RouterClient<Router> {
  const operations = compileApp(app as App, { validateOutput: true })
  const context: unknown = rest[0]?.context ?? {}
  // The router's shape is the client's, name by name.
  return build(app.router as RouterRecord, '', (path) => {
    const operation = operations.get(path) as Operation
    return (input?: unknown, options: SubscribeOptions = {}) => start(operation, context, input, options)
  }) as RouterClient<Router>
}

function build(router: RouterRecord, prefix: string, leaf: (path: string) => unknown): object {
  return Object.fromEntries(
    Object.entries(router).map(([name, node]) => [
      name,
      isProcedure(node) ? leaf(prefix + name) : build(node, `${prefix}${name}.`, leaf),
    ]),
  )
}

function start(operation: Operation, context: unknown, input: unknown, options: SubscribeOptions): unknown {
  const controller = new AbortController()
  const signals = [controller.signal, ...(options.signal ? [options.signal] : [])]
  const invoker: Invoker = {
    connection,
    meta: options.meta ?? {},
    lastEventId: options.lastEventId,
    signal: AbortSignal.any(signals),
    begin: () => options.signal?.aborted ?? false,
  }
  const run = async (): Promise<unknown> => {
    if (options.signal?.aborted) throw cancelled()
    return operation.run(new HandlerInvocation(invoker, input, context, operation.errors))
  }
  const settled = withDeadline(run(), options, controller)
  if (operation.procedure.kind !== 'subscription') return settled.then((value) => checkOutput(operation, value))
  return new CallerSubscription(operation, settled as Promise<AsyncIterable<unknown>>, controller)
}

const cancelled = (): RpcError => new RpcError('CANCELLED', { message: 'The call was aborted', delivery: 'unknown' })

/** Ends with TIMEOUT or CANCELLED when that comes first; the handler's signal aborts then. */
function withDeadline(running: Promise<unknown>, options: CallOptions, controller: AbortController): Promise<unknown> {
  const { signal, timeoutMs = 30_000 } = options
  return new Promise((resolve, reject) => {
    const end = (error: RpcError): void => {
      reject(error)
      controller.abort(error)
    }
    const timer = setTimeout(() => end(new RpcError('TIMEOUT', { delivery: 'unknown' })), timeoutMs)
    const abort = (): void => end(cancelled())
    signal?.addEventListener('abort', abort, { once: true })
    running.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    })
  })
}

async function checkOutput(operation: Operation, value: unknown): Promise<unknown> {
  if (!operation.hasOutput) return undefined
  if (!operation.output) return value
  try {
    return await operation.output.check(value)
  } catch (error) {
    if (!(error instanceof SchemaFailure)) throw error
    throw new RpcError('INTERNAL', { message: `${operation.path}: invalid output: ${error.message}`, cause: error })
  }
}

class CallerSubscription implements PendingSubscription<unknown> {
  readonly #operation: Operation
  readonly #source: Promise<AsyncIterable<unknown>>
  readonly #controller: AbortController

  constructor(operation: Operation, source: Promise<AsyncIterable<unknown>>, controller: AbortController) {
    this.#operation = operation
    this.#source = source
    this.#controller = controller
    // Kept for whoever iterates or awaits it.
    source.catch(() => {})
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting it means "accepted", as with the client's.
  then<Result = Subscription<unknown>, Failed = never>(
    onAccepted?: ((subscription: Subscription<unknown>) => Result | PromiseLike<Result>) | null,
    onRefused?: ((error: unknown) => Failed | PromiseLike<Failed>) | null,
  ): PromiseLike<Result | Failed> {
    const accepted = {
      processedId: undefined as string | undefined,
      [Symbol.asyncIterator]: () => this.#iterate(accepted),
      [Symbol.asyncDispose]: () => this[Symbol.asyncDispose](),
    }
    return this.#source.then(() => accepted).then(onAccepted, onRefused)
  }

  [Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    return this.#iterate({ processedId: undefined })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort()
  }

  async *#iterate(owner: { processedId: string | undefined }): AsyncGenerator<unknown, void, undefined> {
    try {
      for await (const item of await this.#source) {
        const isEvent = isStreamEvent(item)
        yield await checkOutput(this.#operation, isEvent ? item.value : item)
        if (isEvent) owner.processedId = item.id
      }
    } finally {
      this.#controller.abort()
    }
  }
}
