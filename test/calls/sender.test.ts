import { beforeEach, describe, expect, it } from 'vitest'
import { Sender, type SenderHost, type SenderPlace, type Source } from '../../packages/trunkline/src/calls/sender.ts'
import { type Encoded, textOf } from '../../packages/trunkline/src/protocol/encoded.ts'
import { RpcError } from '../../packages/trunkline/src/protocol/error.ts'
import { END } from '../../packages/trunkline/src/protocol/messages.ts'

let sent: unknown[] = []
let failures: unknown[] = []
let isWelcome = true
let messageBytes = 1_048_576

const place: SenderPlace = {
  get maySend() {
    return isWelcome
  },
  get limits() {
    return { messageBytes }
  },
  push: (message: Encoded) => {
    const [type, , value] = JSON.parse(textOf(message))
    sent.push(type === END ? 'end' : value)
  },
}
const host: SenderHost = {
  id: 7,
  path: 'files.put',
  types: undefined,
  place,
  failure: (code, message) => new RpcError(code, { message, delivery: 'unknown' }),
  // As a call does: what has failed is over.
  abort: (error) => {
    failures.push(error)
    sender.stop(error)
  },
}
let sender: Sender

const send = (source: Source): void => {
  sender = new Sender(host, source)
  sender.wake()
}
const byHand = (): void => {
  sender = new Sender(host, undefined)
}

/** All that can go on by itself has: micro-tasks, and what is read off a Blob. */
const settle = () => new Promise((resolve) => setImmediate(resolve))
const numbers = (length: number): number[] => Array.from({ length }, (_, index) => index)

/** An iterator whose each step the test answers. */
function steps() {
  const asked: { give: (value: unknown) => void; end: () => void; fail: (error: unknown) => void }[] = []
  let returns = 0
  const iterator: AsyncIterator<unknown> = {
    next: () =>
      new Promise((resolve, reject) => {
        asked.push({
          give: (value) => resolve({ done: false, value }),
          end: () => resolve({ done: true, value: undefined }),
          fail: reject,
        })
      }),
    return: async () => {
      returns++
      return { done: true, value: undefined }
    },
  }
  const source: AsyncIterable<unknown> = { [Symbol.asyncIterator]: () => iterator }
  return {
    source,
    asked,
    get returns() {
      return returns
    },
  }
}

beforeEach(() => {
  sent = []
  failures = []
  isWelcome = true
  messageBytes = 1_048_576
})

describe('an iterable', () => {
  it('is pulled one by one, each behind the one before', async () => {
    const { source, asked } = steps()
    send(source)
    expect(asked).toHaveLength(1)
    asked[0]?.give('a')
    await settle()
    expect(asked).toHaveLength(2)
    asked[1]?.give('b')
    await settle()
    asked[2]?.end()
    await settle()
    expect(sent).toEqual(['a', 'b', 'end'])
  })

  it('may be synchronous', async () => {
    send(new Set(['a', 'b']))
    await settle()
    expect(sent).toEqual(['a', 'b', 'end'])
  })

  it('may be empty', async () => {
    send([])
    await settle()
    expect(sent).toEqual(['end'])
  })

  it('may give undefined and null', async () => {
    const items: unknown[] = []
    const { push } = place
    place.push = (message) => void items.push(textOf(message))
    send([undefined, null])
    await settle()
    place.push = push
    expect(items).toEqual(['[6,7]', '[6,7,null]', '[8,7]'])
  })

  it('is not pulled before the line is welcome', async () => {
    isWelcome = false
    const { source, asked } = steps()
    send(source)
    await settle()
    expect(asked).toEqual([])
    expect(sender.hasBegun).toBe(false)
    isWelcome = true
    sender.wake()
    expect(asked).toHaveLength(1)
    expect(sender.hasBegun).toBe(true)
  })

  it('is pulled for 256 items, and no further until there is credit', async () => {
    let pulled = 0
    const source = function* () {
      for (const number of numbers(1_000)) {
        pulled++
        yield number
      }
    }
    send(source())
    await settle()
    expect([pulled, sent.length]).toEqual([256, 256])
    sender.credit(300, 10_000_000)
    await settle()
    expect([pulled, sent.length]).toEqual([300, 300])
    // What crossed a later one says less, and takes nothing back.
    sender.credit(280, 1)
    sender.credit(301, 10_000_000)
    await settle()
    expect(sent).toEqual(numbers(301))
  })

  it('counts bytes: the item that crosses the limit is the last', async () => {
    send(Array.from({ length: 10 }, () => 'x'.repeat(100_000)))
    await settle()
    expect(sent).toHaveLength(3)
    sender.credit(256, 300_007)
    await settle()
    expect(sent).toHaveLength(4)
  })

  it('is pulled once at a time, however often it is woken', async () => {
    const { source, asked } = steps()
    send(source)
    sender.wake()
    sender.credit(512, 1_000_000)
    expect(asked).toHaveLength(1)
  })

  it('is stopped when the call is over', async () => {
    const source = steps()
    send(source.source)
    sender.stop()
    sender.stop()
    expect(source.returns).toBe(1)
    source.asked[0]?.give('late')
    await settle()
    expect(sent).toEqual([])
    expect(source.asked).toHaveLength(1)
  })

  it('is stopped when it ends its own call in the middle of a step', async () => {
    let cleaned = false
    const source = function* () {
      try {
        yield 1
        sender.stop()
        yield 2
        yield 3
      } finally {
        cleaned = true
      }
    }
    send(source())
    await settle()
    expect(sent).toEqual([1])
    expect(cleaned).toBe(true)
  })

  it.each([
    ['throws in next()', () => ({ next: () => fail() })],
    ['rejects in next()', () => ({ next: async () => fail() })],
  ])('that %s ends the call with what it threw', async (_what, iterator) => {
    send({ [Symbol.asyncIterator]: iterator as () => AsyncIterator<unknown> })
    await settle()
    expect(failures).toEqual([new Error('on fire')])
    expect(sent).toEqual([])
  })

  it.each([
    ['gives nothing in next()', undefined],
    ['gives a result that throws', Object.defineProperty({}, 'done', { get: fail })],
  ])('that %s ends the call', async (_what, result) => {
    send({ [Symbol.asyncIterator]: () => ({ next: async () => result }) as AsyncIterator<unknown> })
    await settle()
    expect(failures).toEqual([expect.any(Error)])
    expect(sent).toEqual([])
  })

  it.each([
    ['throws in return()', () => fail()],
    ['rejects in return()', async () => fail()],
    ['has no return()', undefined],
  ])('that %s is left all the same', async (_what, leave) => {
    const iterator = { next: () => new Promise(() => {}), return: leave }
    send({ [Symbol.asyncIterator]: () => iterator as AsyncIterator<unknown> })
    sender.stop()
    await settle()
    expect(failures).toEqual([])
  })

  it('that gives what can not travel ends the call with BAD_REQUEST, and is stopped', async () => {
    const source = steps()
    send(source.source)
    source.asked[0]?.give(() => {})
    await settle()
    expect(failures).toMatchObject([{ code: 'BAD_REQUEST', delivery: 'unknown' }])
    expect((failures[0] as Error).message).toContain('files.put')
    expect(source.returns).toBe(1)
  })

  it('that gives an item larger than a message ends the call with TOO_LARGE, and is stopped', async () => {
    messageBytes = 50
    const source = steps()
    send(source.source)
    source.asked[0]?.give('x'.repeat(100))
    await settle()
    expect(failures).toMatchObject([{ code: 'TOO_LARGE' }])
    expect(source.returns).toBe(1)
    expect(sent).toEqual([])
  })

  it('waits for a Blob to be read before the next is pulled', async () => {
    const { source, asked } = steps()
    send(source)
    asked[0]?.give(new Blob(['abc']))
    await Promise.resolve()
    await Promise.resolve()
    expect(asked).toHaveLength(1)
    await expect.poll(() => asked.length).toBe(2)
    expect(sent).toHaveLength(1)
  })

  it('takes nothing by hand', async () => {
    send(steps().source)
    await expect(sender.send(1)).rejects.toThrow(
      new TypeError('"files.put" sends the iterable it was given in options.send'),
    )
  })

  it.each([7, {}, true, () => {}])('is what options.send has to be, not %s', (odd) => {
    expect(() => new Sender(host, odd as never)).toThrow(TypeError)
  })
})

