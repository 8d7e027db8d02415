// Reads what a client may send: shapes are checked here, once. Does not know what the server does about a message.
import { isCount, isRecord, type Message, readCount, readCounts, refuse, refuseType } from './decode.ts'
import {
  ACK,
  AUTHENTICATE,
  CANCEL,
  CREDIT,
  type CreditPair,
  HELLO,
  type Hello,
  initialCredit,
  OPEN,
  type OpenOptions,
  PING,
  PONG,
} from './messages.ts'

/** What a client says of its connection: one method a message. */
export interface ServerControl {
  hello(hello: ReadHello): void
  ping(received: number, sent: number): void
  pong(received: number, sent: number): void
  authenticate(params: Readonly<Record<string, unknown>>): void
}

/** What a client says of its calls. */
export interface ServerCalls {
  open(id: number, path: string, input: unknown, options: OpenOptions, rich: unknown): void
  cancel(id: number): void
  credit(id: number, items: number, bytes: number): void
}

/** A `hello` with every default filled in. */
export type ReadHello = Required<Hello>

const noOptions: OpenOptions = Object.freeze({})
const sessionForm = /^[\w-]{1,64}$/
const maxKeyLength = 128
const maxEventIdLength = 512

export function readControl(type: unknown, message: Message, receiver: ServerControl): void {
  switch (type) {
    case PING:
      return receiver.ping(...readCounts(PING, message))
    case PONG:
      return receiver.pong(...readCounts(PONG, message))
    case HELLO:
      return receiver.hello(readHello(message[1]))
    case AUTHENTICATE:
      return receiver.authenticate(readParams(AUTHENTICATE, isRecord(message[1]) ? message[1].params : null))
    default:
      throw refuseType(type)
  }
}

export function readCall(type: unknown, message: Message, receiver: ServerCalls): void {
  switch (type) {
    case OPEN:
      return readOpen(message, receiver)
    case CREDIT:
      return readCredit(message, receiver)
    case CANCEL:
      return receiver.cancel(readId(CANCEL, message[1]))
    case ACK:
      // Was checked when its frame was accepted.
      return
    default:
      throw refuseType(type)
  }
}

function readOpen(message: Message, receiver: ServerCalls): void {
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

function readCredit(message: Message, receiver: ServerCalls): void {
  receiver.credit(readId(CREDIT, message[1]), readCount(CREDIT, message[2]), readCount(CREDIT, message[3]))
}

function readHello(value: unknown): ReadHello {
  if (!isRecord(value)) throw refuse(HELLO, 'its fields are not an object')
  const {
    session,
    attempt,
    since = attempt,
    received,
    params,
    timeoutMs,
    credit,
    features,
    contract,
    settled,
    meta,
  } = value
  if (typeof session !== 'string' || !sessionForm.test(session))
    throw refuse(HELLO, 'session is not 1 to 64 of A–Z a–z 0–9 _ -')
  if (!isCount(attempt) || attempt < 1) throw refuse(HELLO, 'attempt is not an integer from 1')
  if (meta !== undefined && !isRecord(meta)) throw refuse(HELLO, 'meta is not an object')
  if (!isCount(since) || since < 1 || since > attempt) throw refuse(HELLO, 'since is not an integer from 1 to attempt')
  if (contract !== undefined && typeof contract !== 'string') throw refuse(HELLO, 'contract is not a string')
  return {
    session,
    attempt,
    since,
    received: received === undefined ? 0 : readCount(HELLO, received),
    params: readParams(HELLO, params),
    timeoutMs: timeoutMs === undefined ? 30_000 : readTimeout(HELLO, timeoutMs),
    credit: credit === undefined ? initialCredit : readPair(HELLO, credit),
    features: features === undefined ? [] : readNames(features),
    settled: settled === undefined ? [] : readIds(settled),
  }
}

function readParams(type: number, params: unknown = {}): Readonly<Record<string, unknown>> {
  if (isRecord(params)) return params
  throw refuse(type, 'params is not an object')
}

function readNames(value: unknown): string[] {
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value
  throw refuse(HELLO, 'features is not an array of strings')
}

function readIds(value: unknown): number[] {
  if (Array.isArray(value) && value.every((id) => isCount(id) && id % 2 === 1)) return value
  throw refuse(HELLO, 'settled is not an array of odd ids')
}

/** A client's ids are odd; even ones are for calls of the server. */
function readId(type: number, id: unknown): number {
  if (typeof id === 'number' && Number.isSafeInteger(id) && id > 0 && id % 2 === 1) return id
  throw refuse(type, 'the id is not a positive odd integer')
}

function readTimeout(type: number, value: unknown): number {
  if (Number.isFinite(value) && (value as number) > 0) return value as number
  throw refuse(type, 'timeoutMs is not a positive number')
}

function readText(type: number, name: string, value: unknown, maxLength: number): string {
  if (typeof value === 'string' && value.length <= maxLength) return value
  throw refuse(type, `${name} is not a string of at most ${maxLength} characters`)
}

function readPair(type: number, value: unknown): CreditPair {
  if (Array.isArray(value) && isCount(value[0]) && isCount(value[1])) return [value[0], value[1]]
  throw refuse(type, 'credit is not a pair of counts')
}
