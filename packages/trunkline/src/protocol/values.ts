// Rich values: what JSON can't hold, beside the JSON (PROTOCOL.md section 8). Does not know messages or schemas.

/** A payload ready to travel: its JSON, and the JSON of its `rich` list when it has one. */
export interface Payload {
  readonly json: string
  readonly rich: string | undefined
}

type Key = string | number
type Entry = [tag: string, ...path: Key[]]

/** Deeper than any sensible payload; a cycle gets here too, before the stack ends. */
const maxDepth = 512

/** PROTOCOL.md section 8: parsing a decimal takes quadratic time. */
const maxBigintDigits = 4096

const refusedKeys = new Set<Key>(['__proto__', 'constructor', 'prototype'])

const bigintForm = /^-?\d{1,4096}$/

/**
 * Encodes a value as a payload; one that is undefined at the top has the JSON `null` and says so in `rich`.
 * @throws TypeError naming the path of a value that can't travel.
 */
export function encodeValue(value: unknown): Payload {
  // Most payloads are plain: looking allocates nothing, while a walk that may have to report keeps paths and lists.
  if (isPlain(value, 0)) return { json: JSON.stringify(value), rich: undefined }
  const entries: Entry[] = []
  const plain = toPlain(value, [], entries)
  return { json: JSON.stringify(plain), rich: entries.length ? JSON.stringify(entries) : undefined }
}

/** True for what JSON carries whole. False is no verdict: the walk then finds what is rich, or what can't be sent. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      return value === null || (depth < maxDepth && isPlainObject(value, depth + 1))
    default:
      return false
  }
}

function isPlainObject(value: object, depth: number): boolean {
  // A `toJSON` that is not walked, being hidden or an array's, would still be called by JSON.stringify.
  if ('toJSON' in value) return false
  if (Array.isArray(value)) {
    if (Object.getPrototypeOf(value) !== Array.prototype) return false
    for (let index = 0; index < value.length; index++) if (!isPlain(value[index], depth)) return false
    return true
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const key in value) {
    const property = (value as Record<string, unknown>)[key]
    if (property !== undefined && !isPlain(property, depth)) return false
  }
  return true
}

/** Gives the plain form, which is the value itself as long as nothing in it is rich: plain data is walked, not copied. */
function toPlain(value: unknown, path: Key[], entries: Entry[]): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : mark('number', String(value), path, entries)
    case 'undefined':
      return mark('undefined', null, path, entries)
    case 'bigint':
      return plainBigint(value, path, entries)
    case 'object':
      return value === null ? null : objectToPlain(value, path, entries)
    default:
      throw unsendable(path, `a ${typeof value} can't be sent`)
  }
}

function objectToPlain(value: object, path: Key[], entries: Entry[]): unknown {
  if (path.length > maxDepth)
    throw unsendable(path.slice(0, 8), `contains a cycle, or is nested deeper than ${maxDepth}`)
  const prototype = Object.getPrototypeOf(value)
  if (prototype === Array.prototype) return arrayToPlain(value as unknown[], path, entries)
  if (prototype === Object.prototype || prototype === null)
    return recordToPlain(value as Record<string, unknown>, path, entries)
  if (value instanceof Date) {
    const time = value.getTime()
    return mark('date', Number.isNaN(time) ? null : time, path, entries)
  }
  if (value instanceof Map) return mark('map', arrayToPlain([...value], path, entries), path, entries)
  if (value instanceof Set) return mark('set', arrayToPlain([...value], path, entries), path, entries)
  if (value instanceof URL) return mark('url', value.href, path, entries)
  throw unsendable(
    path,
    `an instance of ${prototype.constructor?.name || 'a class'} can't be sent; send plain data, or one of Date, Map, Set, URL`,
  )
}

function arrayToPlain(value: readonly unknown[], path: Key[], entries: Entry[]): readonly unknown[] {
  let copy: unknown[] | undefined = 'toJSON' in value ? [...value] : undefined
  for (let index = 0; index < value.length; index++) {
    const before = value[index]
    path.push(index)
    const after = toPlain(before, path, entries)
    path.pop()
    if (after === before) continue
    copy ??= value.slice()
    copy[index] = after
  }
  return copy ?? value
}

