import { duplex, query, RpcError, router, type as unchecked, upload } from 'trunkline'
import { implement, memoryPublisher } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { type Accepted, acceptOn, hello } from './accepted.ts'

const contract = router({
  sum: upload({ send: z.number(), output: z.number() }),
  log: upload({ send: unchecked<unknown>(), output: unchecked<string>() }),
  hold: upload({ send: z.number(), output: z.number() }),
  deaf: upload({ send: z.number(), output: unchecked<string>() }),
  full: upload({ send: z.number(), output: z.number(), errors: { FULL: z.object({ at: z.number() }) } }),
  checked: upload({ input: z.object({ name: z.string() }), send: z.number(), output: z.string() }),
  slow: upload({ send: z.number().transform(async (value) => value * 10), output: z.array(z.number()) }),
  wrong: upload({ send: z.number(), output: z.number() }),
  echo: duplex({
    send: unchecked<unknown>(),
    output: unchecked<unknown>(),
    errors: { FULL: z.object({ at: z.number() }) },
  }),
  late: duplex({ send: unchecked<unknown>(), output: unchecked<unknown>() }),
  listen: duplex({ send: unchecked<unknown>(), output: unchecked<number>() }),
  odd: duplex({ send: z.number(), output: z.number() }),
  ping: query({ output: unchecked<string>() }),
})

let log: unknown[] = []
let go: () => void = () => {}
let bus = memoryPublisher()

/** What a handler sees of its end, in order. */
async function* watched(items: AsyncIterable<unknown>, signal: AbortSignal): AsyncGenerator<unknown> {
  signal.addEventListener('abort', () => log.push('aborted'))
  try {
    for await (const item of items) {
      log.push(item)
      yield item
    }
    log.push('ended')
  } catch (error) {
    log.push((error as RpcError).code)
    throw error
  } finally {
    log.push('finally')
  }
}

const released = () =>
  new Promise<void>((resolve) => {
    go = resolve
  })

const app = implement(contract)
  .use(async ({ path, kind, call, next }) => {
    if (call.meta.wait) await released()
    if (call.meta.refuse) throw new RpcError('FORBIDDEN', { message: 'not you' })
    if (call.meta.watch) log.push(`${kind} ${path} begins`)
    const given = await next()
    if (call.meta.watch) log.push(`${kind} ${path} has answered`)
    return given
  })
  .handlers({
    sum: async ({ items }) => {
      let sum = 0
      for await (const item of items) sum += item
      return sum
    },
    log: async ({ items, signal }) => {
      for await (const _ of watched(items, signal));
      log.push('committed')
      return 'done'
    },
    hold: async ({ items, signal }) => {
      signal.addEventListener('abort', () => log.push('aborted'))
      await released()
      let sum = 0
      for await (const item of items) sum += item
      log.push('committed')
      return sum
    },
    deaf: async () => {
      await released()
      return 'heard nothing'
    },
    full: async ({ items, errors }) => {
      for await (const item of items) if (item > 1) throw errors.FULL({ at: item })
      return 0
    },
    checked: async ({ input, items }) => {
      for await (const _ of items);
      return input.name
    },
    slow: async ({ items }) => {
      const seen: number[] = []
      for await (const item of items) seen.push(item)
      return seen
    },
    wrong: () => 'not a number' as never,
    echo: async function* ({ items, signal, errors }) {
      for await (const item of watched(items, signal)) {
        if (item === 'full') throw errors.FULL({ at: 1 })
        yield item
      }
    },
    late: async ({ items, signal }) => {
      const first = await items[Symbol.asyncIterator]().next()
      log.push(first.value)
      return watched(items, signal)
    },
    listen: ({ signal }) => bus.subscribe('numbers', { signal }) as AsyncIterable<number>,
    odd: async function* ({ items }) {
      for await (const item of items) yield (item === 2 ? 'two' : item) as number
    },
    ping: () => 'pong',
  })

beforeEach(() => {
  vi.useFakeTimers()
  log = []
  go = () => {}
  bus = memoryPublisher()
})
afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
})

const known = { authenticate: () => ({}), identify: () => ({ principal: 'ada' }) }
const settle = () => vi.advanceTimersByTimeAsync(0)
const numbers = (length: number): number[] => Array.from({ length }, (_, index) => index)

