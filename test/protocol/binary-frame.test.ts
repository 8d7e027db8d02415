import { describe, expect, it } from 'vitest'
import { joinPacked, parseBinaryFrame } from '../../packages/trunkline/src/protocol/binary-frame.ts'
import { FrameRefusal } from '../../packages/trunkline/src/protocol/decode.ts'
import { decodeValue } from '../../packages/trunkline/src/protocol/decode-value.ts'
import type { Encoded } from '../../packages/trunkline/src/protocol/encoded.ts'
import { encodeError, encodeItem, encodeOpen, encodeResult } from '../../packages/trunkline/src/protocol/messages.ts'
import { joinBatch } from '../../packages/trunkline/src/protocol/outbox.ts'
import { encodeNow } from './encode-now.ts'

const bytesOf = (...values: number[]): Uint8Array => Uint8Array.from(values)
const result = (id: number, value: unknown): Encoded => encodeResult(id, encodeNow(value))
const join = (...messages: Encoded[]): Uint8Array => joinPacked(messages)
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const ascii = (text: string): string => Buffer.from(text).toString('hex')

/** A frame with this header, as it stands, and these parts. */
function frameOf(header: string | Uint8Array, parts: Uint8Array = bytesOf(), length?: number): Uint8Array {
  const head = typeof header === 'string' ? new TextEncoder().encode(header) : header
  const start = Math.ceil((4 + head.length) / 8) * 8
  const frame = new Uint8Array(start + parts.length)
  new DataView(frame.buffer).setUint32(0, length ?? head.length)
  frame.set(head, 4)
  frame.set(parts, start)
  return frame
}

/** The values of the results in a frame, in order. */
function valuesOf(frame: Uint8Array): unknown[] {
  return parseBinaryFrame(frame).messages.map((message) => {
    const [, , value, rich] = message as unknown[]
    return decodeValue(value, rich)
  })
}

function refusalOf(frame: Uint8Array): FrameRefusal | undefined {
  try {
    parseBinaryFrame(frame)
  } catch (error) {
    expect(error).toBeInstanceOf(FrameRefusal)
    return error as FrameRefusal
  }
  return undefined
}

describe('the layout', () => {
  it('is the length of the header, the header, zeros up to a multiple of 8, the parts', () => {
    const header = '[3,1,[0,3],[["bytes"]]]'
    expect(header.length).toBe(23)
    expect(hex(join(result(1, bytesOf(1, 2, 3))))).toBe(`00000017${ascii(header)}${'00'.repeat(5)}010203`)
  })

  it('has no zeros where the header ends at a multiple of 8', () => {
    const frame = join(result(123456, bytesOf(9)))
    expect(hex(frame)).toBe(`0000001c${ascii('[3,123456,[0,1],[["bytes"]]]')}09`)
  })

  it('begins each part at a multiple of 8, behind zeros', () => {
    const frame = join(result(1, [bytesOf(1), bytesOf(2, 3), bytesOf()]))
    const header = '[3,1,[[0,1],[8,2],[16,0]],[["bytes",0],["bytes",1],["bytes",2]]]'
    expect(hex(frame)).toBe(
      `${header.length.toString(16).padStart(8, '0')}${ascii(header)}${'00'.repeat(4)}01${'00'.repeat(7)}020300000000${'0000'}`,
    )
  })

  it('counts the header in bytes of UTF-8', () => {
    const frame = join(result(1, { grün: bytesOf(1) }))
    expect(new DataView(frame.buffer).getUint32(0)).toBe(
      new TextEncoder().encode('[3,1,{"grün":[0,1]},[["bytes","grün"]]]').length,
    )
    expect(valuesOf(frame)).toEqual([{ grün: bytesOf(1) }])
  })
})

