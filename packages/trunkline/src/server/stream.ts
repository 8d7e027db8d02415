// One accepted subscription at the server: its number and its credit. Knows neither the socket nor its source: `pulled-stream.ts` and `fed-stream.ts` do.
import type { Encoded } from '../protocol/encoded.ts'
import { type CreditPair, encodeEnd, encodeGap } from '../protocol/messages.ts'
import { exceedsBytes } from '../protocol/size.ts'
import { SendWindow } from '../protocol/window.ts'
import type { ServerCall } from './call.ts'
import type { Operation } from './operation.ts'

/** The connection, as its streams see it. */
export interface StreamHost {
  /** The socket is behind: sources rest until it has caught up. */
  readonly isResting: boolean
  readonly messageBytes: number
  /** False: others' turn comes first, and then `stream` is woken. */
  mayPull(stream: ServerStream): boolean
  sendStream(message: Encoded): void
  gapTold(): void
  /** Takes the stream off the table. */
  endStream(stream: ServerStream): void
  report(error: unknown, operation: Operation): void
}

export abstract class ServerStream {
  readonly call: ServerCall
  /** What its items carry; equal for all streams that may share bytes. */
  readonly number: number
  protected readonly host: StreamHost
  protected isOver = false
  readonly #window: SendWindow
  /** Questions whether it may go on that are not answered. */
  #holds = 0
  /** Sends the item that was on its way when the question came up. */
  #late: (() => void) | undefined

  constructor(host: StreamHost, call: ServerCall, number: number, credit: CreditPair) {
    this.host = host
    this.call = call
    this.number = number
    this.#window = new SendWindow(credit)
  }

  abstract start(): void
  /** Credit was raised, or the socket has caught up. */
  abstract wake(): void
  /** Stops the source; nothing more is sent. */
  protected abstract stop(): void

  ready(): boolean {
    return !this.isOver && this.#window.isOpen && this.#holds === 0 && !this.host.isResting
  }

  credit(items: number, bytes: number): void {
    this.#window.raise(items, bytes)
    this.wake()
  }

  /** Sends nothing until `release`. */
  hold(): void {
    this.#holds++
  }

  release(): void {
    if (--this.#holds > 0) return
    const late = this.#late
    this.#late = undefined
    if (late) late()
    else this.wake()
  }

  protected get isHeld(): boolean {
    return this.#holds > 0
  }

  /** Keeps what may not be said yet; a stream has one item on its way at most. */
  protected sendLate(send: () => void): void {
    this.#late = send
  }

  /** The consumer has unsubscribed or gone: the signal first, then the source. */
  cancel(): void {
    if (this.isOver) return
    this.isOver = true
    this.call.abort()
    this.stop()
  }

  gap(reason: string, position?: string): void {
    this.host.gapTold()
    this.host.sendStream(encodeGap(this.number, reason, position))
  }

  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.host.sendStream(encodeEnd(this.call.id))
    this.host.endStream(this)
  }

  /** Its source has failed. */
  fail(error: unknown): void {
    this.refuse(error)
  }

  /** Ends it at once, whatever is on its way. */
  refuse(error: unknown): void {
    if (this.isOver) return
    this.isOver = true
    this.call.stopItems(error)
    this.call.failStream(error, (message) => this.host.sendStream(message))
    this.host.endStream(this)
    this.call.abort()
    this.stop()
  }

  /** True when the consumer expects a continuation that its source has not promised. */
  protected get isGap(): boolean {
    const { lastEventId, repeat } = this.call.options
    return lastEventId === undefined ? repeat === true : !this.call.hasReadLastEventId
  }

  protected sendItem(message: Encoded, bytes: number): void {
    if (exceedsBytes(message, this.host.messageBytes)) {
      this.fail(
        new RangeError(
          `${this.call.operation.path}: an item is larger than ${this.host.messageBytes} bytes (limits.messageBytes of the server)`,
        ),
      )
      return
    }
    this.#window.spend(bytes)
    this.host.sendStream(message)
  }
}
