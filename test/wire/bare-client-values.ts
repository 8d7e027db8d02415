// The values of PROTOCOL.md, section 8: a payload is plain JSON beside a list of `[tag, …path]`. It knows no message.

export type Step = string | number
export type RichEntry = readonly [tag: string, ...path: Step[]]
export type Payload = { json: unknown; rich: RichEntry[] }

const REFUSED_STEPS: readonly Step[] = ['__proto__', 'constructor', 'prototype']

const revivers = new Map<string, (json: unknown) => unknown>([
  ['undefined', (json) => expect(json === null, undefined)],
  ['number', (json) => expect(['NaN', 'Infinity', '-Infinity'].includes(String(json)), Number(json))],
  ['bigint', (json) => expect(typeof json === 'string' && /^-?\d{1,4096}$/.test(json), BigInt(String(json)))],
  [
    'date',
    (json) => expect(json === null || typeof json === 'number', new Date(json === null ? Number.NaN : Number(json))),
  ],
  ['url', (json) => new URL(String(json))],
  ['map', (json) => new Map(list(json).map((pair) => [list(pair)[0], list(pair)[1]]))],
  ['set', (json) => new Set(list(json))],
])

/** Writes a value as JSON with the entries beside it, inner ones before outer ones. */
export function encode(value: unknown): Payload {
  const rich: RichEntry[] = []
  return { json: write(value, [], rich), rich }
}

/** Reads a payload back; throws where the list breaks the rules of section 8. */
export function decode(json: unknown, rich: readonly RichEntry[]): unknown {
  const holder = { payload: json }
  for (const [tag, ...path] of rich) {
    const revive = revivers.get(tag)
    if (!revive) throw new TypeError(`unknown tag ${tag}`)
    const steps: Step[] = ['payload', ...path]
    const last = steps.pop() ?? 'payload'
    const parent = steps.reduce<unknown>((place, step) => open(place, step)[step], holder)
    const place = open(parent, last)
    place[last] = revive(place[last])
  }
  return holder.payload
}

function write(value: unknown, path: Step[], rich: RichEntry[]): unknown {
  const tagged = (tag: string, json: unknown): unknown => {
    rich.push([tag, ...path])
    return json
  }
  if (value === undefined) return tagged('undefined', null)
  if (typeof value === 'number' && !Number.isFinite(value)) return tagged('number', String(value))
  if (typeof value === 'bigint') return tagged('bigint', String(value))
  if (value instanceof Date) return tagged('date', Number.isNaN(value.getTime()) ? null : value.getTime())
  if (value instanceof URL) return tagged('url', value.href)
  if (value instanceof Map) return tagged('map', writeList([...value], path, rich))
  if (value instanceof Set) return tagged('set', writeList([...value], path, rich))
  if (Array.isArray(value)) return writeList(value, path, rich)
  if (typeof value !== 'object' || value === null) return value
  const present = Object.entries(value).filter(([, property]) => property !== undefined)
  return Object.fromEntries(present.map(([key, property]) => [key, write(property, [...path, key], rich)]))
}

function writeList(values: readonly unknown[], path: Step[], rich: RichEntry[]): unknown[] {
  return values.map((value, index) => write(value, [...path, index], rich))
}

/** The container at a place, when `step` leads on from it to an existing place. */
function open(place: unknown, step: Step): Record<Step, unknown> {
  const container = Array.isArray(place) ? typeof step === 'number' : isPlainObject(place) && typeof step === 'string'
  if (!container || REFUSED_STEPS.includes(step) || !Object.hasOwn(place as object, step)) {
    throw new TypeError(`no place at ${step}`)
  }
  return place as Record<Step, unknown> // checked above: an array with an index or an object with its own key
}

function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function list(json: unknown): unknown[] {
  if (!Array.isArray(json)) throw new TypeError('not an array')
  return json
}

function expect<Value>(fits: boolean, value: Value): Value {
  if (!fits) throw new TypeError('the JSON does not fit its tag')
  return value
}
