import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinPacked, parseBinaryFrame } from '../../packages/trunkline/src/protocol/binary-frame.ts'
import { parseFrame } from '../../packages/trunkline/src/protocol/decode.ts'
import { decodeValue } from '../../packages/trunkline/src/protocol/decode-value.ts'
import { encodeValue } from '../../packages/trunkline/src/protocol/encode-value.ts'
import { encodeResult } from '../../packages/trunkline/src/protocol/messages.ts'
import { joinBatch } from '../../packages/trunkline/src/protocol/outbox.ts'
import type { Payload } from '../../packages/trunkline/src/protocol/values.ts'
import { anyValue, anyValueWithBlobs, bitsOf, contentOf } from './any-value.ts'
import { encodeNow } from './encode-now.ts'

/** There and back in a frame of its own: what the other end of a line gets. */
function arrive(payload: Payload): unknown {
  const frame = joinBatch([encodeResult(1, payload)])
  const [message] = (typeof frame === 'string' ? parseFrame(frame) : parseBinaryFrame(frame)).messages
  const [, , value, rich] = message as unknown[]
  return decodeValue(value, rich)
}

const travel = (value: unknown): unknown => arrive(encodeNow(value))
const travelRead = async (value: unknown): Promise<unknown> => arrive(await encodeValue(value))

const every: [tag: string, value: { readonly byteLength: number; slice(from: number, to: number): unknown }][] = [
  ['bytes', Uint8Array.of(0, 1, 255)],
  ['int8', Int8Array.of(-128, 0, 127)],
  ['uint8clamped', Uint8ClampedArray.of(0, 128, 255)],
  ['int16', Int16Array.of(-32_768, 1, 32_767)],
  ['uint16', Uint16Array.of(0, 1, 65_535)],
  ['int32', Int32Array.of(-(2 ** 31), 1, 2 ** 31 - 1)],
  ['uint32', Uint32Array.of(0, 1, 2 ** 32 - 1)],
  ['float32', Float32Array.of(-0, 1.5, Number.NaN, Number.NEGATIVE_INFINITY)],
  ['float64', Float64Array.of(-0, 0.1, Number.NaN, Number.POSITIVE_INFINITY)],
  ['bigint64', BigInt64Array.of(-(2n ** 63n), 1n, 2n ** 63n - 1n)],
  ['biguint64', BigUint64Array.of(0n, 1n, 2n ** 64n - 1n)],
  ['buffer', Uint8Array.of(1, 2, 3).buffer],
]

describe.each(every)('%s', (tag, value) => {
  it('is named by its tag, and stands as offset and length', () => {
    const payload = encodeNow(value)
    expect(payload).toMatchObject({ json: `[0,${value.byteLength}]`, rich: `[["${tag}"]]` })
    expect(payload.bytes?.length).toBe(value.byteLength)
  })

  it.each<[string, (inner: unknown) => unknown]>([
    ['alone', (inner) => inner],
    ['in an array', (inner) => [inner, [inner]]],
    ['in an object', (inner) => ({ a: { b: inner }, c: inner })],
    ['in a map, as key and value', (inner) => new Map([[inner, inner]])],
    ['in a set', (inner) => new Set([inner])],
    ['beside what is rich without bytes', (inner) => [new Date(0), inner, undefined, 1n, inner]],
  ])('arrives as it was %s', (_where, wrap) => {
    expect(bitsOf(travel(wrap(value)))).toStrictEqual(bitsOf(wrap(value)))
  })

  it('arrives empty', () => {
    const empty = value.slice(0, 0)
    expect(bitsOf(travel([empty, empty, value]))).toStrictEqual(bitsOf([empty, empty, value]))
  })
})

