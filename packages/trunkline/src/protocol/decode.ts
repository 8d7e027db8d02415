// Reading frames, both ends: any text in, messages out one by one, or a typed refusal. Does not know what a message does.
import { ACK, AUTHENTICATED, CREDIT, PING, WELCOME } from './messages.ts'

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
export type ReadMessage<Receiver> = (type: number, message: Message, receiver: Receiver) => void

/** A frame taken apart: its messages are still to be read. */
export interface Frame {
  readonly messages: readonly unknown[]
  /** As it came, in UTF-16 units or bytes. */
  readonly length: number
  /** Both ends count it (PROTOCOL.md section 9). */
  readonly isCounted: boolean
  /** Its first message, and so each, is for the connection and not for a call. */
  readonly isControl: boolean
  /** The `ack` that rides in it: to be checked when the frame is accepted, not when its turn comes. */
  readonly ack: Message | undefined
}

/**
 * Takes a text frame apart. Its messages are checked when they are read, so that those before a broken one are worked off.
 * `length`: that of the frame it was in.
 * @throws FrameRefusal when it is no frame at all
 */
export function parseFrame(text: string, length = text.length): Frame {
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch {
    // Said below.
  }
  if (!Array.isArray(frame) || frame.length === 0) throw new FrameRefusal(4000, 'not a frame')
  const messages = Array.isArray(frame[0]) ? frame : [frame]
  const isControl = isOfControl(messages[0][0])
  let isCounted = false
  let ack: Message | undefined
  for (const message of messages) {
    if (isControl || !Array.isArray(message)) break
    // All but what may ride; a type that is none is refused when it is read.
    if (message[0] === ACK) ack = message
    else if (message[0] !== CREDIT) isCounted = true
  }
  return { messages, length, isCounted, isControl, ack }
}

/** Reads the messages of a frame in order, or some of them. @throws FrameRefusal at the first that breaks the protocol */
export function readFrame<Receiver>(
  { messages, isControl }: Frame,
  read: ReadMessage<Receiver>,
  receiver: Receiver,
  from = 0,
  to = messages.length,
): void {
  for (let index = from; index < to; index++) {
    const message = messages[index]
    if (!Array.isArray(message) || typeof message[0] !== 'number') throw new FrameRefusal(4000, 'not a message')
    const type: number = message[0]
    if (isOfControl(type) !== isControl) throw new FrameRefusal(4000, 'control and call messages in one frame')
    read(type, message, receiver)
  }
}

function isOfControl(type: unknown): boolean {
  return typeof type === 'number' && (type <= WELCOME || (type >= PING && type <= AUTHENTICATED))
}

/** By number. */
const names =
  'hello welcome open result error accept item gap end credit cancel ack ping pong goaway authenticate authenticated part'.split(
    ' ',
  )

/** A refusal of a message by its number: `open: the path is not a string`. */
export function refuse(type: number, what: string): FrameRefusal {
  return new FrameRefusal(4000, `${names[type] ?? `message ${type}`}: ${what}`)
}

/** A refusal of a message that this end may not be sent, or that has no such number. */
export function refuseType(type: number): FrameRefusal {
  return refuse(type, 'may not be sent to this end')
}

/** The counts of both ends don't agree: a frame was lost or invented on the way. */
export function sequenceBroken(sent: number, received: number): FrameRefusal {
  return new FrameRefusal(4110, `${sent} frames sent, ${received} received`)
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

export function readCount(type: number, value: unknown): number {
  if (isCount(value)) return value
  throw refuse(type, 'not a count')
}

/** Gives both counts of an `ack`, `ping` or `pong`. */
export function readCounts(type: number, [, received, sent]: Message): [received: number, sent: number] {
  return [readCount(type, received), readCount(type, sent)]
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