async function open(...messages: unknown[]): Promise<Accepted & ReturnType<typeof acceptOn>> {
  return openOn({}, ...messages)
}

async function openOn(options: object, ...messages: unknown[]): Promise<Accepted & ReturnType<typeof acceptOn>> {
  const accepted = acceptOn(app as never, options)
  const connection = accepted.connect()
  connection.say(hello({}, { features: ['resume'] }))
  await settle()
  await say(connection, ...messages)
  return { ...accepted, ...connection }
}

/** One by one, each when the one before has had its effect. */
async function say(line: Accepted, ...messages: unknown[]): Promise<void> {
  for (const message of messages) {
    line.say(message)
    await settle()
  }
}

/** What the server has said about calls. */
const said = ({ sent }: Accepted): unknown[][] => sent.filter(([type]) => (type as number) > 1 && (type as number) < 11)
/** The same, in short. */
const heads = (line: Accepted): unknown[] => said(line).map((message) => message.slice(0, 3))

describe('an upload', () => {
  it('is accepted without a stream, and answered behind the end of its items', async () => {
    const line = await open([2, 1, 'sum'], [6, 1, 2], [6, 1, 3])
    expect(said(line)).toEqual([[5, 1, 0]])
    await say(line, [8, 1])
    expect(said(line)).toEqual([
      [5, 1, 0],
      [3, 1, 5],
    ])
  })

  it('takes items in the frame of its open, and in one batch', async () => {
    const line = await open([
      [2, 1, 'sum'],
      [6, 1, 2],
      [6, 1, 3],
      [8, 1],
    ])
    expect(said(line)).toEqual([
      [5, 1, 0],
      [3, 1, 5],
    ])
  })

  it('takes absent and rich values', async () => {
    await open([2, 1, 'log'], [6, 1], [6, 1, null], [6, 1, 5, null, 0, [['date']]], [8, 1])
    expect(log).toEqual([undefined, null, new Date(5), 'ended', 'finally', 'committed'])
  })

  it('has its items checked by an asynchronous schema, in order', async () => {
    const line = await open([2, 1, 'slow'], [6, 1, 1], [6, 1, 2], [6, 1, 3], [8, 1])
    expect(said(line).at(-1)).toEqual([3, 1, [10, 20, 30]])
  })

  it('may be answered by a handler that reads nothing, before the end', async () => {
    const line = await open([2, 1, 'deaf'], [6, 1, 1])
    go()
    await settle()
    await say(line, [6, 1, 2], [8, 1], [10, 1])
    expect(said(line)).toEqual([
      [5, 1, 0],
      [3, 1, 'heard nothing'],
    ])
    expect(line.closed).toEqual([])
    expect(line.server.stats()).toMatchObject({ calls: 0, streams: 0 })
  })

  it('fails with an error of the contract', async () => {
    const line = await open([2, 1, 'full'], [6, 1, 1], [6, 1, 2])
    expect(said(line).at(-1)).toMatchObject([4, 1, 'FULL', expect.any(String), { data: { at: 2 } }])
  })

  it('is refused for its input before it is accepted', async () => {
    const line = await open([2, 1, 'checked', { name: 3 }], [6, 1, 1], [8, 1])
    expect(said(line)).toMatchObject([[4, 1, 'BAD_REQUEST', expect.any(String), { delivery: 'not-run' }]])
    expect(line.closed).toEqual([])
  })

  it('fails with BAD_REQUEST for an item of another type, and has run', async () => {
    const line = await open([2, 1, 'sum'], [6, 1, 'two'])
    expect(said(line).at(-1)).toMatchObject([4, 1, 'BAD_REQUEST', expect.stringContaining('sum'), {}])
    expect(line.reports).toEqual([])
  })

  it('has its answer checked', async () => {
    const line = await open([2, 1, 'wrong'])
    expect(heads(line).at(-1)).toEqual([4, 1, 'INTERNAL'])
    expect(line.reports).toHaveLength(1)
  })

  it('is refused by a middleware before it is accepted', async () => {
    const line = await open([2, 1, 'sum', null, { meta: { refuse: true } }], [6, 1, 1])
    expect(heads(line)).toEqual([[4, 1, 'FORBIDDEN']])
  })

  it('runs within its middleware, to its answer', async () => {
    const line = await open([2, 1, 'sum', null, { meta: { watch: true } }], [6, 1, 1])
    expect(log).toEqual(['upload sum begins'])
    await say(line, [8, 1])
    expect(log).toEqual(['upload sum begins', 'upload sum has answered'])
  })

  it('is never run for a repeat: whether the first has is not known', async () => {
    const line = await open([2, 1, 'sum', null, { repeat: true }], [6, 1, 1], [8, 1])
    expect(said(line)).toMatchObject([[4, 1, 'CONNECTION_LOST', expect.any(String), { delivery: 'unknown' }]])
  })
})

