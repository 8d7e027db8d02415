// What callers push, by the ids of their calls. Does not know the calls, nor how their handlers read it.
import type { Validator } from '../contract/validator.ts'
import { refuse } from '../protocol/decode.ts'
import { decodeValue } from '../protocol/decode-value.ts'
import { RpcError } from '../protocol/error.ts'
import { encodeCredit, ITEM } from '../protocol/messages.ts'
import type { ValueTypes } from '../protocol/values.ts'
import type { ServerCall } from './call.ts'
import { refusal } from './failure.ts'
import { Items } from './items.ts'

export class Pushed {
  readonly #items = new Map<number, Items>()
  readonly #types: ValueTypes | undefined
  readonly #ride: (message: string) => void

  /** `ride` sends credit along with what is said next. */
  constructor(types: ValueTypes | undefined, ride: (message: string) => void) {
    this.#types = types
    this.#ride = ride
  }

  /** A call begins whose caller pushes. */
  begin(call: ServerCall, validator: Validator): void {
    const { id, operation } = call
    const credit = (items: number, bytes: number): void => this.#ride(encodeCredit(id, items, bytes))
    call.items = new Items({ path: operation.path, credit }, validator)
    this.#items.set(id, call.items)
  }

  /**
   * Takes an item; one that crosses the end of its call is nobody's.
   * @returns why its call has to fail
   * @throws FrameRefusal when it is beyond the credit
   */
  take(id: number, value: unknown, size: number, rich: unknown, share: number): RpcError | undefined {
    const items = this.#items.get(id)
    if (!items) return undefined
    let decoded = value
    try {
      if (rich !== undefined) decoded = decodeValue(value, rich, this.#types)
    } catch (error) {
      return refusal.unreadable(error as Error)
    }
    if (!items.push(decoded, size, share)) throw refuse(ITEM, 'beyond the credit')
    return undefined
  }

  /** A caller has pushed all it has. */
  end(id: number): void {
    this.#items.get(id)?.end()
  }

  /** The limits that callers have, once more: what was said before may be lost with its connection. */
  renew(): void {
    for (const items of this.#items.values()) items.renew()
  }

  /** The call is over; `failure`: what a handler that reads on is told. */
  stop(id: number, failure?: unknown): void {
    this.#items.get(id)?.abort(failure)
    this.#items.delete(id)
  }

  stopAll(): void {
    for (const id of [...this.#items.keys()]) this.stop(id, callerGone())
  }
}

/** What a handler that reads on is told when its caller has gone. */
export const callerGone = (): RpcError =>
  new RpcError('CANCELLED', { message: 'The caller has cancelled the call, or is gone' })
