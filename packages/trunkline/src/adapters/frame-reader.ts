// Reads the frames that messages come in (RFC 6455 section 5.2): whole messages, of text or bytes. All others go to `ws` as they came:
// control frames, fragments, and whatever breaks the protocol. For a short message that saves a write to a stream and six views of the
// same bytes; for a long one, going over it byte by byte. Does not know what a message is.
import { Buffer, isAscii, isUtf8 } from 'node:buffer'
import type { Duplex } from 'node:stream'
import { finalBinary, finalText, mask, masked } from './frame.ts'

export interface FrameReaderHost {
  text(message: string): void
  /** Nobody else looks at these bytes again. */
  binary(message: Uint8Array): void
  /** What `ws` is to read, in the order it came. */
  other(bytes: Buffer): void
}

const final = 0x80
const continuation = 0x00
const binary = 0x02
const close = 0x08
const pong = 0x0a
const maxControlLength = 125

/** At first, for a message in pieces: how long it gets is only said, and it may be a stranger who says it. */
const firstCapacity = 16 * 1024

/** From here on a view of the bytes costs less than it saves. */
const longBytes = 512

export class FrameReader {
  readonly #host: FrameReaderHost
  /** What frames of this origin have in their second byte: those of clients, and no others, are masked. */
  readonly #mask: number
  /** The key is the last of a frame's head. */
  readonly #keyLength: number
  readonly #maxLength: number
  /** A frame that has not said yet how long it is. */
  #head: Buffer | undefined
  /** Bytes still to come of a frame, and where they go: into a message, to `ws`, or nowhere. */
  #missing = 0
  #pieces: Pieces | undefined
  #isOthers = false
  #isFragmented = false
  /** `ws` was given fragments of this chunk, and whole messages behind them too: if it refuses the former, it tells in the next turn. */
  #isWithFragments = false
  /** `ws` is given everything from the frame on that breaks the protocol. */
  #isBroken = false
  #isOver = false
  /** Messages are dropped, since nobody wants them any more. */
  isDeaf = false

  /** @param maxLength of a message, in bytes: a longer one is left to `ws`, which refuses it */
  constructor(from: 'client' | 'server', maxLength: number, host: FrameReaderHost) {
    this.#mask = from === 'client' ? masked : 0
    this.#keyLength = from === 'client' ? 4 : 0
    this.#maxLength = maxLength
    this.#host = host
  }

  /** Looks at nothing any more. */
  end(): void {
    this.#isOver = true
    this.#head = this.#pieces = undefined
  }

  /** Takes what has come, wherever it was cut. The bytes are the reader's from now on. */
  read(bytes: Buffer): void {
    const chunk = this.#head ? Buffer.concat([this.#head, bytes]) : bytes
    this.#head = undefined
    this.#isWithFragments = this.#isFragmented
    let at = this.#missing > 0 ? this.#goOn(chunk, 0) : 0
    while (at < chunk.length && !this.#isOver) at = this.#isBroken ? this.#break(chunk, at) : this.#frame(chunk, at)
  }

  /** Reads the frame that begins at `at`, or what there is of it; gives where the next begins. */
  #frame(chunk: Buffer, at: number): number {
    if (at + 1 === chunk.length) return this.#wait(chunk, at)
    const second = chunk[at + 1] as number
    if ((second & masked) !== this.#mask) return this.#break(chunk, at)
    let length = second & ~masked
    const start = at + (length < 126 ? 2 : length === 126 ? 4 : 10) + this.#keyLength
    if (start > chunk.length) return this.#wait(chunk, at)
    if (length === 126) length = chunk.readUInt16BE(at + 2)
    else if (length === 127) length = chunk.readUInt32BE(at + 2) * 2 ** 32 + chunk.readUInt32BE(at + 6)
    const first = chunk[at] as number
    if ((first !== finalText && first !== finalBinary) || this.#isWithFragments || length > this.#maxLength)
      return this.#unusual(chunk, at, start, length)
    const end = start + length
    if (this.isDeaf) return this.#begin(chunk, start, length, undefined)
    if (end > chunk.length) return this.#begin(chunk, start, length, this.#piecesOf(chunk, start, first, length))
    this.#take(chunk, start, end, first)
    return end
  }

  #wait(chunk: Buffer, at: number): number {
    this.#head = chunk.subarray(at)
    return chunk.length
  }

  #break(chunk: Buffer, at: number): number {
    this.#isBroken = true
    this.#host.other(chunk.subarray(at))
    return chunk.length
  }