describe('credit', () => {
  it('is 256 items: one more closes the line', async () => {
    const line = await open([2, 1, 'hold'], ...numbers(256).map((number) => [6, 1, number]))
    expect(line.closed).toEqual([])
    await say(line, [6, 1, 256])
    expect(line.closed).toMatchObject([{ code: 4000, reason: expect.stringContaining('beyond the credit') }])
  })

  it('is 256 KiB: one item may cross it, another closes the line', async () => {
    const line = await open([2, 1, 'hold'], [6, 1, 1, null, 262_143], [6, 1, 1, null, 500_000])
    expect(line.closed).toEqual([])
    await say(line, [6, 1, 1])
    expect(line.closed).toMatchObject([{ code: 4000 }])
  })

  it('is raised when half is read', async () => {
    const line = await open([2, 1, 'log'], ...numbers(127).map((number) => [6, 1, number]))
    expect(said(line)).toEqual([[5, 1, 0]])
    await say(line, [6, 1, 127])
    expect(said(line).at(-1)).toEqual([9, 1, 640, 640 * 1024])
  })

  it('is said once more to a client that comes back', async () => {
    const line = await open([2, 1, 'sum'], ...numbers(128).map((number) => [6, 1, number]))
    line.gone()
    const again = line.connect()
    again.say(hello({}, { attempt: 2, since: 1, received: 1, features: ['resume'] }))
    await settle()
    expect(said(again).filter((message) => (message as unknown[])[0] === 9)).toEqual([[9, 1, 640, 640 * 1024]])
    await say(again, [6, 1, 1_000], [8, 1])
    expect(said(again).at(-1)).toEqual([3, 1, 8_128 + 1_000])
  })
})

describe('an item', () => {
  it('of a call that is unknown, over, or takes none is ignored', async () => {
    const line = await open(
      [6, 99, 1],
      [8, 99],
      [2, 1, 'ping'],
      [6, 1, 1],
      [8, 1],
      [2, 3, 'sum'],
      [8, 3],
      [6, 3, 1],
      [8, 3],
    )
    expect(said(line)).toEqual([
      [3, 1, 'pong'],
      [5, 3, 0],
      [3, 3, 0],
    ])
    expect(line.closed).toEqual([])
  })

  it.each([
    ['no id', [6]],
    ['an id that is none', [6, 0.5, 1]],
    ['a size that is no count', [6, 1, 1, null, -1]],
    ['an end without an id', [8]],
  ])('with %s closes the line', async (_what, message) => {
    const line = await open([2, 1, 'hold'], message)
    expect(line.closed).toMatchObject([{ code: 4000 }])
  })

  it('that can not be read fails its call alone; the handler is not told that all has come', async () => {
    const line = await open([2, 1, 'log'], [6, 1, 'x'], [6, 1, 'y', null, 0, [['no such type', 1, 2]]], [2, 3, 'ping'])
    expect(heads(line)).toEqual([
      [5, 1, 0],
      [4, 1, 'BAD_REQUEST'],
      [3, 3, 'pong'],
    ])
    expect(log).toEqual(['x', 'aborted', 'BAD_REQUEST', 'finally'])
    expect(line.closed).toEqual([])
    expect(line.reports).toEqual([])
  })
})