describe('what is sent', () => {
  it('is a view’s part of its buffer, and nothing else of it', () => {
    const whole = Float64Array.of(1, 2, 3, 4)
    const payload = encodeNow(whole.subarray(1, 3))
    expect(payload.bytes?.length).toBe(16)
    expect(arrive(payload)).toStrictEqual(Float64Array.of(2, 3))
  })

  it('is a Uint8Array where it was a Buffer of Node', () => {
    expect(travel(Buffer.from('grün'))).toStrictEqual(new TextEncoder().encode('grün'))
  })

  it('is a Uint8Array where it was of a class that extends it', () => {
    class Bytes extends Uint8Array {}
    expect(travel(Bytes.of(1, 2))).toStrictEqual(Uint8Array.of(1, 2))
  })

  it('may be in shared memory; it arrives in memory of its own', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(4))
    shared.set([1, 2, 3, 4])
    const arrived = travel(shared) as Uint8Array
    expect([...arrived]).toEqual([1, 2, 3, 4])
    expect(arrived.buffer).toBeInstanceOf(ArrayBuffer)
  })

  it('may be in a buffer that grows: what is there now', () => {
    // Of ES2024, which our types do not know.
    interface Growing extends ArrayBuffer {
      resize(length: number): void
    }
    const Growing = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => Growing
    const buffer = new Growing(4, { maxByteLength: 64 })
    const array = new Uint8Array(buffer)
    array.set([1, 2, 3, 4])
    const payload = encodeNow({ array, buffer })
    buffer.resize(64)
    const arrived = arrive(payload) as { array: Uint8Array; buffer: ArrayBuffer }
    expect([...arrived.array]).toEqual([1, 2, 3, 4])
    expect(arrived.buffer.byteLength).toBe(4)
    expect((arrived.buffer as { resizable?: boolean }).resizable).toBe(false)
  })

  it('is bit-exact: -0, and what a NaN carries', () => {
    const bits = BigUint64Array.of(0x7ff8_0000_0000_0001n, 0xfff0_0000_0000_0badn, 0x8000_0000_0000_0000n)
    const arrived = travel(new Float64Array(bits.buffer)) as Float64Array
    expect(new BigUint64Array(arrived.slice().buffer)).toEqual(bits)
  })

  it('is what it was when it was given: whoever gave it may use it again at once', () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const payload = encodeNow({ bytes })
    bytes.fill(9)
    expect(arrive(payload)).toEqual({ bytes: Uint8Array.of(1, 2, 3) })
  })

  it('is what it was when it was given, beside a Blob that is still read', async () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const payload = encodeValue([new Blob(['x']), bytes])
    bytes.fill(9)
    expect((arrive(await payload) as unknown[])[1]).toEqual(Uint8Array.of(1, 2, 3))
  })

  it('is sent twice where it appears twice', () => {
    const bytes = Uint8Array.of(1)
    const [one, other] = travel([bytes, bytes]) as [Uint8Array, Uint8Array]
    expect(one).toEqual(other)
    expect(one).not.toBe(other)
  })

  it.each<[string, unknown]>([
    ['a DataView', new DataView(new ArrayBuffer(1))],
    ['a SharedArrayBuffer itself', new SharedArrayBuffer(1)],
    ['what only pretends to be bytes', Object.create(Uint8Array.prototype)],
    ['what only pretends to be a buffer', Object.create(ArrayBuffer.prototype)],
    ['what only pretends to be a Blob', Object.create(Blob.prototype)],
  ])('cannot be %s', (_name, value) => {
    expect(() => encodeValue({ value })).toThrow(TypeError)
  })

  it('cannot be a buffer that was handed on', () => {
    const buffer = new ArrayBuffer(8)
    const array = new Uint8Array(buffer)
    structuredClone(buffer, { transfer: [buffer] })
    expect(() => encodeValue(buffer)).toThrow(TypeError)
    expect(() => encodeValue(array)).toThrow(TypeError)
  })

  it.each(['__proto__', 'constructor', 'prototype'])('cannot stand under %s', (name) => {
    const value = Object.defineProperty({}, name, { value: Uint8Array.of(1), enumerable: true })
    expect(() => encodeValue(value)).toThrow(TypeError)
  })
})

