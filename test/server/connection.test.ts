import { isRpcError, mutation, query, RpcError, router, subscription, type as unchecked } from 'trunkline'
import { createServer, type ErrorReport, implement, type ServerSocket } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { joinPacked } from '../../packages/trunkline/src/protocol/binary-frame.ts'

class Account {
  balance = 1
}

const contract = router({
  echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  strict: query({ input: z.object({ age: z.number() }), output: z.object({ age: z.number() }) }),
  loose: query({ output: z.object({ age: z.number() }), validateOutput: false }),
  odd: query({ input: unchecked<string>(), output: unchecked<unknown>() }),
  typed: query({ output: z.string() }),
  nothing: query({ output: undefined }),
  refuse: mutation({
    input: unchecked<string>(),
    errors: { ROOM_CLOSED: z.object({ since: z.date() }), PLAIN: unchecked<undefined>() },
  }),
  checked: mutation({ input: z.string().refine(async () => gate) }),
  hang: query({ input: unchecked<string>() }),
  order: query({ input: unchecked<number>(), output: unchecked<number>() }),
  weird: subscription({ input: unchecked<string>(), output: unchecked<unknown>() }),
})

let gate: Promise<boolean> = Promise.resolve(true)
let log: string[] = []
let reports: ErrorReport<{ user: string }>[] = []

const odd: Record<string, () => unknown> = {
  'throws null': () => {
    throw null
  },
  'throws undefined': () => {
    throw undefined
  },
  'throws a string': () => {
    throw 'the password is hunter2'
  },
  'throws an Error': () => {
    throw new Error('the password is hunter2')
  },
  'rejects with null': () => Promise.reject(null),
  'rejects later': async () => {
    await null
    throw new TypeError('the password is hunter2')
  },
  'throws INTERNAL with a message': () => {
    throw new RpcError('INTERNAL', { message: 'the password is hunter2', cause: new Error('secret') })
  },
  'returns a cycle': () => {
    const cycle: { self?: object } = {}
    cycle.self = cycle
    return cycle
  },
  'returns a class': () => ({ account: new Account() }),
  'returns a function': () => () => {},
  'returns a symbol': () => Symbol('no'),
  'returns a getter that throws': () => ({
    get secret() {
      throw new Error('the password is hunter2')
    },
  }),
}

const app = implement(contract)
  .context<{ user: string }>()
  .handlers({
    echo: ({ input }) => input,
    strict: ({ input }) => ({ ...input, secret: 'kept' }) as { age: number },
    loose: () => ({ age: 1, extra: 'sent' }),
    odd: ({ input }) => odd[input]?.(),
    typed: () => 7 as unknown as string,
    nothing: () => 'not said' as never,
    refuse: ({ input, errors }) => {
      if (input === 'typed') throw errors.ROOM_CLOSED({ since: new Date(5) }, 'closed long ago')
      if (input === 'bare') throw errors.PLAIN()
      if (input === 'wrong data') throw new RpcError('ROOM_CLOSED', { message: 'closed', data: { since: 'yesterday' } })
      if (input === 'class data') throw new RpcError('PLAIN', { message: 'plain', data: new Account() })
      if (input === 'undeclared') throw new RpcError('MINE', { message: 'mine alone', data: { secret: 1 } })
      throw new RpcError('FORBIDDEN', { message: 'not you', data: { secret: 1 }, cause: new Error('kept here') })
    },
    checked: () => {
      log.push('ran')
    },
    hang: async ({ input, signal }) => {
      log.push(`begin ${input}`)
      signal.addEventListener('abort', () => log.push(`abort ${input}`))
      try {
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
      } finally {
        log.push(`finally ${input}`)
      }
    },
    order: async ({ input }) => {
      log.push(`begin ${input}`)
      for (let turn = 0; turn < 10 - input; turn++) await null
      return input
    },
    weird: ({ input }) => {
      if (input === 'string') return 'text' as never
      if (input === 'nothing') return undefined as never
      if (input === 'throwing iterable') {
        return {
          [Symbol.asyncIterator]() {
            throw new Error('no iterator')
          },
        } as never
      }
      return { [Symbol.asyncIterator]: () => null } as never
    },
  })

