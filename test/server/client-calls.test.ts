import {
  duplex,
  mutation,
  query,
  type RouterClient,
  type RpcError,
  router,
  subscription,
  type as unchecked,
  upload,
} from 'trunkline'
import { type Connection, implement } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { acceptOn, hello } from './accepted.ts'

// A server's own calls, read and answered frame by frame: the client is the test.

const page = router({
  title: query({ output: z.string() }),
  ask: query({ input: unchecked<unknown>(), output: z.number() }),
  loose: query({ output: z.any() }),
  tell: mutation({ errors: { BUSY: z.object({ until: z.number() }) } }),
  moves: subscription({ output: z.number() }),
  paste: upload({ send: z.string(), output: z.number() }),
  talk: duplex({ send: z.string(), output: z.string() }),
})

const app = implement(router({ ping: query({ output: z.string() }) })).handlers({ ping: () => 'pong' })

const settle = () => vi.advanceTimersByTimeAsync(0)

async function join(more: object = {}, options: object = {}) {
  const { server, connect, reports } = acceptOn(app as never, options)
  const socket = connect()
  socket.say(hello({}, { features: ['resume', 'serve'], ...more }))
  await settle()
  const handle = [...server.connections][0] as Connection
  const client: RouterClient<typeof page> = handle.client(page)
  /** What the client was told since `welcome`, without acks. */
  const told = () => socket.sent.filter(([type]) => type !== 1 && type !== 11)
  return { server, connect, socket, client, told, reports, handle }
}

const failureOf = (promise: PromiseLike<unknown>): Promise<RpcError> =>
  Promise.resolve(promise).then(
    (value) => expect.fail(`it gave ${JSON.stringify(value)}`),
    (error) => error,
  )

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
})
afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
})

describe('an open', () => {
  it('has an even id, which rises', async () => {
    const { client, told, socket } = await join()
    const calls = [client.title(), client.ask(7)]
    await settle()
    expect(told()).toEqual([
      [2, 2, 'title'],
      [2, 4, 'ask', 7],
    ])
    socket.say([3, 4, 1], [3, 2, 'x'])
    expect(await Promise.all(calls)).toEqual(['x', 1])
  })

  it('says its deadline where it is not the usual one', async () => {
    const { client, told } = await join()
    client.title(undefined, { timeoutMs: 5_000 }).catch(() => {})
    await settle()
    expect(told()).toEqual([[2, 2, 'title', null, { timeoutMs: 5_000 }, [['undefined']]]])
  })

  it('is for a call that has time left: else it ends TIMEOUT, and is cancelled once', async () => {
    const { client, told } = await join()
    const failure = failureOf(client.title(undefined, { timeoutMs: 100 }))
    await vi.advanceTimersByTimeAsync(300)
    expect(await failure).toMatchObject({ code: 'TIMEOUT', delivery: 'unknown' })
    expect(told().slice(1)).toEqual([[10, 2]])
  })

  it('larger than the client takes is not written', async () => {
    const { client, told, socket } = await join({ limits: { messageBytes: 100 } })
    expect(await failureOf(client.ask('x'.repeat(200)))).toMatchObject({ code: 'TOO_LARGE', delivery: 'not-run' })
    const next = client.ask(1)
    await settle()
    const [open] = told()
    expect(told()).toHaveLength(1)
    socket.say([3, open?.[1], 5])
    expect(await next).toBe(5)
  })

  it('of an input that can’t travel is not written', async () => {
    const { client, told } = await join()
    expect(await failureOf(client.ask(() => {}))).toMatchObject({ code: 'BAD_REQUEST', delivery: 'not-run' })
    expect(told()).toEqual([])
  })

  it('is not written for a signal that has aborted; one that aborts later cancels', async () => {
    const { client, told } = await join()
    expect(await failureOf(client.title(undefined, { signal: AbortSignal.abort() }))).toMatchObject({
      code: 'CANCELLED',
      delivery: 'not-run',
    })
    const controller = new AbortController()
    const failure = failureOf(client.title(undefined, { signal: controller.signal }))
    await settle()
    controller.abort()
    await settle()
    expect(await failure).toMatchObject({ code: 'CANCELLED', delivery: 'unknown' })
    expect(told()).toEqual([
      [2, 2, 'title'],
      [10, 2],
    ])
  })

  it.each([0, -1, Number.NaN])('with a timeoutMs of %s throws a TypeError', async (timeoutMs) => {
    const { client } = await join()
    expect(() => client.title(undefined, { timeoutMs })).toThrow(TypeError)
  })
})

