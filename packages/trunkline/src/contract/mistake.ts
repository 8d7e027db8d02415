// A programmer's mistake as an error: where, what was expected, what came, and the page that explains it. Does not know who made it.
// Not for the client's door, where each byte counts.

/** A heading of docs/mistakes.md. */
export type MistakeSection =
  | 'contract'
  | 'handlers'
  | 'outputs'
  | 'errors'
  | 'context'
  | 'middleware'
  | 'subscriptions'
  | 'server'
  | 'calls'

/** Where a mistake is explained, for the end of a message: the page comes with the package. */
export const see = (section: MistakeSection): string => `(node_modules/trunkline/docs/mistakes.md#${section})`

/** Misuse: thrown at once, where it was made. */
export const mistake = (message: string, section: MistakeSection): TypeError =>
  new TypeError(`${message} ${see(section)}`)

/** What came instead, in words: `a string`, `an array`, `an instance of User`. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'function') return `a function${value.name ? ` (${value.name})` : ''}`
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object') return `a ${typeof value}`
  const prototype = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return 'a plain object'
  const name = value.constructor?.name
  return name && name !== 'Object' ? `an instance of ${name}` : 'an object'
}