describe('batches', () => {
  it('say behind the rich list where a message’s parts begin, unless that is the beginning', () => {
    const frame = join(result(1, bytesOf(1, 2)), result(3, bytesOf(3)), '[8,5]', result(7, bytesOf(4)))
    const length = new DataView(frame.buffer).getUint32(0)
    expect(new TextDecoder().decode(frame.subarray(4, 4 + length))).toBe(
      '[[3,1,[0,2],[["bytes"]]],[3,3,[0,1],[["bytes"]],8],[8,5],[3,7,[0,1],[["bytes"]],16]]',
    )
  })

  it('mix messages with parts, with rich values alone, and plain ones', () => {
    const values = [
      new Date(5),
      bytesOf(1, 2, 3),
      'plain',
      new Map([['k', bytesOf(4)]]),
      [1n],
      [bytesOf(), bytesOf(5)],
      new Float64Array([1.5]),
    ]
    expect(valuesOf(join(...values.map((value, index) => result(index + 1, value))))).toStrictEqual(values)
  })

  it('are binary when one message has parts, and text else', () => {
    expect(joinBatch([result(1, 1), result(3, bytesOf(1))])).toBeInstanceOf(Uint8Array)
    expect(joinBatch([result(1, 1), result(3, new Date(0))])).toBeTypeOf('string')
  })

  it.each<[string, Encoded, number, number]>([
    ['open', encodeOpen(1, 'a', encodeNow(bytesOf(7)), undefined), 3, 5],
    ['open with options', encodeOpen(1, 'a', encodeNow(bytesOf(7)), { key: 'k' }), 3, 5],
    ['result', encodeResult(1, encodeNow(bytesOf(7))), 2, 3],
    ['item', encodeItem(1, encodeNow(bytesOf(7)), undefined), 2, 5],
    ['item with an event id', encodeItem(1, encodeNow(bytesOf(7)), 'e'), 2, 5],
  ])('carry the parts of an %s, first or last', (_name, message, payload, rich) => {
    const [first, last] = parseBinaryFrame(join(message, message)).messages as unknown[][]
    for (const one of [first, last]) expect(decodeValue(one?.[payload], one?.[rich])).toEqual(bytesOf(7))
  })

  it('carry the parts of an error’s data', () => {
    const failure = { code: 'A', message: 'm', delivery: 'ran' as const, data: encodeNow({ at: bytesOf(7) }) }
    const message = encodeError(1, failure, false)
    for (const one of parseBinaryFrame(join(message, message)).messages as unknown[][])
      expect(decodeValue((one[4] as { data: unknown }).data, one[5])).toEqual({ at: bytesOf(7) })
  })

  it('count as those in text do', () => {
    expect(parseBinaryFrame(join(result(1, bytesOf(1)), '[11,3,4]'))).toMatchObject({
      isCounted: true,
      isControl: false,
      ack: [11, 3, 4],
    })
    expect(parseBinaryFrame(frameOf('[12,0,0]'))).toMatchObject({ isCounted: false, isControl: true })
  })
})

describe('alignment', () => {
  it('lets a large array be a view, wherever its header ends', () => {
    for (let id = 1; id < 1e9; id *= 10) {
      const frame = join(result(id, new Float64Array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])))
      const [array] = valuesOf(frame) as [Float64Array]
      expect(array.buffer).toBe(frame.buffer)
      expect([...array]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    }
  })

  it('of the frame itself may be lost on the way: then it is a copy', () => {
    const frame = join(result(1, new Float64Array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])))
    for (let shift = 1; shift < 8; shift++) {
      const moved = new Uint8Array(frame.length + shift).subarray(shift)
      moved.set(frame)
      const [array] = valuesOf(moved) as [Float64Array]
      expect(array.buffer).not.toBe(moved.buffer)
      expect(array.buffer.byteLength).toBe(80)
      expect([...array]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    }
  })

  it('is no matter to a large Uint8Array, which is a view anywhere', () => {
    const frame = join(result(1, new Uint8Array(100).fill(7)))
    const moved = new Uint8Array(frame.length + 3).subarray(3)
    moved.set(frame)
    expect((valuesOf(moved)[0] as Uint8Array).buffer).toBe(moved.buffer)
  })
})