describe('a deadline', () => {
  it('no longer counts once an upload runs', async () => {
    const line = await open([2, 1, 'sum', null, { timeoutMs: 50 }], [6, 1, 4])
    await vi.advanceTimersByTimeAsync(5_000)
    await say(line, [8, 1])
    expect(said(line).at(-1)).toEqual([3, 1, 4])
  })

  it('ends a duplex call that does not give its source: its items end with a failure', async () => {
    const line = await open([2, 1, 'late', null, { timeoutMs: 50 }])
    await vi.advanceTimersByTimeAsync(100)
    expect(said(line)).toMatchObject([[4, 1, 'TIMEOUT', expect.any(String), { delivery: 'unknown', stream: true }]])
    expect(log).toEqual([])
    expect(line.reports).toEqual([])
  })
})

describe('a cancel', () => {
  it('aborts the signal, then ends the items with CANCELLED', async () => {
    const line = await open([2, 1, 'log'], [6, 1, 1], [10, 1])
    expect(log).toEqual([1, 'aborted', 'CANCELLED', 'finally'])
    expect(said(line)).toEqual([[5, 1, 0]])
    expect(line.server.stats()).toMatchObject({ calls: 0, streams: 0 })
    expect(line.reports).toEqual([])
  })

  it('does the same for a duplex call', async () => {
    const line = await open([2, 1, 'echo'], [6, 1, 1], [10, 1], [6, 1, 2], [8, 1])
    await settle()
    expect(log).toEqual([1, 'aborted', 'CANCELLED', 'finally'])
    expect(line.server.stats()).toMatchObject({ calls: 0, streams: 0 })
    expect(line.reports).toEqual([])
  })

  it('before a handler looks is what it finds, not an end', async () => {
    await open([2, 1, 'hold'], [6, 1, 1], [8, 1], [10, 1])
    go()
    await settle()
    expect(log).toEqual(['aborted'])
  })
})

describe('a session', () => {
  it('that ends takes its uploads and duplex calls along', async () => {
    const line = await openOn({ resume: false }, [2, 1, 'log'], [2, 3, 'echo'])
    line.gone()
    await settle()
    expect(log).toEqual(['aborted', 'aborted', 'CANCELLED', 'finally', 'CANCELLED', 'finally'])
    expect(line.server.stats()).toMatchObject({ calls: 0, streams: 0 })
  })

  it('counts uploads and duplex calls as streams', async () => {
    const line = await openOn({ limits: { streams: 2 } }, [2, 1, 'hold'], [2, 3, 'echo'], [2, 5, 'sum'], [2, 7, 'ping'])
    expect(heads(line)).toEqual([
      [5, 1, 0],
      [5, 3, expect.any(Number)],
      [4, 5, 'OVERLOADED'],
      [3, 7, 'pong'],
    ])
    await say(line, [10, 1], [2, 9, 'sum'], [8, 9])
    expect(said(line).at(-1)).toEqual([3, 9, 0])
  })

  it('takes an open from its rate limit, and none of the items', async () => {
    const line = await openOn(
      { rateLimit: { perSecond: 1, burst: 1 } },
      [2, 1, 'sum'],
      ...numbers(100).map((number) => [6, 1, number]),
      [8, 1],
      [2, 3, 'sum'],
      [6, 3, 1],
    )
    expect(said(line)).toContainEqual([3, 1, 4_950])
    expect(heads(line).at(-1)).toEqual([4, 3, 'RATE_LIMITED'])
  })
})

