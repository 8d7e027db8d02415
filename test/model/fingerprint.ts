// A number for a state: equal for equal states. Does not know what is in it.

/**
 * 52 bits of two hashes. With a million states the chance that any two of them are taken for one is about 1 in 10 000, and a
 * set of numbers has room where a set of texts has none.
 */
export function fingerprint(state: unknown): number {
  a = 0x9e3779b9
  b = 0x85ebca6b
  walk(state)
  a ^= Math.imul(b ^ (b >>> 16), 0x2c1b3c6d)
  a = Math.imul(a ^ (a >>> 15), 0x297a2d39)
  return (a >>> 0) * 0x100000 + ((b ^ (b >>> 12)) & 0xfffff)
}

let a = 0
let b = 0

function mix(value: number): void {
  a = Math.imul(a ^ value, 0x01000193)
  a ^= a >>> 15
  b = Math.imul(b + value + 0x7ed55d16, 0x5bd1e995)
  b ^= b >>> 13
}

/** Keys are not mixed in, but for what frames hold: other objects have the same keys in the same order always. */
function walk(value: unknown): void {
  if (typeof value === 'number') return mix(value)
  if (typeof value === 'boolean') return mix(value ? 0x3f1 : 0x3f2)
  if (typeof value === 'string') return mix(numberOf(value))
  if (typeof value !== 'object' || value === null) return mix(0x3f3)
  if (Object.isFrozen(value)) return mix(frameNumber(value))
  if (Array.isArray(value)) {
    mix(0x400 + value.length)
    for (const element of value) walk(element)
    return
  }
  for (const key in value) walk((value as Record<string, unknown>)[key])
}

// Frames and strings are few and met again and again: each has a number of its own, the same for the life of the process.
const numbers = new Map<string, number>()
const frameNumbers = new WeakMap<object, number>()

function numberOf(text: string): number {
  let number = numbers.get(text)
  if (number === undefined) {
    number = 0x1000 + numbers.size
    numbers.set(text, number)
  }
  return number
}

function frameNumber(frame: object): number {
  let number = frameNumbers.get(frame)
  if (number === undefined) {
    number = numberOf(JSON.stringify(frame))
    frameNumbers.set(frame, number)
  }
  return number
}
