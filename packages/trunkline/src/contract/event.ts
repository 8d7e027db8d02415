// An item with an id, so that a subscription can be resumed behind it. Does not know who sends it.

import { describe, mistake } from './mistake.ts'

const brand = Symbol.for('trunkline.event')

/** What `event(value, { id })` gives: yield it from a subscription's handler. */
export interface StreamEvent<Value> {
  readonly value: Value
  readonly id: string
}

/** Gives an item an id. After a break the handler gets the last id the client received as `lastEventId`. */
export function event<Value>(value: Value, options: { id: string }): StreamEvent<Value> {
  const id: unknown = options?.id
  if (typeof id !== 'string' || id === '' || id.length > 512) {
    const got = typeof id === 'string' ? `one of ${id.length}` : describe(id)
    throw mistake(`event(value, { id }): expected a string of 1 to 512 characters, got ${got}`, 'subscriptions')
  }
  const made = { value, id }
  Object.defineProperty(made, brand, { value: true })
  return made
}

export function isStreamEvent(value: unknown): value is StreamEvent<unknown> {
  return typeof value === 'object' && value !== null && brand in value
}