const options = {
  authenticate: () => ({ user: 'ada' }),
  onError: (report: ErrorReport<{ user: string }>) => void reports.push(report),
}
let pair = createPair(app, options)
let { api, connection } = pair.createClient()

beforeEach(() => {
  vi.useFakeTimers()
  log = []
  reports = []
  gate = Promise.resolve(true)
  pair = createPair(app, options)
  const client = pair.createClient()
  api = client.api
  connection = client.connection
})

afterEach(async () => {
  vi.restoreAllMocks()
  await pair.close()
  vi.useRealTimers()
})

const settle = () => vi.advanceTimersByTimeAsync(0)
const caught = (call: PromiseLike<unknown>): Promise<unknown> => Promise.resolve(call).catch((error) => error)
const oneConnection = () => expect(pair.frames.filter(({ text }) => text.startsWith('[0,'))).toHaveLength(1)

/** Runs it between two calls, and shows that these are as well as ever. */
async function among<Result>(act: () => PromiseLike<Result>): Promise<Result> {
  const before = api.echo('before')
  const result = act()
  const behind = api.echo('behind')
  expect(await Promise.all([before, behind])).toEqual(['before', 'behind'])
  const settled = await result
  expect(await api.echo('later')).toBe('later')
  oneConnection()
  return settled
}

const failed = (path: string): string => `"${path}" failed at the server; its log says why`

describe('a handler that', () => {
  it.each(Object.keys(odd))('%s fails its call with INTERNAL and the path, and nothing else', async (what) => {
    const error = await among(() => caught(api.odd(what)))
    expect(error).toMatchObject({ code: 'INTERNAL', message: failed('odd'), delivery: 'ran', data: undefined })
    expect(reports).toMatchObject([{ path: 'odd', kind: 'query', context: { user: 'ada' } }])
    expect(pair.frames.some(({ text }) => text.includes('hunter2'))).toBe(false)
  })

  it('gives what its output refuses fails its call with INTERNAL, ran', async () => {
    expect(await among(() => caught(api.typed()))).toMatchObject({ code: 'INTERNAL', delivery: 'ran' })
    expect(reports).toHaveLength(1)
    expect(pair.frames.some(({ text }) => text.includes('issues'))).toBe(false)
  })

  it('gives more than a message holds fails its call with TOO_LARGE, ran', async () => {
    const large = createPair(app, { ...options, limits: { messageBytes: 1_000 } })
    const { api } = large.createClient()
    odd['returns much'] = () => 'x'.repeat(2_000)
    const call = api.odd('returns much')
    await expect(call).rejects.toMatchObject({ code: 'TOO_LARGE', delivery: 'ran' })
    expect(await api.echo(1)).toBe(1)
    await large.close()
  })

  it('never resolves fails its call with TIMEOUT at its deadline, and hears of it', async () => {
    const error = caught(api.hang('a', { timeoutMs: 1_000 }))
    await settle()
    expect(log).toEqual(['begin a'])
    await vi.advanceTimersByTimeAsync(1_100)
    expect(await error).toMatchObject({ code: 'TIMEOUT', delivery: 'unknown' })
    expect(log).toEqual(['begin a', 'abort a', 'finally a'])
    expect(reports).toEqual([])
    expect(pair.server.stats().calls).toBe(0)
    expect(await api.echo(1)).toBe(1)
  })

  it('throws after it was aborted is no defect', async () => {
    const controller = new AbortController()
    const error = caught(api.hang('a', { signal: controller.signal }))
    await settle()
    controller.abort()
    await error
    await settle()
    expect(reports).toEqual([])
  })

  it('of a subscription gives no iterable fails its call with INTERNAL', async () => {
    for (const what of ['string', 'nothing', 'no iterator']) {
      const call = api.weird(what)
      expect(await among(() => caught(consume(call)))).toMatchObject({ code: 'INTERNAL' })
    }
    expect(new Set(reports.map(({ path }) => path))).toEqual(new Set(['weird']))
  })

  it('of a subscription gives an iterable that throws when it is opened fails its call alone', async () => {
    const others = process.listeners('unhandledRejection')
    const unhandled: unknown[] = []
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', (error) => unhandled.push(error))
    const error = caught(consume(api.weird('throwing iterable', { timeoutMs: 500 })))
    await vi.advanceTimersByTimeAsync(600)
    process.removeAllListeners('unhandledRejection')
    for (const listener of others) process.on('unhandledRejection', listener)
    expect(unhandled).toEqual([])
    expect(await error).toMatchObject({ code: 'INTERNAL' })
    oneConnection()
  })
})

