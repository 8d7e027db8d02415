// `createCaller`: an app's procedures as functions in this process, through middleware and schemas. No network, same types as the client.
import { callBack } from '../calls/call-back.ts'
import type {
  Gap,
  PendingSubscription,
  RouterClient,
  SendOptions,
  SubscribeOptions,
  Subscription,
} from '../contract/client-types.ts'
import { event, isStreamEvent } from '../contract/event.ts'
import { mistake } from '../contract/mistake.ts'
import { givesItems, isProcedure } from '../contract/procedure.ts'
import type { RouterTree } from '../contract/router.ts'
import { maxTimerMs } from '../protocol/deadlines.ts'
import { RpcError } from '../protocol/error.ts'
import type { App } from './app.ts'
import { FeedReader, feedOf } from './feed.ts'
import type { Connection } from './handler.ts'
import { HandlerInvocation, type Invoker } from './invocation.ts'
import { LocalItems } from './local-items.ts'
import { badOutput, compileApp, type Operation, requireSource } from './operation.ts'

/** `context` may be left out when the app expects none. */
export type CallerOptions<Context> = object extends Context
  ? {
      /** What handlers get as `context`. @default {} */
      context?: Context
    }
  : {
      /** What handlers get as `context`; may be left out when they expect none. */
      context: Context
    }

const connection: Connection = {
  id: 'caller',
  principal: undefined,
  disconnect() {},
  client() {
    throw mistake('connection.client(router): a call in process has no client that could answer', 'handlers')
  },
}

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
  if ((app as App).needsContext && rest[0]?.context === undefined) {
    throw mistake(
      "createCaller(app, { context }): expected the context that the app's handlers expect, got undefined",
      'context',
    )
  }
  // The router's shape is the client's, name by name.
  return build(app.router as RouterTree, '', (path) => {
    const operation = operations.get(path) as Operation
    return (input?: unknown, options: LocalOptions = {}) => start(operation, context, input, options)
  }) as RouterClient<Router>
}

function build(router: RouterTree, prefix: string, leaf: (path: string) => unknown): object {
  return Object.fromEntries(
    Object.entries(router).map(([name, node]) => [
      name,
      isProcedure(node) ? leaf(prefix + name) : build(node, `${prefix}${name}.`, leaf),
    ]),
  )
}

type LocalOptions = SubscribeOptions & SendOptions<unknown>

function start(operation: Operation, context: unknown, input: unknown, options: LocalOptions): unknown {
  const pushed = operation.sent && new LocalItems(operation, operation.sent, options.send)
  const run = new Run(options, pushed, operation.procedure.kind === 'upload')
  const result = begin(operation, context, input, run)
  return pushed ? Object.assign(result, { send: pushed.send, end: pushed.end }) : result
}

function begin(operation: Operation, context: unknown, input: unknown, run: Run): object {
  const settled = run.within(async () => operation.run(new HandlerInvocation(run, input, context, operation.errors)))
  if (givesItems(operation.procedure.kind)) {
    const source = settled.then((given) => requireSource(operation.path, given))
    return new CallerSubscription(operation, source, run)
  }
  return settled.finally(() => run.stop(false)).then((value) => checkOutput(operation, value))
}

/** One call in process: what its handler asks for, and its end by deadline or signal. */
class Run implements Invoker {
  readonly connection = connection
  readonly meta: Readonly<Record<string, unknown>>
  readonly #controller = new AbortController()
  readonly items: LocalItems | undefined
  readonly #options: SubscribeOptions
  readonly #isUpload: boolean
  #timer: ReturnType<typeof setTimeout> | undefined
  #hasBegun = false
  #hasReadLastEventId = false
  #failure: RpcError | undefined
  /** Rejects what is waited for at the moment. */
  #interrupt: ((error: RpcError) => void) | undefined

