// Reads what a client may send: shapes are checked here, once. Does not know what the server does about a message.

import { isCount, isRecord, type Message, readCount, readCounts, refuse, refuseType } from './decode.ts'
import { readNumbers, readPair, readStrings, readTimeout } from './fields.ts'
import {
  type AdvertisedLimits,
  AUTHENTICATE,
  defaultLimits,
  HELLO,
  type Hello,
  initialCredit,
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

/** A `hello` with every default filled in. */
export type ReadHello = Required<Omit<Hello, 'limits'>> & { limits: AdvertisedLimits }

const sessionForm = /^[\w-]{1,64}$/

export function readControl(type: number, message: Message, receiver: ServerControl): void {
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
    limits,
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
    features: readStrings(HELLO, features),
    limits: readNumbers(HELLO, limits, defaultLimits),
    settled: settled === undefined ? [] : readIds(settled),
  }
}

function readParams(type: number, params: unknown = {}): Readonly<Record<string, unknown>> {
  if (isRecord(params)) return params
  throw refuse(type, 'params is not an object')
}

function readIds(value: unknown): number[] {
  if (Array.isArray(value) && value.every((id) => isCount(id) && id % 2 === 1)) return value
  throw refuse(HELLO, 'settled is not an array of odd ids')
}
