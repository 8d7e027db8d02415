// Messages that no honest end would send, made from honest ones: a seed decides. Knows the shapes of PROTOCOL.md, not their meaning.
import type { Chaos } from 'trunkline/testing'

const names = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'then',
  'hasOwnProperty',
  'act',
  'feed',
  '',
  'a.b.c',
  '\u0000',
  '\ud800',
]
const numbers = [0, -0, 1, -1, 2, 3, 5, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308]

/** One honest message of each type, from both ends. */
const honest: readonly (readonly [type: number, ...rest: unknown[]])[] = [
  [
    0,
    {
      session: 'abcdefghijklmnopqrstuv',
      attempt: 1,
      since: 1,
      received: 0,
      timeoutMs: 30_000,
      features: ['resume'],
      params: {},
    },
  ],
  [
    1,
    {
      connection: 'c',
      session: 'new',
      received: 0,
      server: 's',
      features: ['resume'],
      keepAlive: { intervalMs: 1, timeoutMs: 1 },
      limits: {},
    },
  ],
  [2, 1, 'act', { id: 1 }, { timeoutMs: 5_000, meta: {}, repeat: true, credit: [256, 262_144], lastEventId: 'x' }],
  [2, 3, 'feed', null, null, [['date', 'a', 0]]],
  [2, 5, 'load'],
  [2, 7, 'talk', [0, 8], { credit: [2, 2_000] }, [['bytes']]],
  [3, 1, { id: 1 }, [['date', 'id']]],
  [3, 3, [0, 8], [['bytes']]],
  [4, 1, 'NOT_FOUND', 'no', { data: null, delivery: 'not-run' }],
  [4, 1, 'REFUSED', 'no', { data: [0, 8], stream: true }, [['float64']]],
  [5, 3, 7, { position: 'e.1' }],
  [5, 5, 7],
  [5, 7, 0],
  [6, 7, 'value', 'e.2', 12],
  [6, 7, [0, 8], null, 12, [['bytes']]],
  [7, 7, { reason: 'history', position: 'x' }],
  [8, 3],
  [9, 3, 512, 524_288],
  [10, 1],
  [11, 1, 1],
  [12, 0, 0],
  [13, 0, 0],
  [14, { drainMs: 10, reason: 'x' }],
  [15, { token: 'x' }],
  [16, { ok: true }],
  [17, [0, 8], [['bytes']]],
  [17, null],
]

/** Of the connection: the others go both ways, since either end answers calls. */
const forClient = new Set([1, 14, 16])
const forServer = new Set([0, 15])

const ofCaller = new Set([2, 10])
const ofAnswerer = new Set([3, 4, 5, 7])

/** Makes an honest message one about a call of the end that may say it, most of the time; an `open` has an id of its own. */
function turnIds(chaos: Chaos, end: 'client' | 'server', message: unknown[]): unknown[] {
  const [type, id] = message as [number, unknown]
  if (typeof id !== 'number' || type > 10) return message
  const isEven = ofCaller.has(type)
    ? end === 'client'
    : ofAnswerer.has(type)
      ? end === 'server'
      : chaos.integer(0, 1) > 0
  const own = type === 2 && chaos.integer(0, 3) ? chaos.integer(4, 2 ** 30) * 2 + 1 : id
  message[1] = own + (isEven !== (chaos.integer(0, 7) === 0) ? 1 : 0)
  return message
}

/**
 * A frame for one end: truncated, of wrong shapes, with inherited names, very deep, or with huge ids; in one of three, binary, with headers, bases
 * and parts that do not fit; now and then an honest one.
 */
export function fuzzed(chaos: Chaos, end: 'client' | 'server'): string | Uint8Array {
  const foreign = end === 'client' ? forServer : forClient
  const known = chaos.integer(0, 9) ? honest.filter(([type]) => !foreign.has(type)) : honest
  const aboutCalls = honest.filter(([type]) => type >= 2 && (type <= 10 || type === 17))
  const pick = <Item>(items: readonly Item[]): Item => items[chaos.integer(0, items.length - 1)] as Item
  const message = (): unknown =>
    mutate(
      turnIds(chaos, end, structuredClone(pick(chaos.integer(0, 9) ? aboutCalls : known)) as unknown as unknown[]),
      // Most are honest: an end that is closed at the first message is not asked much.
      pick([0, 0, 0, 0, 1, 2]),
    )
  const mutate = (value: unknown, times: number): unknown => {
    let result = value
    for (let time = 0; time < times; time++) result = strike(result)
    return result
  }
  /** Puts something else somewhere. */
  const strike = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || chaos.integer(0, 5) === 0) return anything()
    const keys = Object.keys(value)
    const key = pick([...keys, ...keys, ...(Array.isArray(value) ? [String(keys.length)] : names)])
    // As JSON.parse would make it: an own property, whatever its name.
    Object.defineProperty(value, key, {
      // Never what is inherited: that would be this process's own.
      value: strike(Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : null),
      enumerable: true,
      configurable: true,
      writable: true,
    })
    return value
  }
  const anything = (): unknown => {
    const made = [
      null,
      true,
      [],
      {},
      [[]],
      pick(names),
      pick(numbers),
      [pick(names), pick(numbers)],
      { [`${pick(names)}`]: pick(numbers) },
      'x'.repeat(chaos.integer(0, 600)),
    ]
    return pick(made)
  }
  return chaos.integer(0, 2) ? frame(chaos.integer(0, 99)) : binary(chaos.integer(0, 99))

  function binary(kind: number): Uint8Array {
    if (kind < 5) return bytes(chaos.integer(0, 40))
    const messages = Array.from({ length: chaos.integer(1, 3) }, () => based(message()))
    const header = new TextEncoder().encode(JSON.stringify(messages.length === 1 ? messages[0] : messages))
    const parts = bytes(pick([0, 7, 8, 16, 64, 70_000]))
    const start = (4 + header.length + 7) & ~7
    const whole = new Uint8Array(start + parts.length)
    const length =
      kind < 80 ? header.length : pick([0, 1, header.length - 1, header.length + 1, whole.length, 2 ** 32 - 1])
    new DataView(whole.buffer).setUint32(0, length)
    whole.set(header, 4)
    whole.set(parts, start)
    if (kind < 75) return whole
    if (kind < 90) return whole.subarray(0, chaos.integer(0, whole.length))
    // Not UTF-8, perhaps, and no JSON.
    whole[chaos.integer(0, whole.length - 1)] = 0xff
    return whole
  }

  /** With a base behind, a sign that its parts came before, or with neither. */
  function based(message: unknown): unknown {
    if (!Array.isArray(message) || chaos.integer(0, 2) === 0) return message
    const base = pick([0, 8, 16, 4, -8, 2 ** 40, 'x', null])
    return chaos.integer(0, 1) ? [...message, base] : [...message, base, pick([1, 1, 1, 0, 2, true])]
  }

  function bytes(length: number): Uint8Array {
    return new Uint8Array(length).fill(chaos.integer(0, 255))
  }

  function frame(kind: number): string {
    if (kind < 70) return JSON.stringify(message())
    if (kind < 82) return JSON.stringify([message(), message(), message()])
    const whole = JSON.stringify(message())
    if (kind < 92) return whole.slice(0, chaos.integer(0, whole.length))
    if (kind < 93) return deep(10_000)
    if (kind < 97) return `[2,${pick(numbers)}${'0'.repeat(chaos.integer(0, 300))},"act",${deep(chaos.integer(1, 50))}]`
    return String.fromCharCode(...Array.from({ length: chaos.integer(0, 40) }, () => chaos.integer(0, 0xffff)))
  }
}

const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
