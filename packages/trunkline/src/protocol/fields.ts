// Fields of messages: what is not what it should be is refused by name. Does not know what they are for.
import { isCount, isRecord, readCount, refuse } from './decode.ts'
import type { CreditPair } from './messages.ts'

export function readId(type: number, id: unknown): number {
  if (isCount(id) && id > 0) return id
  throw refuse(type, 'not an id')
}

/** An object of options, which may be left out. */
export function readRecord(type: number, value: unknown): Record<string, unknown> {
  if (value === undefined || value === null) return {}
  if (isRecord(value)) return value
  throw refuse(type, 'not an object')
}

export function readText(type: number, value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : readString(type, value)
}

export function readString(type: number, value: unknown): string {
  if (typeof value === 'string') return value
  throw refuse(type, 'not a text')
}

export function readStrings(type: number, value: unknown = []): string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
  throw refuse(type, 'not a list of texts')
}

/** One of a few values. */
export function readOneOf<Value>(type: number, value: unknown, values: readonly Value[]): Value {
  // What is included is one of them.
  if (values.includes(value as Value)) return value as Value
  throw refuse(type, `not one of ${values}`)
}

export function readTimeout(type: number, value: unknown): number {
  if (Number.isFinite(value) && (value as number) > 0) return value as number
  throw refuse(type, 'timeoutMs is not a positive number')
}

export function readPair(type: number, value: unknown): CreditPair {
  if (Array.isArray(value) && isCount(value[0]) && isCount(value[1])) return [value[0], value[1]]
  throw refuse(type, 'not a pair of counts')
}

/** What an object says of each of `defaults`. */
export function readNumbers<Numbers extends Record<keyof Numbers, number>>(
  type: number,
  value: unknown,
  defaults: Numbers,
): Numbers {
  const said = readRecord(type, value)
  const numbers: Record<string, number> = {}
  for (const name in defaults) numbers[name] = readCount(type, said[name] ?? defaults[name])
  // It has the keys of `defaults`.
  return numbers as Numbers
}
