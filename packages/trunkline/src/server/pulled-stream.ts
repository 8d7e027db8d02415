// A subscription whose source is an async iterable: pulled when there is credit, and never ahead of it.
import { isStreamEvent } from '../contract/event.ts'
import { type CreditPair, encodeItem, sizeOf } from '../protocol/messages.ts'
import type { Payload } from '../protocol/values.ts'
import type { ServerCall } from './call.ts'
import { encodeOutput } from './operation.ts'
import { ServerStream, type StreamHost } from './stream.ts'

/** Pulls an async iterable, one item ahead of nothing: without credit `next()` is not called. */
export class PulledStream extends ServerStream {
  readonly #iterator: AsyncIterator<unknown>
  #isBusy = false
  #hasBegun = false

  constructor(host: StreamHost, call: ServerCall, number: number, credit: CreditPair, source: AsyncIterable<unknown>) {
    super(host, call, number, credit)
    this.#iterator = source[Symbol.asyncIterator]()
  }

  start(): void {
    this.wake()
  }

  wake(): void {
    if (this.#isBusy || !this.ready() || !this.host.mayPull(this)) return
    this.#isBusy = true
    let step: Promise<IteratorResult<unknown>>
    try {
      step = this.#iterator.next()
    } catch (error) {
      this.fail(error)
      return
    }
    if (!this.#hasBegun) {
      this.#hasBegun = true
      // The generator's first step has run: it has read `lastEventId` by now, or it does not use it.
      if (this.isGap) this.gap('source')
    }
    Promise.resolve(step).then(this.#took, this.#broke)
  }

  protected stop(): void {
    const { call, host } = this
    const report = (error: unknown): void => host.report(error, call.operation)
    try {
      // Waits for a pending next() by itself; what `finally` throws has no caller any more.
      Promise.resolve(this.#iterator.return?.()).catch(report)
    } catch (error) {
      report(error)
    }
  }

  // Bound once a stream, not once an item.
  readonly #broke = (error: unknown): void => this.fail(error)

  readonly #took = (result: IteratorResult<unknown>): void => {
    if (this.isOver) return
    let id: string | undefined
    let payload: Payload | undefined | Promise<Payload | undefined>
    try {
      // A source that is no generator may give anything.
      if (result.done) return this.end()
      const item = result.value
      const event = isStreamEvent(item) ? item : undefined
      id = this.call.isResumable ? event?.id : undefined
      payload = encodeOutput(this.call.operation, event ? event.value : item)
    } catch (error) {
      return this.fail(error)
    }
    if (payload instanceof Promise) payload.then((encoded) => this.#send(encoded, id), this.#broke)
    else this.#send(payload, id)
  }

  #send(payload: Payload | undefined, id: string | undefined): void {
    if (this.isHeld) return this.sendLate(() => this.#send(payload, id))
    this.#isBusy = false
    if (this.isOver) return
    this.sendItem(encodeItem(this.number, payload, id), sizeOf(payload))
    this.wake()
  }
}
