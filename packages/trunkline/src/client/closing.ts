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

/**
 * By kind. docs/reference.md is made of the comments: who closes so, and `@client` where the client does something else than the
 * kind says.
 */
const meanings: Readonly<Record<Closing['kind'], Readonly<Record<number, string>>>> = {
  again: {
    /** A server of another make is done. Ours never sends it; a client that closes by `connection.close()` does, and stays away. */
    1000: 'the server closed',
    /** The server's process, or a proxy before it, goes away. */
    1001: 'the server went away',
    /** The server failed in its own code while it read a frame; its `onError` was told. */
    1011: 'the server failed',
    /**
     * `authenticate` threw `UNAUTHORIZED`.
     * @client If `params` is a function, asks it once more after a backoff, and gives up when it gives the same or that is refused too; else gives up.
     */
    // Whether asking for other credentials helps is decided where they come from.
    4001: 'not authenticated',
    /** The credentials expired 25 s ago and were not renewed, or the client renewed them as another principal. */
    4101: 'the credentials have expired',
    /** No answer to a ping for `keepAlive.timeoutMs`, found by either end. A client also gives itself this code when an attempt gets no `welcome` in 20 s. */
    4102: 'no sign of life',
    /** Calls went on at ten times the `rateLimit` after `RATE_LIMITED`, or that many repeats came that had to be refused. */
    4103: 'too many calls',
    /** One connection more than `limits.connectionsPerPrincipal`. */
    4104: 'too many connections',
    /** No `hello` within `helloTimeoutMs`. */
    4108: 'no hello in time',
    /** The counts of frames differ: something between the ends lost one, or what is asked for is no longer kept. The session is over. */
    4110: 'a frame was lost',
    /** The connection took no byte for 10 s, or 16 MiB wait for it. */
    4202: 'this end reads too slowly',
  },
  spread: {
    /** The server closes: `server.close()`. */
    1012: 'the server restarts',
    /** `authenticate` threw something that is neither `UNAUTHORIZED` nor `FORBIDDEN`, or took longer than `authTimeoutMs`. */
    1013: 'the server is not ready',
    /** Known to the client, which closes so itself where it means to come back; no server of this version sends it. */
    4201: 'the server is about to go',
  },
  broken: {
    /** `ws` or the browser found a frame that breaks RFC 6455. */
    1002: 'a broken frame',
    /** A server of another make, or a proxy, takes no frames of that kind. Ours never sends it. */
    1003: 'a frame was refused',
    /** `ws` found text that is not UTF-8. */
    1007: 'a frame was not UTF-8',
    /** A proxy or a server of another make refused a frame; also `ws`, at more than 256 fragments. */
    1008: 'a frame was refused',
    /** A message is larger than `limits.messageBytes`, or a batch than that and 64 KiB. */
    1009: 'a message was too large',
    /** A message is not what PROTOCOL.md says, or more than 64 KiB came before authentication. */
    4000: 'a message was broken',
  },
  final: {
    /** `authenticate` threw `FORBIDDEN`, the principal was revoked, or the server called `disconnect`. */
    4003: 'access was refused',
    /** The server speaks another version of the subprotocol `trunkline.`. */
    4006: 'another protocol version',
    /** A later connection of this client has gone on with its session, or had before this one came. */
    4011: 'a newer connection took over',
  },
}

/** A code that is not listed: `final` from 4000 to 4099, else `again`; among those 1005 (no code) and 1006 (cut without a close frame). */
export function closingOf(code: number, reason: string, isLost: boolean): Closing {
  let kind: Closing['kind'] = code >= 4000 && code < 4100 ? 'final' : 'again'
  let words = kind === 'final' ? `the server closed for good (${code})` : 'the line is down'
  for (const known of Object.keys(meanings) as Closing['kind'][]) {
    if (!meanings[known][code]) continue
    kind = known
    words = meanings[known][code]
  }
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