function recordToPlain(value: Record<string, unknown>, path: Key[], entries: Entry[]): unknown {
  let copy: Record<string, unknown> | undefined = 'toJSON' in value ? { ...value } : undefined
  for (const key of Object.keys(value)) {
    const before = value[key]
    // JSON leaves an undefined property out by itself.
    if (before === undefined) continue
    path.push(key)
    const after = toPlain(before, path, entries)
    path.pop()
    if (after === before) continue
    if (refusedKeys.has(key)) throw unsendable([...path, key], `a ${kindOf(before)} can't be sent under this key`)
    copy ??= { ...value }
    copy[key] = after
  }
  return copy ?? value
}

function plainBigint(value: bigint, path: Key[], entries: Entry[]): unknown {
  const digits = value.toString()
  if (digits.length > maxBigintDigits + Number(value < 0n))
    throw unsendable(path, `a bigint may have ${maxBigintDigits} digits`)
  return mark('bigint', digits, path, entries)
}

function mark(tag: string, plain: unknown, path: readonly Key[], entries: Entry[]): unknown {
  if (path.some((key) => refusedKeys.has(key))) throw unsendable(path, `a ${tag} can't be sent under this key`)
  entries.push([tag, ...path])
  return plain
}

const kindOf = (value: unknown): string =>
  typeof value === 'object' ? (value?.constructor?.name ?? 'value') : typeof value

const unsendable = (path: readonly Key[], what: string): TypeError =>
  new TypeError(path.length ? `${path.join('.')}: ${what}` : what)

/**
 * Puts the rich values of a `rich` list into a payload fresh from JSON.parse, which it changes in place.
 * @throws TypeError when the list breaks a rule of PROTOCOL.md section 8.
 */
export function decodeValue(root: unknown, rich: unknown): unknown {
  if (rich === undefined || rich === null) return root
  if (!Array.isArray(rich)) throw new TypeError('rich is not an array')
  const holder = { root }
  for (const entry of rich) {
    if (!Array.isArray(entry) || typeof entry[0] !== 'string')
      throw new TypeError('an entry of rich is not [tag, …path]')
    applyEntry(holder, entry)
  }
  return holder.root
}

function applyEntry(holder: { root: unknown }, entry: readonly unknown[]): void {
  let parent: object = holder
  let key: Key = 'root'
  for (let index = 1; index < entry.length; index++) {
    const next: unknown = (parent as Record<Key, unknown>)[key]
    parent = next as object
    key = checkStep(next, entry[index])
  }
  const place = parent as Record<Key, unknown>
  place[key] = fromPlain(entry[0] as string, place[key])
}

/** A step is an index into an array or an own key of a plain object: never into what an earlier entry has made. */
function checkStep(parent: unknown, step: unknown): Key {
  if (Array.isArray(parent)) {
    if (typeof step === 'number' && Number.isInteger(step) && step >= 0 && step < parent.length) return step
  } else if (typeof parent === 'object' && parent !== null && Object.getPrototypeOf(parent) === Object.prototype) {
    if (typeof step === 'string' && !refusedKeys.has(step) && Object.hasOwn(parent, step)) return step
  }
  throw new TypeError('a path in rich leads nowhere')
}

function fromPlain(tag: string, plain: unknown): unknown {
  const list = Array.isArray(plain) ? plain : undefined
  if (tag === 'undefined' && plain === null) return undefined
  if (tag === 'number' && (plain === 'NaN' || plain === 'Infinity' || plain === '-Infinity')) return Number(plain)
  if (tag === 'bigint' && typeof plain === 'string' && bigintForm.test(plain)) return BigInt(plain)
  if (tag === 'date' && (typeof plain === 'number' || plain === null)) return new Date(plain ?? Number.NaN)
  if (tag === 'url' && typeof plain === 'string') return new URL(plain)
  if (tag === 'map' && list?.every((pair) => Array.isArray(pair) && pair.length === 2)) return new Map(list)
  if (tag === 'set' && list) return new Set(list)
  throw new TypeError(`rich has a "${tag.slice(0, 32)}" where none can be`)
}
