// What all connections of a server say in a turn: flushed together, so that equal messages become equal bytes, joined once.
// Does not know what the messages are.
import type { Encoded, FrameData } from '../protocol/encoded.ts'
import { joinBatch, type Outbox } from '../protocol/outbox.ts'
import type { Operation } from './operation.ts'
import type { Schedule, ScheduleItems } from './options.ts'

export class Broadcast {
  readonly #schedule: Schedule
  readonly #scheduleItems: ScheduleItems
  readonly #sharedNumbers = new WeakMap<object, Map<Operation, number>>()
  #lastStreamNumber = -1
  #dirty: Outbox[] = []
  /** With nothing but items of streams. */
  #patient: Outbox[] = []
  #joined: { messages: readonly Encoded[]; frame: FrameData } = { messages: [], frame: '' }

  constructor(schedule: Schedule, scheduleItems: ScheduleItems) {
    this.#schedule = schedule
    this.#scheduleItems = scheduleItems
  }

  /** Of what is patient. */
  get size(): number {
    let size = 0
    for (const outbox of this.#patient) size += outbox.size
    return size
  }

  /** Odd: even ones are for what a client pushes to a call of the server's. */
  nextStreamNumber(): number {
    this.#lastStreamNumber += 2
    return this.#lastStreamNumber
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
    const { isUrgent } = outbox
    const others = isUrgent ? this.#dirty : this.#patient
    if (others.push(outbox) > 1) return
    if (isUrgent) this.#schedule(this.#flush)
    else this.#scheduleItems(this.#flushPatient, this)
  }

  /** In a broadcast all connections have the same messages to join: comparing is cheaper, and the adapter meets the same frame again. */
  joinStreams(messages: readonly Encoded[]): FrameData {
    if (messages.length === 1 && typeof messages[0] === 'string') return messages[0]
    const last = this.#joined
    if (
      last.messages.length === messages.length &&
      last.messages.every((message, index) => message === messages[index])
    ) {
      return last.frame
    }
    this.#joined = { messages, frame: joinBatch(messages) }
    return this.#joined.frame
  }

  readonly #flush = (): void => {
    const dirty = this.#dirty
    this.#dirty = []
    for (const outbox of dirty) outbox.flush()
  }

  readonly #flushPatient = (): void => {
    const patient = this.#patient
    this.#patient = []
    // Who has become urgent meanwhile has nothing left to say.
    for (const outbox of patient) outbox.flush()
  }
}
