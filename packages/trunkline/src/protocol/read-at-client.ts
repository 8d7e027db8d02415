// Reads what a server may send: shapes are checked here, once. Does not know what the client does about a message.
import { isCount, isRecord, type Message, readCounts, refuse, refuseType } from './decode.ts'
import type { Delivery } from './error.ts'
import {
  ACCEPT,
  ACK,
  AUTHENTICATED,
  type Authenticated,
  CREDIT,
  END,
  ERROR,
  type ErrorDetails,
  GAP,
  GOAWAY,
  ITEM,
  PING,
  PONG,
  RESULT,
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

/** What a server says of calls. */
export interface ClientCalls {
  result(id: number, value: unknown, rich: unknown): void
  error(id: number, code: string, message: string, details: ErrorDetails, data: unknown, rich: unknown): void
  accept(id: number, stream: number, position: string | undefined): void
  item(stream: number, value: unknown, eventId: string | undefined, size: number, rich: unknown): void
  gap(stream: number, reason: string, position: string | undefined): void
  end(id: number): void
}

export function readControl(type: unknown, message: Message, receiver: ClientControl): void {
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

export function readCall(type: unknown, message: Message, receiver: ClientCalls): void {
  switch (type) {
    case RESULT:
      return receiver.result(readId(RESULT, message[1]), message[2], message[3])
    case ITEM:
      return readItem(message, receiver)
    case ERROR:
      return readError(message, receiver)
    case ACCEPT:
      return receiver.accept(readId(ACCEPT, message[1]), readId(ACCEPT, message[2]), readText(ACCEPT, message[3]))
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
      // Reserved for what a client pushes; it may cross the end of a call, so it is never an error.
      return
    default:
      throw refuseType(type)
  }
}

function readItem(message: Message, receiver: ClientCalls): void {
  const size = message[4] ?? 0
  receiver.item(readId(ITEM, message[1]), message[2], readText(ITEM, message[3]), readCount(ITEM, size), message[5])
}

function readError(message: Message, receiver: ClientCalls): void {
  const [, id, code, text, details, rich] = message
  if (typeof code !== 'string' || typeof text !== 'string') throw refuse(ERROR, 'code and message are not strings')
  const fields = readRecord(ERROR, details)
  const { delivery = 'ran', stream = false, data } = fields
  if (!isDelivery(delivery) || typeof stream !== 'boolean') throw refuse(ERROR, 'delivery or stream is none')
  receiver.error(readId(ERROR, id), code, text, { delivery, stream }, data, rich)
}

const isDelivery = (value: unknown): value is Delivery => value === 'ran' || value === 'not-run' || value === 'unknown'

function readWelcome(value: unknown): Welcome {
  if (!isRecord(value)) throw refuse(WELCOME, 'its fields are not an object')
  const { connection, session, received, server, features, keepAlive, limits, spreadMs, principal, expiresInMs } = value
  if (typeof connection !== 'string' || (session !== 'new' && session !== 'resumed')) {
    throw refuse(WELCOME, 'connection or session is missing')
  }
  const times = readRecord(WELCOME, keepAlive)
  const most = readRecord(WELCOME, limits)
  return {
    connection,
    session,
    received: count(received, 0),
    server: readText(WELCOME, server) ?? '',
    features: readNames(features),
    keepAlive: { intervalMs: count(times.intervalMs, 25_000), timeoutMs: count(times.timeoutMs, 10_000) },
    limits: {
      messageBytes: count(most.messageBytes, 1_048_576),
      calls: count(most.calls, 1_024),
      streams: count(most.streams, 1_024),
      timeoutMs: count(most.timeoutMs, 300_000),
    },
    spreadMs: count(spreadMs, 0),
    principal: readText(WELCOME, principal),
    expiresInMs: readLife(WELCOME, expiresInMs),
  }
}

function count(value: unknown, absent: number): number {
  return value === undefined || value === null ? absent : readCount(WELCOME, value)
}

const readLife = (type: number, value: unknown): number | undefined =>
  value === undefined ? undefined : readCount(type, value)

function readId(type: number, id: unknown): number {
  if (typeof id === 'number' && Number.isSafeInteger(id) && id > 0) return id
  throw refuse(type, 'an id is not a positive integer')
}

function readNames(value: unknown): readonly string[] {
  if (value === undefined) return []
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value
  throw refuse(WELCOME, 'features is not an array of strings')
}

/** An object of options, which may be left out. */
function readRecord(type: number, value: unknown): Record<string, unknown> {
  if (value === undefined || value === null) return {}
  if (isRecord(value)) return value
  throw refuse(type, 'its fields are not an object')
}

function readCount(type: number, value: unknown): number {
  if (isCount(value)) return value
  throw refuse(type, 'a count is not a non-negative integer')
}

function readText(type: number, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  throw refuse(type, 'an id or position is not a string')
}
