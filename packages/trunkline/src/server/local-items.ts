// What a caller in process pushes: an iterable, or items written by hand, each handed over when the handler takes it. No network.
import type { Validator } from '../contract/validator.ts'
import { RpcError } from '../protocol/error.ts'
import { badItem } from './items.ts'
import type { Operation } from './operation.ts'

interface Written {
  readonly value: unknown
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const ended = { done: true, value: undefined } as const

export class LocalItems implements AsyncIterableIterator<unknown, void, undefined> {
  readonly #path: string
  readonly #validator: Validator
  readonly #source: AsyncIterator<unknown> | undefined
  #written: Written[] = []
  #isEnding = false
  #isOver = false
  /** What the handler hears at its next look. */
  #failure: unknown
  /** Tells a handler that waits that there is something to take, or nothing any more. */
  readonly #waiting = new Set<() => void>()

  constructor(
    { path }: Operation,
    validator: Validator,
    source: AsyncIterable<unknown> | Iterable<unknown> | undefined,
  ) {
    this.#path = path
    this.#validator = validator
    if (source !== undefined && !isIterable(source))
      throw new TypeError(`send: expected an iterable of what "${path}" pushes`)
    this.#source = source && toAsync(source)
  }

  // ── For the caller; bound, since they become methods of what it holds ──────

  readonly send = (value: unknown): Promise<void> => {
    const sent = new Promise<void>((resolve, reject) => {
      if (this.#source) reject(new TypeError(`"${this.#path}" sends the iterable it was given in options.send`))
      else if (this.#isOver || this.#isEnding) reject(this.#tooLate())
      else this.#written.push({ value, resolve, reject })
    })
    sent.catch(() => {})
    if (!this.#source) this.#wake()
    return sent
  }

  readonly end = (): void => {
    this.#isEnding = true
    if (!this.#source) this.#wake()
  }

  /** The call is over: what was not taken is not wanted. With a failure, the handler hears of it at its next look. Safe to call twice. */
  stop(failure?: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#failure = failure
    for (const { reject } of this.#written.splice(0)) reject(failure ?? this.#tooLate())
    Promise.resolve(this.#source?.return?.()).catch(() => {})
    this.#wake()
  }

  // ── For the handler ────────────────────────────────────────────────────────

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    const { done, value } = await this.#next()
    if (done) return ended
    try {
      return { done: false, value: await this.#validator.check(value) }
    } catch (error) {
      throw badItem(this.#path, error)
    }
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.stop()
    return ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
  }

  async #next(): Promise<IteratorResult<unknown, unknown>> {
    while (true) {
      if (this.#isOver) return this.#over()
      if (this.#source) return this.#pull(this.#source)
      const first = this.#written.shift()
      if (first) {
        first.resolve()
        return { done: false, value: first.value }
      }
      if (this.#isEnding) return ended
      await new Promise<void>((resolve) => void this.#waiting.add(resolve))
    }
  }

  /** A source may hang: whoever waits for it hears of the end all the same. */
  async #pull(source: AsyncIterator<unknown>): Promise<IteratorResult<unknown, unknown>> {
    let wake = (): void => {}
    const end = new Promise<void>((resolve) => {
      wake = resolve
    })
    this.#waiting.add(wake)
    try {
      return (await Promise.race([source.next(), end])) ?? this.#over()
    } finally {
      this.#waiting.delete(wake)
    }
  }

  /** The first to look gets the failure, as with a generator. */
  #over(): typeof ended {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
    return ended
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  #tooLate(): RpcError {
    return new RpcError('CANCELLED', { message: `"${this.#path}" takes no more items: it is over, or was ended` })
  }
}

const isIterable = (source: object): boolean =>
  Symbol.asyncIterator in Object(source) || Symbol.iterator in Object(source)

async function* toAsync(source: AsyncIterable<unknown> | Iterable<unknown>): AsyncGenerator<unknown> {
  yield* source
}
