// What a close code means to the client: come back how, or not at all, and in words. PROTOCOL.md section 11.
import { closeCode } from '../protocol/close.ts'
import { FrameRefusal } from '../protocol/decode.ts'
import { type BuiltinCode, RpcError } from '../protocol/error.ts'

export interface Closing {
  /** `again`: with backoff; `spread`: the first try anywhere in the server's `spreadMs`; `broken`: again, but not for ever; `final`: not at all. */
  readonly kind: 'again' | 'spread' | 'broken' | 'final'
  readonly words: string
}

const meanings: Readonly<Record<number, readonly [kind: Closing['kind'], words: string]>> = {
  1000: ['again', 'the server closed the connection'],
  1001: ['again', 'the server went away'],
  1002: ['broken', 'the WebSocket protocol was broken'],
  1003: ['broken', 'the server does not take binary frames'],
  1007: ['broken', 'a frame was not UTF-8'],
  1008: ['broken', 'the server refused a frame'],
  1009: ['broken', 'a message was too large'],
  1011: ['again', 'the server had an internal error'],
  1012: ['spread', 'the server restarts'],
  1013: ['spread', 'the server asks to try again later'],
  4000: ['broken', 'a message broke the protocol'],
  // Whether asking for other credentials helps is decided where they come from.
  4001: ['again', 'the server does not know who this is'],
  4003: ['final', 'the server refused access'],
  4006: ['final', 'the server speaks another version of the protocol'],
  4011: ['final', 'a newer connection took over'],
  4101: ['again', 'the credentials have expired'],
  4102: ['again', 'the other end fell silent'],
  4103: ['again', 'too many messages in too short a time'],
  4104: ['again', 'too many connections'],
  4108: ['again', 'the server got no hello in time'],
  4110: ['again', 'a frame was lost on the way'],
  4201: ['spread', 'the server is about to go'],
  4202: ['again', 'this end reads too slowly'],
}

export function closingOf(code: number, reason: string, isLost: boolean): Closing {
  const unknown: readonly [Closing['kind'], string] =
    code >= 4000 && code < 4100
      ? ['final', `the server closed for good (${code})`]
      : ['again', 'the connection was lost']
  const [kind, words] = meanings[code] ?? unknown
  // What this end found wrong is its own news; what the server gave as a reason is quoted.
  return { kind, words: reason && reason !== words ? `${words}${isLost ? ' (this end): ' : ': '}${reason}` : words }
}

/** True for a code that a server sends on purpose: before `welcome` it means that no call was worked off. */
export const isRefusal = (code: number): boolean => code >= 4000 || code === closeCode.tryAgainLater

/** What calls end with when a refusal is final. */
export function finalError(code: number, words: string): RpcError {
  const refused = code === closeCode.unauthenticated || code === closeCode.forbidden
  return closedError(refused ? 'UNAUTHORIZED' : 'CONNECTION_LOST', words)
}

export const unauthorized = (words: string | undefined): RpcError =>
  closedError('UNAUTHORIZED', words ?? 'the server refused the credentials')

export const closedError = (code: BuiltinCode, message: string): RpcError =>
  new RpcError(code, { message, delivery: 'not-run' })

/** An item that the server had no credit for. */
export const overCredit = (): FrameRefusal => new FrameRefusal(closeCode.badMessage, 'item: beyond the credit')
