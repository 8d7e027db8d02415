import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinPacked, parseBinaryFrame } from '../../packages/trunkline/src/protocol/binary-frame.ts'
import { Bulk, Collected } from '../../packages/trunkline/src/protocol/bulk.ts'
import { FrameRefusal, type Message } from '../../packages/trunkline/src/protocol/decode.ts'
import { decodeValue } from '../../packages/trunkline/src/protocol/decode-value.ts'
import { type Encoded, textOf } from '../../packages/trunkline/src/protocol/encoded.ts'
import { encodeOpen, encodeResult } from '../../packages/trunkline/src/protocol/messages.ts'
import { joinBatch } from '../../packages/trunkline/src/protocol/outbox.ts'
import { encodeNow } from './encode-now.ts'

const piece = 65_536

/** A host that writes as long as it may: `room` pieces more. */
function bulk(room = Number.POSITIVE_INFINITY) {
  const written: Encoded[] = []
  const host = {
    room,
    get mayBulk() {
      return host.room-- > 0
    },
  }
  const write = (message: Encoded) => void written.push(message)
  /** By number and id, parts by their length. */
  const told = () =>
    written.map((message) => {
      const [type, id] = JSON.parse(textOf(message))
      return type === 17 ? (id ? id[1] : 'discard') : [type, id]
    })
  return { bulk: new Bulk(host, write), host, written, told }
}

const large = (id: number, length = 3 * piece): Encoded =>
  encodeResult(id, encodeNow(new Uint8Array(length).map((_, index) => index * id)))

describe('a large message', () => {
  it('goes in pieces, and itself behind them without parts', () => {
    const { bulk: sender, written, told } = bulk()
    expect(sender.take(large(1, 2 * piece + 5), false)).toBe(true)
    expect(told()).toEqual([piece, piece, 5, [3, 1]])
    expect(written.at(-1)).toBe(`[3,1,[0,${2 * piece + 5}],[["bytes"]],0,1]`)
    expect(sender.length).toBe(0)
  })

  it('of a piece at most goes at once, as it is', () => {
    const { bulk: sender, written } = bulk()
    expect(sender.take(large(1, piece), false)).toBe(false)
    expect(sender.take('[3,1]', true)).toBe(false)
    expect(written).toEqual([])
  })

  it('is one at a time, in their order', () => {
    const { bulk: sender, host, told } = bulk(1)
    sender.take(large(1), false)
    sender.take(large(3, 2 * piece), true)
    expect(told()).toEqual([piece])
    host.room = 3
    sender.pump()
    expect(told()).toEqual([piece, piece, piece, [3, 1], piece])
    host.room = 1
    sender.pump()
    expect(told().slice(5)).toEqual([piece, [3, 3]])
  })

  it('waits while there is no room, and counts what waits', () => {
    const { bulk: sender, host, told } = bulk(0)
    const first = large(1)
    const second = large(3)
    sender.take(first, false)
    sender.take(second, false)
    expect(told()).toEqual([])
    expect(sender.length).toBe(first.length + second.length)
    expect(sender.lengthBehind).toBe(second.length)
    host.room = 3
    sender.pump()
    expect(sender.length).toBe(second.length)
    expect(sender.lengthBehind).toBe(0)
  })
})

describe('a small message', () => {
  it('of a stream waits behind what is large; any other goes at once', () => {
    const { bulk: sender, host, told } = bulk(1)
    sender.take(large(1), true)
    expect(sender.take('[6,1,"small"]', true)).toBe(true)
    expect(sender.take('[3,5]', false)).toBe(false)
    host.room = 9
    sender.pump()
    expect(told()).toEqual([piece, piece, piece, [3, 1], [6, 1]])
    expect(sender.take('[6,1,"small"]', true)).toBe(false)
  })
})

describe('taking back', () => {
  it('before a piece went leaves no trace', () => {
    const { bulk: sender, told } = bulk(0)
    const message = large(1)
    sender.take(message, false)
    expect(sender.withdraw(message)).toBe(true)
    expect(told()).toEqual([])
    expect(sender.length).toBe(0)
  })

  it('in the middle says that what came is for nothing, and the next begins anew', () => {
    const { bulk: sender, host, told } = bulk(1)
    const message = large(1)
    sender.take(message, false)
    sender.take(large(3, 2 * piece), false)
    host.room = 9
    expect(sender.withdraw(message)).toBe(true)
    expect(told()).toEqual([piece, 'discard', piece, piece, [3, 3]])
  })

  it('of one that waits behind leaves the first going', () => {
    const { bulk: sender, host, told } = bulk(1)
    const second = large(3)
    sender.take(large(1, 2 * piece), false)
    sender.take(second, false)
    expect(sender.withdraw(second)).toBe(true)
    host.room = 9
    sender.pump()
    expect(told()).toEqual([piece, piece, [3, 1]])
  })

  it('of what is sent whole, or was never taken, is refused', () => {
    const { bulk: sender, told } = bulk()
    const message = large(1, 2 * piece)
    sender.take(message, false)
    expect(sender.withdraw(message)).toBe(false)
    expect(sender.withdraw(large(3))).toBe(false)
    expect(told()).toEqual([piece, piece, [3, 1]])
  })

  it('of the first lets a small one behind it go', () => {
    const { bulk: sender, told } = bulk(0)
    const message = large(1)
    sender.take(message, true)
    sender.take('[8,1]', true)
    sender.withdraw(message)
    expect(told()).toEqual([[8, 1]])
  })
})

