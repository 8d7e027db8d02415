// One end's side of a session's counted frames: how many came and went, and copies of those the other end may lack
// (PROTOCOL.md section 9). Both ends have one. Does not know sockets or what is in a frame.
import { sequenceBroken } from './decode.ts'
import type { FrameData } from './encoded.ts'
import { encodeAck } from './messages.ts'

/** An acknowledgement rides on a frame that goes out anyway, once this many frames are owed one. */
const rideAt = 16
/** It goes alone at this many frames, or so much text: what the other end keeps stays below a stream's first window. */
const aloneAtFrames = 256

export class Sequence {
  received = 0
  sent = 0
  /** False: nothing is kept, since nobody will ask for it. */
  keeps = true
  /** Length of the copies kept, in UTF-16 units and bytes. */
  length = 0
  /** Copies of the frames behind `#acknowledged`, from `#head` on. */
  #copies: FrameData[] = []
  #head = 0
  #acknowledged = 0
  #told = 0
  #untoldLength = 0
  readonly #aloneAtLength: number

  constructor(aloneAtLength = 256 * 1024) {
    this.#aloneAtLength = aloneAtLength
  }

  /** Frames the other end has not said to have. */
  get unacknowledged(): number {
    return this.sent - this.#acknowledged
  }

  /** The other end should be told soon what came. */
  get owesAck(): boolean {
    return this.received - this.#told >= rideAt || this.#untoldLength >= this.#aloneAtLength
  }

  /** It should be told now, even with nothing else to say. */
  get owesAckAlone(): boolean {
    return this.received - this.#told >= aloneAtFrames || this.#untoldLength >= this.#aloneAtLength
  }

  /** Counts a frame that was accepted. */
  take(length: number): void {
    this.received++
    this.#untoldLength += length
  }

  /** Counts a frame that is encoded and about to be written, and keeps a copy. */
  add(frame: FrameData): void {
    this.sent++
    if (!this.keeps) return
    this.#copies.push(frame)
    this.length += frame.length
  }

  /** What came and went, for `ack`, `ping` and `pong`: the other end is told by it. */
  tell(): [received: number, sent: number] {
    this.#told = this.received
    this.#untoldLength = 0
    return [this.received, this.sent]
  }

  /** An `ack`; in a counted frame that is not added yet it counts that frame too. */
  ack(inCounted: boolean): string {
    const [received, sent] = this.tell()
    return encodeAck(received, inCounted ? sent + 1 : sent)
  }

  /**
   * Takes the other end's counts.
   * @throws FrameRefusal when a frame was lost or invented on the way
   */
  check(received: number, sent: number): void {
    if (sent !== this.received) throw sequenceBroken(sent, this.received)
    if (received > this.sent) throw sequenceBroken(this.sent, received)
    this.acknowledge(received)
  }

  /** True when what the other end lacks, having received so many, is still here. */
  covers(received: number): boolean {
    return this.keeps && received >= this.#acknowledged && received <= this.sent
  }

  /** The other end has so many: their copies are dropped. */
  acknowledge(received: number): void {
    for (; this.#acknowledged < received; this.#acknowledged++) {
      // Where none are kept, none are here.
      this.length -= this.#copies[this.#head]?.length ?? 0
      this.#copies[this.#head++] = ''
    }
    // Moved together when half of it is empty: each copy is moved once on average.
    if (this.#head * 2 < this.#copies.length) return
    this.#copies = this.copies
    this.#head = 0
  }

  /** The frames the other end may lack, oldest first. */
  get copies(): FrameData[] {
    return this.#copies.slice(this.#head)
  }

  /** Drops the copies, and keeps none from now on: this session can't be resumed any more. */
  forget(): void {
    this.keeps = false
    this.#copies = []
    this.#head = 0
    this.length = 0
  }

  /** A new session: both counts begin at 0. */
  reset(): void {
    this.forget()
    this.keeps = true
    this.received = this.sent = this.#acknowledged = this.#told = this.#untoldLength = 0
  }
}
