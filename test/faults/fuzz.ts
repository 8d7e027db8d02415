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
  [3, 1, { id: 1 }, [['date', 'id']]],
  [4, 1, 'NOT_FOUND', 'no', { data: null, delivery: 'not-run' }],
  [5, 3, 7, { position: 'e.1' }],
  [6, 7, 'value', 'e.2', 12],
  [7, 7, 'history', {}],
  [8, 3],
  [9, 3, 512, 524_288],
  [10, 1],
  [11, 1, 1],
  [12, 0, 0],
  [13, 0, 0],
  [14, { drainMs: 10, reason: 'x' }],
  [15, { token: 'x' }],
  [16, { ok: true }],
]

/** Types that only the client is told; `ack`, `ping` and `pong` go both ways. */
const forClient = new Set([1, 3, 4, 5, 6, 7, 8, 14, 16])
const forBoth = new Set([11, 12, 13])

/** A frame in text for one end: truncated, of wrong shapes, with inherited names, very deep, or with huge ids; now and then an honest one. */
export function fuzzed(chaos: Chaos, end: 'client' | 'server'): string {
  const known = honest.filter(([type]) => forBoth.has(type) || forClient.has(type) === (end === 'client'))
  const pick = <Item>(items: readonly Item[]): Item => items[chaos.integer(0, items.length - 1)] as Item
  const message = (): unknown =>
    mutate(structuredClone(pick(chaos.integer(0, 9) ? known : honest)), chaos.integer(0, 2))
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
  return frame(chaos.integer(0, 99))

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