async function consume(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

describe('an output', () => {
  it('loses keys that its schema does not know', async () => {
    expect(await api.strict({ age: 1 })).toEqual({ age: 1 })
    expect(pair.frames.some(({ text }) => text.includes('secret'))).toBe(false)
  })

  it('keeps them with validateOutput: false of the procedure', async () => {
    expect(await api.loose()).toEqual({ age: 1, extra: 'sent' })
  })

  it('keeps them with validateOutput: false of the server', async () => {
    const open = createPair(app, { ...options, validateOutput: false })
    expect(await open.createClient().api.strict({ age: 1 })).toEqual({ age: 1, secret: 'kept' })
    await open.close()
  })

  it('that is not in the contract is undefined, whatever the handler gives', async () => {
    expect(await api.nothing()).toBeUndefined()
    expect(pair.frames.some(({ text }) => text.includes('not said'))).toBe(false)
  })
})

describe('a call that is refused', () => {
  it.each(['nowhere', 'odd.deeper', 'isPrototypeOf', 'hasOwnProperty', 'a'.repeat(200)])(
    'for its path %s gets NOT_FOUND, not run',
    async (path) => {
      const call = (api as unknown as Record<string, () => Promise<unknown>>)[path] as () => Promise<unknown>
      expect(await among(() => caught(call()))).toMatchObject({ code: 'NOT_FOUND', delivery: 'not-run' })
    },
  )

  it('for its input gets BAD_REQUEST with the issues, not run', async () => {
    const error = await among(() => caught(api.strict({ age: 'old' as never })))
    expect(error).toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('age'),
      data: { issues: [{ path: ['age'] }] },
      delivery: 'not-run',
    })
    expect(reports).toEqual([])
  })

  it('by an RpcError of its handler gets code and message, ran, and no data', async () => {
    const error = await caught(api.refuse('forbidden'))
    expect(error).toMatchObject({ code: 'FORBIDDEN', message: 'not you', delivery: 'ran', data: undefined })
    expect(isRpcError(error)).toBe(true)
    expect(reports).toMatchObject([{ error: { message: 'kept here' } }])
  })

  it('by an error of the contract gets its data as its schema says', async () => {
    expect(await caught(api.refuse('typed'))).toMatchObject({
      code: 'ROOM_CLOSED',
      message: 'closed long ago',
      data: { since: new Date(5) },
    })
    expect(reports).toEqual([])
  })

  it('by an error of the contract without data gets none', async () => {
    expect(await caught(api.refuse('bare'))).toMatchObject({ code: 'PLAIN', data: undefined })
  })

  it('by an error of the contract whose data its schema refuses keeps the code, and onError hears of it', async () => {
    expect(await caught(api.refuse('wrong data'))).toMatchObject({
      code: 'ROOM_CLOSED',
      message: 'closed',
      data: undefined,
    })
    expect(reports).toHaveLength(1)
  })

  it('by an error whose data can not travel keeps the code', async () => {
    expect(await caught(api.refuse('class data'))).toMatchObject({ code: 'PLAIN', data: undefined })
    expect(await api.echo(1)).toBe(1)
  })

  it('by an error with an undeclared code keeps code and message and loses its data', async () => {
    expect(await caught(api.refuse('undeclared'))).toMatchObject({
      code: 'MINE',
      message: 'mine alone',
      data: undefined,
    })
    expect(pair.frames.some(({ text }) => text.includes('secret'))).toBe(false)
  })
})

