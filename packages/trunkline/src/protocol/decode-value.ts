// Puts rich values back into payloads (PROTOCOL.md section 8). Does not know messages or schemas; trusts nothing it is given.
import { isCount, isRecord } from './decode.ts'
import {
  alignment,
  arrayTypes,
  bigintForm,
  type Key,
  noBytes,
  refusedKeys,
  type TypedArrayConstructor,
  type ValueType,
  type ValueTypes,
} from './values.ts'

/** How many bytes the messages of a frame may still make of its parts: those of two messages never overlap. */
export interface PartsBudget {
  left: number
}

/** The `rich` list of a message, with the parts it speaks of where its frame has any. */
export class RichParts {
  readonly entries: unknown
  /** They came in pieces, and the message behind those that were written after it. */
  readonly isLate: boolean
  readonly #bytes: Uint8Array
  readonly #budget: PartsBudget
  /** Where the next part may begin: none is used twice. */
  #next = 0
  /** What types of one's own have made, which may be plain objects, and others' too: no path leads into them. */
  #made: Set<unknown> | undefined

  constructor(
    entries: unknown,
    bytes: Uint8Array = noBytes,
    budget: PartsBudget = { left: bytes.length },
    isLate = false,
  ) {
    this.entries = entries
    this.#bytes = bytes
    this.#budget = budget
    this.isLate = isLate
  }

  /** Puts the values into a payload, once. @throws TypeError when the list breaks a rule of PROTOCOL.md section 8 */
  decode(root: unknown, types: ValueTypes | undefined): unknown {
    if (!Array.isArray(this.entries)) throw new TypeError('rich: not a list')
    const holder = { root }
    for (const entry of this.entries) {
      if (!Array.isArray(entry) || typeof entry[0] !== 'string') throw new TypeError('rich: not an entry')
      let parent = holder as Record<Key, unknown>
      let key: Key = 'root'
      for (let index = 1; index < entry.length; index++) {
        const step = entry[index]
        const next = parent[key]
        if (this.#made?.has(next) || !isStep(next, step)) throw new TypeError('rich: no such path')
        parent = next as Record<Key, unknown>
        key = step
      }
      parent[key] = this.#fromPlain(entry[0], parent[key], types)
    }
    return holder.root
  }

  #fromPlain(tag: string, plain: unknown, types: ValueTypes | undefined): unknown {
    if (tag === 'undefined' && plain === null) return undefined
    if (tag === 'number' && (plain === 'NaN' || plain === 'Infinity' || plain === '-Infinity')) return Number(plain)
    if (tag === 'bigint' && typeof plain === 'string' && bigintForm.test(plain)) return BigInt(plain)
    if (tag === 'date' && (typeof plain === 'number' || plain === null)) return new Date(plain ?? Number.NaN)
    if (tag === 'url' && typeof plain === 'string') return new URL(plain)
    const value = Array.isArray(plain) ? this.#fromList(tag, plain) : undefined
    if (value) return value
    const type = types?.get(tag)
    if (type) return this.#make(type, plain)
    throw new TypeError(`rich: not a "${tag.slice(0, 32)}"`)
  }

  #fromList(tag: string, list: readonly unknown[]): unknown {
    if (tag === 'set') return new Set(list)
    if (tag === 'map' && list.every(isPair)) return new Map(list)
    const arrayType = arrayTypes.get(tag)
    if (arrayType) return this.#array(arrayType, list)
    if (tag === 'buffer') return this.#buffer(list)
    const [, , type, name, lastModified] = list
    if (typeof type !== 'string') return undefined
    if (tag === 'blob') return new Blob([this.#buffer(list)], { type })
    if (tag !== 'file' || typeof name !== 'string' || typeof lastModified !== 'number') return undefined
    return new File([this.#buffer(list)], name, { type, lastModified })
  }

  #make(type: ValueType, plain: unknown): unknown {
    let value: unknown
    try {
      value = type.decode(plain)
    } catch (cause) {
      // What it says is for this end: the other may read why its call has failed.
      throw new TypeError(`what came is no "${type.name}"`, { cause })
    }
    this.#made ??= new Set()
    this.#made.add(Object(value))
    return value
  }

  #array(type: TypedArrayConstructor, place: readonly unknown[]): ArrayBufferView {
    const size = type.BYTES_PER_ELEMENT
    const part = this.#part(place, size)
    // A view keeps the whole frame in memory: only for what is most of it.
    const isView = part.length * 2 >= part.buffer.byteLength && part.byteOffset % size === 0
    const { buffer, byteOffset } = isView ? part : new Uint8Array(part)
    return new type(buffer, byteOffset, part.length / size)
  }

  #buffer(place: readonly unknown[]): ArrayBuffer {
    return new Uint8Array(this.#part(place)).buffer
  }

  /** The bytes at `[offset, length]`, in elements of `size`: inside the message's own, aligned, and behind those of the part before. */
  #part([offset, length]: readonly unknown[], size = 1): Uint8Array {
    const isAligned = isCount(offset) && isCount(length) && offset % alignment === 0 && length % size === 0
    if (!isAligned || offset < this.#next || offset + length > this.#bytes.length || length > this.#budget.left)
      throw new TypeError('rich: no such part')
    this.#next = offset + length
    this.#budget.left -= length
    return this.#bytes.subarray(offset, this.#next)
  }
}

/**
 * Puts the rich values of a `rich` list into a payload fresh from JSON.parse, which it changes in place.
 * @throws TypeError when the list breaks a rule of PROTOCOL.md section 8.
 */
export function decodeValue(root: unknown, rich: unknown, types?: ValueTypes): unknown {
  if (rich === undefined || rich === null) return root
  return (rich instanceof RichParts ? rich : new RichParts(rich)).decode(root, types)
}

const isPair = (value: unknown): value is [unknown, unknown] => Array.isArray(value) && value.length === 2

/** A step is an index into an array or an own key of a plain object: never into what an earlier entry has made. */
function isStep(parent: unknown, step: unknown): step is Key {
  if (Array.isArray(parent)) return isCount(step) && step < parent.length
  return (
    isRecord(parent) &&
    Object.getPrototypeOf(parent) === Object.prototype &&
    typeof step === 'string' &&
    !refusedKeys.has(step) &&
    Object.hasOwn(parent, step)
  )
}
