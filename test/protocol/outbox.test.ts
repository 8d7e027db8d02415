import { describe, expect, it } from 'vitest'
import { parseBinaryFrame } from '../../packages/trunkline/src/protocol/binary-frame.ts'
import { parseFrame } from '../../packages/trunkline/src/protocol/decode.ts'
import { type Encoded, type FrameData, pack } from '../../packages/trunkline/src/protocol/encoded.ts'
import { encodeResult } from '../../packages/trunkline/src/protocol/messages.ts'
import { joinBatch, Outbox } from '../../packages/trunkline/src/protocol/outbox.ts'
import { encodeNow } from './encode-now.ts'

interface Frame {
  text: FrameData
  counted: boolean
}

function open(joinStreams: (messages: Encoded[]) => FrameData = joinBatch) {
  const frames: Frame[] = []
  let scheduled = 0
  const outbox = new Outbox({
    mayBulk: true,
    schedule: () => scheduled++,
    write: (text, counted) => frames.push({ text, counted }),
    rider: () => undefined,
    joinStreams,
  })
  return { outbox, frames, texts: () => frames.map(({ text }) => text), scheduled: () => scheduled }
}

const message = (length: number): string => `["${'x'.repeat(length - 4)}"]`

describe('joinBatch', () => {
  it('gives one message as it is, and several as an array', () => {
    expect(joinBatch(['[1]'])).toBe('[1]')
    expect(joinBatch(['[1]', '[2]', '[3]'])).toBe('[[1],[2],[3]]')
  })
})

describe('batching', () => {
  it('writes nothing before the flush, and one frame then', () => {
    const { outbox, texts } = open()
    outbox.push('[1]')
    outbox.push('[2]')
    expect(texts()).toEqual([])
    outbox.flush()
    expect(texts()).toEqual(['[[1],[2]]'])
  })

  it('asks for a flush once a turn', () => {
    const { outbox, scheduled } = open()
    outbox.push('[1]')
    outbox.pushStream('[2]')
    outbox.ride('[3]')
    expect(scheduled()).toBe(1)
    outbox.flush()
    outbox.push('[4]')
    expect(scheduled()).toBe(2)
  })

  it('asks once more where it becomes urgent', () => {
    const { outbox, scheduled } = open()
    outbox.pushStream('[1]')
    outbox.pushStream('[2]')
    expect([scheduled(), outbox.isUrgent]).toEqual([1, false])
    outbox.push('[3]')
    outbox.push('[4]')
    expect([scheduled(), outbox.isUrgent]).toEqual([2, true])
    outbox.flush()
    expect(outbox.isUrgent).toBe(false)
  })

  it('an empty flush writes nothing', () => {
    const { outbox, texts } = open()
    outbox.flush()
    outbox.push('[1]')
    outbox.flush()
    outbox.flush()
    expect(texts()).toEqual(['[1]'])
  })

  it('puts results before messages of streams, each in their order', () => {
    const { outbox, texts } = open()
    outbox.pushStream('["s1"]')
    outbox.push('["r1"]')
    outbox.pushStream('["s2"]')
    outbox.push('["r2"]')
    outbox.flush()
    expect(texts()).toEqual(['[["r1"],["r2"],["s1"],["s2"]]'])
  })

  it('joins a batch of stream messages alone through its host, which may share it', () => {
    const { outbox, texts } = open((messages) => `shared ${messages.length}`)
    outbox.pushStream('[1]')
    outbox.pushStream('[2]')
    outbox.flush()
    outbox.pushStream('[3]')
    outbox.push('[4]')
    outbox.flush()
    expect(texts()).toEqual(['shared 2', '[[4],[3]]'])
  })

  it('what is pushed while a frame is written goes out with the next', () => {
    const texts: FrameData[] = []
    const outbox: Outbox = new Outbox({
      mayBulk: true,
      schedule: () => {},
      write: (text) => {
        if (texts.push(text) === 1) outbox.push('[2]')
      },
      rider: () => undefined,
      joinStreams: joinBatch,
    })
    outbox.push('[1]')
    outbox.flush()
    expect(texts).toEqual(['[1]'])
    outbox.flush()
    expect(texts).toEqual(['[1]', '[2]'])
  })

  it('clear forgets what was not written, and what comes after is written', () => {
    const { outbox, texts } = open()
    outbox.push('[1]')
    outbox.pushStream('[2]')
    outbox.clear()
    outbox.flush()
    outbox.ride('[3]')
    outbox.flush()
    expect(texts()).toEqual(['[3]'])
  })
})

describe('the cut at 32 calls', () => {
  it('writes 32 calls at once, and the rest at the flush', () => {
    const { outbox, texts, scheduled } = open()
    for (let index = 0; index < 70; index++) outbox.push(`[${index}]`)
    expect(texts().map((text) => JSON.parse(String(text)).length)).toEqual([32, 32])
    outbox.flush()
    expect(texts().flatMap((text) => JSON.parse(String(text)))).toEqual(
      Array.from({ length: 70 }, (_, index) => [index]),
    )
    expect(scheduled()).toBe(1)
  })

  it('leaves streams alone: their items come in long runs anyway', () => {
    const { outbox, texts } = open()
    for (let index = 0; index < 70; index++) outbox.pushStream(`[${index}]`)
    expect(texts()).toEqual([])
  })
})

