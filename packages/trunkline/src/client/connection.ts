// The line to the server as its users see it. Nothing here runs; `managed-connection.ts` does.
import type { ConnectionEvents, ConnectionState } from './state.ts'

/** The line to the server, for status bars and for those who decide when to connect. */
export interface ClientConnection {
  /** An immutable snapshot; another object after each change. */
  readonly state: ConnectionState
  /** Calls `listener` on each event; gives the undo. */
  on<Name extends keyof ConnectionEvents>(name: Name, listener: (payload: ConnectionEvents[Name]) => void): () => void
  /** With `getSnapshot`, for React's `useSyncExternalStore`. */
  readonly subscribe: (listener: () => void) => () => void
  /** Gives `state`. */
  readonly getSnapshot: () => ConnectionState
  /** Tries at once. Resolves when open; rejects when the server refuses for good. */
  connect(): Promise<void>
  /** Ends every call with `CANCELLED` and stays closed until `connect()`. Resolves when the socket is closed. */
  close(): Promise<void>
  /**
   * Asks for `params` again and has the server take them, on the live line. Calls made meanwhile wait. While there is no line it connects.
   * Rejects with `UNAUTHORIZED` or `FORBIDDEN` when they are refused: what stood before stands until it expires. Should they be another
   * principal's, everything open or waiting ends `UNAUTHORIZED`, and the line starts anew.
   */
  authenticate(): Promise<void>
  /** How much is under way, at this moment. */
  stats(): ClientStats
}

export interface ClientStats {
  /** Written and not answered yet. */
  readonly calls: number
  /** Subscriptions that were accepted. */
  readonly streams: number
  /** Waiting for a connection, or for the server's limit. */
  readonly waiting: number
  /** Connections that went on where the one before was lost. */
  readonly resumes: number
  /** Of frames that the server has not acknowledged, in UTF-16 units. */
  readonly replayBytes: number
  /** Milliseconds the server took to answer the last time it was probed; undefined before that. */
  readonly roundTripMs: number | undefined
}
