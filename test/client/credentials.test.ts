import { mutation, query, RpcError, router, subscription, type as unchecked } from 'trunkline'
import { type ConnectionState, safe } from 'trunkline/client'
import { implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

interface User {
  user: string
  token: unknown
  expiresAt: number | undefined
}

let runs: string[] = []
const app = implement(
  router({
    who: query({ output: unchecked<string>() }),
    token: query({ output: unchecked<unknown>() }),
    act: mutation({ input: unchecked<string>() }),
    hang: query(),
    ticks: subscription({ output: unchecked<string>() }),
  }),
)
  .context<User>()
  .handlers({
    who: ({ context }) => context.user,
    token: ({ context }) => context.token,
    act: ({ input, context }) => void runs.push(`${input} as ${context.user}`),
    hang: () => new Promise<void>(() => {}),
    ticks: async function* ({ context, signal }) {
      for (;;) {
        yield context.user
        await new Promise((resolve, reject) => {
          setTimeout(resolve, 1_000)
          signal.onabort = reject
        })
      }
    },
  })

/** What the server thinks of tokens. */
let verdict: (token: unknown) => User | Promise<User>

const start = (options: object = {}) =>
  createPair(app, {
    authenticate: ({ params }) => verdict(params.token),
    identify: ({ user, expiresAt }) => ({ principal: user, expiresAt }),
    onError: () => {},
    ...options,
  })
const lasting = (forMs: number | undefined) => (token: unknown) => ({
  user: 'ada',
  token,
  expiresAt: forMs === undefined ? undefined : Date.now() + forMs,
})
const later = (ms: number) => vi.advanceTimersByTimeAsync(ms)

let pair = start()

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  runs = []
  verdict = lasting(undefined)
  pair = start()
})

afterEach(async () => {
  vi.restoreAllMocks()
  const closed = pair.close()
  await later(10_000)
  await closed
  vi.clearAllTimers()
  vi.useRealTimers()
})