describe('what is received', () => {
  it('keeps a large frame alive only by what is most of it', () => {
    const frame = join(result(1, { small: bytesOf(1), large: new Uint8Array(10_000).fill(2) }))
    const [{ small, large }] = valuesOf(frame) as [{ small: Uint8Array; large: Uint8Array }]
    expect(small.buffer.byteLength).toBe(1)
    expect(large.buffer).toBe(frame.buffer)
  })

  it('is a copy in memory that is shared with others, as a small Buffer of Node is', () => {
    const frame = Buffer.from(join(result(1, { a: new Uint8Array(100).fill(3), b: new ArrayBuffer(4) })))
    const [{ a, b }] = valuesOf(frame) as [{ a: Uint8Array; b: ArrayBuffer }]
    expect(a.buffer.byteLength).toBe(100)
    expect(b.byteLength).toBe(4)
    expect(Object.getPrototypeOf(a)).toBe(Uint8Array.prototype)
  })

  it('is an ArrayBuffer of its own where one was sent', () => {
    const frame = join(result(1, new Uint8Array(100).fill(3).buffer))
    const [buffer] = valuesOf(frame) as [ArrayBuffer]
    expect(buffer).not.toBe(frame.buffer)
    expect(new Uint8Array(buffer)).toEqual(new Uint8Array(100).fill(3))
  })
})

describe('a frame that is none', () => {
  it('is refused with 4000 when it is cut anywhere in its length or its header', () => {
    const frame = join(result(1, { grün: bytesOf(1, 2, 3) }))
    const headerEnd = 4 + new DataView(frame.buffer).getUint32(0)
    for (let length = 0; length < headerEnd; length++)
      expect(refusalOf(frame.slice(0, length))).toMatchObject({ code: 4000 })
  })

  it('fails the call alone when its parts are cut', () => {
    const frame = join(result(1, bytesOf(1, 2, 3)))
    const headerEnd = 4 + new DataView(frame.buffer).getUint32(0)
    for (let length = headerEnd; length < frame.length; length++) {
      expect(() => parseBinaryFrame(frame.slice(0, length))).not.toThrow()
      expect(() => valuesOf(frame.slice(0, length))).toThrow(TypeError)
    }
  })

  it.each<[string, Uint8Array]>([
    ['a header length of 0', frameOf('[12,0,0]', bytesOf(), 0)],
    ['a header length of one byte less', frameOf('[12,0,0]', bytesOf(), 7)],
    ['a header length that takes padding in', frameOf('[12,0,0]', bytesOf(), 9)],
    ['a header length beyond the frame', frameOf('[12,0,0]', bytesOf(), 13)],
    ['a header length of 2³¹', frameOf('[12,0,0]', bytesOf(), 2 ** 31)],
    ['a header length of 2³²−1', frameOf('[12,0,0]', bytesOf(), 2 ** 32 - 1)],
    ['a header that is not UTF-8', frameOf(bytesOf(0x5b, 0x22, 0xff, 0x22, 0x5d))],
    ['a header cut within a character', frameOf(bytesOf(0x5b, 0x22, 0xe2, 0x82))],
    ['a surrogate in the header', frameOf(bytesOf(0x5b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x5d))],
    ['a byte order mark', frameOf('\ufeff[12,0,0]')],
    ['a header in UTF-16', frameOf(new Uint8Array(Uint16Array.from('[12,0,0]', (unit) => unit.charCodeAt(0)).buffer))],
    ['a header that is no JSON', frameOf('[12,0,0')],
    ['a header that is a record', frameOf('{"0":12}')],
    ['an empty batch', frameOf('[]')],
  ])('%s is refused with 4000', (_name, frame) => {
    expect(refusalOf(frame)).toMatchObject({ code: 4000 })
  })

  it('is not one whose padding is no zero, or which has bytes nobody speaks of', () => {
    const frame = frameOf('[3,1,[0,1],[["bytes"]]]', bytesOf(1, 2, 3))
    frame[4 + 23] = 0xff
    expect(valuesOf(frame)).toEqual([bytesOf(1)])
  })
})
