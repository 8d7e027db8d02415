// WebSocket frames as one buffer each (RFC 6455 section 5.2), for both ends in Node: `ws` writes head and payload apart,
// and builds a broadcast's frame once for each receiver. Does not know sockets.
// Imported, since the global is a getter that is asked each time.
import { Buffer } from 'node:buffer'
import { randomFillSync } from 'node:crypto'

export const finalText = 0x81
export const finalBinary = 0x82
export const masked = 0x80

/**
 * Builds a server's frames. The last one is kept: a broadcast sends one string to many sockets, one after the other.
 *
 * A short frame in ASCII that is sent once is text in latin1, whose characters are the frame's bytes: for that Node allocates
 * nothing, and what it saves is a twentieth of all a server does for a call. The second time it becomes bytes.
 */
export class FrameBuilder {
  #payload: string | Uint8Array = ''
  #frame: Buffer | undefined

  /** A buffer may be written many times and must not be changed; a string is to be written as latin1. */
  build(payload: string | Uint8Array): Buffer | string {
    const isSame = payload === this.#payload
    if (isSame && this.#frame) return this.#frame
    const length = lengthOf(payload)
    if (!isSame && length <= maxTextLength && length === payload.length && typeof payload === 'string') {
      this.#payload = payload
      this.#frame = undefined
      return textHead(length) + payload
    }
    const start = headLength(length)
    const frame = Buffer.allocUnsafe(start + length)
    writeHead(frame, payload, length, 0)
    // A frame that can't be a broadcast's item is not worth holding on to.
    if (length <= maxKeptBytes) {
      this.#payload = payload
      this.#frame = frame
    }
    return frame
  }
}

const maxKeptBytes = 64 * 1024

/** Node writes text of 16 KiB from its stack, and this is less by a head. */
const maxTextLength = 16 * 1024 - 4

const textHead = (length: number): string =>
  length < 126 ? String.fromCharCode(finalText, length) : String.fromCharCode(finalText, 126, length >> 8, length & 255)

/** Builds a client's frames: each has a masking key of its own, from a pool of random bytes. */
export class MaskedFrameBuilder {
  readonly #pool = Buffer.alloc(poolBytes)
  #used = poolBytes

  build(payload: string | Uint8Array): Buffer {
    const length = lengthOf(payload)
    const start = headLength(length) + 4
    const frame = Buffer.allocUnsafe(start + length)
    writeHead(frame, payload, length, masked)
    this.#mask(frame, start)
    return frame
  }

  /** Puts the next key in front of the payload and on it. */
  #mask(frame: Buffer, start: number): void {
    const pool = this.#pool
    if (this.#used === poolBytes) {
      randomFillSync(pool)
      this.#used = 0
    }
    // One by one: a view of the pool costs more than all the rest of a short frame.
    const a = pool[this.#used++] as number
    const b = pool[this.#used++] as number
    const c = pool[this.#used++] as number
    const d = pool[this.#used++] as number
    frame[start - 4] = a
    frame[start - 3] = b
    frame[start - 2] = c
    frame[start - 1] = d
    mask(frame, start, frame.length, a, b, c, d)
  }
}

/** From here on a view of the payload costs less than it saves. */
const longBytes = 1024

/** Puts the key a, b, c, d on a payload, or takes it off; true when what is there then is all ASCII. */
export function mask(bytes: Buffer, start: number, end: number, a: number, b: number, c: number, d: number): boolean {
  if (end - start >= longBytes) return maskWords(bytes, start, end, [a, b, c, d])
  // In fours, since this loop touches every byte.
  const whole = end - ((end - start) & 3)
  let seen = 0
  for (let index = start; index < whole; index += 4) {
    const first = (bytes[index] as number) ^ a
    const second = (bytes[index + 1] as number) ^ b
    const third = (bytes[index + 2] as number) ^ c
    const fourth = (bytes[index + 3] as number) ^ d
    bytes[index] = first
    bytes[index + 1] = second
    bytes[index + 2] = third
    bytes[index + 3] = fourth
    seen |= first | second | third | fourth
  }
  if (whole < end) seen |= bytes[whole] = (bytes[whole] as number) ^ a
  if (whole + 1 < end) seen |= bytes[whole + 1] = (bytes[whole + 1] as number) ^ b
  if (whole + 2 < end) seen |= bytes[whole + 2] = (bytes[whole + 2] as number) ^ c
  return seen < 0x80
}

/** A long payload, word by word: four bytes at a time. */
function maskWords(bytes: Buffer, start: number, end: number, key: readonly number[]): boolean {
  // Words begin at multiples of 4 in memory, wherever the payload does.
  const first = start + (-(bytes.byteOffset + start) & 3)
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + first, (end - first) >> 2)
  const turned = key.map((_, index) => key[(first - start + index) & 3] as number)
  const word = new Int32Array(Uint8Array.from(turned).buffer)[0] as number
  let seen = 0
  for (let index = 0; index < words.length; index++) {
    const now = (words[index] as number) ^ word
    words[index] = now
    seen |= now
  }
  let seenByte = 0
  const maskBytes = (from: number, to: number): void => {
    for (let index = from; index < to; index++) {
      const now = (bytes[index] as number) ^ (key[(index - start) & 3] as number)
      bytes[index] = now
      seenByte |= now
    }
  }
  maskBytes(start, first)
  maskBytes(first + words.length * 4, end)
  return (seen & notAscii) === 0 && seenByte < 0x80
}

/** The highest bit of each byte of a word. */
const notAscii = 0x80_80_80_80 | 0

/** Keys for 2 048 frames: asking the system for four bytes at a time costs more than the frame. */
const poolBytes = 8 * 1024

function headLength(length: number): number {
  if (length < 126) return 2
  return length < 65_536 ? 4 : 10
}

const lengthOf = (payload: string | Uint8Array): number =>
  typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length

/** Bytes of `ws` as what they are to everybody else: a Buffer's `slice` is no copy. */
export const asBytes = ({ buffer, byteOffset, length }: Buffer): Uint8Array =>
  new Uint8Array(buffer, byteOffset, length)

/** Writes all but the mask: the head in front, the payload at the end. */
function writeHead(frame: Buffer, payload: string | Uint8Array, length: number, mask: number): void {
  if (typeof payload !== 'string') frame.set(payload, frame.length - length)
  // Where each character is a byte they are the same, and this is a third cheaper.
  else frame.write(payload, frame.length - length, length === payload.length ? 'latin1' : 'utf8')
  frame[0] = typeof payload === 'string' ? finalText : finalBinary
  if (length < 126) {
    frame[1] = mask | length
  } else if (length < 65_536) {
    frame[1] = mask | 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = mask | 127
    frame.writeUInt32BE(0, 2)
    frame.writeUInt32BE(length, 6)
  }
}
