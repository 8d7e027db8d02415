import * as fc from 'fast-check'
import {
  event,
  mutation,
  query,
  type RpcError,
  router,
  subscription,
  type as unchecked,
  type ValueType,
} from 'trunkline'
import { createCaller, implement, memoryPublisher } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { joinPacked } from '../../packages/trunkline/src/protocol/binary-frame.ts'
import type { Encoded } from '../../packages/trunkline/src/protocol/encoded.ts'
import { anyValueWithBlobs, contentOf } from '../protocol/any-value.ts'
import { acceptOn, hello } from './accepted.ts'

// Bytes, Blobs and types of one's own between a client and a server in memory, in every place a value can stand.

class Money {
  readonly cents: bigint
  readonly currency: string

  constructor(cents: bigint, currency: string) {
    this.cents = cents
    this.currency = currency
  }
}

const money: ValueType<Money, [bigint, string]> = {
  name: 'money',
  is: (value) => value instanceof Money,
  encode: ({ cents, currency }) => [cents, currency],
  decode: ([cents, currency]) => {
    if (typeof cents !== 'bigint') throw new Error('secret of the decoder')
    return new Money(cents, currency)
  },
}

const any = unchecked<unknown>()
const contract = router({
  ask: query({ input: any, output: any }),
  put: mutation({ input: any, output: any, idempotent: true }),
  fail: query({ input: any, output: any, errors: { BROKEN: any } }),
  watch: subscription({ input: any, output: any }),
  feed: subscription({ output: any }),
  checked: query({ input: z.instanceof(Uint8Array), output: z.object({ bytes: z.instanceof(Uint8Array) }) }),
})

let seen: unknown[] = []
let reports: unknown[] = []
let bus = memoryPublisher()

const app = implement(contract).handlers({
  ask: ({ input }) => {
    seen.push(input)
    return input
  },
  put: ({ input }) => {
    seen.push(input)
    return input
  },
  fail: ({ input, errors }) => {
    throw errors.BROKEN(input)
  },
  watch: async function* ({ input }) {
    seen.push(input)
    yield input
    yield event(input, { id: 'second' })
  },
  feed: ({ signal, lastEventId }) => bus.subscribe('feed', { signal, lastEventId }),
  checked: ({ input }) => ({ bytes: input }),
})

const endless = implement(router({ numbers: subscription({ output: any }) })).handlers({
  numbers: async function* () {
    for (;;) yield new Float64Array(500)
  },
})

/** As many turns as a few messages there and back take. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

const onError = ({ error }: { error: unknown }) => void reports.push(error)
const options = { onError, types: [money] }
let pair = createPair(app, options)

beforeEach(() => {
  seen = []
  reports = []
  bus = memoryPublisher()
  pair = createPair(app, options)
})

afterEach(() => pair.close())

const client = () => pair.createClient({ types: [money] })
const failureOf = (promise: PromiseLike<unknown>): Promise<RpcError> =>
  Promise.resolve(promise).then(
    () => expect.fail('it did not fail'),
    (error) => error,
  )

/** A Blob that is read when the test says so. */
function slowBlob() {
  let release: (error?: Error) => void = () => {}
  const gate = new Promise<void>((resolve, reject) => {
    release = (error) => (error ? reject(error) : resolve())
  })
  class Slow extends Blob {
    override async arrayBuffer(): Promise<ArrayBuffer> {
      await gate
      return super.arrayBuffer()
    }
  }
  return { blob: new Slow(['slow']), release: (error?: Error) => release(error) }
}

describe('any value', () => {
  it('arrives as input, output, item and data of an error', async () => {
    const { api } = client()
    await fc.assert(
      fc.asyncProperty(anyValueWithBlobs, async (value) => {
        const expected = await contentOf(value)
        seen = []
        expect(await contentOf(await api.ask(value))).toStrictEqual(expected)
        expect(await contentOf(await api.put(value))).toStrictEqual(expected)
        const items: unknown[] = []
        for await (const item of api.watch(value)) items.push(item)
        expect(await contentOf(items)).toStrictEqual([expected, expected])
        expect(await contentOf(seen)).toStrictEqual([expected, expected, expected])
        const { code, data } = await failureOf(api.fail(value))
        expect([code, await contentOf(data)]).toStrictEqual(['BROKEN', expected])
      }),
      { numRuns: 300 },
    )
    expect(reports).toEqual([])
  }, 60_000)

  it('passes schemas that ask for bytes', async () => {
    const { api } = client()
    expect(await api.checked(Uint8Array.of(1, 2))).toEqual({ bytes: Uint8Array.of(1, 2) })
    expect(await failureOf(api.checked([1, 2] as never))).toMatchObject({ code: 'BAD_REQUEST', delivery: 'not-run' })
  })

  it('arrives in one frame with others of the turn', async () => {
    const { api } = client()
    const values = [Uint8Array.of(1), 'x', new Money(5n, 'CHF'), Float64Array.of(1), new Date(0)]
    expect(await Promise.all(values.map((value) => api.ask(value)))).toStrictEqual(values)
  })
})

