// Values of every type that travels, nested in one another, for properties; and what of them can be compared. Knows no protocol.
import * as fc from 'fast-check'

const refusedKeys = ['__proto__', 'constructor', 'prototype']

const contents = fc.uint8Array({ maxLength: 40 })

/** Of whole elements, and now and then a view into more. */
const arrays = fc
  .tuple(
    contents,
    fc.boolean(),
    fc.constantFrom(
      Uint8Array,
      Int8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
      BigInt64Array,
      BigUint64Array,
    ),
  )
  .map(([bytes, isInner, type]) => {
    const length = Math.floor(bytes.length / type.BYTES_PER_ELEMENT)
    const start = isInner && length > 0 ? 1 : 0
    return new type(bytes.slice().buffer, start * type.BYTES_PER_ELEMENT, length - start)
  })

const blobType = fc.constantFrom('', 'text/plain', 'text/html;charset=utf-8')

const blobs = fc.oneof(
  fc.tuple(contents, blobType).map(([bytes, type]) => new Blob([bytes.slice()], { type })),
  fc
    .tuple(contents, blobType, fc.string(), fc.nat())
    .map(([bytes, type, name, lastModified]) => new File([bytes.slice()], name, { type, lastModified })),
)

const leaf = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.boolean(),
  fc.constant(null),
  fc.integer(),
  // JSON has no -0; it arrives as 0.
  fc.double().map((number) => (Object.is(number, -0) ? 0 : number)),
  fc.bigInt(),
  fc.date({ noInvalidDate: false }),
  fc.webUrl().map((url) => new URL(url)),
  arrays,
  arrays,
  contents.map((bytes) => bytes.slice().buffer),
)
const key = fc.string().filter((name) => !refusedKeys.includes(name))

function nested(leaves: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.letrec<{ value: unknown; element: unknown }>((tie) => ({
    element: fc.oneof(tie('value'), fc.constant(undefined)),
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaves,
      fc.array(tie('element'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
      fc.array(fc.tuple(tie('element'), tie('element')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
      fc.array(tie('element'), { maxLength: 3 }).map((members) => new Set(members)),
    ),
  })).value
}

/** Whatever is there at once. */
export const anyValue = nested(leaf)

/** With Blobs and Files too, whose content has to be read. */
export const anyValueWithBlobs = nested(fc.oneof(leaf, blobs))

/** The value with its Blobs read, and arrays as their types and bytes: what two values have to have in common, bit by bit. */
export async function contentOf(value: unknown): Promise<unknown> {
  if (value instanceof File)
    return { file: [value.name, value.lastModified, value.type, await contentOf(await value.arrayBuffer())] }
  if (value instanceof Blob) return { blob: [value.type, await contentOf(await value.arrayBuffer())] }
  if (value instanceof Map) return new Map((await contentOf([...value])) as [unknown, unknown][])
  if (value instanceof Set) return { set: await contentOf([...value]) }
  if (Array.isArray(value)) return Promise.all(Array.from(value, contentOf))
  if (typeof value !== 'object' || value === null) return value
  if (Object.getPrototypeOf(value) !== Object.prototype) return bitsOf(value)
  const entries = await Promise.all(Object.entries(value).map(async ([name, inner]) => [name, await contentOf(inner)]))
  return Object.fromEntries(entries)
}

/** The same of what holds no Blob. */
export function bitsOf(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    return { [Object.getPrototypeOf(value).constructor.name]: bytes.toString('hex') }
  }
  if (value instanceof ArrayBuffer) return { ArrayBuffer: Buffer.from(value).toString('hex') }
  if (value instanceof Map) return new Map([...value].map((pair) => bitsOf(pair) as [unknown, unknown]))
  if (value instanceof Set) return { set: bitsOf([...value]) }
  if (Array.isArray(value)) return Array.from(value, bitsOf)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, bitsOf(inner)]))
}
