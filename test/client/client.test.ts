import { query, router, subscription, type as unchecked } from 'trunkline'
import { type ConnectionState, createClient, type WebSocketConstructor } from 'trunkline/client'
import { implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

type Hello = Record<'session' | 'attempt' | 'since', unknown>

const contract = router({
  echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  hang: query(),
  ticks: subscription({ output: unchecked<number>() }),
})
const app = implement(contract).handlers({
  echo: ({ input }) => input,
  hang: () => new Promise<void>(() => {}),
  ticks: async function* ({ signal }) {
    yield 1
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
  },
})

let pair = createPair(app)

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  pair = createPair(app)
})

afterEach(async () => {
  vi.restoreAllMocks()
  await pair.close()
  vi.useRealTimers()
})

describe('a client', () => {
  it('does not connect before the first call', async () => {
    const { api, connection } = pair.createClient()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(connection.state).toEqual({
      status: 'idle',
      attempt: 0,
      nextAttemptAt: undefined,
      reason: undefined,
      code: undefined,
    })
    expect(pair.server.stats().connections).toBe(0)
    await api.echo(1)
    expect(connection.state.status).toBe('open')
  })

  it('connects at once when it is eager', async () => {
    const { connection } = pair.createClient({ eager: true })
    expect(connection.state.status).toBe('connecting')
    await vi.advanceTimersByTimeAsync(0)
    expect(connection.state.status).toBe('open')
  })

  it('shares nothing with another', async () => {
    const [one, other] = [pair.createClient(), pair.createClient()]
    await Promise.all([one.api.echo(1), other.api.echo(2)])
    await one.connection.close()
    expect(await other.api.echo(3)).toBe(3)
  })
})

describe('state', () => {
  it('is a frozen snapshot, the same object until it changes', async () => {
    const { connection } = pair.createClient()
    const idle = connection.state
    expect(Object.isFrozen(idle)).toBe(true)
    expect(connection.getSnapshot()).toBe(idle)
    expect(connection.state).toBe(idle)
    await connection.connect()
    expect(connection.state).not.toBe(idle)
    expect(idle.status).toBe('idle')
  })

  it('changes in the order of a life', async () => {
    const { connection } = pair.createClient()
    const seen: string[] = []
    connection.on('change', ({ status }) => seen.push(status))
    await connection.connect()
    pair.cut()
    await vi.advanceTimersByTimeAsync(1_000)
    await connection.close()
    await connection.connect()
    expect(seen).toEqual(['connecting', 'open', 'waiting', 'connecting', 'open', 'closed', 'connecting', 'open'])
  })

  it('is the one that is announced', async () => {
    const { connection } = pair.createClient()
    connection.on('change', (state) => expect(connection.state).toBe(state))
    await connection.connect()
    await connection.close()
  })

  it('says why and until when it waits', async () => {
    const { connection } = pair.createClient()
    await connection.connect()
    pair.cut()
    expect(connection.state).toEqual({
      status: 'waiting',
      attempt: 1,
      nextAttemptAt: Date.now() + 350,
      reason: 'the line is down; trying again soon',
      code: 1006,
    })
  })

  it('counts no failed attempts while it is open', async () => {
    pair.isReachable = false
    const { connection } = pair.createClient({ eager: true })
    await vi.advanceTimersByTimeAsync(2_000)
    pair.isReachable = true
    await connection.connect()
    expect(connection.state).toMatchObject({ status: 'open', attempt: 0 })
  })

  it('is announced to every listener in order, though one of them changes it', async () => {
    const { connection } = pair.createClient()
    const seen: string[] = []
    connection.on('change', ({ status }) => {
      if (status === 'open') connection.close()
    })
    connection.on('change', ({ status }) => seen.push(status))
    await connection.connect().catch(() => {})
    await vi.advanceTimersByTimeAsync(0)
    expect(seen).toEqual(['connecting', 'open', 'closed'])
  })
})

