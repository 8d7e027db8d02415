// Reads what a server may send: shapes are checked here, once. Does not know what the client does about a message.

import { type Message, readCount, readCounts, refuseType } from './decode.ts'
import { readNumbers, readOneOf, readRecord, readString, readStrings, readText } from './fields.ts'
import {
  AUTHENTICATED,
  type Authenticated,
  defaultLimits,
  GOAWAY,
  PING,
  PONG,
  WELCOME,
  type Welcome,
} from './messages.ts'

/** What a server says of its connection: one method a message. */
export interface ClientControl {
  welcome(welcome: Welcome): void
  ping(received: number, sent: number): void
  pong(received: number, sent: number): void
  /** `spreadMs`: over how long to spread the return, as of now. */
  goaway(drainMs: number, reason: string, spreadMs: number | undefined): void
  authenticated(answer: Authenticated): void
}

export function readControl(type: number, message: Message, receiver: ClientControl): void {
  switch (type) {
    case PING:
      return receiver.ping(...readCounts(PING, message))
    case PONG:
      return receiver.pong(...readCounts(PONG, message))
    case WELCOME:
      return receiver.welcome(readWelcome(message[1]))
    case GOAWAY: {
      const { drainMs = 0, reason, spreadMs } = readRecord(GOAWAY, message[1])
      return receiver.goaway(readCount(GOAWAY, drainMs), readText(GOAWAY, reason) ?? '', readLife(GOAWAY, spreadMs))
    }
    case AUTHENTICATED: {
      const { expiresInMs, code, message: text } = readRecord(AUTHENTICATED, message[1])
      return receiver.authenticated({
        expiresInMs: readLife(AUTHENTICATED, expiresInMs),
        code: readText(AUTHENTICATED, code),
        message: readText(AUTHENTICATED, text),
      })
    }
    default:
      throw refuseType(type)
  }
}

function readWelcome(value: unknown): Welcome {
  const fields = readRecord(WELCOME, value)
  const { connection, session, server, features, keepAlive, limits, principal, expiresInMs } = fields
  return {
    connection: readString(WELCOME, connection),
    session: readOneOf(WELCOME, session, ['new', 'resumed']),
    ...readNumbers(WELCOME, fields, { received: 0, spreadMs: 0 }),
    server: readText(WELCOME, server) ?? '',
    features: readStrings(WELCOME, features),
    keepAlive: readNumbers(WELCOME, keepAlive, { intervalMs: 25_000, timeoutMs: 10_000 }),
    limits: readNumbers(WELCOME, limits, defaultLimits),
    principal: readText(WELCOME, principal),
    expiresInMs: readLife(WELCOME, expiresInMs),
  }
}

const readLife = (type: number, value: unknown): number | undefined =>
  value === undefined ? undefined : readCount(type, value)
