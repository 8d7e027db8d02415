// One value of every type that travels, and what it is made of as text. Runs in Node and in a browser.
import { mutation, query, router, subscription, type as unchecked, type ValueType } from 'trunkline'

export const contract = router({
  give: query({ input: unchecked<string>(), output: unchecked<unknown>() }),
  take: mutation({ input: unchecked<unknown>(), output: unchecked<string>() }),
  echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  all: subscription({ output: unchecked<[name: string, value: unknown]>() }),
})

export class Money {
  readonly cents: bigint

  constructor(cents: bigint) {
    this.cents = cents
  }
}

export const types: readonly ValueType[] = [
  {
    name: 'money',
    is: (value) => value instanceof Money,
    encode: (value) => (value as Money).cents,
    decode: (cents) => new Money(cents as bigint),
  },
]

const every = (): readonly unknown[] => [
  Uint8Array.of(0, 1, 255),
  Int8Array.of(-128, 127),
  Uint8ClampedArray.of(0, 255),
  Int16Array.of(-32_768, 32_767),
  Uint16Array.of(0, 65_535),
  Int32Array.of(-(2 ** 31), 2 ** 31 - 1),
  Uint32Array.of(0, 2 ** 32 - 1),
  Float32Array.of(-0, Number.NaN, 1.5),
  Float64Array.of(-0, Number.NaN, 0.1),
  BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n),
  BigUint64Array.of(0n, 2n ** 64n - 1n),
  Uint8Array.of(1, 2, 3).buffer,
  new Blob(['grün'], { type: 'text/plain' }),
  new File([Uint8Array.of(9, 8, 7)], 'ü "x".bin', { type: 'application/x', lastModified: 1_234_567 }),
  new Date(1_700_000_000_123),
  new URL('https://a.example/p?q=1#h'),
  new Map<unknown, unknown>([[1n, new Set([undefined, Number.NaN])]]),
]

/** By name. */
export const samples = (): Map<string, unknown> =>
  new Map<string, unknown>([
    ...every().map((value): [string, unknown] => [Object.getPrototypeOf(value).constructor.name, value]),
    // A bundler changes the names of classes.
    ['Money', new Money(12n)],
    ['empty', [new Uint8Array(0), new ArrayBuffer(0), new Blob([]), new Float64Array(0)]],
    ['large', Float64Array.from({ length: 60_000 }, (_, index) => index / 7)],
    ['all at once', { list: every(), map: new Map([[new Money(1n), every()]]) }],
  ])

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** What a value is made of: equal for values that nobody can tell apart. */
export async function describe(value: unknown): Promise<string> {
  if (value instanceof File) return `File(${value.name},${value.lastModified},${await describeBlob(value)})`
  if (value instanceof Blob) return `Blob(${await describeBlob(value)})`
  if (value instanceof ArrayBuffer) return `ArrayBuffer(${hexOf(new Uint8Array(value))})`
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    return `${Object.getPrototypeOf(value).constructor.name}(${hexOf(bytes)})`
  }
  if (value instanceof Date) return `Date(${value.getTime()})`
  if (value instanceof URL) return `URL(${value.href})`
  if (value instanceof Money) return `Money(${value.cents})`
  if (value instanceof Map) return `Map(${await describe([...value])})`
  if (value instanceof Set) return `Set(${await describe([...value])})`
  if (Array.isArray(value)) return `[${(await Promise.all(value.map(describe))).join()}]`
  if (typeof value === 'object' && value !== null) return `{${await describe(Object.entries(value))}}`
  return `${typeof value} ${String(value)}`
}

const describeBlob = async (blob: Blob): Promise<string> =>
  `${blob.type},${hexOf(new Uint8Array(await blob.arrayBuffer()))}`