describe('credentials that expire', () => {
  it.each([
    [5_000, 4_000],
    [100_000, 80_000],
    [3_600_000, 3_540_000],
  ])('after %i ms are renewed after %i, on the same connection', async (lifeMs, dueMs) => {
    verdict = lasting(lifeMs)
    let asked = 0
    const { api, connection } = pair.createClient({ params: () => ({ token: ++asked }) })
    const states: ConnectionState[] = []
    await connection.connect()
    connection.on('change', (state) => states.push(state))
    await later(dueMs - 1)
    expect(asked).toBe(1)
    await later(2)
    expect(asked).toBe(2)
    expect(await api.token()).toBe(2)
    expect(states).toEqual([])
  })

  it('for a month are not renewed at once', async () => {
    verdict = lasting(30 * 24 * 3_600_000)
    let asked = 0
    const { connection } = pair.createClient({ params: () => ({ token: ++asked }) })
    await connection.connect()
    await later(60_000)
    expect(asked).toBe(1)
  })

  it('live on for ever in calls and streams, by 5 s at a time', async () => {
    verdict = lasting(5_000)
    let asked = 0
    const { api, connection } = pair.createClient({ params: () => ({ token: ++asked }) })
    const changes: string[] = []
    await connection.connect()
    connection.on('change', ({ status }) => changes.push(status))
    const ticks = await api.ticks()
    let items = 0
    const reading = (async () => {
      for await (const item of ticks) items += item === 'ada' ? 1 : 0
    })()
    for (let second = 0; second < 120; second++) {
      expect(await api.who()).toBe('ada')
      await later(1_000)
    }
    expect(changes).toEqual([])
    expect(items).toBeGreaterThanOrEqual(119)
    expect(asked).toBeGreaterThanOrEqual(29)
    expect(asked).toBeLessThanOrEqual(32)
    await connection.close()
    await expect(reading).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it('of a value as params are not renewed: 4101 after the grace, and it comes back', async () => {
    pair = start({ keepAlive: { intervalMs: 20_000, timeoutMs: 10_000 } })
    verdict = lasting(5_000)
    const { connection } = pair.createClient({ params: { token: 1 } })
    const codes: (number | undefined)[] = []
    connection.on('change', ({ status, code }) => status === 'waiting' && codes.push(code))
    await connection.connect()
    await later(29_000)
    expect(codes).toEqual([])
    await later(3_000)
    expect(codes).toEqual([4101])
    expect(connection.state.status).toBe('open')
  })

  it('of a token that is always the same are asked about a few times and then let be', async () => {
    const expiresAt = Date.now() + 60_000
    verdict = (token) => {
      if (expiresAt <= Date.now()) throw new RpcError('UNAUTHORIZED')
      return { user: 'ada', token, expiresAt }
    }
    let asked = 0
    const { connection } = pair.createClient({ params: () => ({ token: ++asked && 'cached' }) })
    await connection.connect()
    await later(80_000)
    expect(connection.state.status).toBe('open')
    expect(asked).toBeLessThan(12)
    await later(10_000)
    expect(connection.state).toMatchObject({ status: 'closed', code: 4001 })
    expect(asked).toBeLessThan(14)
  })

  it('are tried again after 5 s when the server can not find out, and the old ones stand', async () => {
    verdict = lasting(20_000)
    let asked = 0
    const { api, connection } = pair.createClient({ params: () => ({ token: ++asked }) })
    await connection.connect()
    verdict = () => Promise.reject(new Error('down'))
    await later(16_000)
    expect(asked).toBe(2)
    await later(5_000)
    expect(asked).toBe(3)
    expect(await api.token()).toBe(1)
    verdict = lasting(60_000)
    await later(5_001)
    expect(await api.token()).toBe(4)
    expect(connection.state.status).toBe('open')
  })

  it.each([
    ['throws', () => Promise.reject(new Error('offline'))],
    ['hangs', () => new Promise<never>(() => {})],
    ['gives what is no JSON', () => ({ token: 1n as unknown })],
  ])('survive a params function that %s once', async (_what, broken) => {
    verdict = lasting(60_000)
    let asked = 0
    const { api, connection } = pair.createClient({
      params: () => (++asked === 2 ? (broken() as { token: unknown }) : { token: asked }),
    })
    await connection.connect()
    await later(48_000 + 20_000 + 5_100)
    expect(asked).toBe(3)
    expect(await api.token()).toBe(3)
    expect(connection.state.status).toBe('open')
  })

  it('are not renewed with params that come after their time, nor on another line', async () => {
    verdict = lasting(60_000)
    let asked = 0
    let give: (params: { token: unknown }) => void = () => {}
    const { api, connection } = pair.createClient({
      params: () => (++asked === 2 ? new Promise((resolve) => (give = resolve)) : { token: asked }),
    })
    await connection.connect()
    await later(48_001)
    expect(asked).toBe(2)
    pair.cut()
    await later(1_000)
    give({ token: 'late' })
    await later(100)
    expect(await api.token()).toBe(3)
    expect(pair.frames.filter(({ text }) => text.startsWith('[15'))).toEqual([])
  })

  it('that a listener closes at once are never renewed, and no later renewal hangs for it', async () => {
    verdict = lasting(5_000)
    let asked = 0
    const { connection } = pair.createClient({ params: () => ({ token: ++asked }) })
    const undo = connection.on('change', ({ status }) => {
      if (status === 'open') void connection.close()
    })
    connection.connect().catch(() => {})
    await later(30_000)
    expect(asked).toBe(1)
    undo()
    await connection.connect()
    await connection.authenticate()
    expect(asked).toBe(3)
  })
})

describe('authenticate()', () => {
  it('asks for params and has them taken; calls made meanwhile wait for it', async () => {
    let token: unknown = 1
    const { api, connection } = pair.createClient({ params: async () => ({ token }) })
    await api.who()
    token = 2
    const renewed = connection.authenticate()
    const call = api.token()
    expect(connection.stats().waiting).toBe(1)
    await renewed
    expect(await call).toBe(2)
    expect(pair.server.stats().connections).toBe(1)
  })

  it.each(['UNAUTHORIZED', 'FORBIDDEN'])('that is refused with %s rejects, and what stood stands', async (code) => {
    let asked = 0
    const { api, connection } = pair.createClient({ params: () => ({ token: ++asked }) })
    await connection.connect()
    const accept = verdict
    verdict = () => {
      throw new RpcError(code, { message: 'not you' })
    }
    const renewed = safe(connection.authenticate() as never) as Promise<unknown>
    const call = api.token()
    expect(await renewed).toMatchObject({ ok: false, error: { code, message: 'not you', delivery: 'not-run' } })
    expect(await call).toBe(1)
    await later(60_000)
    expect(asked).toBe(2)
    verdict = accept
    await connection.authenticate()
    expect(await api.token()).toBe(3)
  })

  it('that can not be decided rejects with INTERNAL, and is tried again by itself', async () => {
    let asked = 0
    const { api, connection } = pair.createClient({ params: () => ({ token: ++asked }) })
    await connection.connect()
    const accept = verdict
    verdict = () => Promise.reject(new Error('down'))
    await expect(connection.authenticate()).rejects.toMatchObject({ code: 'INTERNAL' })
    verdict = accept
    await later(5_001)
    expect(await api.token()).toBe(3)
  })

  it.each([
    ['throws', () => Promise.reject(new Error('offline')), /params failed: offline/],
    ['hangs', () => new Promise<never>(() => {}), /20000 ms/],
  ])('whose params function %s rejects, and calls go on', async (_what, broken, message) => {
    let asked = 0
    const { api, connection } = pair.createClient({
      params: () => (++asked === 2 ? broken() : { token: asked }),
    })
    await connection.connect()
    const renewed = connection.authenticate()
    renewed.catch(() => {})
    const call = api.token()
    await later(20_000)
    await expect(renewed).rejects.toMatchObject({ code: 'CANCELLED', message: expect.stringMatching(message) })
    expect(await call).toBe(1)
  })

  it('twice at once sends one after the other, and the second asks anew', async () => {
    let token: unknown = 1
    /** One for each time it is asked; the first answers by itself. */
    const gives: (() => void)[] = []
    const { api, connection } = pair.createClient({
      params: () => {
        const now = { token }
        return new Promise((resolve) => {
          gives.push(() => resolve(now))
          if (gives.length === 1) resolve(now)
        })
      },
    })
    await connection.connect()
    token = 2
    const first = connection.authenticate()
    token = 3
    const second = connection.authenticate()
    const third = connection.authenticate()
    const call = api.token()
    gives[1]?.()
    await first
    expect(gives).toHaveLength(3)
    expect(connection.stats().waiting).toBe(1)
    gives[2]?.()
    await Promise.all([second, third])
    expect(await call).toBe(3)
    expect(gives).toHaveLength(3)
    expect(pair.frames.filter(({ text }) => text.startsWith('[15'))).toHaveLength(2)
  })

  it('beside a renewal that is under way takes who has logged in since', async () => {
    verdict = (token) => ({ user: String(token), token, expiresAt: Date.now() + 60_000 })
    let token = 'ada'
    let isSlow = false
    const { api, connection } = pair.createClient({
      params: async () => {
        const now = token
        if (isSlow) await new Promise((resolve) => setTimeout(resolve, 1_000))
        return { token: now }
      },
    })
    await connection.connect()
    isSlow = true
    await later(48_001)
    token = 'bob'
    const renewed = connection.authenticate()
    await later(5_000)
    await renewed
    expect(await api.who()).toBe('bob')
  })

  it('while the line is lost connects with new params', async () => {
    let token: unknown = 1
    const { api, connection } = pair.createClient({ params: () => ({ token }) })
    await connection.connect()
    pair.cut()
    token = 2
    expect(connection.state.status).toBe('waiting')
    await connection.authenticate()
    expect(await api.token()).toBe(2)
  })

  it('while it connects gives up the attempt with the params of before, and answers its calls', async () => {
    let token: unknown = 1
    verdict = (given) => (given === 1 ? new Promise<User>(() => {}) : lasting(undefined)(given))
    const { api, connection } = pair.createClient({ params: () => ({ token }) })
    const call = api.token()
    await later(10)
    expect(connection.stats().calls).toBe(1)
    token = 2
    await connection.authenticate()
    expect(await call).toBe(2)
  })

  it('whose line is lost is answered by the next connection', async () => {
    let asked = 0
    const { api, connection } = pair.createClient({ params: () => ({ token: ++asked }) })
    await connection.connect()
    pair.isSilent = true
    const renewed = connection.authenticate()
    await later(10)
    pair.isSilent = false
    pair.cut()
    await later(1_000)
    await renewed
    expect(await api.token()).toBe(3)
  })

  it('is rejected by close()', async () => {
    const { connection } = pair.createClient({ params: () => ({ token: 1 }) })
    await connection.connect()
    pair.isSilent = true
    const renewed = connection.authenticate()
    renewed.catch(() => {})
    await later(10)
    pair.isSilent = false
    void connection.close()
    await expect(renewed).rejects.toMatchObject({ code: 'CANCELLED' })
  })
})

describe('another principal', () => {
  beforeEach(() => {
    verdict = (token) => ({ user: String(token), token, expiresAt: undefined })
  })

  it.each(['authenticate()', 'a reconnect', 'close() and connect()'])(
    'by %s: nothing of the first is run or seen',
    async (how) => {
      let token = 'ada'
      const { api, connection } = pair.createClient({ params: () => ({ token }) })
      const seen: string[] = []
      const ticks = await api.ticks()
      const reading = (async () => {
        for await (const item of ticks) seen.push(item)
      })()
      const hanging = api.hang()
      await later(10)
      const outcomes: unknown[] = []
      const note = (call: Promise<unknown>) => void call.catch((error) => outcomes.push(error.code))
      token = 'bob'
      if (how === 'a reconnect') pair.cut()
      const moved = how === 'authenticate()' ? connection.authenticate() : undefined
      for (const call of [hanging, reading, api.act('queued'), api.who()]) note(call)
      if (how.startsWith('close')) {
        void connection.close()
        void connection.connect()
      }
      await later(3_000)
      await moved
      expect(outcomes).toHaveLength(4)
      expect(new Set(outcomes)).toEqual(new Set([how.startsWith('close') ? 'CANCELLED' : 'UNAUTHORIZED']))
      expect(seen).toEqual(['ada'])
      expect(await api.who()).toBe('bob')
      await api.act('new')
      // What was called before close() is said before it.
      expect(runs.at(-1)).toBe('new as bob')
      // What was called before close() may be said before it, as who it was.
      expect(runs.slice(0, -1).filter((run) => !how.startsWith('close') || run !== 'queued as ada')).toEqual([])
      // Whoever went without a word may have come back within a minute.
      await later(60_000)
      expect(pair.server.stats()).toMatchObject({ connections: 1, sessions: 1, streams: 0 })
    },
  )

  it('is found in welcome, before a call of the first is written', async () => {
    let token = 'ada'
    const { api, connection } = pair.createClient({ params: () => ({ token }) })
    await connection.connect()
    pair.cut()
    token = 'bob'
    const call = api.act('queued')
    call.catch(() => {})
    const before = pair.frames.length
    await later(2_000)
    await expect(call).rejects.toMatchObject({ code: 'UNAUTHORIZED', delivery: 'not-run' })
    expect(pair.frames.slice(before).filter(({ text }) => text.startsWith('[2'))).toEqual([])
    expect(runs).toEqual([])
  })
})

describe('an authentication backend that is down for 20 s', () => {
  it('throws nobody out: everyone comes back', async () => {
    verdict = lasting(30_000)
    const clients = Array.from({ length: 50 }, (_, index) => pair.createClient({ params: () => ({ token: index }) }))
    await Promise.all(clients.map(({ connection }) => connection.connect()))
    const closed: string[] = []
    for (const { connection } of clients)
      connection.on('change', ({ status }) => status === 'closed' && closed.push(status))
    verdict = () => Promise.reject(new Error('down'))
    pair.cut()
    const calls = clients.map(({ api }) => api.token({ timeoutMs: 120_000 } as never))
    await later(20_000)
    expect(clients.filter(({ connection }) => connection.state.status === 'open')).toEqual([])
    verdict = lasting(30_000)
    await later(60_000)
    expect(await Promise.all(calls)).toEqual(clients.map((_, index) => index))
    expect(closed).toEqual([])
    expect(clients.every(({ connection }) => connection.state.status === 'open')).toBe(true)
  })
})