describe('a Blob that is still read', () => {
  it('leaves calls behind it their turn', async () => {
    const { api } = client()
    const { blob, release } = slowBlob()
    const late = api.ask(blob)
    expect(await api.ask('first')).toBe('first')
    release()
    expect(await contentOf(await late)).toEqual(await contentOf(new Blob(['slow'])))
  })

  it('can be cancelled: its call is never sent', async () => {
    const { api } = client()
    const { blob, release } = slowBlob()
    const controller = new AbortController()
    const failure = failureOf(api.ask(blob, { signal: controller.signal }))
    controller.abort()
    expect(await failure).toMatchObject({ code: 'CANCELLED', delivery: 'not-run' })
    release()
    await api.ask('then')
    expect(seen).toEqual(['then'])
  })

  it('has the deadline of its call', async () => {
    const { api } = client()
    const failure = await failureOf(api.ask(slowBlob().blob, { timeoutMs: 1 }))
    expect(failure).toMatchObject({ code: 'TIMEOUT', delivery: 'not-run' })
  })

  it('ends with its client', async () => {
    const { api, connection } = client()
    const { blob, release } = slowBlob()
    const failure = failureOf(api.ask(blob))
    expect(connection.stats().waiting).toBe(1)
    await connection.close()
    expect(await failure).toMatchObject({ code: 'CANCELLED', delivery: 'not-run' })
    release()
    expect(connection.stats().waiting).toBe(0)
    expect(seen).toEqual([])
  })

  it('that cannot be read fails its call, and nothing else', async () => {
    const { api } = client()
    const { blob, release } = slowBlob()
    const failure = failureOf(api.ask({ blob }))
    release(new Error('gone'))
    expect(await failure).toMatchObject({
      code: 'BAD_REQUEST',
      message: 'Invalid input of "ask": blob: a Blob can\'t be read',
      delivery: 'not-run',
    })
    expect(await api.ask(1)).toBe(1)
  })

  it('that cannot be read leaves nothing behind when its call has ended before', async () => {
    const { api } = client()
    const { blob, release } = slowBlob()
    const controller = new AbortController()
    const failure = failureOf(api.ask(blob, { signal: controller.signal }))
    controller.abort()
    expect(await failure).toMatchObject({ code: 'CANCELLED' })
    // An unhandled rejection would end this process.
    release(new Error('gone'))
    expect(await api.ask(1)).toBe(1)
  })

  it('in an item keeps the items behind it in order', async () => {
    const { blob, release } = slowBlob()
    const items: unknown[] = []
    const stream = await client().api.feed()
    await bus.publish('feed', blob)
    await bus.publish('feed', 'second')
    release()
    for await (const item of stream) if (items.push(item) === 2) break
    expect(await contentOf(items)).toEqual([await contentOf(new Blob(['slow'])), 'second'])
  })

  it('that the server cannot read is INTERNAL, and says to onError whose output it was', async () => {
    const broken = createPair(
      implement(router({ get: query({ output: any }) })).handlers({
        get: () => {
          const { blob, release } = slowBlob()
          release(new Error('gone'))
          return { blob }
        },
      }),
      { onError },
    )
    expect(await failureOf(broken.createClient().api.get())).toMatchObject({ code: 'INTERNAL', data: undefined })
    expect(String(reports[0])).toContain("get: the output: blob: a Blob can't be read")
    await broken.close()
  })
})

