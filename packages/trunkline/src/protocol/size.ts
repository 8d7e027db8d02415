// How long a message is in UTF-8, asked cheaply. Knows nothing else.
import { type Encoded, textOf } from './encoded.ts'

const encoder = new TextEncoder()
const scratch = new Uint8Array(16 * 1024)

/** True when a message is longer than `most` bytes in UTF-8: only one that is near the limit has to be encoded to know. */
export function exceedsBytes(message: Encoded, most: number): boolean {
  const text = textOf(message)
  let left = most - (message.length - text.length)
  // A UTF-16 unit takes three bytes at most.
  if (text.length * 3 <= left) return false
  // Piece by piece into the same memory: a copy of the whole costs ten times as much.
  for (let at = 0; at < text.length && left >= 0; ) {
    const { read, written } = encoder.encodeInto(text.slice(at), scratch)
    at += read
    left -= written
  }
  return left < 0
}
