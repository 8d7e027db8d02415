// A handler's argument for one call. Costly parts are made when they are read. Does not know how the call came or what becomes of it.
import type { Connection } from './handler.ts'

/** Whoever runs a call: over a socket, or in process. */
export interface Invoker {
  readonly connection: Connection
  readonly meta: Readonly<Record<string, unknown>>
  readonly lastEventId: string | undefined
  readonly signal: AbortSignal
  /** What the caller of an upload or duplex call pushes. */
  readonly items: AsyncIterable<unknown> | undefined
  /** The last moment before the handler: true when the call is over already, so that it must not run. */
  begin(): boolean
}

export class HandlerInvocation {
  input: unknown
  context: unknown
  readonly errors: object
  readonly #invoker: Invoker

  constructor(invoker: Invoker, input: unknown, context: unknown, errors: object) {
    this.#invoker = invoker
    this.input = input
    this.context = context
    this.errors = errors
  }

  get connection(): Connection {
    return this.#invoker.connection
  }

  get meta(): Readonly<Record<string, unknown>> {
    return this.#invoker.meta
  }

  get lastEventId(): string | undefined {
    return this.#invoker.lastEventId
  }

  get items(): AsyncIterable<unknown> | undefined {
    return this.#invoker.items
  }

  get signal(): AbortSignal {
    return this.#invoker.signal
  }

  begin(): boolean {
    return this.#invoker.begin()
  }
}
