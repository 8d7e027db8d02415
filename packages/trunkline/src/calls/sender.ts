// What a call pushes: an iterable that is pulled when there is credit, or items written by hand. Nothing is pulled ahead of the line.
// Does not know sessions or sockets.

import { encodeValue } from '../protocol/encode-value.ts'
import type { Encoded } from '../protocol/encoded.ts'
import { isRpcError, notRun, type RpcError } from '../protocol/error.ts'
import { expect } from '../protocol/expect.ts'
import { encodeEnd, encodeItem, initialCredit, sizeOf } from '../protocol/messages.ts'
import { exceedsBytes } from '../protocol/size.ts'
import type { Payload, ValueTypes } from '../protocol/values.ts'
import { SendWindow } from '../protocol/window.ts'

/** A call, as what it pushes sees it. */
export interface SenderHost {
  readonly id: number
  readonly path: string
  readonly types: ValueTypes | undefined
  /** Where it is written. */
  readonly place: SenderPlace | undefined
  /** An error of this call that this end has found. */
  failure(code: string, message: string): RpcError
  /** The source has failed, or gave what can't be sent: ends the call, and with it what it pushes. */
  abort(error: unknown): void
}

/** Where what is pushed is written. */
export interface SenderPlace {
  /** The line is welcome and not behind. */
  readonly maySend: boolean
  /** Of the other end. */
  readonly limits: { readonly messageBytes: number }
  push(message: Encoded): void
}

export type Source = AsyncIterable<unknown> | Iterable<unknown>

interface Item {
  readonly value: unknown
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const ignore = (): void => {}

export class Sender {
  /** Something was sent: it can't be begun anew. */
  hasBegun = false
  readonly #host: SenderHost
  readonly #window = new SendWindow(initialCredit)
  /** What is pulled, until it fails: then there is nothing left to stop. */
  #source: AsyncIterator<unknown> | Iterator<unknown> | undefined
  readonly #isRepeatable: boolean = false
  /** Not written yet: what was given by hand, or the one item that was pulled. */
  #items: Item[] = []
  #isBusy = false
  /** The source runs: a generator can't be left in the middle of a step. */
  #isStepping = false
  #isEnding = false
  #isOver = false

  constructor(host: SenderHost, source: Source | undefined) {
    this.#host = host
    if (source === undefined) return
    const both = source as AsyncIterable<unknown> & Iterable<unknown>
    const iterate = both[Symbol.asyncIterator] ?? both[Symbol.iterator]
    expect(typeof iterate === 'function', 'send', 'an iterable', source)
    this.#source = iterate.call(source)
    // An array gives a new iterator each time; a generator gives itself.
    this.#isRepeatable = (this.#source as unknown) !== source
  }

  /** What it has sent can't be had again: it was written by hand, or came from what is read once. */
  get isSpent(): boolean {
    return this.hasBegun && !this.#isRepeatable
  }

  /** Resolves when it is on its way: await it, and no more is held here than there is room for. */
  send(value: unknown): Promise<void> {
    const sent = new Promise<void>((resolve, reject) => {
      if (this.#source) reject(new TypeError(`"${this.#host.path}" sends the iterable it was given in options.send`))
      else if (this.#isOver || this.#isEnding) reject(this.#tooLate())
      else this.#items.push({ value, resolve, reject })
    })
    // The call itself says what went wrong; whoever does not wait for each item need not hear it again.
    sent.catch(ignore)
    this.wake()
    return sent
  }

  /** Nothing more comes. Safe to call twice. */
  end(): void {
    this.#isEnding = true
    this.wake()
  }

  credit(items: number, bytes: number): void {
    this.#window.raise(items, bytes)
    this.wake()
  }

  /** There may be a line, or room, or credit. */
  wake(): void {
    while (!this.#isBusy && !this.#isOver && this.#host.place?.maySend) {
      // It stays the first until it is written: whatever ends the call meanwhile rejects it.
      const first = this.#items[0]
      if (!first && this.#isEnding) return this.#finish(this.#host.place)
      if (!(first || this.#source) || !this.#window.isOpen) return
      this.hasBegun = true
      if (first) this.#write(first)
      else this.#pull(this.#source as AsyncIterator<unknown>)
    }
  }

  /** The call is over: its source is stopped, and what waits will not go. Safe to call twice. */
  stop(error: unknown = this.#tooLate()): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const { reject } of this.#items.splice(0)) reject(error)
    if (!this.#isStepping) this.#leave()
  }

  async #leave(): Promise<void> {
    try {
      await this.#source?.return?.()
    } catch {
      // What its `finally` throws has nobody to go to.
    }
  }

  async #pull(source: AsyncIterator<unknown>): Promise<void> {
    this.#isBusy = this.#isStepping = true
    try {
      const step = source.next()
      this.#isStepping = false
      if (this.#isOver) this.#leave()
      const { done, value } = await step
      if (done) this.#isEnding = true
      else this.#items.push({ value, resolve: ignore, reject: ignore })
    } catch (error) {
      this.#source = undefined
      this.#fail(error)
    }
    this.#isBusy = false
    this.wake()
  }

  #write({ value }: Item): void {
    try {
      const payload = value === undefined ? undefined : encodeValue(value, this.#host.types)
      if (payload instanceof Promise) this.#writeLate(payload)
      else this.#push(payload)
    } catch (error) {
      this.#unsendable(error)
    }
  }

  /** It has to be read first: a Blob. */
  async #writeLate(payload: Promise<Payload>): Promise<void> {
    this.#isBusy = true
    try {
      const late = await payload
      if (!this.#isOver) this.#push(late)
    } catch (error) {
      this.#unsendable(error)
    }
    this.#isBusy = false
    this.wake()
  }

  /** @throws RpcError when it is too large */
  #push(payload: Payload | undefined): void {
    const { path, id, place } = this.#host
    const item = encodeItem(id, payload)
    if (place && exceedsBytes(item, place.limits.messageBytes)) {
      const message = `An item that "${path}" sends is larger than the ${place.limits.messageBytes} bytes the other end takes; send it in pieces`
      throw this.#host.failure('TOO_LARGE', message)
    }
    this.#window.spend(sizeOf(payload))
    place?.push(item)
    this.#items.shift()?.resolve()
  }

  #unsendable(error: unknown): void {
    const message = `Invalid item of "${this.#host.path}": ${(error as Error).message}`
    this.#fail(isRpcError(error) ? error : this.#host.failure('BAD_REQUEST', message))
  }

  #fail(error: unknown): void {
    if (!this.#isOver) this.#host.abort(error)
  }

  #finish(place: SenderPlace): void {
    this.#isOver = true
    place.push(encodeEnd(this.#host.id))
  }

  #tooLate(): RpcError {
    return notRun('CANCELLED', `"${this.#host.path}" takes no more items: it is over, or was ended`)
  }
}
