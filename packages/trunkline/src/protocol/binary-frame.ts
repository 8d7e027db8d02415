// Frames whose messages have parts: header length · header · parts (PROTOCOL.md section 10). Does not know sockets.
import { type Frame, isCount, parseFrame } from './decode.ts'
import { type PartsBudget, RichParts } from './decode-value.ts'
import { type Encoded, joinTexts } from './encoded.ts'
import { ERROR, ITEM, OPEN, PART, RESULT } from './messages.ts'
import { align, alignment, noBytes } from './values.ts'

/** Joins the messages of a batch into a binary frame. */
export function joinPacked(messages: readonly Encoded[]): Uint8Array {
  let size = 0
  const placed: [part: Uint8Array, base: number][] = []
  const texts = messages.map((message) => {
    if (typeof message === 'string') return message
    const { text, bytes } = message
    const base = align(size)
    size = base + bytes.length
    placed.push([bytes, base])
    // Where its parts begin among those of the batch; its `rich` is its last element.
    return base === 0 ? text : `${text.slice(0, -1)},${base}]`
  })
  const header = new TextEncoder().encode(joinTexts(texts))
  const start = align(4 + header.length)
  const frame = new Uint8Array(start + size)
  new DataView(frame.buffer).setUint32(0, header.length)
  frame.set(header, 4)
  for (const [bytes, base] of placed) frame.set(bytes, start + base)
  return frame
}

/** Where `rich` stands in the messages that may have one; behind it stands where the message's parts begin. */
export const richPlaces: ReadonlyMap<unknown, number> = new Map([
  [OPEN, 5],
  [RESULT, 3],
  [ERROR, 5],
  [ITEM, 5],
  [PART, 2],
])

/**
 * Takes a binary frame apart. What is wrong with a message's parts is found when its payload is decoded.
 * @throws FrameRefusal when it is no frame at all
 */
export function parseBinaryFrame(bytes: Uint8Array): Frame {
  // No frame either, where there is no whole header in UTF-8.
  let header = ''
  let end = 4
  try {
    end += new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0)
    if (end <= bytes.length)
      header = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(4, end))
  } catch {
    // Refused below.
  }
  const frame = parseFrame(header, bytes.length)
  const parts = bytes.subarray(align(end))
  const budget: PartsBudget = { left: parts.length }
  for (const message of frame.messages) if (Array.isArray(message)) giveParts(message, parts, budget)
  return frame
}

function giveParts(message: unknown[], parts: Uint8Array, budget: PartsBudget): void {
  const place = richPlaces.get(message[0])
  if (place === undefined || !message[place]) return
  const base = message[place + 1] ?? 0
  const isSound = isCount(base) && base % alignment === 0
  message[place] = new RichParts(message[place], isSound ? parts.subarray(base) : noBytes, budget)
}
