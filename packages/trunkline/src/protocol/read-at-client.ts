// Reads what a server may send: shapes are checked here, once. Does not know what the client does about a message.
import { isCount, isRecord, type Message, readCount, readCounts, refuse, refuseType } from './decode.ts'
import type { Delivery } from './error.ts'
import {
  ACCEPT,
  ACK,
  AUTHENTICATED,
  type Authenticated,
  CREDIT,
  defaultLimits,
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
  const { delivery = 'ran', stream = false, data } = readRecord(ERROR, details)
  if (!isDelivery(delivery) || typeof stream !== 'boolean') throw refuse(ERROR, 'delivery or stream is none')
  receiver.error(readId(ERROR, id), readString(ERROR, code), readString(ERROR, text), { delivery, stream }, data, rich)
}

const isDelivery = (value: unknown): value is Delivery => value === 'ran' || value === 'not-run' || value === 'unknown'

function readWelcome(value: unknown): Welcome {
  const fields = readRecord(WELCOME, value)
  const { connection, session, server, features, keepAlive, limits, principal, expiresInMs } = fields
  if (session !== 'new' && session !== 'resumed') throw refuse(WELCOME, 'session is neither new nor resumed')
  return {
    connection: readString(WELCOME, connection),
    session,
    ...readNumbers(fields, { received: 0, spreadMs: 0 }),
    server: readText(WELCOME, server) ?? '',
    features: readNames(features),
    keepAlive: readNumbers(keepAlive, { intervalMs: 25_000, timeoutMs: 10_000 }),
    limits: readNumbers(limits, defaultLimits),
    principal: readText(WELCOME, principal),
    expiresInMs: readLife(WELCOME, expiresInMs),
  }
}

/** What `welcome` says of each of `defaults`. */
function readNumbers<Numbers extends Record<keyof Numbers, number>>(value: unknown, defaults: Numbers): Numbers {
  const said = readRecord(WELCOME, value)
  const numbers: Record<string, number> = {}
  for (const name in defaults) numbers[name] = readCount(WELCOME, said[name] ?? defaults[name])
  // It has the keys of `defaults`.
  return numbers as Numbers
}

const readLife = (type: number, value: unknown): number | undefined =>
  value === undefined ? undefined : readCount(type, value)

function readId(type: number, id: unknown): number {
  if (isCount(id) && id > 0) return id
  throw refuse(type, 'an id is not a positive integer')
}

function readNames(value: unknown = []): readonly string[] {
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value
  throw refuse(WELCOME, 'features is not an array of strings')
}

/** An object of options, which may be left out. */
function readRecord(type: number, value: unknown): Record<string, unknown> {
  if (value === undefined || value === null) return {}
  if (isRecord(value)) return value
  throw refuse(type, 'its fields are not an object')
}

function readText(type: number, value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : readString(type, value)
}

function readString(type: number, value: unknown): string {
  if (typeof value === 'string') return value
  throw refuse(type, 'a text is not a string')
}
