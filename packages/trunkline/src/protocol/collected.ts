// What has come of one message's parts, which came in pieces before it (PROTOCOL.md section 10). Does not know sockets.
import { richPlaces } from './binary-frame.ts'
import { FrameRefusal, type Message, refuse } from './decode.ts'
import { decodeValue, RichParts } from './decode-value.ts'
import { PART } from './messages.ts'
import { noBytes } from './values.ts'

export class Collected {
  /** Twice as long as what came, at most: pieces of a byte, or of none, cost no more than their bytes. */
  #bytes = noBytes
  /** In bytes. */
  length = 0

  /** Takes a `part`. @throws FrameRefusal when it is none, or more than a message may have */
  add(message: Message, messageBytes: number): void {
    if (message[1] === null) return this.clear()
    let piece: unknown
    try {
      piece = decodeValue(message[1], message[2])
    } catch {
      // Said below.
    }
    if (!(piece instanceof Uint8Array)) throw refuse(PART, 'it has no bytes')
    const length = this.length + piece.length
    if (length > messageBytes) throw new FrameRefusal(1009, `a message is larger than ${messageBytes} bytes`)
    if (length > this.#bytes.length) {
      const bytes = new Uint8Array(Math.min(length * 2, messageBytes))
      bytes.set(this.#bytes.subarray(0, this.length))
      this.#bytes = bytes
    }
    this.#bytes.set(piece, this.length)
    this.length = length
  }

  /** Gives a message what was collected for it, if it says so. */
  give(message: Message): void {
    if (this.length === 0) return
    const place = richPlaces.get(message[0])
    if (place === undefined || message[place + 2] !== 1) return
    // A copy of megabytes is felt, and what is left behind of them more.
    const bytes = this.length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.length)
    this.clear()
    const rich = message[place]
    const entries = rich instanceof RichParts ? rich.entries : rich
    // A message is fresh from JSON.parse, and nobody else's; in the frame of the last piece it has been given that frame's parts.
    ;(message as unknown[])[place] = new RichParts(entries, bytes, undefined, true)
  }

  clear(): void {
    this.#bytes = noBytes
    this.length = 0
  }
}
