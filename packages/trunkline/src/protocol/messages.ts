// Messages as text: each function gives one message's JSON. Numbers and shapes are PROTOCOL.md section 2. Does not frame, send or read.

import { type Encoded, pack } from './encoded.ts'
import type { Delivery } from './error.ts'
import { lengthOf, type Payload } from './values.ts'

export const HELLO = 0
export const WELCOME = 1
export const OPEN = 2
export const RESULT = 3
export const ERROR = 4
export const ACCEPT = 5
export const ITEM = 6
export const GAP = 7
export const END = 8
export const CREDIT = 9
export const CANCEL = 10
export const ACK = 11
export const PING = 12
export const PONG = 13
export const GOAWAY = 14
export const AUTHENTICATE = 15
export const AUTHENTICATED = 16
export const PART = 17

/** Limits of a stream, in items and bytes, since its beginning. */
export type CreditPair = readonly [items: number, bytes: number]

export interface Hello {
  session: string
  attempt: number
  /** The attempt with which the session began. */
  since?: number
  received?: number
  params?: Readonly<Record<string, unknown>>
  timeoutMs?: number
  credit?: CreditPair
  features?: readonly string[]
  /** What the server may ask of a client that serves. */
  limits?: Partial<AdvertisedLimits>
  /** Calls that the client has settled and could not cancel. */
  settled?: readonly number[]
}

/** What a server lets a client do; stated in `welcome`. */
export interface AdvertisedLimits {
  messageBytes: number
  calls: number
  streams: number
  timeoutMs: number
}

/** Until `welcome` says otherwise: PROTOCOL.md section 3. */
export const defaultLimits: AdvertisedLimits = {
  messageBytes: 1_048_576,
  calls: 1_024,
  streams: 1_024,
  timeoutMs: 300_000,
}

export interface Welcome {
  connection: string
  session: 'new' | 'resumed'
  received: number
  server: string
  features: readonly string[]
  keepAlive: { intervalMs: number; timeoutMs: number }
  limits: AdvertisedLimits
  spreadMs: number
  /** Who the server takes the client for; another one than before ends what was open (PROTOCOL.md section 3). */
  principal?: string | undefined
  /** Milliseconds until the credentials expire. */
  expiresInMs?: number | undefined
}

/** The answer to `authenticate`: for how long, or why not. */
export interface Authenticated {
  expiresInMs?: number | undefined
  code?: string | undefined
  message?: string | undefined
}

export interface OpenOptions {
  timeoutMs?: number | undefined
  meta?: Readonly<Record<string, unknown>> | undefined
  key?: string | undefined
  repeat?: true | undefined
  lastEventId?: string | undefined
  credit?: CreditPair | undefined
}

export interface ErrorDetails {
  delivery: Delivery
  stream: boolean
}

/** A message without `size` costs this much: the initial credit of 256 items and 256 KiB then ends at the same item. */
export const nominalItemBytes = 1024

/** The most credit a consumer gives out; PROTOCOL.md section 5. */
export const maxWindowBytes = 4 * 1024 * 1024

/** Four times the largest window: what a consumer holds of an honest sender is less, whatever else is in its frames. */
export const maxHeldBytes = 4 * maxWindowBytes

/** First credit of a stream: 256 items and 256 KiB hold a burst, and bound what a reader that stops leaves behind. */
export const initialCredit: CreditPair = [256, 256 * nominalItemBytes]

export const encodeHello = (hello: Hello): string => JSON.stringify([HELLO, hello])

export const encodeWelcome = (welcome: Welcome): string => JSON.stringify([WELCOME, welcome])

const absentValue: Payload = { json: 'null', rich: '[["undefined"]]' }

/** One more element, where there is something to say. */
const also = (json: string | undefined): string => (json ? `,${json}` : '')

/** Without an input its place is left out where nothing follows it. */
export function encodeOpen(
  id: number,
  path: string,
  input: Payload | undefined,
  options: OpenOptions | undefined,
): Encoded {
  const head = `[2,${id},${JSON.stringify(path)}`
  if (!input && !options) return `${head}]`
  const { json, rich, bytes } = input ?? absentValue
  const said = options ? JSON.stringify(options) : rich && 'null'
  return pack(`${head},${json}${also(said)}${also(rich)}]`, bytes)
}

export function encodeResult(id: number, value: Payload | undefined): Encoded {
  if (!value) return `[3,${id}]`
  return value.rich ? pack(`[3,${id},${value.json},${value.rich}]`, value.bytes) : `[3,${id},${value.json}]`
}

export interface Failure {
  readonly code: string
  readonly message: string
  readonly delivery: Delivery
  readonly data: Payload | undefined
}

/** `stream`: the call is a stream that was not accepted. */
export function encodeError(id: number, failure: Failure, stream: boolean): Encoded {
  const details: string[] = []
  if (failure.delivery !== 'ran') details.push(`"delivery":"${failure.delivery}"`)
  if (stream) details.push('"stream":true')
  if (failure.data) details.push(`"data":${failure.data.json}`)
  let text = `[4,${id},${JSON.stringify(failure.code)},${JSON.stringify(failure.message)}`
  if (details.length) text += `,{${details.join(',')}}`
  if (!failure.data?.rich) return `${text}]`
  return pack(`${text},${failure.data.rich}]`, failure.data.bytes)
}

export function encodeAccept(id: number, stream: number, position: string | undefined): string {
  return position === undefined ? `[5,${id},${stream}]` : `[5,${id},${stream},${JSON.stringify(position)}]`
}

/** What an item costs in bytes, or 0 for the nominal cost. */
export function sizeOf(value: Payload | undefined): number {
  const length = lengthOf(value)
  return length > nominalItemBytes ? length : 0
}

export function encodeItem(stream: number, value: Payload | undefined, eventId?: string): Encoded {
  if (!value && eventId === undefined) return `[6,${stream}]`
  const { json, rich, bytes } = value ?? absentValue
  const size = sizeOf(value)
  const id = eventId === undefined ? undefined : JSON.stringify(eventId)
  const more = rich || size ? `,${id ?? null},${size}${also(rich)}` : also(id)
  return pack(`[6,${stream},${json}${more}]`, bytes)
}

/** `position`: what a resume continues behind from here on. */
export const encodeGap = (stream: number, reason: string, position?: string): string =>
  position === undefined
    ? `[7,${stream},{"reason":"${reason}"}]`
    : `[7,${stream},{"reason":"${reason}","position":${JSON.stringify(position)}}]`

export const encodeEnd = (id: number): string => `[8,${id}]`

/** A piece of the parts of a message that comes behind it. */
export const encodePart = (length: number): string => `[17,[0,${length}],[["bytes"]]]`

/** What came of the parts is for no message any more. */
export const discardParts = '[17,null]'

export const encodeGoaway = (drainMs: number, reason: string, spreadMs: number): string =>
  JSON.stringify([GOAWAY, { drainMs, reason, spreadMs }])

export const encodeCancel = (id: number): string => `[10,${id}]`

export const encodeAck = (received: number, sent: number): string => `[11,${received},${sent}]`

export const encodeCredit = (id: number, items: number, bytes: number): string => `[9,${id},${items},${bytes}]`

export const encodeAuthenticate = (params: Readonly<Record<string, unknown>>): string =>
  JSON.stringify([AUTHENTICATE, { params }])

export const encodeAuthenticated = (answer: Authenticated): string => JSON.stringify([AUTHENTICATED, answer])

export const encodePing = (received: number, sent: number): string => `[12,${received},${sent}]`

export const encodePong = (received: number, sent: number): string => `[13,${received},${sent}]`
