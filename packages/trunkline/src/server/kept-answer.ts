// An answer as a result store keeps it: the message's number, what stands behind the id, and its parts on a line of their own.
// Does not know stores.
import { type Encoded, pack, textOf } from '../protocol/encoded.ts'
import { ERROR, RESULT } from '../protocol/messages.ts'

export function toKept(message: Encoded, id: number): string {
  const text = textOf(message)
  const kept = `${text[1]}${text.slice(`[${RESULT},${id}`.length)}`
  if (typeof message === 'string') return kept
  let parts = ''
  for (const byte of message.bytes) parts += String.fromCharCode(byte)
  return `${kept}\n${btoa(parts)}`
}

export function fromKept(kept: string, id: number): Encoded {
  // JSON has no line breaks of its own here.
  const [answer = '', parts] = kept.split('\n')
  const text = `[${answer[0]},${id}${answer.slice(1)}`
  return pack(text, parts === undefined ? undefined : Uint8Array.from(atob(parts), (byte) => byte.charCodeAt(0)))
}

/** False when it was never kept so, or was damaged since: what a store gives may have come over a network, or from another version. */
export function isKept(kept: unknown): kept is string {
  if (typeof kept !== 'string') return false
  try {
    const [type] = JSON.parse(textOf(fromKept(kept, 1)))
    return type === RESULT || type === ERROR
  } catch {
    return false
  }
}