describe('a duplex call', () => {
  it('is accepted as a stream without a position, and echoes until its caller ends', async () => {
    const line = await open([2, 1, 'echo'], [6, 1, 'a'], [6, 1, 'b'], [8, 1])
    const [accept, ...rest] = said(line)
    expect(accept).toEqual([5, 1, expect.any(Number)])
    const stream = (accept as number[])[2]
    expect(rest).toEqual([
      [6, stream, 'a'],
      [6, stream, 'b'],
      [8, 1],
    ])
    expect(log).toEqual(['a', 'b', 'ended', 'finally'])
  })

  it('gives no ids of events, even where a publisher is behind it', async () => {
    const line = await open([2, 1, 'listen'])
    await bus.publish('numbers', 7)
    await settle()
    const [accept, item] = said(line) as unknown[][]
    expect(accept).toHaveLength(3)
    expect(item).toEqual([6, accept?.[2], 7])
  })

  it('keeps what came before its handler gave a source', async () => {
    const line = await open([2, 1, 'late'])
    expect(said(line)).toEqual([])
    await say(line, [6, 1, 'first'], [6, 1, 'second'], [8, 1])
    expect(log).toEqual(['first', 'second', 'ended', 'finally'])
    expect(said(line).slice(1)).toEqual([
      [6, expect.any(Number), 'second'],
      [8, 1],
    ])
  })

  it('reads no further ahead than its caller takes', async () => {
    const line = await open(
      [2, 1, 'echo', null, { credit: [2, 100_000] }],
      ...numbers(100).map((number) => [6, 1, number]),
    )
    // Two are sent, and the third is not asked for.
    expect(log).toEqual([0, 1])
    await say(line, [9, 1, 3, 100_000])
    expect(log).toEqual([0, 1, 2])
  })

  it('fails with an error of the contract behind its items', async () => {
    const line = await open([2, 1, 'echo'], [6, 1, 'a'], [6, 1, 'full'], [6, 1, 'b'])
    expect(said(line).slice(1)).toMatchObject([
      [6, expect.any(Number), 'a'],
      [4, 1, 'FULL', expect.any(String), { data: { at: 1 } }],
    ])
    expect(line.server.stats()).toMatchObject({ calls: 0, streams: 0 })
  })

  it('has what it gives checked', async () => {
    const line = await open([2, 1, 'odd'], [6, 1, 1], [6, 1, 2])
    expect(heads(line).at(-1)).toEqual([4, 1, 'INTERNAL'])
    expect(line.reports).toHaveLength(1)
  })

  it('runs within its middleware until it has its source', async () => {
    await open([2, 1, 'echo', null, { meta: { watch: true } }], [6, 1, 1])
    expect(log).toEqual(['duplex echo begins', 'duplex echo has answered', 1])
  })

  it('is never run for a repeat', async () => {
    const line = await open([2, 1, 'echo', null, { repeat: true, lastEventId: 'x' }])
    expect(said(line)).toMatchObject([[4, 1, 'CONNECTION_LOST', expect.any(String), { delivery: 'unknown' }]])
  })
})

describe('reauthorize', () => {
  const renew = async (allowed: boolean, path: string) => {
    const asked: string[] = []
    const line = await openOn(
      {
        ...known,
        reauthorize: (call: { path: string; kind: string }) => {
          asked.push(`${call.kind} ${call.path}`)
          return allowed
        },
      },
      [2, 1, path],
      [6, 1, 1],
    )
    await say(line, [15, { params: {} }])
    return { line, asked }
  }

  it('is asked about an open upload, and lets it go on', async () => {
    const { line, asked } = await renew(true, 'log')
    await say(line, [6, 1, 2], [8, 1])
    expect(asked).toEqual(['upload log'])
    expect(said(line).at(-1)).toEqual([3, 1, 'done'])
  })

  it('is asked about an upload that is not accepted yet when it is, since its input is not validated before', async () => {
    const asked: unknown[] = []
    const line = await openOn(
      { ...known, reauthorize: ({ input }: { input: unknown }) => asked.push(input) > 0 },
      [2, 1, 'checked', { name: 'a', more: 1 }, { meta: { wait: true } }],
      [15, { params: {} }],
    )
    expect(asked).toEqual([])
    go()
    await settle()
    expect(asked).toEqual([{ name: 'a' }])
    await say(line, [8, 1])
    expect(said(line).at(-1)).toEqual([3, 1, 'a'])
  })

  it.each(['log', 'echo'])('refuses %s: its handler hears so, and not that all has come', async (path) => {
    const { line } = await renew(false, path)
    expect(heads(line).at(-1)).toEqual([4, 1, 'FORBIDDEN'])
    expect(log).toEqual([1, 'aborted', 'FORBIDDEN', 'finally'])
    expect(line.closed).toEqual([])
    expect(line.reports).toEqual([])
    expect(line.server.stats()).toMatchObject({ calls: 0, streams: 0 })
  })
})

it('revoke ends what is open, and its handlers hear that the caller is gone', async () => {
  const line = await openOn(known, [2, 1, 'log'], [2, 3, 'echo'])
  line.server.revoke('ada')
  await settle()
  expect(log).toEqual(['aborted', 'aborted', 'CANCELLED', 'finally', 'CANCELLED', 'finally'])
  expect(line.closed).toMatchObject([{ code: 4003 }])
})