  constructor(options: SubscribeOptions, items: LocalItems | undefined, isUpload: boolean) {
    this.#options = options
    this.#isUpload = isUpload
    this.items = items
    this.meta = options.meta ?? {}
    if (options.signal?.aborted) this.#end('CANCELLED', 'The call was aborted')
    else options.signal?.addEventListener('abort', this.#abort)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get lastEventId(): string | undefined {
    this.#hasReadLastEventId = true
    return this.#options.lastEventId
  }

  /** The caller expects a continuation that the handler has not promised. */
  get isGap(): boolean {
    return this.#options.lastEventId !== undefined && !this.#hasReadLastEventId
  }

  /** Tells the caller of missing events, or ends the call where it wants that. */
  gap(path: string, reason: Gap['reason'], lastEventId = this.#options.lastEventId): void {
    const { onGap } = this.#options
    if (onGap === 'error') this.#end('GAP', `Events of "${path}" are missing (${reason})`)
    else if (onGap) callBack(() => onGap({ path, reason, lastEventId }))
  }

  begin(): boolean {
    this.#hasBegun = true
    // It takes as long as its caller pushes.
    if (this.#isUpload) clearTimeout(this.#timer)
    return this.#failure !== undefined
  }

  /** Runs the call; ends it when its deadline or its signal comes first. */
  async within(call: () => Promise<unknown>): Promise<unknown> {
    if (this.#failure) throw this.#failure
    const { timeoutMs = 30_000 } = this.#options
    this.#timer = setTimeout(() => this.#end('TIMEOUT', 'No answer in time'), Math.min(timeoutMs, maxTimerMs))
    try {
      return await this.wait(call())
    } finally {
      clearTimeout(this.#timer)
    }
  }

  /** Waits, unless the end comes first. One wait at a time; nothing of it is kept afterwards. */
  wait<Value>(pending: PromiseLike<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (this.#failure) reject(this.#failure)
      this.#interrupt = reject
      pending.then(resolve, reject)
    })
  }

  /** It is over for the caller: the handler's signal aborts if `isAbandoned`. Safe to call twice. */
  stop(isAbandoned: boolean): void {
    this.#interrupt = undefined
    this.#options.signal?.removeEventListener('abort', this.#abort)
    if (isAbandoned) this.#controller.abort()
    this.items?.stop(isAbandoned ? new RpcError('CANCELLED', { message: 'The caller has left' }) : undefined)
  }

  readonly #abort = (): void => this.#end('CANCELLED', 'The call was aborted')

  #end(code: 'CANCELLED' | 'TIMEOUT' | 'GAP', message: string): void {
    this.#failure = new RpcError(code, { message, delivery: this.#hasBegun ? 'unknown' : 'not-run' })
    this.#interrupt?.(this.#failure)
    this.#controller.abort(this.#failure)
    this.items?.stop(this.#failure)
  }
}

async function checkOutput(operation: Operation, value: unknown): Promise<unknown> {
  if (!operation.hasOutput) return undefined
  if (!operation.output) return value
  try {
    return await operation.output.check(value)
  } catch (error) {
    const cause = badOutput(operation, value, error) as Error
    if (cause === error) throw error
    throw new RpcError('INTERNAL', { message: cause.message, cause })
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
    this.#run.stop(true)
    const source = await this.#source.catch(() => undefined)
    // A source that nobody has iterated does not know that it is over.
    if (source) release(source)
  }

  /** A feed's events have ids and gaps, as the client hears of them. */
  #read(source: AsyncIterable<unknown>, owner: { readonly processedId: string | undefined }): AsyncIterator<unknown> {
    const feed = feedOf(source)
    if (!feed) return source[Symbol.asyncIterator]()
    const reader = new FeedReader<unknown>(feed, {
      read: ({ id, value }) => event(value, { id }),
      gap: (reason) => this.#run.gap(this.#operation.path, reason, owner.processedId),
    })
    feed.attach(reader)
    return reader
  }

  async *#iterate(owner: { processedId: string | undefined }): AsyncGenerator<unknown, void, undefined> {
    const iterator = this.#read(await this.#source, owner)
    let isDone: boolean | undefined = false
    let isFirst = true
    try {
      while (true) {
        const step = iterator.next()
        // A generator's first step has read `lastEventId` by now, or it does not use it.
        if (isFirst && this.#run.isGap) this.#run.gap(this.#operation.path, 'source')
        isFirst = false
        const { done, value: item } = await this.#run.wait(step)
        isDone = done
        if (done) return
        const isEvent = isStreamEvent(item)
        yield await checkOutput(this.#operation, isEvent ? item.value : item)
        if (isEvent) owner.processedId = item.id
      }
    } finally {
      this.#run.stop(!isDone)
      // It may be waiting for something that never comes; nobody waits for it here.
      if (!isDone) Promise.resolve(iterator.return?.()).catch(() => {})
    }
  }
}

function release(source: AsyncIterable<unknown>): void {
  const feed = feedOf(source)
  if (feed) feed.close()
  else Promise.resolve(source[Symbol.asyncIterator]().return?.()).catch(() => {})
}