describe('Blob and File', () => {
  it('travel with type, name and time of the last change', async () => {
    const blob = new Blob(['grün'], { type: 'text/plain;charset=utf-8' })
    const file = new File([Uint8Array.of(0, 255)], 'a "b"/ü.bin', { type: 'application/x', lastModified: 1_234_567 })
    const arrived = (await travelRead({ blob, file })) as { blob: Blob; file: File }
    expect(arrived.blob).toBeInstanceOf(Blob)
    expect(arrived.blob).not.toBeInstanceOf(File)
    expect(arrived.file).toBeInstanceOf(File)
    expect(await contentOf(arrived)).toStrictEqual(await contentOf({ blob, file }))
  })

  it('travel empty, nested, and as keys', async () => {
    const blob = new Blob([])
    const value = [new Map([[blob, new Set([blob])]]), { a: [blob] }]
    expect(JSON.stringify(await contentOf(await travelRead(value)))).toBe(JSON.stringify(await contentOf(value)))
  })

  it('are read once and together', async () => {
    const read: string[] = []
    class Slow extends Blob {
      override async arrayBuffer(): Promise<ArrayBuffer> {
        read.push('begun')
        await Promise.resolve()
        read.push('done')
        return super.arrayBuffer()
      }
    }
    const payload = encodeValue([new Slow(['a']), new Slow(['b'])])
    expect(read).toEqual(['begun', 'begun'])
    await payload
    expect(read).toHaveLength(4)
  })

  class Unreadable extends Blob {
    override arrayBuffer(): Promise<ArrayBuffer> {
      return Promise.reject(new Error('gone'))
    }
  }

  it('that cannot be read reject with a TypeError that says where', async () => {
    await expect(encodeValue({ list: [new Blob(['a']), new Unreadable(['b'])] })).rejects.toThrow(
      /^list\.1: a Blob can't be read$/,
    )
    await expect(encodeValue(new Unreadable(['b']))).rejects.toBeInstanceOf(TypeError)
  })

  it('that have another length than they said do not run over what stands behind them', async () => {
    class Grown extends Blob {
      override async arrayBuffer(): Promise<ArrayBuffer> {
        return new ArrayBuffer(100)
      }
    }
    await expect(encodeValue([new Grown(['a']), Uint8Array.of(1)])).rejects.toThrow(/^0: a Blob has another length/)
  })

  it('are not read when something beside them cannot be sent', () => {
    let isRead = false
    class Watched extends Blob {
      override arrayBuffer(): Promise<ArrayBuffer> {
        isRead = true
        return super.arrayBuffer()
      }
    }
    expect(() => encodeValue([new Watched(['a']), () => {}])).toThrow(TypeError)
    expect(isRead).toBe(false)
  })
})

describe('any value', () => {
  it('arrives as it was, bit by bit', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(bitsOf(travel(value))).toStrictEqual(bitsOf(value))
      }),
      { numRuns: 10_000 },
    )
  })

  it('arrives as it was in a batch, whatever the others are', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { minLength: 1, maxLength: 5 }), (values) => {
        const frame = joinPacked(values.map((value, index) => encodeResult(index + 1, encodeNow(value))))
        const arrived = parseBinaryFrame(frame).messages.map((message) => {
          const [, , value, rich] = message as unknown[]
          return decodeValue(value, rich)
        })
        expect(bitsOf(arrived)).toStrictEqual(bitsOf(values))
      }),
      { numRuns: 2_000 },
    )
  })

  it('arrives as it was with Blobs and Files in it', async () => {
    await fc.assert(
      fc.asyncProperty(anyValueWithBlobs, async (value) => {
        const arrived = await contentOf(await travelRead(value))
        expect(arrived).toStrictEqual(await contentOf(value))
      }),
      { numRuns: 1_000 },
    )
  })
})
