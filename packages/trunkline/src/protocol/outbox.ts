// Frame batching: gathers what one end says in a turn and writes it as one frame; what is large goes in pieces, so that small
// messages need not wait for it (PROTOCOL.md section 10). Does not know the socket or the messages.
import { joinPacked } from './binary-frame.ts'
import { type Encoded, type FrameData, joinTexts, type PackedMessage, pack } from './encoded.ts'
import { discardParts, encodePart } from './messages.ts'

/** Batches are cut here, so that one frame neither waits for the rest nor meets the receiver's limit. */
const cutAt = 64 * 1024

/**
 * Calls are cut earlier: the other end begins with the first while this one is still at the last. With 128 calls in flight that made
 * 1.5 times as many calls a second; half as many messages a frame cost more in writes than they gave.
 */
const cutAtCalls = 32

/** Parts above this go in pieces of this: what a small call then waits for takes 50 ms on a line of 10 Mbit/s. */
const pieceBytes = 64 * 1024

const isLarge = (message: Encoded): message is PackedMessage =>
  typeof message !== 'string' && message.bytes.length > pieceBytes

/** Joins the messages of a batch into a frame. */
export function joinBatch(messages: readonly Encoded[]): FrameData {
  for (const message of messages) if (typeof message !== 'string') return joinPacked(messages)
  return joinTexts(messages as readonly string[])
}

export interface OutboxHost {
  /** The socket is not behind, and not too much is unacknowledged: the next piece of something large may go. */
  readonly mayBulk: boolean
  /** Runs `outbox.flush()` once what the current turn has to say is said; once more where it has become urgent. */
  schedule(outbox: Outbox): void
  /** Writes a frame; `counted` says whether it belongs to the session's sequence. */
  write(frame: FrameData, counted: boolean): void
  /** What else may ride on a frame that is about to be written, if there is something. */
  rider(counted: boolean): string | undefined
  /** Joins a batch of stream messages alone; a server shares the result between connections. */
  joinStreams(messages: Encoded[]): FrameData
}

export class Outbox {
  /** Of what waits to be flushed. */
  size = 0
  /** It holds more than items of streams, which may wait for others. */
  isUrgent = false
  /** Of what is large and waits for room, and of what waits for it, in UTF-16 units and bytes. */
  waitingLength = 0
  readonly #host: OutboxHost
  #calls: Encoded[] = []
  #streams: Encoded[] = []
  #counted = false
  #scheduled = false
  /** What is large, one at a time, and what may not overtake it: in the order of streams. */
  #waiting: Encoded[] = []
  /** Bytes of the first that are sent. */
  #sent = 0
  /** Something that waited is in the batch. */
  #hasWaited = false

  constructor(host: OutboxHost) {
    this.#host = host
  }

  /** Of what waits behind the first, whose turn it is. */
  get lengthBehind(): number {
    return this.waitingLength - (this.#waiting[0]?.length ?? 0)
  }

  /** Adds a message that goes before those of streams. */
  push(message: Encoded): void {
    if (isLarge(message)) this.pushStream(message)
    else this.#add(message, false)
  }

  /** Adds a message of a stream: those keep their order among each other. */
  pushStream(message: Encoded): void {
    if (this.waitingLength === 0 && !isLarge(message)) return this.#add(message, true)
    this.#waiting.push(message)
    this.waitingLength += message.length
    this.pump()
  }

  /** Adds a message about a call: never before its `open`, which may be large and on its way. */
  pushAfter(message: string): void {
    if (this.#hasWaited || this.waitingLength > 0) this.pushStream(message)
    else this.push(message)
  }

  /** There is room, perhaps: what waits goes on. */
  pump(): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      if (isLarge(first)) {
        if (!this.#host.mayBulk) return
        if (!this.#addPiece(first)) continue
      } else this.#addWaiting(first)
      this.#drop(0)
    }
  }

  /** Takes back a message that is not sent whole; false when it is. */
  withdraw(message: Encoded): boolean {
    const index = this.#waiting.indexOf(message)
    if (index < 0) return false
    if (index === 0 && this.#sent > 0) this.#addWaiting(discardParts)
    this.#drop(index)
    this.pump()
    return true
  }

  /** Adds a message that rides with others and, alone, makes a frame that isn't counted. */
  ride(message: string): void {
    this.#add(message, false, false)
  }

  /** What may ride is due, and goes even if nothing else does. */
  remind(): void {
    this.#schedule(true)
  }

  flush(): void {
    this.#scheduled = this.isUrgent = false
    this.#write()
  }

  #write(): void {
    const calls = this.#calls
    const streams = this.#streams
    const counted = this.#counted
    const rider = this.#host.rider(counted)
    if (rider !== undefined) calls.push(rider)
    this.#empty()
    // Alone, streams' messages are the same for many connections.
    if (calls.length > 0) this.#host.write(joinBatch(streams.length ? calls.concat(streams) : calls), counted)
    else if (streams.length > 0) this.#host.write(this.#host.joinStreams(streams), counted)
  }

  /** Forgets what was not written. */
  clear(): void {
    this.#waiting = []
    this.waitingLength = this.#sent = 0
    this.#empty()
  }

  #empty(): void {
    if (this.#calls.length > 0) this.#calls = []
    if (this.#streams.length > 0) this.#streams = []
    this.size = 0
    this.#counted = this.#hasWaited = false
  }

  #add(message: Encoded, isStream: boolean, isCounted = true): void {
    if (this.size > 0 && this.size + message.length > cutAt) this.#write()
    this.size += message.length
    if (isCounted) this.#counted = true
    this.#schedule(isStream)
    if (isStream) this.#streams.push(message)
    else if (this.#calls.push(message) >= cutAtCalls) this.#write()
  }

  #schedule(isPatient: boolean): void {
    if (this.#scheduled && (isPatient || this.isUrgent)) return
    this.#scheduled = true
    this.isUrgent = !isPatient
    this.#host.schedule(this)
  }

  #addWaiting(message: Encoded): void {
    this.#hasWaited = true
    this.#add(message, true)
  }

  /** True when that was the last, and the message went behind it. */
  #addPiece({ text, bytes }: PackedMessage): boolean {
    const piece = bytes.subarray(this.#sent, this.#sent + pieceBytes)
    this.#addWaiting(pack(encodePart(piece.length), piece))
    this.#sent += piece.length
    if (this.#sent < bytes.length) return false
    // Its parts begin at 0 of what was collected.
    this.#addWaiting(`${text.slice(0, -1)},0,1]`)
    return true
  }

  #drop(index: number): void {
    for (const { length } of this.#waiting.splice(index, 1)) this.waitingLength -= length
    if (index === 0) this.#sent = 0
  }
}
