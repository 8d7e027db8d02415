// Frames of a client in Node: whatever the length, and wherever in memory they begin, the key takes off what it put on.
import { describe, expect, it } from 'vitest'
import { FrameBuilder, MaskedFrameBuilder } from '../../packages/trunkline/src/adapters/frame.ts'

it.each([0, 1, 3, 4, 125, 126, 1_023, 1_024, 1_025, 1_026, 1_027, 1_029, 65_535, 65_536, 100_003])(
  'a payload of %i bytes is masked with the key before it (RFC 6455 section 5.3)',
  (length) => {
    const frames = new MaskedFrameBuilder()
    for (let round = 0; round < 9; round++) {
      const payload = Uint8Array.from({ length }, (_, index) => (index * 7 + round) % 256)
      const frame = frames.build(payload)
      const start = frame.length - length
      const key = frame.subarray(start - 4, start)
      const taken = frame.subarray(start).map((byte, index) => byte ^ (key[index % 4] as number))
      expect(Buffer.compare(taken, payload)).toBe(0)
    }
  },
)

describe('a frame of a server', () => {
  /** The bytes on the wire, however they are written. */
  const bytesOf = (frame: Buffer | string): Buffer => (typeof frame === 'string' ? Buffer.from(frame, 'latin1') : frame)

  it.each([
    ['nothing', ''],
    ['125 characters', 'x'.repeat(125)],
    ['126 characters', 'x'.repeat(126)],
    ['16 380 characters', 'x'.repeat(16_380)],
    ['16 381 characters', 'x'.repeat(16_381)],
    ['65 536 characters', 'x'.repeat(65_536)],
    ['characters of one byte in latin1 and two in UTF-8', 'né'.repeat(60)],
    ['characters of more', '→ 🚂'],
    ['the last of ASCII, and the first behind it', '\u007f\u0080'],
  ])('of %s is the same bytes each time it is built, as text or as a buffer', (_what, payload) => {
    const frames = new FrameBuilder()
    const built = [frames.build(payload), frames.build(payload), frames.build('another'), frames.build(payload)]
    const whole = Buffer.from(payload)
    for (const frame of [built[0], built[1], built[3]]) {
      const bytes = bytesOf(frame as Buffer | string)
      expect(bytes[0]).toBe(0x81)
      const start = whole.length < 126 ? 2 : whole.length < 65_536 ? 4 : 10
      const length =
        start === 2
          ? bytes[1]
          : start === 4
            ? bytes.readUInt16BE(2)
            : bytes.readUInt32BE(2) * 2 ** 32 + bytes.readUInt32BE(6)
      expect(length).toBe(whole.length)
      expect(bytes.subarray(start).equals(whole)).toBe(true)
    }
  })

  it('that is sent to many is one buffer from the second on', () => {
    const frames = new FrameBuilder()
    frames.build('[6,1,"event"]')
    const second = frames.build('[6,1,"event"]')
    expect(second).toBeInstanceOf(Buffer)
    expect(frames.build('[6,1,"event"]')).toBe(second)
  })
})
