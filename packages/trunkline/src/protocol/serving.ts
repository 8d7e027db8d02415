// What a client needs of an app to answer its server's calls. The app brings it along, so that a client that serves nothing has none of it.
import type { Message } from './decode.ts'
import type { Encoded } from './encoded.ts'
import type { AdvertisedLimits } from './messages.ts'
import type { ValueTypes } from './values.ts'

/** Where an app keeps what makes it answer on a client. */
export const serves = Symbol.for('trunkline.serves')

/** An app that a client can serve: what `implement(router).handlers({ … })` gives. */
export interface Servable {
  readonly [serves]: (settings: ServingSettings) => Serving
}

export interface ServingSettings {
  readonly types: ValueTypes | undefined
  readonly limits: AdvertisedLimits
}

/** An app on a client: one for the client's life. */
export interface Serving {
  /** Answers the calls of one session. */
  begin(host: ServingHost, outbox: ServingOutbox): Served
}

/** The calls of a server in one session. */
export interface Served {
  /** Calls and streams that are open. */
  readonly size: number
  /** Reads a message about a call of the server's; false when it is about another. @throws FrameRefusal when it breaks the protocol */
  read(type: number, message: Message): boolean
  /** Another socket has taken over: what was said of credit may be lost. */
  resumed(): void
  /** The socket has caught up. */
  wake(): void
  /** Nobody will come for the answers any more. */
  end(): void
}

/** The client's session, as what it serves sees it. */
export interface ServingHost {
  /** The server's. */
  readonly limits: AdvertisedLimits
  readonly maySend: boolean
  /** Nothing of the server's is open any more. */
  answered(): void
  /** What it serves wants no more of this server. */
  disconnect(): void
}

/** Where answers are written. */
export interface ServingOutbox {
  push(message: Encoded): void
  ride(message: string): void
  pushStream(message: Encoded): void
}

/** The server's calls have even ids, the client's odd ones. */
export const isOfServer = (id: unknown): boolean => typeof id === 'number' && id % 2 === 0
