// Encodes values as payloads (PROTOCOL.md section 8). Does not know messages or schemas.
import { toJson } from './json.ts'
import {
  align,
  arrayTypes,
  bigintForm,
  type Entry,
  type Key,
  maxBigintDigits,
  maxDepth,
  type Payload,
  refusedKeys,
  type ValueType,
  type ValueTypes,
} from './values.ts'

/**
 * Encodes a value as a payload; one that is undefined at the top has the JSON `null` and says so in `rich`. A promise only
 * where a Blob has to be read.
 * @throws TypeError naming the path of a value that can't travel.
 */
export function encodeValue(value: unknown, types?: ValueTypes): Payload | Promise<Payload> {
  // Most payloads are plain: looking allocates nothing, while a walk that may have to report keeps paths and lists.
  if (isPlain(value, 0)) return { json: toJson(value), rich: undefined }
  return new Encoding(types).encode(value)
}

/** Holds nothing, and JSON carries it. */
const isLeaf = (value: unknown): boolean =>
  typeof value === 'string' || typeof value === 'boolean' || value === null || Number.isFinite(value)

/** True for what JSON carries whole. False is no verdict: the walk then finds what is rich, or what can't be sent. */
const isPlain = (value: unknown, depth: number): boolean =>
  isLeaf(value) || (typeof value === 'object' && depth < maxDepth && isPlainObject(value as object, depth + 1))

function isPlainObject(value: object, depth: number): boolean {
  // A `toJSON` that is not walked, being hidden or an array's, would still be called by JSON.stringify.
  if ('toJSON' in value) return false
  const prototype = Object.getPrototypeOf(value)
  if (prototype === Array.prototype && Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) if (!isPlain(value[index], depth)) return false
    return true
  }
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const key in value) {
    const property = (value as Record<string, unknown>)[key]
    if (property !== undefined && !isPlain(property, depth)) return false
  }
  return true
}

interface Part {
  readonly offset: number
  readonly length: number
  readonly source: Uint8Array | Blob
  readonly path: readonly Key[]
}

/** One walk through a value that is not plain. */
class Encoding {
  readonly #types: ValueTypes | undefined
  readonly #path: Key[] = []
  readonly #entries: Entry[] = []
  readonly #parts: Part[] = []
  #size = 0

  constructor(types: ValueTypes | undefined) {
    this.#types = types
  }

  encode(value: unknown): Payload | Promise<Payload> {
    const json = toJson(this.#toPlain(value))
    const rich = this.#entries.length ? JSON.stringify(this.#entries) : undefined
    if (!this.#parts.length) return { json, rich }
    const payload = { json, rich, bytes: new Uint8Array(this.#size) }
    const reading = this.#parts.map((part) => fill(payload.bytes, part)).filter(Boolean)
    return reading.length ? Promise.all(reading).then(() => payload) : payload
  }

  /** Gives the plain form, which is the value itself as long as nothing in it is rich: plain data is walked, not copied. */
  #toPlain(value: unknown): unknown {
    if (isLeaf(value)) return value
    switch (typeof value) {
      case 'object':
        return this.#objectToPlain(value as object)
      case 'number':
        return this.#mark('number', String(value))
      case 'undefined':
        return this.#mark('undefined', null)
      case 'bigint': {
        const digits = String(value)
        if (bigintForm.test(digits)) return this.#mark('bigint', digits)
        throw unsendable(this.#path, `a bigint may have ${maxBigintDigits} digits`)
      }
      default:
        throw unsendable(this.#path, `a ${typeof value} can't be sent`)
    }
  }

  #objectToPlain(value: object): unknown {
    if (this.#path.length > maxDepth)
      throw unsendable(this.#path.slice(0, 8), `contains a cycle, or is nested deeper than ${maxDepth}`)
    const prototype = Object.getPrototypeOf(value)
    if (prototype === Array.prototype || prototype === Object.prototype || prototype === null) return this.#walk(value)
    for (const [tag, type] of this.#types ?? [])
      if (this.#ask(type, 'is', value)) return this.#mark(tag, this.#toPlain(this.#ask(type, 'encode', value)))
    // JSON has null for the time of an invalid date.
    if (value instanceof Date) return this.#mark('date', value.getTime())
    if (value instanceof Map) return this.#mark('map', this.#walk([...value]))
    if (value instanceof Set) return this.#mark('set', this.#walk([...value]))
    if (value instanceof URL) return this.#mark('url', value.href)
    // A Buffer of Node is a Uint8Array to everybody else.
    for (const [tag, type] of arrayTypes)
      if (value instanceof type)
        return this.#part(tag, new Uint8Array(value.buffer, value.byteOffset, value.byteLength), value.byteLength)
    if (value instanceof ArrayBuffer) return this.#part('buffer', new Uint8Array(value), value.byteLength)
    if (value instanceof File) return this.#part('file', value, value.size, value.type, value.name, value.lastModified)
    if (value instanceof Blob) return this.#part('blob', value, value.size, value.type)
    const name = prototype.constructor?.name || 'a class'
    const what = 'send plain data, one of Date, Map, Set, URL, bytes, or say in `types` how it travels'
    throw unsendable(this.#path, `an instance of ${name} can't be sent; ${what}`)
  }

  #ask(type: ValueType, what: 'is' | 'encode', value: unknown): unknown {
    try {
      return type[what](value)
    } catch (cause) {
      const why = (cause as Error)?.message ?? cause
      throw unsendable(this.#path, `"${type.name}" can't be sent: ${why}`, { cause })
    }
  }

  #part(tag: string, source: Part['source'], length: number, ...details: unknown[]): unknown {
    const offset = align(this.#size)
    this.#parts.push({ offset, length, source, path: [...this.#path] })
    this.#size = offset + length
    return this.#mark(tag, [offset, length, ...details])
  }

  /** Walks what an array or a record holds, and copies it where something in it changes. */
  #walk(value: object): unknown {
    // JSON.stringify would call a `toJSON` that a copy leaves behind.
    let copy = 'toJSON' in value ? copyOf(value) : undefined
    for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
      const before = (value as Record<Key, unknown>)[key]
      // JSON leaves an undefined property out by itself.
      if (isLeaf(before) || (before === undefined && typeof key === 'string')) continue
      this.#path.push(key)
      const after = this.#toPlain(before)
      this.#path.pop()
      if (after === before) continue
      copy ??= copyOf(value)
      copy[key] = after
    }
    return copy ?? value
  }

  #mark(tag: string, plain: unknown): unknown {
    if (this.#path.some((key) => refusedKeys.has(key)))
      throw unsendable(this.#path, `a ${tag} can't be sent under this key`)
    this.#entries.push([tag, ...this.#path])
    return plain
  }
}

const copyOf = (value: object): Record<Key, unknown> =>
  (Array.isArray(value) ? [...value] : { ...value }) as Record<Key, unknown>

/** Copies a part to its place; a promise where it has to be read first. */
function fill(bytes: Uint8Array, { source, offset, length, path }: Part): Promise<void> | undefined {
  if (source instanceof Uint8Array) {
    bytes.set(source, offset)
    return undefined
  }
  return source.arrayBuffer().then(
    (content) => {
      if (content.byteLength !== length) throw unsendable(path, 'a Blob has another length than it said')
      bytes.set(new Uint8Array(content), offset)
    },
    (cause) => {
      throw unsendable(path, "a Blob can't be read", { cause })
    },
  )
}

const unsendable = (path: readonly Key[], what: string, options?: ErrorOptions): TypeError =>
  new TypeError(path.length ? `${path.join('.')}: ${what}` : what, options)
