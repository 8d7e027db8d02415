// What a call pushes: an iterable that is pulled when there is credit, or items written by hand. Nothing is pulled ahead of the line.
// Does not know sessions or sockets.

import { encodeValue } from '../protocol/encode-value.ts'
import type { Encoded } from '../protocol/encoded.ts'
import { isRpcError, notRun, RpcError } from '../protocol/error.ts'
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
  /** The source has failed, or gave what can't be sent. */
  sourceFailed(error: unknown): void
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

interface Written {
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
  readonly #source: AsyncIterator<unknown> | Iterator<unknown> | undefined
  readonly #isRepeatable: boolean = false
  /** Written by hand, and waiting for credit. */
  #written: Written[] = []
  #isBusy = false
  /** The source runs: a generator can't be left in the middle of a step. */
  #isStepping = false
  #isEnding = false
  #isOver = false

  constructor(host: SenderHost, source: Source | undefined) {
    this.#host = host
    if (source === undefined) return
    const { [Symbol.asyncIterator]: async, [Symbol.iterator]: sync } = source as AsyncIterable<unknown> &
      Iterable<unknown>
    expect(typeof (async ?? sync) === 'function', 'send', 'an iterable', source)
    this.#source = async ? async.call(source) : sync.call(source)
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
      else this.#written.push({ value, resolve, reject })
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
      const [first] = this.#written
      if (!first && !this.#source) {
        if (this.#isEnding) this.#finish()
        return
      }
      if (!this.#window.isOpen) return
      this.hasBegun = true
      if (!first) return this.#pull()
      // It stays the first until it is written: whatever ends the call meanwhile rejects it.
      this.#write(first.value)
    }
  }

  /** The call is over: its source is stopped, and what waits will not go. Safe to call twice. */
  stop(error: unknown = this.#tooLate()): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const { reject } of this.#written.splice(0)) reject(error)
    if (!this.#isStepping) this.#leave()
  }

  #leave(): void {
    try {
      // What its `finally` throws has nobody to go to.
      Promise.resolve(this.#source?.return?.()).catch(ignore)
    } catch {
      // As above.
    }
  }

  #pull(): void {
    this.#isBusy = true
    this.#isStepping = true
    try {
      Promise.resolve((this.#source as AsyncIterator<unknown>).next()).then(this.#took, this.#failed)
    } catch (error) {
      return this.#failed(error)
    } finally {
      this.#isStepping = false
    }
    if (this.#isOver) this.#leave()
  }

  // Bound once a call, not once an item.
  readonly #took = (result: IteratorResult<unknown>): void => {
    this.#isBusy = false
    if (this.#isOver) return
    let done: boolean | undefined
    let value: unknown
    try {
      // A source that is no generator may give anything.
      ;({ done, value } = result)
    } catch (error) {
      return this.#failed(error)
    }
    if (done) return this.#finish()
    this.#write(value)
    this.wake()
  }

  readonly #failed = (error: unknown): void => {
    if (this.#isOver) return
    // Its own end: there is nothing left to stop.
    this.#isOver = true
    for (const { reject } of this.#written.splice(0)) reject(error)
    this.#host.sourceFailed(error)
  }

  #write(value: unknown): void {
    let payload: Payload | Promise<Payload> | undefined
    try {
      payload = value === undefined ? undefined : encodeValue(value, this.#host.types)
    } catch (error) {
      return this.#unsendable(error)
    }
    if (!(payload instanceof Promise)) return this.#push(payload)
    this.#isBusy = true
    payload.then(
      (late) => {
        this.#isBusy = false
        if (!this.#isOver) this.#push(late)
        this.wake()
      },
      (error) => this.#unsendable(error),
    )
  }

  #push(payload: Payload | undefined): void {
    const { path, id, place } = this.#host
    const item = encodeItem(id, payload, undefined)
    if (place && exceedsBytes(item, place.limits.messageBytes)) {
      const message = `An item that "${path}" sends is larger than the ${place.limits.messageBytes} bytes the other end takes; send it in pieces`
      return this.#refuse(new RpcError('TOO_LARGE', { message, delivery: 'unknown' }))
    }
    this.#window.spend(sizeOf(payload))
    place?.push(item)
    this.#written.shift()?.resolve()
  }

  #unsendable(error: unknown): void {
    const message = `Invalid item of "${this.#host.path}": ${(error as Error).message}`
    this.#refuse(isRpcError(error) ? error : new RpcError('BAD_REQUEST', { message, delivery: 'unknown' }))
  }

  /** What it was given can't be sent: the source is stopped, and the call ends. */
  #refuse(error: RpcError): void {
    if (this.#isOver) return
    this.stop(error)
    this.#host.sourceFailed(error)
  }

  #finish(): void {
    this.#isOver = true
    this.#host.place?.push(encodeEnd(this.#host.id))
  }

  #tooLate(): RpcError {
    return notRun('CANCELLED', `"${this.#host.path}" takes no more items: it is over, or was ended`)
  }
}
