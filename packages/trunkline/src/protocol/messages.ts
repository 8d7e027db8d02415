// Messages as text: each function gives one message's JSON (PROTOCOL.md section 2). Does not frame, send or read.

import { type Encoded, pack } from './encoded.ts'
import type { Delivery } from './error.ts'
import {
  AUTHENTICATE,
  AUTHENTICATED,
  type Authenticated,
  GOAWAY,
  HELLO,
  type Hello,
  nominalItemBytes,
  type OpenOptions,
  WELCOME,
  type Welcome,
} from './shapes.ts'
import { lengthOf, type Payload } from './values.ts'

// Who says a message has its number and shape at hand.
export * from './shapes.ts'

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
