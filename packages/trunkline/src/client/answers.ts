// What a client answers: the calls of its server, where it serves an app. One for each session; the app brings along how.
import type { Message } from '../protocol/decode.ts'
import type { Encoded } from '../protocol/encoded.ts'
import { ACK, type AdvertisedLimits } from '../protocol/messages.ts'
import type { Outbox } from '../protocol/outbox.ts'
import { isOfServer, type Served, type Serving, type ServingHost } from '../protocol/serving.ts'

/** The session, as what it answers sees it. */
export interface AnswersHost {
  /** The server's. */
  readonly limits: AdvertisedLimits
  readonly maySend: boolean
  /** Nothing of the server's is open any more. */
  answered(): void
  /** What it serves wants no more of this server. */
  disconnect(): void
}

export class Answers implements ServingHost {
  readonly name = 'server'
  readonly #host: AnswersHost
  readonly #outbox: Outbox
  readonly #serving: Serving
  /** Made with the first call. */
  #served: Served | undefined

  constructor(host: AnswersHost, outbox: Outbox, serving: Serving) {
    this.#host = host
    this.#outbox = outbox
    this.#serving = serving
  }

  /** Reads a message about a call of the server's; false when it is about another. @throws FrameRefusal when it breaks the protocol */
  read(type: unknown, message: Message): boolean {
    if (type === ACK || !isOfServer(message[1])) return false
    this.#served ??= this.#serving.begin(this)
    this.#served.read(type, message)
    return true
  }

  /** Calls of the server that are open. */
  get size(): number {
    return this.#served?.size ?? 0
  }

  /** Another socket has taken over. */
  resumed(): void {
    this.#served?.resumed()
  }

  /** The socket has caught up. */
  wake(): void {
    this.#served?.wake()
  }

  /** The session is over. */
  end(): void {
    this.#served?.end()
    this.#served = undefined
  }

  // ── For what is served ─────────────────────────────────────────────────────

  get messageBytes(): number {
    return this.#host.limits.messageBytes
  }

  get isResting(): boolean {
    return !this.#host.maySend
  }

  send(message: Encoded): void {
    this.#outbox.push(message)
  }

  ride(message: string): void {
    this.#outbox.ride(message)
  }

  sendStream(message: Encoded): void {
    this.#outbox.pushStream(message)
  }

  emptied(): void {
    this.#host.answered()
  }

  disconnect(): void {
    this.#host.disconnect()
  }
}
