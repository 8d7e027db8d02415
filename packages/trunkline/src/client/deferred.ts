// Promises that others settle, and those that may take too long. Whoever does not await it watches the state instead, so its rejection is nobody's surprise.

export interface Deferred {
  readonly promise: Promise<void>
  readonly resolve: (next?: Promise<void>) => void
  readonly reject: (error: unknown) => void
}

export function makeDeferred(): Deferred {
  let resolve!: Deferred['resolve']
  let reject!: Deferred['reject']
  const promise = new Promise<void>((settle, fail) => {
    resolve = settle
    reject = fail
  })
  promise.catch(() => {})
  return { promise, resolve, reject }
}

/** Rejects what takes longer; what comes after that is not heard. */
export function within<Value>(timeoutMs: number, value: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`url or params gave nothing in ${timeoutMs} ms`)), timeoutMs)
    value.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