describe('limits of the client', () => {
  it('make calls wait, and go out in their order', async () => {
    const { client, told, socket } = await join({ limits: { calls: 2 } })
    const calls = [1, 2, 3, 4].map((input) => client.ask(input))
    await settle()
    expect(told().map(([, id]) => id)).toEqual([2, 4])
    socket.say([3, 4, 0])
    await settle()
    expect(told().map(([, id, , input]) => [id, input])).toEqual([
      [2, 1],
      [4, 2],
      [6, 3],
    ])
    socket.say([3, 2, 0], [3, 6, 0])
    await settle()
    socket.say([3, 8, 9])
    expect(await Promise.all(calls)).toEqual([0, 0, 0, 9])
  })

  it('let a call that waits end at its deadline, or by its signal: it was never asked', async () => {
    const { client, told } = await join({ limits: { calls: 0 } })
    const controller = new AbortController()
    const failures = [
      failureOf(client.title(undefined, { timeoutMs: 100 })),
      failureOf(client.title(undefined, { signal: controller.signal })),
    ]
    controller.abort()
    await vi.advanceTimersByTimeAsync(300)
    expect(await Promise.all(failures)).toMatchObject([
      { code: 'TIMEOUT', delivery: 'not-run' },
      { code: 'CANCELLED', delivery: 'not-run' },
    ])
    expect(told()).toEqual([])
  })

  it('bound what waits: 10 000, then OVERLOADED', async () => {
    const { client } = await join({ limits: { calls: 0 } })
    const waiting = Array.from({ length: 10_000 }, () => failureOf(client.title()))
    expect(await failureOf(client.title())).toMatchObject({ code: 'OVERLOADED', delivery: 'not-run' })
    await vi.advanceTimersByTimeAsync(31_000)
    expect((await Promise.all(waiting)).every(({ code }) => code === 'TIMEOUT')).toBe(true)
  })

  it('do not count a stream that was accepted', async () => {
    const { client, told, socket } = await join({ limits: { calls: 1 } })
    const moves = client.moves()
    const title = client.title()
    await settle()
    expect(told()).toHaveLength(1)
    socket.say([5, 2, 1])
    await settle()
    expect(told()[1]).toEqual([2, 4, 'title'])
    socket.say([3, 4, 'x'])
    expect(await title).toBe('x')
    await (await moves)[Symbol.asyncDispose]()
  })

  it.each([[{ calls: -1 }], [{ calls: 1.5 }], [{ messageBytes: '1' }], [7]])(
    'that are none, %j, refuse the hello',
    async (limits) => {
      const { connect } = acceptOn(app as never)
      const socket = connect()
      socket.say(hello({}, { features: ['serve'], limits }))
      await settle()
      expect(socket.closed).toMatchObject([{ code: 4000 }])
    },
  )
})

describe('a client that serves nothing', () => {
  it('is asked nothing: NOT_FOUND', async () => {
    const { client, told } = await join({ features: ['resume'] })
    expect(await failureOf(client.title())).toMatchObject({ code: 'NOT_FOUND', delivery: 'not-run' })
    expect(told()).toEqual([])
  })
})

