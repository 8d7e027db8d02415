// Promises that others settle. Whoever does not await one watches the state instead, so its rejection is nobody's surprise.

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