describe('a type of one’s own', () => {
  it('arrives wherever it stands', async () => {
    const { api } = client()
    const value = { prices: new Map([[new Money(1n, 'A'), [new Money(2n, 'B')]]]), at: new Date(0) }
    expect(await api.ask(value)).toStrictEqual(value)
    expect((await failureOf(api.fail(value))).data).toStrictEqual(value)
    for await (const item of api.watch(value)) expect(item).toStrictEqual(value)
  })

  it('that only the client knows is BAD_REQUEST, not run, and the line lives', async () => {
    const without = createPair(app, { onError })
    const { api } = without.createClient({ types: [money] })
    expect(await failureOf(api.ask(new Money(1n, 'A')))).toMatchObject({ code: 'BAD_REQUEST', delivery: 'not-run' })
    expect(await api.ask(1)).toBe(1)
    expect(without.server.stats().connections).toBe(1)
    await without.close()
  })

  it('that only the server knows ends the call INTERNAL, and the line lives', async () => {
    const { api } = pair.createClient()
    await bus.publish('feed', 0)
    const stream = await api.feed()
    const failure = failureOf(stream[Symbol.asyncIterator]().next())
    await bus.publish('feed', new Money(1n, 'A'))
    expect(await failure).toMatchObject({ code: 'INTERNAL' })
    expect(await api.ask(1)).toBe(1)
  })

  it('that neither knows fails where it is sent', async () => {
    const none = createPair(app, { onError })
    const failure = await failureOf(none.createClient().api.ask(new Money(1n, 'A')))
    expect(failure).toMatchObject({ code: 'BAD_REQUEST', delivery: 'not-run' })
    expect(failure.message).toContain('an instance of Money')
    await none.close()
  })

  it('whose `decode` throws is BAD_REQUEST, and what it threw stays here', async () => {
    const loose = { ...money, encode: () => [1, 'x'] as never }
    const { api } = pair.createClient({ types: [loose] })
    const failure = await failureOf(api.ask(new Money(1n, 'A')))
    expect(failure).toMatchObject({ code: 'BAD_REQUEST', delivery: 'not-run' })
    expect(JSON.stringify(failure)).not.toContain('secret')
    expect(failure.message).not.toContain('secret')
    expect(seen).toEqual([])
  })

  it('whose `encode` throws fails the call here, and at the server INTERNAL', async () => {
    const encode = () => {
      throw new Error('secret')
    }
    const { api } = pair.createClient({ types: [{ ...money, encode }] })
    expect(await failureOf(api.ask(new Money(1n, 'A')))).toMatchObject({ code: 'BAD_REQUEST', delivery: 'not-run' })
    const broken = createPair(app, { onError, types: [{ ...money, encode }] })
    const failure = await failureOf(broken.createClient({ types: [money] }).api.ask(new Money(1n, 'A')))
    expect(failure).toMatchObject({ code: 'INTERNAL' })
    expect(failure.message).not.toContain('secret')
    expect(reports).toHaveLength(1)
    await broken.close()
  })

  it.each([[[{ ...money, name: 'a b' }]], [[money, money]]])(
    'is refused at once when its list cannot work',
    (types) => {
      expect(() => createPair(app, { types })).toThrow(TypeError)
      expect(() => pair.createClient({ types })).toThrow(TypeError)
    },
  )

  it('is nothing to a caller in process, which hands values over as they are', async () => {
    const caller = createCaller(app)
    const value = { money: new Money(1n, 'A'), bytes: Uint8Array.of(1) }
    expect(await caller.ask(value)).toBe(value)
  })
})

describe('an idempotent mutation', () => {
  it('is answered again with the same bytes', async () => {
    const value = { bits: Float64Array.of(-0, Number.NaN, 0.1), bytes: new Uint8Array(256).map((_, index) => index) }
    const { api } = client()
    const first = await api.put(value, { idempotencyKey: 'k' })
    const again = await api.put('another input', { idempotencyKey: 'k' })
    expect(await contentOf(first)).toStrictEqual(await contentOf(value))
    expect(await contentOf(again)).toStrictEqual(await contentOf(value))
    expect(seen).toHaveLength(1)
  })

  it('is answered again with an empty part', async () => {
    const { api } = client()
    await api.put(new Uint8Array(0), { idempotencyKey: 'k' })
    expect(await api.put(1, { idempotencyKey: 'k' })).toStrictEqual(new Uint8Array(0))
  })
})

describe('limits', () => {
  it('count bytes as well as text, at the client', async () => {
    const { api } = client()
    const failure = await failureOf(api.ask(new Uint8Array(1_048_576)))
    expect(failure).toMatchObject({ code: 'TOO_LARGE', delivery: 'not-run' })
    const most = new Uint8Array(1_048_576 - '[2,00,"ask",[0,1048576],null,[["bytes"]]]'.length).fill(1)
    expect(await api.ask(most)).toEqual(most)
  })

  it('count bytes as well as text, at the server', async () => {
    const large = createPair(
      implement(router({ get: query({ output: any }) })).handlers({ get: () => new Uint8Array(2_000) }),
      { onError, limits: { messageBytes: 2_000 } },
    )
    expect(await failureOf(large.createClient().api.get())).toMatchObject({ code: 'TOO_LARGE', delivery: 'ran' })
    await large.close()
  })

  it('of credit count the bytes of an item', async () => {
    const { say, sent } = acceptOn(endless as never).connect()
    say(hello(), [2, 1, 'numbers', null, { credit: [100, 10_000] }])
    await turns()
    // 4 000 bytes and a little text each: behind the third nothing is left.
    expect(sent.filter(([type]) => type === 6)).toHaveLength(3)
  })
})