describe('by hand', () => {
  it('goes in order, each resolved when it is on its way', async () => {
    byHand()
    await Promise.all(numbers(5).map((number) => sender.send(number)))
    sender.end()
    sender.end()
    expect(sent).toEqual([0, 1, 2, 3, 4, 'end'])
  })

  it('waits for the line, and for credit', async () => {
    isWelcome = false
    byHand()
    const sends = numbers(257).map((number) => sender.send(number))
    sender.end()
    expect(sent).toEqual([])
    isWelcome = true
    sender.wake()
    await Promise.all(sends.slice(0, 256))
    expect(sent).toEqual(numbers(256))
    sender.credit(512, 524_288)
    await sends[256]
    expect(sent).toEqual([...numbers(257), 'end'])
  })

  it('keeps the order behind a Blob, which has to be read first', async () => {
    byHand()
    const sends = [sender.send(new Blob(['abc'])), sender.send('b')]
    sender.end()
    await Promise.all(sends)
    expect(sent.slice(1)).toEqual(['b', 'end'])
  })

  it('takes nothing after the end', async () => {
    byHand()
    sender.end()
    await expect(sender.send(1)).rejects.toMatchObject({ code: 'CANCELLED', delivery: 'not-run' })
    expect(sent).toEqual(['end'])
  })

  it('takes nothing after the call, and rejects what waited for credit', async () => {
    byHand()
    const sends = numbers(258).map((number) => sender.send(number))
    const waiting = Promise.allSettled(sends)
    sender.stop()
    expect((await waiting).map(({ status }) => status).slice(255)).toEqual(['fulfilled', 'rejected', 'rejected'])
    await expect(sender.send(1)).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it('rejects with the failure of the call, where that has one', async () => {
    isWelcome = false
    byHand()
    const waiting = sender.send(1)
    sender.stop(new RpcError('CONNECTION_LOST'))
    await expect(waiting).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  })

  it('rejects an item that can not travel, and those behind it', async () => {
    isWelcome = false
    byHand()
    const odd = sender.send(() => {})
    const behind = sender.send(2)
    isWelcome = true
    sender.wake()
    await expect(odd).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    await expect(behind).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(failures).toMatchObject([{ code: 'BAD_REQUEST' }])
  })

  it('rejects an item larger than a message', async () => {
    messageBytes = 50
    byHand()
    await expect(sender.send('x'.repeat(100))).rejects.toMatchObject({ code: 'TOO_LARGE' })
  })

  it('rejects a Blob that is still read when the call is over', async () => {
    byHand()
    const late = sender.send(new Blob(['abc']))
    sender.stop()
    await expect(late).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(sent).toEqual([])
  })

  it('rejects a Blob that can not be read', async () => {
    byHand()
    const blob = new Blob(['abc'])
    blob.arrayBuffer = () => Promise.reject(new Error('gone'))
    await expect(sender.send(blob)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(failures).toHaveLength(1)
  })
})

function fail(): never {
  throw new Error('on fire')
}
