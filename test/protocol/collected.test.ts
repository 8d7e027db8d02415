import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinPacked, parseBinaryFrame } from '../../packages/trunkline/src/protocol/binary-frame.ts'
import { Collected } from '../../packages/trunkline/src/protocol/collected.ts'
import { FrameRefusal, type Message } from '../../packages/trunkline/src/protocol/decode.ts'
import { decodeValue } from '../../packages/trunkline/src/protocol/decode-value.ts'
import type { FrameData } from '../../packages/trunkline/src/protocol/encoded.ts'
import { encodeOpen } from '../../packages/trunkline/src/protocol/messages.ts'
import { joinBatch, Outbox } from '../../packages/trunkline/src/protocol/outbox.ts'
import { encodeNow } from './encode-now.ts'

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
  const sizes = fc.array(fc.integer({ min: 0, max: 4 * 65_536 }), { minLength: 1, maxLength: 4 })
  const rooms = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 8 })

  it('arrives as it was, in order, with others between', () => {
    fc.assert(
      fc.property(sizes, rooms, fc.integer({ min: 1, max: 5 }), (lengths, givenRooms, perFrame) => {
        const frames: FrameData[] = []
        const host = {
          room: 0,
          get mayBulk() {
            return host.room-- > 0
          },
          schedule: () => {},
          write: (frame: FrameData) => void frames.push(frame),
          rider: () => undefined,
          joinStreams: joinBatch,
        }
        const outbox = new Outbox(host)
        /** As many messages a frame as there were since the last. */
        let pushed = 0
        const push = (act: () => void): void => {
          act()
          if (++pushed % perFrame === 0) outbox.flush()
        }
        const values = lengths.map((length, id) => [new Uint8Array(length).fill(id + 1), id, new Date(id)])
        values.forEach((value, id) => {
          push(() => outbox.pushStream(encodeOpen(2 * id + 1, 'put', encodeNow(value), undefined)))
        })
        for (const room of givenRooms) {
          host.room = room
          outbox.pump()
          push(() => outbox.push('[3,7,"between"]'))
        }
        host.room = Number.POSITIVE_INFINITY
        outbox.pump()
        outbox.flush()
        const collected = new Collected()
        const arrived: Message[] = []
        for (const frame of frames) arrived.push(...receive(frame, collected))
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
