// Waits of a test: each is bounded and says what it waited for.

const WAIT_MS = 5_000 // nothing on loopback takes a tenth of it

/** Bounds a wait, and names it when it fails. */
export function within<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${what} within ${WAIT_MS} ms`)), WAIT_MS)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** Values in order, for one reader who may come first or last; a failure comes behind the values. */
export class Mailbox<Value> {
  readonly #values: Promise<Value>[] = []
  readonly #takers: ((value: Promise<Value>) => void)[] = []
  #failure: Promise<never> | undefined

  put(value: Value): void {
    const taker = this.#takers.shift()
    if (taker) taker(Promise.resolve(value))
    else this.#values.push(Promise.resolve(value))
  }

  fail(error: Error): void {
    this.#failure ??= Promise.reject(error)
    this.#failure.catch(() => {}) // nobody may be reading
    for (const taker of this.#takers.splice(0)) taker(this.#failure)
  }

  take(what: string): Promise<Value> {
    const value = this.#values.shift() ?? this.#failure ?? new Promise<Value>((resolve) => this.#takers.push(resolve))
    return within(value, what)
  }
}