describe('the cut at 64 KiB', () => {
  it('takes 64 KiB into one frame', () => {
    const { outbox, texts } = open()
    outbox.push(message(32 * 1024))
    outbox.push(message(32 * 1024))
    expect(texts()).toEqual([])
  })

  it('writes what it has before a message that goes over it', () => {
    const { outbox, texts } = open()
    outbox.push(message(32 * 1024))
    outbox.push(message(32 * 1024))
    outbox.push('[1]')
    expect(texts().map((text) => text.length)).toEqual([64 * 1024 + 3])
    outbox.flush()
    expect(texts()[1]).toBe('[1]')
  })

  it('gives a large message a frame of its own', () => {
    const { outbox, texts } = open()
    outbox.push('[1]')
    outbox.push(message(1024 * 1024))
    outbox.push('[2]')
    outbox.flush()
    expect(texts().map((text) => text.length)).toEqual([3, 1024 * 1024, 3])
  })

  it('puts what is large in the order of streams: behind calls, and each piece in its turn', () => {
    const { outbox, texts } = open()
    outbox.pushStream('[6,1]')
    outbox.push(pack('[3,3,[0,70000],[["bytes"]]]', new Uint8Array(70_000)))
    outbox.pushStream('[6,2]')
    outbox.push('[3,5]')
    outbox.flush()
    const types = texts().map((frame) => {
      const messages = (typeof frame === 'string' ? parseFrame(frame) : parseBinaryFrame(frame)).messages as unknown[][]
      return messages.map(([type, id]) => [type, type === 17 ? (id as unknown[])[1] : id])
    })
    expect(types).toEqual([
      [[6, 1]],
      [[17, 65_536]],
      [
        [3, 5],
        [17, 4_464],
        [3, 3],
        [6, 2],
      ],
    ])
  })

  it('a first message that is large is written with no empty frame before it', () => {
    const { outbox, frames } = open()
    outbox.push(message(100_000))
    expect(frames).toEqual([])
    outbox.flush()
    expect(frames).toHaveLength(1)
  })

  it('leaves what is behind a cut to a flush that was asked for', () => {
    const { outbox, scheduled, texts } = open()
    for (let index = 0; index < 3; index++) outbox.push(message(40 * 1024))
    expect(texts()).toHaveLength(2)
    expect(scheduled()).toBeGreaterThanOrEqual(1)
    outbox.flush()
    expect(texts()).toHaveLength(3)
  })
})

describe('the sequence', () => {
  it.each<[string, (outbox: Outbox) => void, boolean]>([
    ['a message', (outbox) => outbox.push('[1]'), true],
    ['a message of a stream', (outbox) => outbox.pushStream('[1]'), true],
    ['credit alone', (outbox) => outbox.ride('[9,1,2,3]'), false],
    ['two credits', (outbox) => [outbox.ride('[9,1,2,3]'), outbox.ride('[9,3,2,3]')], false],
    ['credit beside a message', (outbox) => [outbox.ride('[9,1,2,3]'), outbox.push('[1]')], true],
    ['credit beside an item', (outbox) => [outbox.pushStream('[6,1]'), outbox.ride('[9,1,2,3]')], true],
  ])('a frame with %s is counted: %s', (_name, fill, counted) => {
    const { outbox, frames } = open()
    fill(outbox)
    outbox.flush()
    expect(frames.map((frame) => frame.counted)).toEqual([counted])
  })

  it('each frame of a cut batch is counted by what it holds', () => {
    const { outbox, frames } = open()
    outbox.push(message(60 * 1024))
    outbox.ride(message(10 * 1024))
    outbox.flush()
    expect(frames.map((frame) => frame.counted)).toEqual([true, false])
  })

  it('a cleared message does not count the next frame', () => {
    const { outbox, frames } = open()
    outbox.push('[1]')
    outbox.clear()
    outbox.ride('[9,1,2,3]')
    outbox.flush()
    expect(frames.map((frame) => frame.counted)).toEqual([false])
  })
})

const piece = 65_536

/** An outbox that may write `room` pieces more; `told` gives what it has written, by number and id, parts by their length. */
function openLarge(room = Number.POSITIVE_INFINITY) {
  const messages: unknown[][] = []
  const host = {
    room,
    get mayBulk() {
      return host.room-- > 0
    },
    schedule: () => {},
    write: (frame: FrameData) => {
      const { messages: written } = typeof frame === 'string' ? parseFrame(frame) : parseBinaryFrame(frame)
      messages.push(...(written as unknown[][]))
    },
    rider: () => undefined,
    joinStreams: joinBatch,
  }
  const outbox = new Outbox(host)
  const told = () => {
    outbox.flush()
    return messages.map(([type, id]) => (type === 17 ? ((id as unknown[] | null)?.[1] ?? 'discard') : [type, id]))
  }
  return { outbox, host, messages, told }
}

