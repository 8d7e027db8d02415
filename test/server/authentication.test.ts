import { query, RpcError, router, type as unchecked } from 'trunkline'
import { createServer, implement, type ServerSocket } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

interface User {
  user: string
}
type Authenticate = (argument: {
  params: Readonly<Record<string, unknown>>
  signal: AbortSignal
  request: { url: string }
}) => User | Promise<User>

let runs = 0
const app = implement(router({ who: query({ output: unchecked<string>() }) }))
  .context<User>()
  .handlers({
    who: ({ context }) => {
      runs++
      return context.user
    },
  })

/** A socket whose other end is the test. */
function connect(authenticate: Authenticate, more: object = {}) {
  const sent: unknown[][] = []
  const reports: unknown[] = []
  const closed: { code: number; reason: string }[] = []
  const socket: ServerSocket = {
    bufferedAmount: 0,
    send: (text) => {
      const frame = JSON.parse(String(text))
      sent.push(...(Array.isArray(frame[0]) ? frame : [frame]))
    },
    close: (code, reason) => void closed.push({ code, reason }),
    terminate() {},
    pause() {},
    resume() {},
  }
  const server = createServer(app, { authenticate, onError: (report) => void reports.push(report), ...more })
  const events = server.accept(socket, { url: '/rpc?x=1', headers: new Headers(), remoteAddress: '127.0.0.1' })
  const say = (message: unknown) => events.text(JSON.stringify(message))
  return { server, events, say, sent, closed, reports }
}

const hello = [0, { session: 'abc', attempt: 1, params: { token: 't' } }]
const failed = (message: string): never => {
  throw new Error(message)
}
const settle = () => vi.advanceTimersByTimeAsync(0)

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  runs = 0
})

