// `createCaller`: an app's procedures as functions in this process, through middleware and schemas. No network, same types as the client.
import type { PendingSubscription, RouterClient, SubscribeOptions, Subscription } from '../contract/client-types.ts'
import { isStreamEvent } from '../contract/event.ts'
import { isProcedure } from '../contract/procedure.ts'
import type { RouterRecord } from '../contract/router.ts'
import { SchemaFailure } from '../contract/validator.ts'
import { maxTimerMs } from '../protocol/deadlines.ts'
import { type Delivery, RpcError } from '../protocol/error.ts'
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
  const run = new Run(options)
  const settled = run.within(async () => {
    if (run.begin()) throw cancelled('not-run')
    return operation.run(new HandlerInvocation(run, input, context, operation.errors))
  })
  if (operation.procedure.kind !== 'subscription') return settled.then((value) => checkOutput(operation, value))
  return new CallerSubscription(operation, settled as Promise<AsyncIterable<unknown>>, run)
}

const cancelled = (delivery: Delivery): RpcError =>
  new RpcError('CANCELLED', { message: 'The call was aborted', delivery })

/** One call in process: what its handler asks for, and its end by deadline or signal. */
class Run implements Invoker {
  readonly connection = connection
  readonly meta: Readonly<Record<string, unknown>>
  readonly lastEventId: string | undefined
  readonly #controller = new AbortController()
  readonly #options: SubscribeOptions
  /** Rejects with CANCELLED or TIMEOUT; never resolves. */
  readonly ended: Promise<never>
  #end!: (error: RpcError) => void

  constructor(options: SubscribeOptions) {
    this.#options = options
    this.meta = options.meta ?? {}
    this.lastEventId = options.lastEventId
    this.ended = new Promise((_, reject) => {
      this.#end = (error) => {
        reject(error)
        this.#controller.abort(error)
      }
    })
    this.ended.catch(() => {})
    if (options.signal?.aborted) this.#end(cancelled('not-run'))
    else options.signal?.addEventListener('abort', this.#abort)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  begin(): boolean {
    return this.#controller.signal.aborted
  }

  /** Runs the call; ends it when its deadline or its signal comes first. */
  async within(call: () => Promise<unknown>): Promise<unknown> {
    const { timeoutMs = 30_000 } = this.#options
    const timer = setTimeout(
      () => this.#end(new RpcError('TIMEOUT', { delivery: 'unknown' })),
      Math.min(timeoutMs, maxTimerMs),
    )
    try {
      return await Promise.race([call(), this.ended])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Nobody listens to a subscription any more. */
  stop(): void {
    this.#options.signal?.removeEventListener('abort', this.#abort)
    this.#controller.abort()
  }

  readonly #abort = (): void => this.#end(cancelled('unknown'))
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
  readonly #run: Run

  constructor(operation: Operation, source: Promise<AsyncIterable<unknown>>, run: Run) {
    this.#operation = operation
    this.#source = source
    this.#run = run
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
    this.#run.stop()
  }

  async *#iterate(owner: { processedId: string | undefined }): AsyncGenerator<unknown, void, undefined> {
    const iterator = (await this.#source)[Symbol.asyncIterator]()
    try {
      while (true) {
        const { done, value: item } = await Promise.race([iterator.next(), this.#run.ended])
        if (done) return
        const isEvent = isStreamEvent(item)
        yield await checkOutput(this.#operation, isEvent ? item.value : item)
        if (isEvent) owner.processedId = item.id
      }
    } finally {
      this.#run.stop()
      // It may be waiting for something that never comes; nobody waits for it here.
      iterator.return?.().catch(() => {})
    }
  }
}