describe('what a client answers', () => {
  it.each([
    [3, 2, 'x'],
    [4, 2, 'NOT_FOUND', 'no'],
    [5, 2, 2],
    [6, 2, 'x'],
    [7, 2, {}],
    [8, 2],
    [9, 2, 1, 1],
  ])('to a call that nobody made is passed over: [%j, %j, …]', async (...message) => {
    const { socket, told } = await join()
    socket.say(message, [2, 1, 'ping'])
    await settle()
    expect(told()).toEqual([[3, 1, 'pong']])
    expect(socket.closed).toEqual([])
  })

  it.each([
    [[3, 0]],
    [[4, 2]],
    [[4, 2, 'X', 'y', { delivery: 'never' }]],
    [[5, 2]],
    [[5, 2, -1]],
    [[6, 2, 1, 7]],
    [[6, 2, 1, null, -1]],
    [[7, 2, []]],
    [[9, 2, 1]],
    [[2, 2, 'ping']],
    [[10, 2]],
  ])('in another shape closes with 4000: %j', async (message) => {
    const { client, socket } = await join()
    client.title().catch(() => {})
    await settle()
    socket.say(message)
    await settle()
    expect(socket.closed).toMatchObject([{ code: 4000 }])
  })

  it('is checked: an output, an item and data of an error that do not fit are INTERNAL', async () => {
    const { client, socket, told } = await join()
    const title = failureOf(client.title())
    const tell = failureOf(client.tell())
    const moves = client.moves()
    await settle()
    socket.say([3, 2, 7], [4, 4, 'BUSY', 'busy', { data: { until: 'x' } }], [5, 6, 6], [6, 6, 1], [6, 6, 'far'])
    expect(await title).toMatchObject({ code: 'INTERNAL' })
    expect(await tell).toMatchObject({ code: 'INTERNAL', data: undefined })
    const iterator = (await moves)[Symbol.asyncIterator]()
    expect(await iterator.next()).toEqual({ done: false, value: 1 })
    expect(await failureOf(iterator.next())).toMatchObject({ code: 'INTERNAL' })
    await settle()
    expect(told().at(-1)).toEqual([10, 6])
  })

  it('with data that fits arrives, and data of an undeclared code is dropped', async () => {
    const { client, socket } = await join()
    const failures = [failureOf(client.tell()), failureOf(client.tell())]
    await settle()
    socket.say([4, 2, 'BUSY', 'busy', { data: { until: 5 } }], [4, 4, 'WHAT', 'odd', { data: { secret: 1 } }])
    expect(await Promise.all(failures)).toMatchObject([
      { code: 'BUSY', data: { until: 5 } },
      { code: 'WHAT', data: undefined },
    ])
  })

  it('that can’t be read is INTERNAL', async () => {
    const { client, socket } = await join()
    const title = failureOf(client.title())
    await settle()
    socket.say([3, 2, 'x', [['regexp']]])
    expect(await title).toMatchObject({ code: 'INTERNAL' })
    expect(socket.closed).toEqual([])
  })

  it('twice is taken once', async () => {
    const { client, socket } = await join()
    const title = client.title()
    await settle()
    socket.say([3, 2, 'first'], [3, 2, 'second'], [4, 2, 'NOT_FOUND', 'no'])
    expect(await title).toBe('first')
    expect(socket.closed).toEqual([])
  })

  it('to a stream may be accepted twice: items go on', async () => {
    const { client, socket } = await join()
    const moves = client.moves()
    await settle()
    socket.say([5, 2, 2], [6, 2, 1], [5, 2, 2], [6, 2, 2], [8, 2])
    const items: number[] = []
    for await (const item of moves) items.push(item)
    expect(items).toEqual([1, 2])
  })

  it('with a result in the place of a stream is INTERNAL', async () => {
    const { client, socket } = await join()
    const failure = failureOf(client.moves())
    await settle()
    socket.say([3, 2, 7])
    expect(await failure).toMatchObject({ code: 'INTERNAL', delivery: 'ran' })
  })

  it.each([
    ['title', 2],
    ['loose', 2],
    ['title', 0],
    ['paste', 2],
  ] as const)('with a stream in the place of a result, %s as %i, is INTERNAL and cancelled', async (name, stream) => {
    const { client, socket, told } = await join()
    const failure = failureOf(client[name]())
    await settle()
    socket.say([5, 2, stream], [6, 2, 1])
    await settle()
    expect(await failure).toMatchObject({ code: 'INTERNAL' })
    expect(told()[1]).toEqual([10, 2])
    expect(socket.closed).toEqual([])
  })

  it.each([[[4, 2, 'NOT_FOUND', 'no']], [[4, 2, 'NOT_FOUND', 'no', { stream: true }]], [[3, 2]], [[8, 2]]])(
    'to a stream that nobody has looked at yet waits for who iterates it: %j',
    async (message) => {
      const { client, socket } = await join()
      const moves = client.moves()
      await settle()
      socket.say(message)
      // An unhandled rejection would fail this run, as it would end a server.
      await new Promise((resolve) => setImmediate(resolve))
      expect(await failureOf(moves)).toMatchObject({ code: expect.stringMatching('NOT_FOUND|INTERNAL') })
    },
  )

  it('beyond the credit of a stream closes with 4000', async () => {
    const { client, socket } = await join()
    const moves = client.moves(undefined, { credit: 2 })
    await settle()
    socket.say([5, 2, 2], [6, 2, 1], [6, 2, 2])
    await moves
    expect(socket.closed).toEqual([])
    socket.say([6, 2, 3])
    await settle()
    expect(socket.closed).toMatchObject([{ code: 4000, reason: expect.stringContaining('credit') }])
  })

  it('as an item before the stream stands closes with 4000', async () => {
    const { client, socket } = await join()
    client.moves().then(undefined, () => {})
    await settle()
    socket.say([6, 2, 1])
    await settle()
    expect(socket.closed).toMatchObject([{ code: 4000 }])
  })

  it('as an end before the stream stands is INTERNAL', async () => {
    const { client, socket } = await join()
    const failure = failureOf(client.moves())
    await settle()
    socket.say([8, 2])
    expect(await failure).toMatchObject({ code: 'INTERNAL' })
  })
})