describe('on', () => {
  it('gives the undo, for one listener at a time', async () => {
    const { connection } = pair.createClient()
    const listener = vi.fn()
    const undo = connection.on('change', listener)
    connection.on('change', listener)
    undo()
    undo()
    await connection.connect()
    expect(listener).toHaveBeenCalledTimes(2)
  })

  it('does not let a listener that throws keep the others from hearing', async () => {
    const others = process.listeners('uncaughtException')
    const crashes: unknown[] = []
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => crashes.push(error))
    const { connection } = pair.createClient()
    const mistake = new Error('in a listener')
    const undo = connection.on('change', () => {
      throw mistake
    })
    const seen: string[] = []
    connection.on('change', ({ status }) => seen.push(status))
    await connection.connect()
    undo()
    await vi.advanceTimersByTimeAsync(0)
    process.removeAllListeners('uncaughtException')
    for (const listener of others) process.on('uncaughtException', listener)
    expect(seen).toEqual(['connecting', 'open'])
    expect(crashes).toEqual([mistake, mistake])
  })
})

it('subscribe and getSnapshot serve an external store', async () => {
  const { connection } = pair.createClient()
  const { subscribe, getSnapshot } = connection
  const seen: ConnectionState[] = []
  const undo = subscribe(() => seen.push(getSnapshot()))
  await connection.connect()
  undo()
  await connection.close()
  expect(seen.map(({ status }) => status)).toEqual(['connecting', 'open'])
})

describe('stats', () => {
  it('counts what waits, what runs and what streams', async () => {
    pair.isReachable = false
    const { api, connection } = pair.createClient()
    api.hang().catch(() => {})
    const live = api.ticks()
    live.then(undefined, () => {})
    const usual = { resumes: 0, replayBytes: 0, roundTripMs: undefined }
    expect(connection.stats()).toEqual({ calls: 0, streams: 0, waiting: 2, ...usual })
    pair.isReachable = true
    await vi.advanceTimersByTimeAsync(1_000)
    const [, opens] = pair.frames.filter(({ from }) => from === 'client')
    expect(connection.stats()).toEqual({ ...usual, calls: 1, streams: 1, waiting: 0, replayBytes: opens?.text.length })
  })

  it('is at zero on both ends when everything has settled', async () => {
    const { api, connection } = pair.createClient()
    for await (const _ of api.ticks()) break
    await Promise.all(Array.from({ length: 100 }, (_, at) => api.echo(at)))
    await vi.advanceTimersByTimeAsync(0)
    expect(connection.stats()).toMatchObject({ calls: 0, streams: 0, waiting: 0 })
    expect(pair.server.stats()).toMatchObject({ calls: 0, streams: 0, bufferedBytes: 0 })
  })
})

describe('connect()', () => {
  it('resolves when it is open, at once when it was', async () => {
    const { connection } = pair.createClient()
    await connection.connect()
    await connection.connect()
    expect(pair.server.stats().connections).toBe(1)
  })

  it('called twice makes one connection', async () => {
    const { connection } = pair.createClient()
    await Promise.all([connection.connect(), connection.connect()])
    expect(pair.server.stats().connections).toBe(1)
  })

  it('resolves with a later attempt when the first fails', async () => {
    pair.isReachable = false
    const { connection } = pair.createClient()
    const opened = connection.connect()
    await vi.advanceTimersByTimeAsync(100)
    pair.isReachable = true
    await vi.advanceTimersByTimeAsync(1_000)
    await opened
    expect(connection.state.status).toBe('open')
  })

  it('rejects when close() comes before it is open', async () => {
    pair.isReachable = false
    const { connection } = pair.createClient()
    const opened = connection.connect()
    await connection.close()
    await expect(opened).rejects.toMatchObject({ code: 'CANCELLED' })
  })
})