describe('an event with bytes', () => {
  it('is one frame for all who listen', async () => {
    const readers = [client(), client(), client()]
    const streams = await Promise.all(readers.map(({ api }) => api.feed()))
    const before = pair.frames.length
    await bus.publish('feed', Uint8Array.of(1, 2, 3))
    for (const stream of streams)
      expect(await stream[Symbol.asyncIterator]().next()).toEqual({ done: false, value: Uint8Array.of(1, 2, 3) })
    const frames = pair.frames.slice(before).filter(({ from, bytes }) => from === 'server' && bytes)
    expect(frames).toHaveLength(3)
    expect(new Set(frames.map(({ bytes }) => bytes)).size).toBe(1)
  })

  it('is read by each in memory of its own', async () => {
    const streams = await Promise.all([client(), client()].map(({ api }) => api.feed()))
    await bus.publish('feed', new Uint8Array(1_000).fill(1))
    const [one, other] = (await Promise.all(
      streams.map(async (stream) => (await stream[Symbol.asyncIterator]().next()).value),
    )) as [Uint8Array, Uint8Array]
    one.fill(9)
    expect(other).toEqual(new Uint8Array(1_000).fill(1))
  })
})

describe('a break', () => {
  it('is survived by frames with bytes, both ways and bit by bit', async () => {
    const { api, connection } = client()
    const stream = await api.feed()
    const iterator = stream[Symbol.asyncIterator]()
    await connection.connect()
    const calls = Array.from({ length: 20 }, (_, index) => api.put(new Uint8Array(1_000).fill(index)))
    await bus.publish('feed', Float64Array.of(1, 2, 3))
    pair.cut()
    await bus.publish('feed', Uint8Array.of(7))
    await connection.connect()
    expect(await Promise.all(calls)).toEqual(calls.map((_, index) => new Uint8Array(1_000).fill(index)))
    expect(await iterator.next()).toEqual({ done: false, value: Float64Array.of(1, 2, 3) })
    expect(await iterator.next()).toEqual({ done: false, value: Uint8Array.of(7) })
    expect(seen).toHaveLength(20)
  })
})

describe('forged parts', () => {
  const frame = (...messages: [text: string, length: number][]): Uint8Array =>
    joinPacked(messages.map(([text, length]): Encoded => ({ text, bytes: new Uint8Array(length), length: 0 })))

  it.each<[string, Uint8Array]>([
    ['out of range', frame(['[2,1,"ask",[0,16],null,[["bytes"]]]', 8])],
    ['misaligned', frame(['[2,1,"ask",[1,1],null,[["bytes"]]]', 8])],
    ['of a broken number of elements', frame(['[2,1,"ask",[0,7],null,[["float64"]]]', 8])],
    ['of an unknown type', frame(['[2,1,"ask",[0,8],null,[["regexp"]]]', 8])],
    ['of an unknown type of one’s own', frame(['[2,1,"ask",[0,8],null,[[":nobody"]]]', 8])],
    ['under __proto__', frame(['[2,1,"ask",{"__proto__":[0,8]},null,[["bytes","__proto__"]]]', 8])],
    ['with a base that leads nowhere', frame(['[2,1,"ask",[0,8],null,[["bytes"]],800]', 8])],
    ['for a type that refuses them', frame(['[2,1,"ask",[0,8],null,[["bytes"],[":money"]]]', 8])],
  ])('%s fail their call alone: BAD_REQUEST, not run', async (_name, bytes) => {
    const accepted = acceptOn(app as never, { types: [money] })
    const { say, binary, sent, closed } = accepted.connect()
    say(hello())
    await turns()
    binary(bytes)
    say([2, 3, 'ask', 'still here'])
    await turns()
    expect(sent.find(([type]) => type === 4)).toMatchObject([
      4,
      1,
      'BAD_REQUEST',
      expect.any(String),
      { delivery: 'not-run' },
    ])
    expect(sent).toContainEqual([3, 3, 'still here'])
    expect(seen).toEqual(['still here'])
    expect(closed).toEqual([])
  })
})