const large = (id: number, length = 3 * piece): Encoded =>
  encodeResult(id, encodeNow(new Uint8Array(length).map((_, index) => index * id)))

describe('a large message', () => {
  it('goes in pieces, and itself behind them without parts', () => {
    const { outbox, messages, told } = openLarge()
    outbox.push(large(1, 2 * piece + 5))
    expect(told()).toEqual([piece, piece, 5, [3, 1]])
    expect(messages.at(-1)).toMatchObject([3, 1, [0, 2 * piece + 5], { entries: [['bytes']] }, 0, 1])
    expect(outbox.waitingLength).toBe(0)
  })

  it('of a piece at most goes at once, as it is', () => {
    const { outbox, told } = openLarge(0)
    outbox.push(large(1, piece))
    outbox.pushStream('[6,1]')
    expect(outbox.waitingLength).toBe(0)
    expect(told()).toEqual([
      [3, 1],
      [6, 1],
    ])
  })

  it('is one at a time, in their order', () => {
    const { outbox, host, told } = openLarge(1)
    outbox.push(large(1))
    outbox.pushStream(large(3, 2 * piece))
    expect(told()).toEqual([piece])
    host.room = 3
    outbox.pump()
    expect(told()).toEqual([piece, piece, piece, [3, 1], piece])
    host.room = 1
    outbox.pump()
    expect(told().slice(5)).toEqual([piece, [3, 3]])
  })

  it('waits while there is no room, and counts what waits', () => {
    const { outbox, host, told } = openLarge(0)
    const first = large(1)
    const second = large(3)
    outbox.push(first)
    outbox.push(second)
    expect(told()).toEqual([])
    expect(outbox.waitingLength).toBe(first.length + second.length)
    expect(outbox.lengthBehind).toBe(second.length)
    host.room = 3
    outbox.pump()
    expect(outbox.waitingLength).toBe(second.length)
    expect(outbox.lengthBehind).toBe(0)
  })

  it('is forgotten when the outbox is cleared, its beginning too', () => {
    const { outbox, host, told } = openLarge(1)
    outbox.push(large(1))
    expect(told()).toEqual([piece])
    outbox.clear()
    expect(outbox.waitingLength).toBe(0)
    host.room = 9
    outbox.push(large(3, 2 * piece))
    expect(told()).toEqual([piece, piece, piece, [3, 3]])
  })
})

describe('a small message while a large one waits', () => {
  it('of a stream waits behind it; any other goes at once', () => {
    const { outbox, host, told } = openLarge(1)
    outbox.pushStream(large(1))
    expect(told()).toEqual([piece])
    outbox.pushStream('[6,1,"small"]')
    outbox.push('[3,5]')
    expect(told()).toEqual([piece, [3, 5]])
    host.room = 9
    outbox.pump()
    expect(told().slice(2)).toEqual([piece, piece, [3, 1], [6, 1]])
    outbox.pushStream('[6,1,"small"]')
    expect(outbox.waitingLength).toBe(0)
  })
})

describe('taking back', () => {
  it('before a piece went leaves no trace', () => {
    const { outbox, told } = openLarge(0)
    const message = large(1)
    outbox.push(message)
    expect(outbox.withdraw(message)).toBe(true)
    expect(told()).toEqual([])
    expect(outbox.waitingLength).toBe(0)
  })

  it('in the middle says that what came is for nothing, and the next begins anew', () => {
    const { outbox, host, told } = openLarge(1)
    const message = large(1)
    outbox.push(message)
    outbox.push(large(3, 2 * piece))
    host.room = 9
    expect(outbox.withdraw(message)).toBe(true)
    expect(told()).toEqual([piece, 'discard', piece, piece, [3, 3]])
  })

  it('of one that waits behind leaves the first going', () => {
    const { outbox, host, told } = openLarge(1)
    const second = large(3)
    outbox.push(large(1, 2 * piece))
    outbox.push(second)
    expect(outbox.withdraw(second)).toBe(true)
    host.room = 9
    outbox.pump()
    expect(told()).toEqual([piece, piece, [3, 1]])
  })

  it('of what is sent whole, or was never taken, is refused', () => {
    const { outbox, told } = openLarge()
    const message = large(1, 2 * piece)
    outbox.push(message)
    expect(outbox.withdraw(message)).toBe(false)
    expect(outbox.withdraw(large(3))).toBe(false)
    expect(told()).toEqual([piece, piece, [3, 1]])
  })

  it('of the first lets a small one behind it go', () => {
    const { outbox, told } = openLarge(0)
    const message = large(1)
    outbox.pushStream(message)
    outbox.pushStream('[8,1]')
    outbox.withdraw(message)
    expect(told()).toEqual([[8, 1]])
  })
})
