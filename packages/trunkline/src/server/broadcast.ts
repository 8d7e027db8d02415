// What all connections of a server say in a turn: flushed together, so that equal messages become equal bytes, joined once.
// Does not know what the messages are.
import { joinBatch, type Outbox } from '../protocol/outbox.ts'
import type { Operation } from './operation.ts'

export class Broadcast {
  readonly #schedule: (flush: () => void) => void
  readonly #sharedNumbers = new WeakMap<object, Map<Operation, number>>()
  #lastStreamNumber = 0
  #dirty: Outbox[] = []
  #joined: { messages: readonly string[]; text: string } = { messages: [], text: '' }

  constructor(schedule: (flush: () => void) => void) {
    this.#schedule = schedule
  }

  nextStreamNumber(): number {
    return ++this.#lastStreamNumber
  }

  sharedStreamNumber(operation: Operation, topic: object): number {
    let numbers = this.#sharedNumbers.get(topic)
    if (!numbers) {
      numbers = new Map()
      this.#sharedNumbers.set(topic, numbers)
    }
    let number = numbers.get(operation)
    if (number === undefined) {
      number = this.nextStreamNumber()
      numbers.set(operation, number)
    }
    return number
  }

  /** One scheduled turn flushes every connection that has something to say. */
  schedule(outbox: Outbox): void {
    this.#dirty.push(outbox)
    if (this.#dirty.length === 1) this.#schedule(this.#flush)
  }

  /** In a broadcast all connections have the same messages to join: comparing is cheaper, and the adapter meets the same string again. */
  joinStreams(messages: readonly string[]): string {
    if (messages.length === 1) return messages[0] as string
    const last = this.#joined
    if (
      last.messages.length === messages.length &&
      last.messages.every((message, index) => message === messages[index])
    ) {
      return last.text
    }
    this.#joined = { messages, text: joinBatch(messages) }
    return this.#joined.text
  }

  readonly #flush = (): void => {
    const dirty = this.#dirty
    this.#dirty = []
    for (const outbox of dirty) outbox.flush()
  }
}
