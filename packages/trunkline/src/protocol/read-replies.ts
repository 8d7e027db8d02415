// Reads what is said to whoever makes calls: shapes are checked here, once. Does not know what is done about a message.
import { type Message, readCount, refuseType } from './decode.ts'
import { readId, readOneOf, readRecord, readString, readText } from './fields.ts'
import { ACCEPT, ACK, CREDIT, END, ERROR, type ErrorDetails, GAP, ITEM, RESULT } from './messages.ts'

/** What is said to whoever makes calls: one method a message. */
export interface Replies {
  result(id: number, value: unknown, rich: unknown): void
  error(id: number, code: string, message: string, details: ErrorDetails, data: unknown, rich: unknown): void
  accept(id: number, stream: number, position: string | undefined): void
  item(stream: number, value: unknown, eventId: string | undefined, size: number, rich: unknown): void
  gap(stream: number, reason: string, position: string | undefined): void
  /** Limits of what a call pushes. */
  raise(id: number, items: number, bytes: number): void
  end(id: number): void
}

export function readReply(type: number, message: Message, receiver: Replies): void {
  switch (type) {
    case RESULT:
      return receiver.result(readId(RESULT, message[1]), message[2], message[3])
    case ITEM:
      return readItem(message, receiver)
    case ERROR:
      return readError(message, receiver)
    case ACCEPT:
      return receiver.accept(readId(ACCEPT, message[1]), readCount(ACCEPT, message[2]), readText(ACCEPT, message[3]))
    case GAP: {
      const { reason, position } = readRecord(GAP, message[2])
      return receiver.gap(readId(GAP, message[1]), readText(GAP, reason) ?? 'source', readText(GAP, position))
    }
    case END:
      return receiver.end(readId(END, message[1]))
    case ACK:
      // Was checked when its frame was accepted.
      return
    case CREDIT:
      return receiver.raise(readId(CREDIT, message[1]), readCount(CREDIT, message[2]), readCount(CREDIT, message[3]))
    default:
      throw refuseType(type)
  }
}

function readItem(message: Message, receiver: Replies): void {
  const size = message[4] ?? 0
  receiver.item(readId(ITEM, message[1]), message[2], readText(ITEM, message[3]), readCount(ITEM, size), message[5])
}

function readError(message: Message, receiver: Replies): void {
  const [, id, code, text, details, rich] = message
  const { delivery = 'ran', stream = false, data } = readRecord(ERROR, details)
  const read: ErrorDetails = {
    delivery: readOneOf(ERROR, delivery, ['ran', 'not-run', 'unknown']),
    stream: readOneOf(ERROR, stream, [true, false]),
  }
  receiver.error(readId(ERROR, id), readString(ERROR, code), readString(ERROR, text), read, data, rich)
}
