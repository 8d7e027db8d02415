// What a close code means to the client: come back how, or not at all, and in words. PROTOCOL.md section 11.
import * as closeCode from '../protocol/close-code.ts'
import { notRun, type RpcError } from '../protocol/error.ts'

export interface Closing {
  /**
   * What the client does:
   * - `again`: comes back, with backoff.
   * - `spread`: comes back; the first try waits a random part of the `spreadMs` that the server gave in `welcome` (1 ms a connection), or the backoff if that is longer.
   * - `broken`: comes back with backoff; gives up after three in a row.
   * - `final`: gives up: `closed` until `connect()`.
   */
  readonly kind: 'again' | 'spread' | 'broken' | 'final'
  readonly words: string
}

/** docs/reference.md is made of the comments: who closes so, and `@client` where the client does something else than its kind says. */
const meanings: Readonly<Record<number, readonly [kind: Closing['kind'], words: string]>> = {
  /** A server of another make is done. Ours never sends it; a client that closes by `connection.close()` does, and stays away. */
  1000: ['again', 'the server closed the connection'],
  /** The server's process, or a proxy before it, goes away. */
  1001: ['again', 'the server went away'],
  /** `ws` or the browser found a frame that breaks RFC 6455. */
  1002: ['broken', 'the WebSocket protocol was broken'],
  /** A server of another make, or a proxy, takes no frames of that kind. Ours never sends it. */
  1003: ['broken', 'the server does not take such a frame'],
  /** `ws` found text that is not UTF-8. */
  1007: ['broken', 'a frame was not UTF-8'],
  /** A proxy or a server of another make refused a frame; also `ws`, at more than 256 fragments. */
  1008: ['broken', 'the server refused a frame'],
  /** A message is larger than `limits.messageBytes`, or a batch than that and 64 KiB. */
  1009: ['broken', 'a message was too large'],
  /** The server failed in its own code while it read a frame; its `onError` was told. */
  1011: ['again', 'the server had an internal error'],
  /** The server closes: `server.close()`. */
  1012: ['spread', 'the server restarts'],
  /** `authenticate` threw something that is neither `UNAUTHORIZED` nor `FORBIDDEN`, or took longer than `authTimeoutMs`. */
  1013: ['spread', 'the server asks to try again later'],
  /** A message is not what PROTOCOL.md says, or more than 64 KiB came before authentication. */
  4000: ['broken', 'a message broke the protocol'],
  /**
   * `authenticate` threw `UNAUTHORIZED`.
   * @client If `params` is a function, asks it once more after a backoff, and gives up when it gives the same or that is refused too; else gives up.
   */
  // Whether asking for other credentials helps is decided where they come from.
  4001: ['again', 'the server does not know who this is'],
  /** `authenticate` threw `FORBIDDEN`, the principal was revoked, or the server called `disconnect`. */
  4003: ['final', 'the server refused access'],
  /** The server speaks another version of the subprotocol `trunkline.`. */
  4006: ['final', 'the server speaks another version of the protocol'],
  /** A later connection of this client has gone on with its session, or had before this one came. */
  4011: ['final', 'a newer connection took over'],
  /** The credentials expired 25 s ago and were not renewed, or the client renewed them as another principal. */
  4101: ['again', 'the credentials have expired'],
  /** No answer to a ping for `keepAlive.timeoutMs`, found by either end. A client also gives itself this code when an attempt gets no `welcome` in 20 s. */
  4102: ['again', 'the other end fell silent'],
  /** Calls went on at ten times the `rateLimit` after `RATE_LIMITED`. */
  4103: ['again', 'too many calls in too short a time'],
  /** One connection more than `limits.connectionsPerPrincipal`. */
  4104: ['again', 'too many connections'],
  /** No `hello` within `helloTimeoutMs`. */
  4108: ['again', 'the server got no hello in time'],
  /** The counts of frames differ: something between the ends lost one, or what is asked for is no longer kept. The session is over. */
  4110: ['again', 'a frame was lost on the way'],
  /** Known to the client, which closes so itself where it means to come back; no server of this version sends it. */
  4201: ['spread', 'the server is about to go'],
  /** The connection took no byte for 10 s, or 16 MiB wait for it. */
  4202: ['again', 'this end reads too slowly'],
}

/** A code that is not listed: `final` from 4000 to 4099, else `again`; among those 1005 (no code) and 1006 (cut without a close frame). */
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
export const isRefusal = (code: number): boolean =>
  code >= 4000 || code === closeCode.tryAgainLater || code === closeCode.serviceRestart

const finalCodes: Readonly<Record<number, string>> = {
  [closeCode.done]: 'CANCELLED',
  [closeCode.unauthenticated]: 'UNAUTHORIZED',
  [closeCode.forbidden]: 'FORBIDDEN',
}

/** What calls end with when nothing is tried any more. */
export const finalError = (code: number, words: string): RpcError =>
  notRun(finalCodes[code] ?? 'CONNECTION_LOST', words)
