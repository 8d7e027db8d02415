// A contract and an app that write down each run of a handler, so that what clients are told can be held against what has happened.
// Knows no socket and no file.
import { setTimeout as wait } from 'node:timers/promises'
import { event, mutation, query, router, subscription, type as unchecked } from 'trunkline'
import { implement, memoryPublisher } from 'trunkline/server'

export interface Act {
  /** Names this act, once. */
  readonly id: number
  readonly waitMs?: number
}

export const contract = router({
  /** Gives how many acts were written down, this one included. */
  act: mutation({ input: unchecked<Act>(), output: unchecked<number>() }),
  ask: query({ input: unchecked<Act>(), output: unchecked<number>() }),
  refuse: mutation({ input: unchecked<Act>(), errors: { REFUSED: unchecked<{ id: number }>() } }),
  /** Never answers; writes down when its signal aborts. */
  hang: mutation({ input: unchecked<Act>() }),
  /** The ids of acts as they are written down, with the ids of a publisher. */
  feed: subscription({ output: unchecked<number>() }),
  /** The same from the beginning, with ids that outlive the process if the ledger does. */
  journal: subscription({ output: unchecked<number>() }),
  /** Numbers without ids. */
  count: subscription({ input: unchecked<number>(), output: unchecked<number>() }),
})

export class Ledger {
  /** Runs of `act`, in order. */
  readonly acts: number[]
  readonly hanging = new Set<number>()
  readonly aborted = new Set<number>()
  readonly refused: number[] = []
  readonly #bus = memoryPublisher<{ acts: number }>()
  readonly #write: (id: number) => void

  constructor(acts: number[] = [], write: (id: number) => void = () => {}) {
    this.acts = acts
    this.#write = write
  }

  note(id: number): void {
    this.#write(id)
    this.acts.push(id)
    this.#bus.publish('acts', id).catch(() => {})
  }

  readonly app = implement(contract).handlers({
    act: async ({ input: { id, waitMs }, signal }) => {
      this.note(id)
      if (waitMs) await wait(waitMs, undefined, { signal })
      return id
    },
    ask: async ({ input: { id, waitMs } }) => {
      if (waitMs) await wait(waitMs)
      return id
    },
    refuse: ({ input: { id }, errors }) => {
      this.refused.push(id)
      throw errors.REFUSED({ id })
    },
    hang: ({ input: { id }, signal }) => {
      this.hanging.add(id)
      return new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => {
          this.aborted.add(id)
          reject(signal.reason)
        })
      })
    },
    feed: ({ signal, lastEventId }) => this.#bus.subscribe('acts', { signal, lastEventId }),
    journal: ({ signal, lastEventId }) => this.#journal(Number(lastEventId ?? 0), signal),
    count: async function* ({ input }) {
      for (let item = 0; item < input; item++) yield item
    },
  })

  async *#journal(from: number, signal: AbortSignal) {
    const changes = this.#bus.subscribe('acts', { signal, policy: 'latest' })[Symbol.asyncIterator]()
    for (let at = from; !signal.aborted; ) {
      while (at < this.acts.length) yield event(this.acts[at++] as number, { id: String(at) })
      if ((await changes.next()).done) return
    }
  }
}
