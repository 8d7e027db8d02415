// Flow control of one stream: what its sender may still send, and what its consumer has room for (PROTOCOL.md section 5).
// Does not know messages or sockets.
import { type CreditPair, initialCredit, maxWindowBytes, nominalItemBytes } from './messages.ts'

/** The sender's side: limits that the consumer raises. */
export class SendWindow {
  #itemLimit: number
  #byteLimit: number
  #items = 0
  #bytes = 0

  constructor([items, bytes]: CreditPair) {
    this.#itemLimit = items
    this.#byteLimit = bytes
  }

  /** One more may be sent; the last one may go past the bytes. */
  get isOpen(): boolean {
    return this.#items < this.#itemLimit && this.#bytes < this.#byteLimit
  }

  /** `size`: what the item states, 0 for the nominal cost. */
  spend(size: number): void {
    this.#items++
    this.#bytes += size || nominalItemBytes
  }

  raise(items: number, bytes: number): void {
    this.#itemLimit = Math.max(this.#itemLimit, items)
    this.#byteLimit = Math.max(this.#byteLimit, bytes)
  }
}

/** First credit of a consumer that has room for so many items. */
export const creditFor = (items: number): CreditPair => [items, items * nominalItemBytes]

/** The consumer's side: as much as it will hold, which doubles while it keeps up unless it was told a number. */
export class ReceiveWindow {
  #window: number
  readonly #maxWindow: number
  #itemLimit: number
  #byteLimit: number
  #items = 0
  #bytes = 0
  #consumedItems = 0
  #consumedBytes = 0

  /** `items`: a window that stays as it is. */
  constructor(items?: number) {
    this.#window = items ?? initialCredit[0]
    this.#maxWindow = items ?? maxWindowBytes / nominalItemBytes
    ;[this.#itemLimit, this.#byteLimit] = creditFor(this.#window)
  }

  /** What the sender was told last. */
  get limits(): CreditPair {
    return [this.#itemLimit, this.#byteLimit]
  }

  /** Counts an item that came; false when it is beyond the credit, which no honest sender does. */
  receive(bytes: number): boolean {
    if (this.#items >= this.#itemLimit || this.#bytes >= this.#byteLimit) return false
    this.#items++
    this.#bytes += bytes
    return true
  }

  /** Counts an item that was taken; gives new limits when they are worth telling. `isEmpty`: none waits. */
  consume(bytes: number, isEmpty: boolean): CreditPair | undefined {
    this.#consumedItems++
    this.#consumedBytes += bytes
    const isLow =
      this.#itemLimit - this.#consumedItems <= this.#window / 2 ||
      this.#byteLimit - this.#consumedBytes <= (this.#window / 2) * nominalItemBytes
    if (!isLow) return undefined
    if (isEmpty) this.#window = Math.min(this.#window * 2, this.#maxWindow)
    return this.#raise()
  }

  /** Counts begin anew, and what still waits is charged to them. */
  restart(waitingItems: number, waitingBytes: number): CreditPair {
    this.#items = this.#bytes = 0
    this.#consumedItems = -waitingItems
    this.#consumedBytes = -waitingBytes
    return this.#raise()
  }

  #raise(): CreditPair {
    this.#itemLimit = Math.max(0, this.#consumedItems + this.#window)
    this.#byteLimit = Math.max(0, this.#consumedBytes + this.#window * nominalItemBytes)
    return this.limits
  }
}
