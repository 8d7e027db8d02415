// A subscription at the consumer's end, and the credit it gave. It knows no socket.
import { Mailbox } from './bare-client-mailbox.ts'
import { CREDIT, type Message } from './bare-client-messages.ts'

export type Credit = readonly [items: number, bytes: number]
export type StreamEvent =
  | { type: 'item'; value: unknown; eventId: string | null }
  | { type: 'gap'; reason: unknown }
  | { type: 'end' }

/** A subscription and the credit it gave. */
export class BareStream {
  readonly events = new Mailbox<StreamEvent>()
  readonly #accepted = new Mailbox<{ stream: number; position: string | null }>()
  readonly #limit: [items: number, bytes: number]
  readonly #taken: [items: number, bytes: number] = [0, 0]

  constructor(
    readonly id: number,
    readonly send: (message: Message) => void,
    credit: Credit,
  ) {
    this.#limit = [...credit]
  }

  accepted(): Promise<{ stream: number; position: string | null }> {
    return this.#accepted.take('accept')
  }

  next(): Promise<StreamEvent> {
    return this.events.take('event of the stream')
  }

  /** Reads the values of the next items; anything else in between fails. */
  async items(total: number): Promise<unknown[]> {
    const values: unknown[] = []
    while (values.length < total) {
      const event = await this.next()
      if (event.type !== 'item') throw new Error(`${event.type} instead of an item`)
      values.push(event.value)
    }
    return values
  }

  /** Absolute limits since the stream's beginning, merged by maximum as the server does. */
  credit(items: number, bytes: number): void {
    this.#limit[0] = Math.max(this.#limit[0], items)
    this.#limit[1] = Math.max(this.#limit[1], bytes)
    this.send([CREDIT, this.id, items, bytes])
  }

  /** On a resume: what was said before may be lost. */
  restate(): void {
    this.send([CREDIT, this.id, ...this.#limit])
  }

  accept(stream: number, position: string | null): void {
    this.#accepted.put({ stream, position })
  }

  /** Books an item; false when it is beyond the credit. */
  book(bytes: number): boolean {
    const allowed = this.#taken[0] < this.#limit[0] && this.#taken[1] < this.#limit[1]
    this.#taken[0] += 1
    this.#taken[1] += bytes
    return allowed
  }

  fail(error: Error): void {
    this.#accepted.fail(error)
    this.events.fail(error)
  }
}
