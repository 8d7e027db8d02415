// Large parts in pieces, so that small messages need not wait for them: pieces go first, one message's at a time, then the message
// (PROTOCOL.md section 10). Does not know sockets or what the messages are.
import { richPlaces } from './binary-frame.ts'
import { FrameRefusal, type Message, refuse } from './decode.ts'
import { decodeValue, RichParts } from './decode-value.ts'
import { type Encoded, type PackedMessage, pack } from './encoded.ts'
import { discardParts, encodePart, PART } from './messages.ts'
import { noBytes } from './values.ts'

/** Parts above this go in pieces of this: what a small call then waits for takes 50 ms on a line of 10 Mbit/s. */
const pieceBytes = 64 * 1024

export interface BulkHost {
  /** The socket is not behind, and not too much is unacknowledged. */
  readonly mayBulk: boolean
}

const isLarge = (message: Encoded): message is PackedMessage =>
  typeof message !== 'string' && message.bytes.length > pieceBytes

/** The sending side: all that goes through it keeps the order of streams. */
export class Bulk {
  readonly #host: BulkHost
  readonly #write: (message: Encoded) => void
  #waiting: Encoded[] = []
  /** Of what waits, in UTF-16 units and bytes. */
  length = 0
  /** Bytes of the first that are sent. */
  #sent = 0

  constructor(host: BulkHost, write: (message: Encoded) => void) {
    this.#host = host
    this.#write = write
  }

  /** Of what waits behind the first, whose turn it is. */
  get lengthBehind(): number {
    return this.length - (this.#waiting[0]?.length ?? 0)
  }

  /** Takes a message that is large, or of a stream and may not overtake one that is; false when it may go at once. */
  take(message: Encoded, isStream: boolean): boolean {
    if (!isLarge(message) && !(isStream && this.length > 0)) return false
    this.#waiting.push(message)
    this.length += message.length
    this.pump()
    return true
  }

  /** There is room, perhaps: goes on. */
  pump(): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      if (isLarge(first)) {
        if (!this.#host.mayBulk) return
        if (!this.#sendPiece(first)) continue
      } else this.#write(first)
      this.#drop(0)
    }
  }

  /** Takes back a message that is not sent whole; false when it is. */
  withdraw(message: Encoded): boolean {
    const index = this.#waiting.indexOf(message)
    if (index < 0) return false
    if (index === 0 && this.#sent > 0) this.#write(discardParts)
    this.#drop(index)
    this.pump()
    return true
  }

  clear(): void {
    this.#waiting = []
    this.length = this.#sent = 0
  }

  #drop(index: number): void {
    for (const { length } of this.#waiting.splice(index, 1)) this.length -= length
    if (index === 0) this.#sent = 0
  }

  /** True when that was the last, and the message went behind it. */
  #sendPiece({ text, bytes }: PackedMessage): boolean {
    const piece = bytes.subarray(this.#sent, this.#sent + pieceBytes)
    this.#write(pack(encodePart(piece.length), piece))
    this.#sent += piece.length
    if (this.#sent < bytes.length) return false
    // Its parts begin at 0 of what was collected.
    this.#write(`${text.slice(0, -1)},0,1]`)
    return true
  }
}

/** The receiving side: what has come of one message's parts. */
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
    const bytes = this.#bytes.slice(0, this.length)
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
