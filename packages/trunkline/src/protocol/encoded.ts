// Messages and frames as they wait to be written: text, or text with parts. Knows no message.

/** A message as it waits for its frame: its JSON, and its parts where it has any. */
export type Encoded = string | PackedMessage

/** A frame as it is written: text, or binary where a message of it has parts. */
export type FrameData = string | Uint8Array

export interface PackedMessage {
  readonly text: string
  readonly bytes: Uint8Array
  /** Of both, as of a text. */
  readonly length: number
}

/** A message's JSON with the parts of its payload. */
export const pack = (text: string, bytes: Uint8Array | undefined): Encoded =>
  bytes ? { text, bytes, length: text.length + bytes.length } : text

/** Messages of a frame, without their parts. */
export function joinTexts(texts: readonly string[]): string {
  if (texts.length === 1) return texts[0] as string
  // The brackets go on the outer ones: put around the whole they would cost another copy of it.
  const parts = [`[${texts[0]}`, ...texts.slice(1)]
  parts[parts.length - 1] += ']'
  return parts.join(',')
}

export const textOf = (message: Encoded): string => (typeof message === 'string' ? message : message.text)
