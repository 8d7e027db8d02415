// Reading frames, both ends: any text in, messages out one by one, or a typed refusal. Does not know what a message does.
import {
  ACCEPT,
  CANCEL,
  CREDIT,
  END,
  ERROR,
  GAP,
  GOAWAY,
  HELLO,
  ITEM,
  OPEN,
  PING,
  PONG,
  RESULT,
  WELCOME,
} from './messages.ts'

/** A frame that breaks the protocol: close with `code`. The reason names the message and what was wrong with it. */
export class FrameRefusal extends Error {
  readonly code: number

  constructor(code: number, reason: string) {
    super(reason)
    this.code = code
  }
}

export type Message = readonly unknown[]

/** Reads one message: checks its shape and calls one method of its receiver, or throws a FrameRefusal. */
export type ReadMessage<Receiver> = (type: unknown, message: Message, receiver: Receiver) => void

/**
 * Reads a text frame and gives each message to `read`, in order.
 * @returns true when the frame is one that both ends count (PROTOCOL.md section 9)
 * @throws FrameRefusal at the first message that breaks the protocol
 */
export function readFrame<Receiver>(text: string, read: ReadMessage<Receiver>, receiver: Receiver): boolean {
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch {
    throw new FrameRefusal(4000, 'not JSON')
  }
  if (!Array.isArray(frame) || frame.length === 0) throw new FrameRefusal(4000, 'a frame is a non-empty array')
  if (!Array.isArray(frame[0])) {
    const type: unknown = frame[0]
    read(type, frame, receiver)
    return isCounted(type)
  }
  return readBatch(frame, read, receiver)
}

function readBatch<Receiver>(batch: readonly unknown[], read: ReadMessage<Receiver>, receiver: Receiver): boolean {
  const control = isControl((batch[0] as Message)[0])
  let counted = false
  for (const message of batch) {
    if (!Array.isArray(message)) throw new FrameRefusal(4000, 'a batch holds messages only')
    const type: unknown = message[0]
    if (isControl(type) !== control) throw new FrameRefusal(4000, 'control and call messages in one frame')
    read(type, message, receiver)
    if (isCounted(type)) counted = true
  }
  return counted
}

function isControl(type: unknown): boolean {
  return type === HELLO || type === WELCOME || type === PING || type === PONG || type === GOAWAY
}

function isCounted(type: unknown): boolean {
  return (typeof type === 'number' && type >= OPEN && type <= END) || type === CANCEL
}

const names: Record<number, string> = {
  [HELLO]: 'hello',
  [WELCOME]: 'welcome',
  [OPEN]: 'open',
  [RESULT]: 'result',
  [ERROR]: 'error',
  [ACCEPT]: 'accept',
  [ITEM]: 'item',
  [GAP]: 'gap',
  [END]: 'end',
  [CREDIT]: 'credit',
  [CANCEL]: 'cancel',
  [PING]: 'ping',
  [PONG]: 'pong',
  [GOAWAY]: 'goaway',
}

/** A refusal of a message by its number: `open: the path is not a string`. */
export function refuse(type: number, what: string): FrameRefusal {
  return new FrameRefusal(4000, `${names[type]}: ${what}`)
}

/** A refusal of a message that this end may not be sent, or that has no such number. */
export function refuseType(type: unknown): FrameRefusal {
  if (typeof type !== 'number') return new FrameRefusal(4000, 'a message begins with its number')
  const name = names[type]
  return new FrameRefusal(4000, name ? `${name}: may not be sent to this end` : `unknown message type ${type}`)
}

/** The counts of both ends don't agree: a frame was lost or invented on the way. */
export function sequenceBroken(sent: number, received: number): FrameRefusal {
  return new FrameRefusal(4110, `${sent} frames sent, ${received} received`)
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
