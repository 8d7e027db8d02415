// Frames of a client in Node: whatever the length, and wherever in memory they begin, the key takes off what it put on.
import { expect, it } from 'vitest'
import { MaskedFrameBuilder } from '../../packages/trunkline/src/adapters/frame.ts'

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
