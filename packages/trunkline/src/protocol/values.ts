// Payloads: a value's JSON, and beside it what JSON can't hold (PROTOCOL.md section 8). What both directions share.

/** Deeper than any sensible payload; a cycle gets here too, before the stack ends. */
export const maxDepth = 512

/** PROTOCOL.md section 8. */
export const maxBigintDigits = 4096

/** Parts begin at multiples of it, so that a Float64Array can be a view. */
export const alignment = 8

/** A payload ready to travel: its JSON, the JSON of its `rich` list when it has one, and its parts. */
export interface Payload {
  readonly json: string
  readonly rich: string | undefined
  /** Its parts, each at a multiple of 8 bytes: a copy, so that whoever gave them may use them again. */
  readonly bytes?: Uint8Array
}

/** In UTF-16 units and bytes. */
export const lengthOf = (payload: Payload | undefined): number =>
  payload ? payload.json.length + (payload.rich?.length ?? 0) + (payload.bytes?.length ?? 0) : 0

export type Key = string | number
export type Entry = [tag: string, ...path: Key[]]

/** A type of one's own that travels as itself; both ends have to know it by the same name. */
export interface ValueType<Value = unknown, Plain = unknown> {
  /** What both ends call it: 1 to 64 of `A–Z a–z 0–9 _ . -`. */
  readonly name: string
  /** Asked about every object that is neither a plain one nor a plain array, so before Date, Map or bytes are thought of. */
  is(value: unknown): boolean
  /** Gives something that travels: plain data, or with values of other types in it. */
  encode(value: Value): Plain
  /** Makes it again; what it throws fails the call. */
  decode(plain: Plain): Value
}

/** The types of one's own, by the tag they have on the wire. */
export type ValueTypes = ReadonlyMap<string, ValueType>

/** No longer than that: parsing a decimal takes quadratic time. */
export const bigintForm = /^-?\d{1,4096}$/

export const refusedKeys: ReadonlySet<Key> = new Set<Key>(['__proto__', 'constructor', 'prototype'])

export const noBytes = new Uint8Array(0)

export const align = (length: number): number => Math.ceil(length / alignment) * alignment

export interface TypedArrayConstructor {
  readonly name: string
  readonly BYTES_PER_ELEMENT: number
  new (buffer: ArrayBufferLike, offset?: number, length?: number): ArrayBufferView
}

const tagged = (type: TypedArrayConstructor) => [type.name.slice(0, -5).toLowerCase(), type] as const

/** Arrays of numbers, by tag: the name without its "Array", but for bytes. */
export const arrayTypes: ReadonlyMap<string, TypedArrayConstructor> = new Map<string, TypedArrayConstructor>([
  ['bytes', Uint8Array],
  ...[Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array].map(tagged),
  ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array].map(tagged),
])