describe('what the server pushes', () => {
  it('goes on credit: 256 items, and more when the client says so', async () => {
    const { client, socket, told } = await join()
    let pulled = 0
    function* source() {
      for (;;) yield `${pulled++}`
    }
    const paste = client.paste(undefined, { send: source() })
    await settle()
    socket.say([5, 2, 0])
    await settle()
    const items = () => told().filter(([type]) => type === 6)
    expect(items()).toHaveLength(256)
    socket.say([9, 2, 260, 1_000_000])
    await settle()
    expect(items()).toHaveLength(260)
    socket.say([3, 2, 260])
    expect(await paste).toBe(260)
    expect(pulled).toBeLessThanOrEqual(261)
  })

  it('by hand ends with a half-close, and the answer comes', async () => {
    const { client, socket, told } = await join()
    const talk = client.talk()
    await settle()
    socket.say([5, 2, 2])
    await talk.send('a')
    talk.end()
    await settle()
    expect(told().slice(1)).toEqual([
      [6, 2, 'a'],
      [8, 2],
    ])
    socket.say([6, 2, 'b'], [8, 2])
    const items: string[] = []
    for await (const item of talk) items.push(item)
    expect(items).toEqual(['b'])
  })
})

describe('a break', () => {
  it('costs nothing: the open is replayed, the answer comes on the next socket', async () => {
    const { connect, socket, client } = await join()
    const title = client.title()
    await settle()
    socket.gone()
    const loose = client.loose()
    const next = connect()
    next.say([0, { session: 'abc', attempt: 2, since: 1, received: 0, features: ['resume', 'serve'] }])
    await settle()
    const opens = next.sent.filter(([type]) => type === 2)
    expect(opens).toEqual([
      [2, 2, 'title'],
      [2, 4, 'loose'],
    ])
    next.say([3, 2, 'x'], [3, 4, 'y'])
    expect(await Promise.all([title, loose])).toEqual(['x', 'y'])
  })

  it('makes the server state its credit again', async () => {
    const { connect, socket, client } = await join()
    const moves = client.moves()
    await settle()
    socket.say([5, 2, 2], [6, 2, 1])
    await moves
    socket.gone()
    const next = connect()
    next.say([0, { session: 'abc', attempt: 2, since: 1, received: 1, features: ['resume', 'serve'] }])
    await settle()
    expect(next.sent).toContainEqual([9, 2, expect.any(Number), expect.any(Number)])
  })

  it('that no socket mends ends calls CONNECTION_LOST, and streams after what they had', async () => {
    const { socket, client } = await join({}, { resume: { keepMs: 1_000 } })
    const title = failureOf(client.title())
    const moves = client.moves()
    await settle()
    socket.say([5, 4, 4], [6, 4, 1])
    const iterator = (await moves)[Symbol.asyncIterator]()
    socket.gone()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(await title).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' })
    expect(await iterator.next()).toEqual({ done: false, value: 1 })
    expect(await failureOf(iterator.next())).toMatchObject({ code: 'CONNECTION_LOST' })
    expect(await failureOf(client.title())).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'not-run' })
  })

  it('of a session that is not kept ends what waits for the limit as well, not run', async () => {
    const { socket, client } = await join({ features: ['serve'], limits: { calls: 1 } })
    const failures = [failureOf(client.title()), failureOf(client.title())]
    await settle()
    socket.gone()
    expect(await Promise.all(failures)).toMatchObject([
      { code: 'CONNECTION_LOST', delivery: 'unknown' },
      { code: 'CONNECTION_LOST', delivery: 'not-run' },
    ])
  })
})
