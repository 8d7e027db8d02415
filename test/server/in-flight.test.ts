import { beforeEach, describe, expect, it } from 'vitest'
import { Sequence } from '../../packages/trunkline/src/protocol/sequence.ts'
import { InFlight } from '../../packages/trunkline/src/server/in-flight.ts'

const kiB = 1024
/** In UTF-16 units: four are a KiB. */
const frame = 'x'.repeat(256)

let now: number
let asked: number
let sequence: Sequence
let inFlight: InFlight

beforeEach(() => {
  now = 5_000
  asked = 0
  sequence = new Sequence()
  inFlight = new InFlight(
    sequence,
    () => asked++,
    () => now,
  )
})

function send(): void {
  sequence.add(frame)
  inFlight.sent()
}

/** Sends for as long as there is room; gives the length that is on its way then. */
function fill(most = 64 * kiB * kiB): number {
  while (inFlight.hasRoom(0) && sequence.length < most) send()
  return sequence.length
}

/** The other end has so many frames more, and says so, asked or not. */
function acknowledge(frames: number, isAsked = false): void {
  const before = sequence.length
  sequence.acknowledge(sequence.sent - sequence.unacknowledged + frames)
  inFlight.acknowledged(before - sequence.length, isAsked)
}

/** All that is on its way comes across in so many ms, and is filled up again; gives what may be on its way then. */
function trip(ms: number, most?: number): number {
  now += ms
  acknowledge(sequence.unacknowledged)
  return fill(most)
}

describe('what may be on its way', () => {
  it('is 32 KiB at first, what is not in a frame yet included', () => {
    expect(inFlight.hasRoom(32 * kiB - 1)).toBe(true)
    expect(inFlight.hasRoom(32 * kiB)).toBe(false)
    expect(fill()).toBe(32 * kiB)
    now += 80
    acknowledge(4)
    expect(inFlight.hasRoom(kiB - 1)).toBe(true)
  })

  it('grows on a short line while more comes across in the same time', () => {
    fill()
    const lengths = [trip(0.2), trip(0.2), trip(0.2)]
    // Two trips of 0.2 ms and 0.35 ms for the turns: 3.75 times what came in one.
    let expected = 32 * kiB
    for (const length of lengths) {
      expected *= 3.75
      expect(length).toBeGreaterThanOrEqual(expected)
      expect(length).toBeLessThan(expected + kiB)
      expected = length
    }
  })

  it('stays at what such a line carries in two trips and the turns of both ends', () => {
    fill()
    trip(0.1)
    // 200 KiB a millisecond, however much is on its way.
    for (let times = 0; times < 20; times++) trip(Math.max(0.1, sequence.length / kiB / 200))
    expect(sequence.length / kiB).toBeGreaterThan(200 * (2 * 0.1 + 0.35) - 1)
    expect(sequence.length / kiB).toBeLessThan(200 * (2 * 0.1 + 0.35) + 1)
  })

  it('is 32 KiB at least, however slow the other end', () => {
    fill()
    trip(0.1)
    for (let times = 0; times < 5; times++) trip(80)
    expect(sequence.length).toBe(32 * kiB)
  })

  it('is left to TCP where a round trip takes a millisecond', () => {
    fill()
    expect(trip(1, 8 * kiB * kiB)).toBe(8 * kiB * kiB)
  })

  it('is measured anew after a second, on a line that has become empty', () => {
    fill()
    // Slow for once, as a process is that has just begun.
    trip(5, 512 * kiB)
    now += 1_000
    acknowledge(1)
    expect(inFlight.hasRoom(0)).toBe(false)
    // What is said behind half a megabyte tells nothing of the line.
    send()
    now += 50
    acknowledge(sequence.unacknowledged)
    expect(fill()).toBe(32 * kiB)
    expect(trip(0.2)).toBeGreaterThanOrEqual(120 * kiB)
    expect(sequence.length).toBeLessThan(121 * kiB)
  })

  it('is measured anew on a long line after 50 trips: a fiftieth of its speed is the price', () => {
    fill()
    trip(100, 256 * kiB)
    for (let trips = 0; trips < 48; trips++) expect(trip(100, 256 * kiB)).toBe(256 * kiB)
    const lengths = [trip(100, 256 * kiB), trip(100, 256 * kiB), trip(100, 256 * kiB), trip(100, 256 * kiB)]
    expect(lengths.filter((length) => length < 256 * kiB)).toEqual([32 * kiB])
  })

  it('has no bound where no copies are kept', () => {
    sequence.forget()
    for (let frames = 0; frames < 1_000; frames++) send()
    expect(inFlight.hasRoom(0)).toBe(true)
  })
})

describe('the other end', () => {
  it('is asked once when the line is full for the first time, and never again where it acknowledges by itself', () => {
    fill()
    inFlight.hasRoom(0)
    expect(asked).toBe(1)
    for (let times = 0; times < 10; times++) trip(0.2)
    expect(asked).toBe(1)
  })

  it('is asked each time where it acknowledges nothing by itself, and again where that was not enough', () => {
    fill()
    for (let times = 2; times < 6; times++) {
      now += times === 2 ? 0.05 : 80
      acknowledge(sequence.unacknowledged, true)
      fill()
      expect(asked).toBe(times)
    }
    acknowledge(0, true)
    expect(inFlight.hasRoom(0)).toBe(false)
    expect(asked).toBe(6)
  })
})