describe('onError', () => {
  it('that throws itself is harmless', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const failing = createPair(app, {
      ...options,
      onError: () => {
        throw new Error('in onError')
      },
    })
    const { api } = failing.createClient()
    await expect(api.odd('throws null')).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(await api.echo(1)).toBe(1)
    await failing.close()
  })
})

describe('calls', () => {
  it('are dispatched in the order of arrival, and their answers may overtake each other', async () => {
    const answers: number[] = []
    await Promise.all([1, 2, 3, 4, 5].map((at) => api.order(at).then((answer) => answers.push(answer))))
    expect(log).toEqual([1, 2, 3, 4, 5].map((at) => `begin ${at}`))
    expect(answers).toEqual([5, 4, 3, 2, 1])
  })

  it('of one turn are one frame, and so are their answers', async () => {
    await connection.connect()
    const before = pair.frames.length
    await Promise.all(Array.from({ length: 20 }, (_, at) => api.echo(at)))
    expect(pair.frames.length - before).toBe(2)
  })

  it('are cut into frames of about 64 KiB', async () => {
    await connection.connect()
    await Promise.all(Array.from({ length: 40 }, () => api.echo('x'.repeat(10_000))))
    expect(Math.max(...pair.frames.map(({ text }) => text.length))).toBeLessThan(66_000)
  })

  it('settle once each, 5 000 at a time', async () => {
    const calls = Array.from({ length: 5_000 }, (_, at) => api.echo(at))
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 5_000 }, (_, at) => at))
    expect(pair.server.stats()).toMatchObject({ calls: 0, streams: 0 })
  })
})

describe('a cancelled call', () => {
  it('that is in the same frame as its cancel does not run on', async () => {
    await connection.connect()
    const controller = new AbortController()
    const error = caught(api.hang('a', { signal: controller.signal }))
    controller.abort()
    await error
    await settle()
    expect(pair.server.stats().calls).toBe(0)
    expect(log.filter((line) => line.startsWith('begin'))).toHaveLength(log.includes('abort a') ? 1 : 0)
  })

  it('does not run when the cancel comes during validation of its input', async () => {
    let pass: (valid: boolean) => void = () => {}
    gate = new Promise((resolve) => {
      pass = resolve
    })
    const controller = new AbortController()
    const error = caught(api.checked('x', { signal: controller.signal }))
    await settle()
    expect(pair.server.stats().calls).toBe(1)
    controller.abort()
    await settle()
    pass(true)
    await settle()
    expect(await error).toMatchObject({ code: 'CANCELLED' })
    expect(log).toEqual([])
    expect(pair.server.stats().calls).toBe(0)
  })

  it('aborts its signal first, then its finally runs, and nothing is sent for it', async () => {
    const controller = new AbortController()
    const error = caught(api.hang('a', { signal: controller.signal }))
    await settle()
    controller.abort()
    await error
    const before = pair.frames.length
    await settle()
    expect(log).toEqual(['begin a', 'abort a', 'finally a'])
    expect(pair.frames.slice(before - 1).filter(({ from }) => from === 'server')).toEqual([])
  })
})

