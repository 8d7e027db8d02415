// What a call gives its caller: a native promise that can be iterated too, since the client does not know the kind of a procedure.
import type { Subscription } from '../contract/client-types.ts'

/** Own properties on a native promise: a subclass of Promise costs 150 ns more a call. */
export interface Pending extends Promise<unknown> {
  [Symbol.asyncIterator](): AsyncIterator<unknown, void, undefined>
  send(value: unknown): Promise<void>
  end(): void
  [callKey]: Cancellable
}

/** What a call can be told by who holds it. */
export interface Cancellable {
  /** Calls it off before it is accepted. */
  cancel(): void
  /** What pushes by hand. */
  readonly hand: Hand
}

export interface Hand {
  send(value: unknown): Promise<void>
  end(): void
}

const callKey = Symbol('call')

/** Makes a call's promise iterable. */
export function toPending(promise: Promise<unknown>, call: Cancellable): Pending {
  const pending = promise as Pending & AsyncDisposable
  pending[Symbol.asyncIterator] = iterate
  pending[callKey] = call
  pending.send = send
  pending.end = end
  // Not there yet in every browser.
  if (Symbol.asyncDispose) pending[Symbol.asyncDispose] = dispose
  return pending
}

function send(this: Pending, value: unknown): Promise<void> {
  return this[callKey].hand.send(value)
}

function end(this: Pending): void {
  this[callKey].hand.end()
}

async function dispose(this: Pending): Promise<void> {
  await iterate.call(this).return?.()
}

const ignore = (): void => {}

/** Iterates a subscription that may not be accepted yet. A refusal is thrown by the first `next()`. */
function iterate(this: Pending): AsyncIterableIterator<unknown, void, undefined> {
  let iterator: AsyncIterator<unknown, void, undefined> | undefined
  /** Asked for before it was accepted: nothing asked for later is served before them. */
  let early = 0
  const opening = this.then((answer) => {
    // Whatever the server has answered: the types say which calls can be iterated.
    iterator = (answer as Partial<Subscription<unknown>> | null | undefined)?.[Symbol.asyncIterator]?.()
    if (iterator) return iterator
    throw new TypeError('This call gave an answer, not a subscription: await it instead')
  })
  opening.catch(ignore)
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next: () => {
      if (iterator && early === 0) return iterator.next()
      early++
      return opening.then((opened) => {
        early--
        return opened.next()
      })
    },
    return: async () => {
      if (!iterator) this[callKey].cancel()
      // Refused or aborted: there is nothing to leave.
      const opened = await opening.catch(ignore)
      await opened?.return?.()
      return { done: true, value: undefined }
    },
  }
}
