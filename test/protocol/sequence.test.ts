import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameRefusal } from '../../packages/trunkline/src/protocol/decode.ts'
import { Sequence } from '../../packages/trunkline/src/protocol/sequence.ts'

function filled(frames: readonly string[]): Sequence {
  const sequence = new Sequence()
  for (const frame of frames) sequence.add(frame)
  return sequence
}

const refusalOf = (run: () => void): number | undefined => {
  try {
    run()
  } catch (error) {
    return error instanceof FrameRefusal ? error.code : -1
  }
  return undefined
}

describe('copies', () => {
  it('are those of the frames behind the last acknowledgement, oldest first', () => {
    const sequence = filled(['a', 'bb', 'ccc', 'dddd'])
    sequence.acknowledge(1)
    expect([sequence.copies, sequence.length, sequence.unacknowledged]).toEqual([['bb', 'ccc', 'dddd'], 9, 3])
    sequence.acknowledge(3)
    expect([sequence.copies, sequence.length, sequence.unacknowledged]).toEqual([['dddd'], 4, 1])
    sequence.acknowledge(4)
    expect([sequence.copies, sequence.length, sequence.unacknowledged]).toEqual([[], 0, 0])
  })

  it('are not brought back by an acknowledgement that is old', () => {
    const sequence = filled(['a', 'b', 'c'])
    sequence.acknowledge(2)
    sequence.acknowledge(1)
    sequence.acknowledge(0)
    expect([sequence.copies, sequence.covers(1), sequence.covers(2)]).toEqual([['c'], false, true])
  })

  it('cover what was acknowledged up to what was sent, and nothing else', () => {
    const sequence = filled(['a', 'b', 'c'])
    sequence.acknowledge(1)
    expect([0, 1, 2, 3, 4].map((received) => sequence.covers(received))).toEqual([false, true, true, true, false])
  })

  it('are gone, and cover nothing, once the session is forgotten; the counts go on', () => {
    const sequence = filled(['a', 'b'])
    sequence.forget()
    sequence.add('c')
    expect([sequence.copies, sequence.length, sequence.sent]).toEqual([[], 0, 3])
    expect([0, 1, 2, 3].some((received) => sequence.covers(received))).toBe(false)
    sequence.check(3, 0)
    expect(sequence.unacknowledged).toBe(0)
  })

  it('begin anew with a new session', () => {
    const sequence = filled(['a', 'b'])
    sequence.take(3)
    sequence.tell()
    sequence.reset()
    expect([sequence.received, sequence.sent, sequence.unacknowledged, sequence.copies]).toEqual([0, 0, 0, []])
    sequence.add('c')
    expect([sequence.copies, sequence.covers(0)]).toEqual([['c'], true])
  })
})

describe('counts', () => {
  it('that fit acknowledge', () => {
    const sequence = filled(['a', 'b'])
    sequence.take(1)
    sequence.check(2, 1)
    expect(sequence.unacknowledged).toBe(0)
  })

  it.each([
    ['a frame was lost on the way here', 0, 2],
    ['a frame was invented', 0, 0],
    ['more was received than was sent', 3, 1],
  ])('close with 4110 when %s, and acknowledge nothing', (_what, received, sent) => {
    const sequence = filled(['a', 'b'])
    sequence.take(1)
    expect(refusalOf(() => sequence.check(received, sent))).toBe(4110)
    expect(sequence.copies).toEqual(['a', 'b'])
  })

  it('of an ack in a counted frame count that frame too', () => {
    const sequence = filled(['a'])
    sequence.take(1)
    expect([sequence.ack(false), sequence.ack(true)]).toEqual(['[11,1,1]', '[11,1,2]'])
  })
})

describe('an acknowledgement is owed', () => {
  it('from the 16th frame on to ride, from the 256th alone', () => {
    const sequence = new Sequence()
    const owed: [number, boolean, boolean][] = []
    for (let frame = 1; frame <= 256; frame++) {
      sequence.take(10)
      if ([15, 16, 255, 256].includes(frame)) owed.push([frame, sequence.owesAck, sequence.owesAckAlone])
    }
    expect(owed).toEqual([
      [15, false, false],
      [16, true, false],
      [255, true, false],
      [256, true, true],
    ])
    sequence.tell()
    expect([sequence.owesAck, sequence.owesAckAlone]).toEqual([false, false])
  })

  it.each([
    ['256 KiB, as servers have it', new Sequence(), 256 * 1024],
    ['a length of its own', new Sequence(1_000), 1_000],
  ])('to ride and alone for %s, however few frames', (_what, sequence, length) => {
    sequence.take(length - 1)
    expect([sequence.owesAck, sequence.owesAckAlone]).toEqual([false, false])
    sequence.take(1)
    expect([sequence.owesAck, sequence.owesAckAlone]).toEqual([true, true])
    sequence.ack(false)
    expect([sequence.owesAck, sequence.owesAckAlone]).toEqual([false, false])
  })
})

type Step = 'send' | 'deliver' | 'ack' | 'break'

it('two ends: whatever was sent, acknowledged and lost in whatever order, copies are exactly what the other end lacks', () => {
  const steps = fc.array(
    fc.tuple(fc.constantFrom<Step>('send', 'send', 'deliver', 'deliver', 'ack', 'break'), fc.boolean(), fc.nat(3)),
    { minLength: 20, maxLength: 200 },
  )
  fc.assert(
    fc.property(steps, (story) => {
      const ends = [new Sequence(), new Sequence()] as const
      /** What each end has sent and received in all, and what is on its way to it. */
      const sent: string[][] = [[], []]
      const received: string[][] = [[], []]
      const toward: { text: string; ack?: [number, number] }[][] = [[], []]
      const deliver = (to: 0 | 1): void => {
        const piece = toward[to]?.shift()
        if (!piece) return
        if (piece.text) {
          ends[to].take(piece.text.length)
          received[to]?.push(piece.text)
        }
        if (piece.ack) ends[to].check(...piece.ack)
      }
      const resume = (): void => {
        toward[0] = []
        toward[1] = []
        const counts = ends.map((end) => end.received)
        for (const to of [0, 1] as const) {
          const from = ends[1 - to] as Sequence
          expect(from.covers(counts[to] as number)).toBe(true)
          from.acknowledge(counts[to] as number)
          toward[to] = from.copies.map((text) => ({ text: String(text) }))
        }
      }
      for (const [step, isFirst, count] of story) {
        const from = isFirst ? 0 : 1
        const to = isFirst ? 1 : 0
        if (step === 'send') {
          const text = `${from}.${sent[from]?.length}`
          ends[from].add(text)
          sent[from]?.push(text)
          toward[to]?.push({ text })
        } else if (step === 'ack') toward[to]?.push({ text: '', ack: ends[from].tell() })
        else if (step === 'deliver') for (let round = 0; round <= count; round++) deliver(to)
        else resume()
        for (const one of [0, 1] as const) {
          const lacks = sent[one]?.slice(received[1 - one]?.length)
          const { copies, length } = ends[one]
          expect(copies.slice(copies.length - (lacks?.length ?? 0))).toEqual(lacks)
          expect(length).toBe(copies.join('').length)
        }
      }
      resume()
      for (const one of [0, 1] as const) expect(ends[one].copies).toEqual(sent[one]?.slice(received[1 - one]?.length))
      while (toward[0]?.length) deliver(0)
      while (toward[1]?.length) deliver(1)
      expect(received).toEqual([sent[1], sent[0]])
    }),
    { numRuns: 500 },
  )
})