describe('a deadline', () => {
  it('is capped by the server', async () => {
    const capped = createPair(app, { ...options, limits: { timeoutMs: 2_000 } })
    const { api } = capped.createClient()
    const error = caught(api.hang('a', { timeoutMs: 600_000 }))
    await vi.advanceTimersByTimeAsync(2_100)
    expect(await error).toMatchObject({ code: 'TIMEOUT' })
    expect(log).toContain('abort a')
    await capped.close()
  })
})

describe('a lost connection', () => {
  it('leaves its calls alone, and aborts their signals when nobody has come back for a minute', async () => {
    const error = caught(api.hang('a', { timeoutMs: 200_000 }))
    await settle()
    pair.isReachable = false
    pair.cut()
    await vi.advanceTimersByTimeAsync(59_000)
    expect(log).toEqual(['begin a'])
    expect(pair.server.stats()).toMatchObject({ connections: 0, sessions: 1, detached: 1, calls: 1 })
    await vi.advanceTimersByTimeAsync(2_000)
    expect(log).toEqual(['begin a', 'abort a', 'finally a'])
    expect(pair.server.stats()).toMatchObject({ connections: 0, sessions: 0, detached: 0, calls: 0, replayBytes: 0 })
    await connection.close()
    expect(await error).toMatchObject({ code: 'CANCELLED', delivery: 'unknown' })
  })
})

describe('a lost connection without resume', () => {
  it('aborts the signals of its calls at once, and sends nothing for them', async () => {
    const hard = createPair(app, { ...options, resume: false })
    const client = hard.createClient()
    const error = caught(client.api.hang('a'))
    await settle()
    hard.isReachable = false
    hard.cut()
    await settle()
    expect(log).toEqual(['begin a', 'abort a', 'finally a'])
    expect(hard.server.stats()).toMatchObject({ connections: 0, sessions: 0, detached: 0, calls: 0, replayBytes: 0 })
    await client.connection.close()
    expect(await error).toMatchObject({ code: 'CANCELLED', delivery: 'unknown' })
    await hard.close()
  })
})

/** A socket whose other end is the test. */
function socketOf(server: ReturnType<typeof createServer>) {
  const sent: unknown[][] = []
  const state = { closed: undefined as { code: number; reason: string } | undefined, terminated: false, paused: false }
  const socket: ServerSocket & { bufferedAmount: number } = {
    bufferedAmount: 0,
    send: (text) => {
      const frame = JSON.parse(String(text))
      sent.push(...(Array.isArray(frame[0]) ? frame : [frame]))
    },
    close: (code, reason) => {
      state.closed ??= { code, reason }
    },
    terminate: () => {
      state.terminated = true
    },
    pause: () => {
      state.paused = true
    },
    resume: () => {
      state.paused = false
    },
  }
  const events = server.accept(socket, { url: '/', headers: new Headers(), remoteAddress: undefined })
  const say = (...messages: unknown[]) => events.text(JSON.stringify(messages.length === 1 ? messages[0] : messages))
  return { socket, events, sent, state, say }
}

const hello = [0, { session: 'abc', attempt: 1 }]

