// Reads what is said to whoever answers calls: shapes are checked here, once. Does not know what is done about a message.
import { isRecord, type Message, readCount, refuse, refuseType } from './decode.ts'
import { readId, readPair, readTimeout } from './fields.ts'
import { ACK, CANCEL, CREDIT, END, ITEM, OPEN, type OpenOptions } from './messages.ts'

/** What is said to whoever answers calls: one method a message. */
export interface Calls {
  open(id: number, path: string, input: unknown, options: OpenOptions, rich: unknown): void
  cancel(id: number): void
  credit(id: number, items: number, bytes: number): void
  /** Of what the caller pushes. */
  item(id: number, value: unknown, size: number, rich: unknown): void
  finish(id: number): void
}

const noOptions: OpenOptions = Object.freeze({})
const maxKeyLength = 128
const maxEventIdLength = 512

export function readCall(type: number, message: Message, receiver: Calls): void {
  switch (type) {
    case OPEN:
      return readOpen(message, receiver)
    case CREDIT:
      return readCredit(message, receiver)
    case ITEM:
      return receiver.item(readId(ITEM, message[1]), message[2], readCount(ITEM, message[4] ?? 0), message[5])
    case END:
      return receiver.finish(readId(END, message[1]))
    case CANCEL:
      return receiver.cancel(readId(CANCEL, message[1]))
    case ACK:
      // Was checked when its frame was accepted.
      return
    default:
      throw refuseType(type)
  }
}

function readOpen(message: Message, receiver: Calls): void {
  const id = readId(OPEN, message[1])
  const path = message[2]
  if (typeof path !== 'string') throw refuse(OPEN, 'the path is not a string')
  const options = message[4]
  receiver.open(
    id,
    path,
    message[3],
    options === undefined || options === null ? noOptions : readOptions(options),
    message[5],
  )
}

function readOptions(value: unknown): OpenOptions {
  if (!isRecord(value)) throw refuse(OPEN, 'options is not an object')
  const { timeoutMs, meta, key, repeat, lastEventId, credit } = value
  const options: OpenOptions = {}
  if (timeoutMs !== undefined) options.timeoutMs = readTimeout(OPEN, timeoutMs)
  if (meta !== undefined) {
    if (!isRecord(meta)) throw refuse(OPEN, 'meta is not an object')
    options.meta = meta
  }
  if (key !== undefined) options.key = readText(OPEN, 'key', key, maxKeyLength)
  if (repeat !== undefined) {
    if (repeat !== true) throw refuse(OPEN, 'repeat is not true')
    options.repeat = repeat
  }
  if (lastEventId !== undefined) options.lastEventId = readText(OPEN, 'lastEventId', lastEventId, maxEventIdLength)
  if (credit !== undefined) options.credit = readPair(OPEN, credit)
  return options
}

function readCredit(message: Message, receiver: Calls): void {
  receiver.credit(readId(CREDIT, message[1]), readCount(CREDIT, message[2]), readCount(CREDIT, message[3]))
}

function readText(type: number, name: string, value: unknown, maxLength: number): string {
  if (typeof value === 'string' && value.length <= maxLength) return value
  throw refuse(type, `${name} is not a string of at most ${maxLength} characters`)
}
