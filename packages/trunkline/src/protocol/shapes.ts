// What messages are: their numbers, what their objects say, and the limits that both ends know (PROTOCOL.md sections 2 to 5).
// It imports types only, so that a bundle has the numbers in their places and no names for them.
import type { Delivery } from './error.ts'

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

/** A message without `size` costs this much: the initial credit of 256 items and 256 KiB then ends at the same item. */
export const nominalItemBytes = 1024

/** The most credit a consumer gives out; PROTOCOL.md section 5. */
export const maxWindowBytes = 4 * 1024 * 1024

/** Four times the largest window: what a consumer holds of an honest sender is less, whatever else is in its frames. */
export const maxHeldBytes = 4 * maxWindowBytes

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

/** First credit of a stream: 256 items and 256 KiB hold a burst, and bound what a reader that stops leaves behind. */
export const initialCredit: CreditPair = [256, 256 * nominalItemBytes]