afterEach(() => {
  vi.clearAllTimers()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('hello', () => {
  it('that does not come in 5 s is 4108', async () => {
    const { closed } = connect(() => ({ user: 'ada' }))
    await vi.advanceTimersByTimeAsync(4_900)
    expect(closed).toEqual([])
    await vi.advanceTimersByTimeAsync(200)
    expect(closed).toEqual([{ code: 4108, reason: expect.any(String) }])
  })

  it('must be the first message', () => {
    const { say, closed } = connect(() => ({ user: 'ada' }))
    say([2, 1, 'who'])
    expect(closed[0]?.code).toBe(4000)
  })

  it('comes once', async () => {
    const { say, closed } = connect(() => ({ user: 'ada' }))
    say(hello)
    await settle()
    say(hello)
    expect(closed[0]?.code).toBe(4000)
  })

  it.each([
    ['no session', {}],
    ['a session with other characters', { session: 'a b', attempt: 1 }],
    ['a session that is too long', { session: 'a'.repeat(65), attempt: 1 }],
    ['an attempt of zero', { session: 'a', attempt: 0 }],
    ['params that are a list', { session: 'a', attempt: 1, params: [] }],
    ['a timeout of zero', { session: 'a', attempt: 1, timeoutMs: 0 }],
    ['a credit of one number', { session: 'a', attempt: 1, credit: [1] }],
  ])('with %s is 4000', (_what, fields) => {
    const { say, closed } = connect(() => ({ user: 'ada' }))
    say([0, fields])
    expect(closed[0]?.code).toBe(4000)
  })
})

describe('authenticate', () => {
  it('gets params and request', async () => {
    const seen: unknown[] = []
    const { say } = connect(({ params, request }) => {
      seen.push(params, request.url)
      return { user: 'ada' }
    })
    say(hello)
    await settle()
    expect(seen).toEqual([{ token: 't' }, '/rpc?x=1'])
  })

  it('makes the context of every call', async () => {
    const { say, sent } = connect(async ({ params }) => ({ user: String(params.token) }))
    say(hello)
    await settle()
    say([2, 1, 'who'])
    await settle()
    expect(sent.at(-1)).toEqual([3, 1, 't'])
  })

  it.each<[string, () => never, string]>([
    ['throws', () => failed('no database'), 'no database'],
    ['returns nothing', () => undefined as never, 'authenticate: expected a context, an object, got undefined'],
  ])('that %s is named where nobody listens to onError', async (_what, authenticate, message) => {
    const log = vi.spyOn(console, 'error').mockReturnValue()
    const { say, closed } = connect(authenticate, { onError: undefined })
    say(hello)
    await settle()
    expect(closed[0]?.code).toBe(1013)
    expect(log.mock.calls).toEqual([
      ['trunkline: authenticate:', expect.objectContaining({ message: expect.stringContaining(message) })],
    ])
  })

  it.each([
    ['UNAUTHORIZED', 4001, 'who is that?'],
    ['FORBIDDEN', 4003, 'who is that?'],
  ])('that throws %s closes with %i and its message', async (code, expected, message) => {
    const { say, closed, reports } = connect(() => {
      throw new RpcError(code, { message })
    })
    say(hello)
    await settle()
    expect(closed).toEqual([{ code: expected, reason: message }])
    expect(reports).toEqual([])
  })

  it('that fails for another reason closes with 1013 and says nothing of it', async () => {
    const { say, closed, reports } = connect(() => Promise.reject(new Error('database at 10.0.0.7 is down')))
    say(hello)
    await settle()
    expect(closed[0]?.code).toBe(1013)
    expect(closed[0]?.reason).not.toContain('10.0.0.7')
    expect(reports).toMatchObject([{ error: { message: 'database at 10.0.0.7 is down' }, path: undefined }])
  })

  it('that takes longer than 10 s closes with 1013 and aborts its signal', async () => {
    let aborted = false
    const { say, closed } = connect(({ signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true
      })
      return new Promise(() => {})
    })
    say(hello)
    await vi.advanceTimersByTimeAsync(10_100)
    expect(closed[0]?.code).toBe(1013)
    expect(aborted).toBe(true)
  })

  it('that answers after the connection has gone makes nothing', async () => {
    let pass: (user: User) => void = () => {}
    const { say, events, sent, server } = connect(
      () =>
        new Promise((resolve) => {
          pass = resolve
        }),
    )
    say(hello)
    events.closed(1006)
    pass({ user: 'ada' })
    await settle()
    expect(sent).toEqual([])
    expect(server.stats().connections).toBe(0)
  })

  it('aborts its signal when the connection goes', async () => {
    let signal: AbortSignal | undefined
    const { say, events } = connect((argument) => {
      signal = argument.signal
      return new Promise(() => {})
    })
    say(hello)
    events.closed(1006)
    expect(signal?.aborted).toBe(true)
  })

  it('has no call run before it has passed', async () => {
    let pass: (user: User) => void = () => {}
    const { say, sent } = connect(
      () =>
        new Promise((resolve) => {
          pass = resolve
        }),
    )
    say(hello)
    say([2, 1, 'who'])
    await settle()
    expect(runs).toBe(0)
    pass({ user: 'ada' })
    await settle()
    expect(sent.map(([type]) => type)).toEqual([1, 3])
  })

  it('has no call run that came with refused credentials', async () => {
    const { say, sent } = connect(async () => {
      throw new RpcError('UNAUTHORIZED')
    })
    say(hello)
    say([2, 1, 'who'])
    await settle()
    expect(runs).toBe(0)
    expect(sent).toEqual([])
  })

  it('is sent no more than 64 KiB meanwhile', async () => {
    const { say, closed } = connect(() => new Promise(() => {}))
    say(hello)
    for (let at = 0; at < 7; at++) say([2, 2 * at + 1, 'who', 'x'.repeat(10_000)])
    expect(closed[0]?.code).toBe(4000)
  })
})

describe('identify', () => {
  it('names the principal of a connection', async () => {
    const { say, server } = connect(() => ({ user: 'ada' }), {
      identify: ({ user }: User) => ({ principal: `user:${user}` }),
    })
    say(hello)
    await settle()
    expect([...server.connections]).toMatchObject([{ principal: 'user:ada' }])
  })

  it('that throws is a failure to find out', async () => {
    const { say, closed, reports } = connect(() => ({ user: 'ada' }), {
      identify: () => {
        throw new Error('no such table')
      },
    })
    say(hello)
    await settle()
    expect(closed[0]?.code).toBe(1013)
    expect(reports).toHaveLength(1)
  })
})

describe('a client', () => {
  it('authenticates again on each connection', async () => {
    const seen: unknown[] = []
    const pair = createPair(app, {
      authenticate: ({ params }) => {
        seen.push(params.user)
        return { user: String(params.user) }
      },
    })
    let at = 0
    const { api } = pair.createClient({ params: () => ({ user: `u${++at}` }) })
    expect(await api.who()).toBe('u1')
    pair.cut()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await api.who()).toBe('u2')
    expect(seen).toEqual(['u1', 'u2'])
    await pair.close()
  })

  it('that is disconnected by the server stays away', async () => {
    const pair = createPair(app, { authenticate: () => ({ user: 'ada' }) })
    const { api, connection } = pair.createClient()
    await api.who()
    for (const other of pair.server.connections) other.disconnect('banned')
    await settle()
    expect(connection.state).toMatchObject({ status: 'closed', reason: expect.stringContaining('banned') })
    await expect(api.who()).rejects.toMatchObject({ code: 'FORBIDDEN', delivery: 'not-run' })
  })

  it('that meets a failure comes back and is let in later', async () => {
    let isDown = true
    const pair = createPair(app, {
      authenticate: async () => {
        if (isDown) throw new Error('database is down')
        return { user: 'ada' }
      },
      onError: () => {},
    })
    const call = pair.createClient().api.who()
    await vi.advanceTimersByTimeAsync(3_000)
    isDown = false
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await call).toBe('ada')
    expect(runs).toBe(1)
    await pair.close()
  })
})