describe('on the bare wire', () => {
  const server = () => createServer(app, options)

  it('the limits are advertised in welcome', async () => {
    const { say, sent } = socketOf(createServer(app, { ...options, limits: { calls: 7, messageBytes: 5_000 } }))
    say(hello)
    await settle()
    expect(sent[0]?.[1]).toMatchObject({
      session: 'new',
      limits: { calls: 7, streams: 1_024, messageBytes: 5_000, timeoutMs: 300_000 },
      keepAlive: { intervalMs: 25_000, timeoutMs: 10_000 },
    })
  })

  it('calls beyond limits.calls are OVERLOADED, not run', async () => {
    const { say, sent } = socketOf(createServer(app, { ...options, limits: { calls: 2 } }))
    say(hello)
    say(...[1, 3, 5].map((id) => [2, id, 'hang', `${id}`]))
    await settle()
    expect(sent.at(-1)).toEqual([4, 5, 'OVERLOADED', expect.any(String), { delivery: 'not-run' }])
    expect(log).toEqual(['begin 1', 'begin 3'])
  })

  it('a deadline aborts the signal with TIMEOUT, and the call is unknown', async () => {
    let reason: unknown
    const timed = implement(router({ wait: query() })).handlers({
      wait: ({ signal }) =>
        new Promise<void>(() => {
          signal.addEventListener('abort', () => {
            reason = signal.reason
          })
        }),
    })
    const { say, sent } = socketOf(createServer(timed))
    say(hello)
    say([2, 1, 'wait', null, { timeoutMs: 1_000 }])
    await vi.advanceTimersByTimeAsync(1_100)
    expect(sent.at(-1)).toEqual([4, 1, 'TIMEOUT', expect.any(String), { delivery: 'unknown' }])
    expect(reason).toMatchObject({ code: 'TIMEOUT' })
  })

  it('a deadline during the validation of the input is not run', async () => {
    gate = new Promise(() => {})
    const { say, sent } = socketOf(server())
    say(hello)
    say([2, 1, 'checked', 'x', { timeoutMs: 1_000 }])
    await vi.advanceTimersByTimeAsync(1_100)
    expect(sent.at(-1)).toEqual([4, 1, 'TIMEOUT', expect.any(String), { delivery: 'not-run' }])
    expect(log).toEqual([])
  })

  it('a deadline that hello states holds for calls that state none', async () => {
    const { say, sent } = socketOf(server())
    say([0, { session: 'abc', attempt: 1, timeoutMs: 700 }])
    say([2, 1, 'hang', 'a'])
    await vi.advanceTimersByTimeAsync(800)
    expect(sent.at(-1)?.slice(0, 3)).toEqual([4, 1, 'TIMEOUT'])
  })

  it('an answer is not sent behind a TIMEOUT', async () => {
    let answer: (value: string) => void = () => {}
    odd['answers late'] = () =>
      new Promise((resolve) => {
        answer = resolve as never
      })
    const { say, sent } = socketOf(server())
    say(hello)
    say([2, 1, 'odd', 'answers late', { timeoutMs: 500 }])
    await vi.advanceTimersByTimeAsync(600)
    answer('late')
    await settle()
    expect(sent.slice(1)).toHaveLength(1)
  })

  it('a repeat of a mutation is CONNECTION_LOST, unknown, and not run', async () => {
    const { say, sent } = socketOf(server())
    say(hello)
    say([2, 1, 'checked', 'x', { repeat: true }])
    await settle()
    expect(sent.at(-1)).toEqual([4, 1, 'CONNECTION_LOST', expect.any(String), { delivery: 'unknown' }])
    expect(log).toEqual([])
  })

  it('a repeat of a query runs', async () => {
    const { say, sent } = socketOf(server())
    say(hello)
    say([2, 1, 'echo', 'x', { repeat: true }])
    await settle()
    expect(sent.at(-1)).toEqual([3, 1, 'x'])
  })

  it('a refused subscription is marked as one', async () => {
    const { say, sent } = socketOf(server())
    say(hello)
    say([2, 1, 'weird', 'nothing'])
    await settle()
    expect(sent.at(-1)).toEqual([4, 1, 'INTERNAL', failed('weird'), { stream: true }])
  })

  it('results go before the messages of streams in a batch', async () => {
    const mixed = router({ now: query({ output: z.number() }), one: subscription({ output: z.number() }) })
    const { say, sent } = socketOf(
      createServer(
        implement(mixed).handlers({
          now: () => 1,
          one: async function* () {
            yield 1
          },
        }),
      ),
    )
    say(hello)
    await settle()
    say([2, 1, 'one'], [2, 3, 'now'])
    await settle()
    expect(sent.slice(1).map(([type]) => type)).toEqual([3, 5, 6, 8])
  })

  it('a cancel or credit of a call that is not there is no news', async () => {
    const { say, state } = socketOf(server())
    say(hello)
    await settle()
    say([10, 99], [9, 97, 500, 500_000])
    expect(state.closed).toBeUndefined()
  })

  it('an id that does not rise is a protocol error', async () => {
    const { say, state } = socketOf(server())
    say(hello)
    await settle()
    say([2, 5, 'echo', 1])
    say([2, 3, 'echo', 1])
    expect(state.closed).toMatchObject({ code: 4000 })
  })

  it('a message over messageBytes closes with 1009', async () => {
    const { events, say, state } = socketOf(createServer(app, { ...options, limits: { messageBytes: 1_000 } }))
    say(hello)
    await settle()
    events.text(JSON.stringify([2, 1, 'echo', 'x'.repeat(1_000)]))
    expect(state.closed?.code).toBe(1009)
  })

  it('a message over messageBytes closes with 1009, in a binary frame too', async () => {
    const { events, say, state } = socketOf(createServer(app, { ...options, limits: { messageBytes: 1_000 } }))
    say(hello)
    await settle()
    events.binary(
      joinPacked([{ text: '[2,1,"echo",[0,970],null,[["bytes"]]]', bytes: new Uint8Array(970), length: 0 }]),
    )
    expect(state.closed?.code).toBe(1009)
  })

  it('a binary frame is taken like any other', async () => {
    const { events, say, state, sent } = socketOf(server())
    say(hello)
    await settle()
    events.binary(joinPacked(['[2,1,"echo",7]']))
    await settle()
    expect(sent.at(-1)).toEqual([3, 1, 7])
    expect(state.closed).toBeUndefined()
  })

  it('a binary frame that is broken closes with 4000', async () => {
    const { events, say, state } = socketOf(server())
    say(hello)
    await settle()
    events.binary(Uint8Array.of(0, 0, 0, 9, 91))
    expect(state.closed?.code).toBe(4000)
  })

  it('a ping with a wrong count closes with 4110', async () => {
    const { say, state } = socketOf(server())
    say(hello)
    await settle()
    say([12, 0, 3])
    expect(state.closed?.code).toBe(4110)
  })

  it('what comes after a close is not heard', async () => {
    const { say, state } = socketOf(server())
    say(hello)
    await settle()
    say([99])
    say([2, 1, 'hang', 'late'])
    await settle()
    expect(state.closed?.code).toBe(4000)
    expect(log).toEqual([])
  })

  it('above 1 MiB unsent no more calls are read, until it is drained', async () => {
    const { events, socket, say, state } = socketOf(server())
    say(hello)
    await settle()
    socket.bufferedAmount = 1_100_000
    say([2, 1, 'echo', 1])
    await settle()
    expect(state.paused).toBe(true)
    socket.bufferedAmount = 0
    events.drained()
    expect(state.paused).toBe(false)
  })

  it('at 16 MiB unsent it is closed with 4202', async () => {
    const { socket, say, state } = socketOf(server())
    say(hello)
    await settle()
    socket.bufferedAmount = 16 * 1024 * 1024
    say([2, 1, 'echo', 1])
    await settle()
    expect(state.closed?.code).toBe(4202)
  })

  it('streams beyond limits.streams are OVERLOADED, though their handlers are slow', async () => {
    const slow = router({ ticks: subscription({ output: unchecked<number>() }) })
    const one = createServer(
      implement(slow).handlers({
        ticks: async () => {
          await null
          return (async function* () {
            yield* [] as number[]
            await new Promise(() => {})
          })()
        },
      }),
      { limits: { streams: 1 } },
    )
    const { say, sent } = socketOf(one)
    say(hello)
    say([2, 1, 'ticks'], [2, 3, 'ticks'], [2, 5, 'ticks'])
    await settle()
    expect(sent.filter(([type]) => type === 5)).toHaveLength(1)
  })
})