describe('close()', () => {
  it('ends what is pending with CANCELLED', async () => {
    const { api, connection } = pair.createClient()
    const hanging = api.hang()
    const live = await api.ticks()
    const iterator = live[Symbol.asyncIterator]()
    await iterator.next()
    const waiting = iterator.next()
    const closed = connection.close()
    await expect(hanging).rejects.toMatchObject({ code: 'CANCELLED', delivery: 'unknown' })
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' })
    await closed
    expect(connection.stats()).toMatchObject({ calls: 0, streams: 0, waiting: 0, replayBytes: 0 })
  })

  it('refuses new calls as not run until connect()', async () => {
    const { api, connection } = pair.createClient()
    await connection.close()
    await expect(api.echo(1)).rejects.toMatchObject({ code: 'CANCELLED', delivery: 'not-run' })
    await connection.connect()
    expect(await api.echo(2)).toBe(2)
  })

  it('stays closed', async () => {
    const { connection } = pair.createClient()
    await connection.connect()
    await connection.close()
    await vi.advanceTimersByTimeAsync(120_000)
    expect(connection.state.status).toBe('closed')
    expect(pair.server.stats().connections).toBe(0)
  })

  it('leaves no timer', async () => {
    const { api, connection } = pair.createClient()
    const hanging = api.hang()
    hanging.catch(() => {})
    await vi.advanceTimersByTimeAsync(0)
    await connection.close()
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('stops waiting for the next attempt', async () => {
    pair.isReachable = false
    const { connection } = pair.createClient({ eager: true })
    await vi.advanceTimersByTimeAsync(10)
    await connection.close()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('can be called before anything was connected, and again', async () => {
    const { connection } = pair.createClient()
    await connection.close()
    await connection.close()
    expect(connection.state.status).toBe('closed')
  })

  it('resolves for both when it is called twice at once', async () => {
    const { connection } = pair.createClient()
    await connection.connect()
    const done: string[] = []
    connection.close().then(() => done.push('first'))
    connection.close().then(() => done.push('second'))
    await vi.advanceTimersByTimeAsync(20_000)
    expect(done.sort()).toEqual(['first', 'second'])
  })

  it('makes way for a connect() in the same turn', async () => {
    const { api, connection } = pair.createClient()
    await connection.connect()
    const closed = connection.close()
    await connection.connect()
    await closed
    expect(await api.echo(1)).toBe(1)
    expect(connection.state.status).toBe('open')
  })
})

/** A server of frames, played by the test. */
class ScriptedSocket {
  static made: ScriptedSocket[] = []
  onopen: (() => void) | undefined
  onmessage: ((event: { data: string }) => void) | undefined
  onclose: ((event: { code: number; reason: string }) => void) | undefined
  readonly bufferedAmount = 0
  readonly sent: unknown[][] = []

  constructor(readonly url: string) {
    ScriptedSocket.made.push(this)
  }

  static last(): ScriptedSocket {
    return ScriptedSocket.made.at(-1) as ScriptedSocket
  }

  send(text: string): void {
    const frame = JSON.parse(text)
    this.sent.push(...(Array.isArray(frame[0]) ? frame : [frame]))
  }

  close(code: number): void {
    queueMicrotask(() => this.onclose?.({ code, reason: '' }))
  }

  say(...messages: unknown[]): void {
    this.onmessage?.({ data: JSON.stringify(messages.length === 1 ? messages[0] : messages) })
  }

  async welcome(fields: object = {}): Promise<void> {
    this.onopen?.()
    this.say([1, { connection: 'c', session: 'new', ...fields }])
    await vi.advanceTimersByTimeAsync(0)
  }

  async die(code: number, reason = ''): Promise<void> {
    this.onclose?.({ code, reason })
    await vi.advanceTimersByTimeAsync(0)
  }
}

const scripted = (options: object = {}) =>
  createClient<typeof contract>({
    url: 'ws://a.test',
    WebSocket: ScriptedSocket as unknown as WebSocketConstructor,
    ...options,
  })

beforeEach(() => {
  ScriptedSocket.made = []
})

it('sends its first calls behind hello, without waiting for welcome', async () => {
  const { api, connection } = scripted()
  const calls = [api.echo(1), api.echo(2)]
  await vi.advanceTimersByTimeAsync(0)
  ScriptedSocket.last().onopen?.()
  await vi.advanceTimersByTimeAsync(0)
  expect(ScriptedSocket.last().sent.map(([type]) => type)).toEqual([0, 2, 2])
  ScriptedSocket.last().say([1, { connection: 'c', session: 'new' }])
  ScriptedSocket.last().say([3, 3, 'second'], [3, 1, 'first'])
  expect(await Promise.all(calls)).toEqual(['first', 'second'])
  await connection.close()
})

describe('a connection that is closed with', () => {
  /** Opens, closes with the code, and says what the client does then. */
  async function afterClose(code: number, reason?: string) {
    const client = scripted({ eager: true })
    await vi.advanceTimersByTimeAsync(0)
    await ScriptedSocket.last().welcome({ spreadMs: 60_000 })
    await ScriptedSocket.last().die(code, reason)
    const { status, nextAttemptAt = 0 } = client.connection.state
    return { ...client, status, waitMs: nextAttemptAt - Date.now() }
  }

  it.each([
    1000, 1001, 1005, 1006, 1011, 1002, 1003, 1007, 1008, 1009, 4000, 4101, 4102, 4103, 4104, 4108, 4110, 4199, 4202,
    4299, 3000, 4300, 4999,
  ])('%i comes back after a wait', async (code) => {
    const { status, waitMs, connection } = await afterClose(code)
    expect({ status, waitMs }).toEqual({ status: 'waiting', waitMs: 350 })
    await vi.advanceTimersByTimeAsync(350)
    expect(ScriptedSocket.made).toHaveLength(2)
    await connection.close()
  })

  it.each([1012, 1013, 4201])('%i comes back anywhere within spreadMs', async (code) => {
    const { status, waitMs, connection } = await afterClose(code)
    expect({ status, waitMs }).toEqual({ status: 'waiting', waitMs: 30_000 })
    await connection.close()
  })

  it('1012 waits no shorter than the backoff', async () => {
    const client = scripted({ eager: true })
    await vi.advanceTimersByTimeAsync(0)
    await ScriptedSocket.last().welcome({ spreadMs: 2 })
    await ScriptedSocket.last().die(1012)
    expect(client.connection.state.nextAttemptAt).toBe(Date.now() + 350)
    await client.connection.close()
  })

  it('1012 twice within ten seconds is spread twice', async () => {
    const { connection } = await afterClose(1012)
    await vi.advanceTimersByTimeAsync(30_000)
    await ScriptedSocket.last().welcome({ spreadMs: 60_000 })
    await ScriptedSocket.last().die(1012)
    const waitMs = (connection.state.nextAttemptAt ?? 0) - Date.now()
    await connection.close()
    expect(waitMs).toBe(30_000)
  })

  it.each([
    [4001, 'UNAUTHORIZED'],
    [4003, 'FORBIDDEN'],
    [4006, 'CONNECTION_LOST'],
    [4011, 'CONNECTION_LOST'],
    [4050, 'CONNECTION_LOST'],
    [4099, 'CONNECTION_LOST'],
  ])('%i stays away: calls get %s, not run', async (code, expected) => {
    const { api, status, connection } = await afterClose(code, 'because')
    expect(status).toBe('closed')
    expect(connection.state.reason).toContain('because')
    await expect(api.echo(1)).rejects.toMatchObject({ code: expected, delivery: 'not-run' })
    await vi.advanceTimersByTimeAsync(120_000)
    expect(ScriptedSocket.made).toHaveLength(1)
  })

  it('a final code connects again when it is told to', async () => {
    const { connection } = await afterClose(4003)
    const opened = connection.connect()
    await vi.advanceTimersByTimeAsync(0)
    await ScriptedSocket.last().welcome()
    await opened
    await connection.close()
  })

  it('a final code rejects connect()', async () => {
    const { connection } = scripted()
    const opened = connection.connect()
    await vi.advanceTimersByTimeAsync(0)
    ScriptedSocket.last().onopen?.()
    await Promise.all([expect(opened).rejects.toMatchObject({ code: 'UNAUTHORIZED' }), ScriptedSocket.last().die(4001)])
  })

  it('a final code ends what was written as unknown and what was not as not run', async () => {
    const { api } = scripted()
    const written = api.echo(1)
    await vi.advanceTimersByTimeAsync(0)
    await ScriptedSocket.last().welcome({ limits: { calls: 1 } })
    const queued = api.echo(2)
    await Promise.all([
      expect(written).rejects.toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' }),
      expect(queued).rejects.toMatchObject({ code: 'CONNECTION_LOST', delivery: 'not-run' }),
      ScriptedSocket.last().die(4006),
    ])
  })

  it.each([1002, 1003, 1007, 1008, 1009, 4000])('%i three times in a row gives up', async (code) => {
    const { api, connection } = scripted({ eager: true })
    for (let round = 1; round <= 3; round++) {
      await vi.advanceTimersByTimeAsync(5_000)
      expect(ScriptedSocket.made).toHaveLength(round)
      await ScriptedSocket.last().welcome()
      await ScriptedSocket.last().die(code)
    }
    expect(connection.state.status).toBe('closed')
    await expect(api.echo(1)).rejects.toMatchObject({ code: 'CONNECTION_LOST', delivery: 'not-run' })
  })

  it('a broken code is forgotten after another one', async () => {
    const { connection } = scripted({ eager: true })
    for (const code of [4000, 4000, 1006, 4000, 4000]) {
      await vi.advanceTimersByTimeAsync(20_000)
      await ScriptedSocket.last().welcome()
      await ScriptedSocket.last().die(code)
    }
    expect(connection.state.status).toBe('waiting')
    await connection.close()
  })

  it('a broken code is forgotten after a healthy life', async () => {
    const { connection } = scripted({ eager: true })
    for (let day = 0; day < 3; day++) {
      await vi.advanceTimersByTimeAsync(500)
      const socket = ScriptedSocket.last()
      await socket.welcome()
      for (let hour = 0; hour < 30; hour++) {
        await vi.advanceTimersByTimeAsync(20_000)
        socket.say([12, 0, 0])
      }
      await socket.die(1009)
    }
    const { status } = connection.state
    await connection.close()
    expect(status).toBe('waiting')
  })

  it('each attempt has the name of before and a number above the last, and begins another after 4110', async () => {
    const { connection } = await afterClose(4110)
    await vi.advanceTimersByTimeAsync(350)
    await ScriptedSocket.last().welcome()
    const [first, second] = ScriptedSocket.made.map(({ sent }) => sent[0]?.[1] as Hello)
    expect(first?.session).toMatch(/^(\d{1,10}-){3}\d{1,10}$/)
    expect(second).toEqual({ ...first, attempt: 2, since: 2 })
    await connection.close()
  })
})

describe('refused credentials', () => {
  async function refuseAttempt(reason = 'token expired'): Promise<void> {
    await vi.advanceTimersByTimeAsync(5_000)
    ScriptedSocket.last().onopen?.()
    await ScriptedSocket.last().die(4001, reason)
  }

  it('are asked for once more, and the same ones are not sent again', async () => {
    const params = vi.fn(() => ({ token: 'old' }))
    const { api, connection } = scripted({ params })
    const call = api.echo(1)
    const refused = expect(call).rejects.toMatchObject({ code: 'UNAUTHORIZED', delivery: 'not-run' })
    await refuseAttempt()
    await vi.advanceTimersByTimeAsync(5_000)
    await refused
    expect(params).toHaveBeenCalledTimes(2)
    expect(ScriptedSocket.made).toHaveLength(1)
    expect(connection.state).toMatchObject({ status: 'closed' })
    expect(connection.state.reason).toContain('token expired')
  })

  it('are tried when they are others', async () => {
    let token = 0
    const { api, connection } = scripted({ params: () => ({ token: ++token }) })
    const call = api.echo(1)
    await refuseAttempt()
    await vi.advanceTimersByTimeAsync(5_000)
    const socket = ScriptedSocket.last()
    await socket.welcome()
    expect(socket.sent[0]?.[1]).toMatchObject({ params: { token: 2 } })
    const [, id, , , options] = socket.sent.find(([type]) => type === 2) as unknown[]
    expect(options).not.toHaveProperty('repeat')
    socket.say([3, id, 'done'])
    expect(await call).toBe('done')
    await connection.close()
  })

  it('that are a plain value are not sent again', async () => {
    const { connection } = scripted({ eager: true, params: { token: 'old' } })
    await refuseAttempt()
    expect(connection.state.status).toBe('closed')
  })

  it('are waited for between tries', async () => {
    let token = 0
    const { connection } = scripted({ eager: true, params: () => ({ token: ++token }) })
    await refuseAttempt()
    expect(connection.state).toMatchObject({ status: 'waiting', nextAttemptAt: Date.now() + 350 })
    await connection.close()
  })
})