  /** A control frame, a fragment, or what is neither. */
  #unusual(chunk: Buffer, at: number, start: number, length: number): number {
    const first = chunk[at] as number
    const second = chunk[at + 1] as number
    const isFinal = first >= final
    // With the reserved bits: none of ours has any.
    const opcode = first % final
    if (opcode >= close && opcode <= pong && isFinal && (second & ~masked) <= maxControlLength) {
      const end = start + length
      if (end > chunk.length) return this.#wait(chunk, at)
      this.#host.other(chunk.subarray(at, end))
      if (opcode === close) this.end()
      return end
    }
    if (opcode > binary || (opcode === continuation) !== this.#isFragmented) return this.#break(chunk, at)
    this.#isFragmented = !isFinal
    this.#isOthers = true
    return this.#begin(chunk, at, start - at + length, undefined)
  }

  #piecesOf(chunk: Buffer, start: number, first: number, length: number): Pieces {
    const keyLength = this.#keyLength
    const pieces = new Pieces(first, keyLength + length, Math.max(firstCapacity, (chunk.length - start) * 2))
    pieces.add(chunk, start - keyLength, start)
    return pieces
  }

  /** Begins with what may come in pieces. */
  #begin(chunk: Buffer, start: number, length: number, pieces: Pieces | undefined): number {
    this.#missing = length
    this.#pieces = pieces
    return this.#goOn(chunk, start)
  }

  #goOn(chunk: Buffer, at: number): number {
    const end = Math.min(at + this.#missing, chunk.length)
    this.#missing -= end - at
    const pieces = this.#pieces
    if (this.#isOthers) {
      this.#isWithFragments = true
      this.#host.other(chunk.subarray(at, end))
    } else pieces?.add(chunk, at, end)
    if (this.#missing > 0) return end
    this.#isOthers = false
    this.#pieces = undefined
    if (pieces && !this.isDeaf) this.#take(pieces.bytes, this.#keyLength, pieces.length, pieces.first)
    return end
  }

  /** Takes a whole message, with its key before it if it has one. */
  #take(bytes: Buffer, start: number, end: number, first: number): void {
    const isPlain = this.#mask ? unmask(bytes, start, end) : first === finalText && isPlainText(bytes, start, end)
    if (first === finalBinary)
      return this.#host.binary(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start))
    // In ASCII each byte is a character.
    if (isPlain) return this.#host.text(bytes.toString('latin1', start, end))
    const payload = bytes.subarray(start, end)
    if (isUtf8(payload)) return this.#host.text(payload.toString())
    this.#isBroken = true
    this.#host.other(Buffer.concat([this.#headOf(payload), payload]))
  }

  /** Of text as it is here, where it is unmasked. */
  #headOf(payload: Buffer): Buffer {
    // A key of zeros changes nothing.
    const head = Buffer.alloc(10 + this.#keyLength)
    head[0] = finalText
    head[1] = this.#mask | 127
    head.writeUInt32BE(payload.length, 6)
    return head
  }
}

/** A message in pieces: its buffer is twice as long as what came, at most. */
class Pieces {
  readonly first: number
  readonly #whole: number
  bytes: Buffer
  length = 0

  constructor(first: number, whole: number, capacity: number) {
    this.first = first
    this.#whole = whole
    // Not from the pool: views of it are given away.
    this.bytes = Buffer.allocUnsafeSlow(Math.min(whole, capacity))
  }

  add(chunk: Buffer, start: number, end: number): void {
    const length = this.length + end - start
    if (length > this.bytes.length) {
      const bytes = Buffer.allocUnsafeSlow(Math.min(this.#whole, length * 2))
      this.bytes.copy(bytes, 0, 0, this.length)
      this.bytes = bytes
    }
    chunk.copy(this.bytes, this.length, start, end)
    this.length = length
  }
}

const unmask = (bytes: Buffer, start: number, end: number): boolean =>
  mask(
    bytes,
    start,
    end,
    bytes[start - 4] as number,
    bytes[start - 3] as number,
    bytes[start - 2] as number,
    bytes[start - 1] as number,
  )

/** True of ASCII. */
function isPlainText(bytes: Buffer, start: number, end: number): boolean {
  if (end - start >= longBytes) return isAscii(bytes.subarray(start, end))
  let seen = 0
  for (let index = start; index < end; index++) seen |= bytes[index] as number
  return seen < 0x80
}

/** Gives `read` what `ws`, which has just begun to listen, would have got of a stream; gives what `ws` is to be called with. */
export function takeOver(stream: Duplex, read: (chunk: Buffer) => void): (bytes: Buffer) => void {
  const theirs = stream.listeners('data').at(-1) as (bytes: Buffer) => void
  stream.removeListener('data', theirs)
  stream.on('data', read)
  // Of a stream that closes while it is paused, `ws` reads the rest itself, and would begin in the middle of a frame.
  stream.prependListener('close', () => {
    const rest = stream.read() as Buffer | null
    if (rest) read(rest)
  })
  return theirs.bind(stream)
}
