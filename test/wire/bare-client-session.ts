// What the bare client keeps across connections: counts and copies of frames (PROTOCOL.md section 9). It knows no socket and no call.
import { ACK, COUNTED, type Message } from './bare-client-messages.ts'

export class BareSession {
  readonly name: string = crypto.randomUUID()
  /** The attempt with which it began. */
  since = 1
  received = 0
  sent = 0
  /** Frames the server has not said to have, oldest first. */
  copies: string[] = []
  /** Settled without a `cancel`: while nothing could be sent. */
  settled: number[] = []
  keeps = false
  #told = 0

  /** A batch as the frame that is written; an acknowledgement that is owed rides on it. */
  add(batch: Message[]): string {
    const isCounted = batch.some(([type]) => COUNTED.has(type))
    if (isCounted) this.sent += 1
    if (this.keeps && this.received - this.#told >= 16) {
      this.#told = this.received
      batch.push([ACK, this.received, this.sent])
    }
    const frame = JSON.stringify(batch.length === 1 ? batch[0] : batch)
    if (this.keeps && isCounted) this.copies.push(frame)
    return frame
  }

  /** Counts a frame that came. */
  take(batch: Message[]): void {
    if (batch.some(([type]) => COUNTED.has(type))) this.received += 1
  }

  /** Drops the copies the server has; false when it can't have so many. */
  acknowledge(received: number): boolean {
    const surplus = this.copies.length - (this.sent - received)
    if (received > this.sent || (this.keeps && surplus > this.copies.length)) return false
    if (surplus > 0) this.copies.splice(0, surplus)
    return true
  }

  /** False when the other end's counts do not fit. */
  check([, received, sent]: Message): boolean {
    return sent === this.received && this.acknowledge(Number(received))
  }

  /** The server does not know it: both counts begin at 0. */
  begin(attempt: number): void {
    if (this.since !== attempt) {
      this.received = this.sent = this.#told = 0
      this.copies = []
    }
    this.since = attempt
  }
}
