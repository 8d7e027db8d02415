// What answers calls, as a table of open calls sees it: a server or a client that serves, and the session it belongs to. Nothing here runs.
import type { Encoded } from '../protocol/encoded.ts'
import type { AdvertisedLimits } from '../protocol/messages.ts'
import type { Connection } from './handler.ts'
import type { Idempotency } from './idempotency.ts'
import type { Operation } from './operation.ts'
import type { ServerSettings } from './options.ts'

/** What calls are answered with: by a server, or by a client that serves. */
export interface Answering {
  readonly settings: Pick<ServerSettings, 'types' | 'reauthorize' | 'authTimeoutMs' | 'rateLimit'> & {
    readonly limits: Pick<AdvertisedLimits, 'calls' | 'streams' | 'timeoutMs'>
  }
  readonly operations: ReadonlyMap<string, Operation>
  readonly idempotency: Idempotency
  readonly isDraining: boolean
  /** The longest message the other end takes. */
  readonly messageBytes: number
  readonly broadcast: {
    sharedStreamNumber(operation: Operation, topic: object): number | undefined
    nextStreamNumber(id: number): number
  }
  gapTold(): void
  report(error: unknown, operation?: Operation, context?: unknown): void
}

/** The session, as its calls see it. */
export interface OpenCallsHost {
  /** The session's name. */
  readonly name: string
  /** The `connection` of a handler's argument. */
  readonly handle: Connection
  /** The socket is behind or gone: sources rest until it has caught up. */
  readonly isResting: boolean
  /** False: as much is on its way of what generators give as may be. */
  hasRoom(): boolean
  /** Runs `task` after what has arrived meanwhile was read. */
  yieldTo(task: () => void): void
  send(message: Encoded): void
  /** Goes with what is said next. */
  ride(message: string): void
  /** Behind `send` in a batch, and in order among each other. */
  sendStream(message: Encoded): void
}