describe('clear', () => {
  it('forgets all, the first’s beginning too', () => {
    const { bulk: sender, host, told } = bulk(1)
    sender.take(large(1), false)
    sender.clear()
    expect(sender.length).toBe(0)
    host.room = 9
    sender.take(large(3, 2 * piece), false)
    expect(told()).toEqual([piece, piece, piece, [3, 3]])
  })
})

/** The messages of a frame, as a receiver has them. */
function receive(frame: string | Uint8Array, collected: Collected, limit = 1 << 26): Message[] {
  const messages =
    typeof frame === 'string'
      ? [JSON.parse(frame)].flatMap((one) => (Array.isArray(one[0]) ? one : [one]))
      : (parseBinaryFrame(frame).messages as Message[])
  return messages.filter((message) => {
    if (message[0] === 17) return collected.add(message, limit)
    collected.give(message)
    return true
  })
}

const part = (bytes: Uint8Array): Message =>
  parseBinaryFrame(joinPacked([{ text: `[17,[0,${bytes.length}],[["bytes"]]]`, bytes, length: 0 }]))
    .messages[0] as Message

describe('what was collected', () => {
  it('is bounded: more than the limit closes with 1009', () => {
    const collected = new Collected()
    collected.add(part(new Uint8Array(60)), 100)
    collected.add(part(new Uint8Array(40)), 100)
    expect(() => collected.add(part(new Uint8Array(1)), 100)).toThrow(expect.objectContaining({ code: 1009 }))
  })

  it('is forgotten by a discard, which makes room', () => {
    const collected = new Collected()
    collected.add(part(new Uint8Array(100)), 100)
    collected.add([17, null], 100)
    collected.add(part(new Uint8Array(100)), 100)
    const message: unknown[] = [3, 1, [0, 100], [['bytes']], 0, 1]
    collected.give(message)
    expect(decodeValue(message[2], message[3])).toEqual(new Uint8Array(100))
  })

  it('goes to the message that says so, once, whatever comes between', () => {
    const collected = new Collected()
    collected.add(part(Uint8Array.of(1)), 100)
    const other: unknown[] = [3, 1, 'x', [['date']]]
    collected.give(other)
    expect(other[3]).toEqual([['date']])
    collected.add(part(Uint8Array.of(2)), 100)
    const messages = [1, 3].map((id): unknown[] => [3, id, [0, 2], [['bytes']], 0, 1])
    for (const message of messages) collected.give(message)
    expect(decodeValue(messages[0]?.[2], messages[0]?.[3])).toEqual(Uint8Array.of(1, 2))
    expect(() => decodeValue(messages[1]?.[2], messages[1]?.[3])).toThrow()
  })

  it.each([
    [[17]],
    [[17, 1]],
    [[17, 'x', [['bytes']]]],
    [[17, [0, 8], [['bytes']]]],
    [[17, 0, [['date']]]],
    [[17, {}, 7]],
  ])('refuses what is no bytes: %j', (message) => {
    expect(() => new Collected().add(message, 100)).toThrow(FrameRefusal)
  })
})

describe('any large message, split anyhow', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 4 * piece }), { minLength: 1, maxLength: 4 })
  const rooms = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 8 })

  it('arrives as it was, in order, with others between', () => {
    fc.assert(
      fc.property(sizes, rooms, fc.integer({ min: 1, max: 5 }), (lengths, givenRooms, perFrame) => {
        const { bulk: sender, host, written } = bulk(0)
        const values = lengths.map((length, id) => [new Uint8Array(length).fill(id + 1), id, new Date(id)])
        values.forEach((value, id) => {
          const message = encodeOpen(2 * id + 1, 'put', encodeNow(value), undefined)
          if (!sender.take(message, true)) written.push(message)
        })
        for (const room of givenRooms) {
          host.room = room
          sender.pump()
          written.push('[3,7,"between"]')
        }
        host.room = Number.POSITIVE_INFINITY
        sender.pump()
        const collected = new Collected()
        const arrived: Message[] = []
        while (written.length > 0) arrived.push(...receive(joinBatch(written.splice(0, perFrame)), collected))
        const opens = arrived.filter(([type]) => type === 2)
        expect(opens.map(([, id]) => id)).toEqual(values.map((_, id) => 2 * id + 1))
        opens.forEach(([, , , input, , rich], index) => {
          const [bytes, ...rest] = decodeValue(input, rich) as unknown[]
          const [expected, ...expectedRest] = values[index] as unknown[]
          // Byte by byte, without the cost of an assertion on each.
          expect(Buffer.compare(bytes as Uint8Array, expected as Uint8Array)).toBe(0)
          expect(rest).toEqual(expectedRest)
        })
      }),
      { numRuns: 300 },
    )
  }, 30_000)
})
