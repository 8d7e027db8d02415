import { query, router } from 'trunkline'
import { createServer, implement, type Server, type ServerSocket } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const app = implement(router({ ping: query(), hang: query() })).handlers({
  ping: () => {},
  hang: () => new Promise<void>(() => {}),
})

const PING = 12
const PONG = 13

/** A socket whose other end is the test; it has said hello. */
async function welcomed(server: Server) {
  const sent: unknown[][] = []
  const state = { closed: undefined as number | undefined, terminated: false }
  const socket: ServerSocket & { bufferedAmount: number; takenAmount: number | undefined } = {
    bufferedAmount: 0,
    takenAmount: undefined,
    send: (text) => void sent.push(JSON.parse(String(text))),
    close: (code) => {
      state.closed ??= code
    },
    terminate: () => {
      state.terminated = true
    },
    pause() {},
    resume() {},
  }
  const events = server.accept(socket, { url: '/', headers: new Headers(), remoteAddress: undefined })
  events.text('[0,{"session":"abc","attempt":1}]')
  await vi.advanceTimersByTimeAsync(0)
  const pong = () => events.text(JSON.stringify([PONG, 0, 0]))
  const pings = () => sent.filter(([type]) => type === PING).length
  return { socket, events, sent, state, pong, pings }
}

let clockJump = 0

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  const now = performance.now.bind(performance)
  clockJump = 0
  // A loop that stalls sees the clock jump, and its timers once.
  vi.spyOn(performance, 'now').mockImplementation(() => now() + clockJump)
})

afterEach(() => {
  vi.clearAllTimers()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('a silent connection', () => {
  it('is pinged within 25 s', async () => {
    const { pings } = await welcomed(createServer(app))
    await vi.advanceTimersByTimeAsync(23_900)
    expect(pings()).toBe(0)
    await vi.advanceTimersByTimeAsync(1_100)
    expect(pings()).toBe(1)
  })

  it('is dropped with 4102 when then for 10 s nothing comes, within 35 s in all', async () => {
    const { state } = await welcomed(createServer(app))
    await vi.advanceTimersByTimeAsync(33_900)
    expect(state.closed).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1_100)
    expect(state).toEqual({ closed: 4102, terminated: true })
  })

  it('that answers stays, pinged every 25 s', async () => {
    const { pings, pong, state } = await welcomed(createServer(app))
    for (let second = 0; second < 260; second++) {
      const before = pings()
      await vi.advanceTimersByTimeAsync(1_000)
      if (pings() > before) pong()
    }
    expect(state.closed).toBeUndefined()
    expect(pings()).toBeGreaterThanOrEqual(9)
    expect(pings()).toBeLessThanOrEqual(11)
  })

  it('any frame proves life', async () => {
    const { events, pings, state } = await welcomed(createServer(app))
    await vi.advanceTimersByTimeAsync(30_000)
    expect(pings()).toBe(1)
    events.text('[2,1,"hang"]')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(state.closed).toBeUndefined()
  })

  it('is pinged too when only the server speaks', async () => {
    const { pings, pong } = await welcomed(createServer(app))
    await vi.advanceTimersByTimeAsync(26_000)
    pong()
    expect(pings()).toBe(1)
    await vi.advanceTimersByTimeAsync(26_000)
    expect(pings()).toBe(2)
  })

  it('is pinged too when only the client speaks, so that the client hears of the server', async () => {
    const { events, pings } = await welcomed(createServer(app))
    let id = 1
    for (let second = 0; second < 27; second++) {
      await vi.advanceTimersByTimeAsync(1_000)
      events.text(`[10,${id}]`)
      id += 2
    }
    expect(pings()).toBe(1)
  })

  it('takes its numbers from the options', async () => {
    const { pings, state } = await welcomed(createServer(app, { keepAlive: { intervalMs: 1_000, timeoutMs: 400 } }))
    await vi.advanceTimersByTimeAsync(1_150)
    expect(pings()).toBe(1)
    await vi.advanceTimersByTimeAsync(700)
    expect(state.closed).toBe(4102)
  })
})

describe('after a stall of the loop', () => {
  it.each([3_000, 12_000, 60_000])('of %i ms nobody is dropped who answers then', async (stallMs) => {
    const server = createServer(app)
    const connections = await Promise.all(Array.from({ length: 20 }, () => welcomed(server)))
    await vi.advanceTimersByTimeAsync(20_000)
    clockJump += stallMs
    await vi.advanceTimersByTimeAsync(1_000)
    for (const { pong } of connections) pong()
    for (let second = 0; second < 15; second++) {
      await vi.advanceTimersByTimeAsync(1_000)
      for (const { pong } of connections) pong()
    }
    expect(connections.map(({ state }) => state.closed)).toEqual(connections.map(() => undefined))
  })

  it('a ping from before it does not count against the client', async () => {
    const { pong, state } = await welcomed(createServer(app))
    await vi.advanceTimersByTimeAsync(26_000)
    clockJump += 12_000
    await vi.advanceTimersByTimeAsync(1_000)
    expect(state.closed).toBeUndefined()
    pong()
    await vi.advanceTimersByTimeAsync(15_000)
    expect(state.closed).toBeUndefined()
  })

  it('an answer that is read in the poll phase behind the timers counts', async () => {
    const { events, state } = await welcomed(createServer(app))
    // The last look before the drop decides; the answer comes between it and the judgement.
    while (vi.getTimerCount() < 2) await vi.advanceTimersByTimeAsync(200)
    events.text('[13,0,0]')
    await vi.advanceTimersByTimeAsync(2_000)
    expect(state.closed).toBeUndefined()
  })

  it('bytes that waited for this end all the while do not count against their reader', async () => {
    const { socket, state } = await welcomed(createServer(app))
    socket.bufferedAmount = 100_000
    await vi.advanceTimersByTimeAsync(1_000)
    clockJump += 12_000
    await vi.advanceTimersByTimeAsync(1_000)
    socket.bufferedAmount = 0
    await vi.advanceTimersByTimeAsync(1_000)
    expect(state.closed).toBeUndefined()
  })

  it('a client that stays silent is dropped all the same', async () => {
    const { state } = await welcomed(createServer(app))
    await vi.advanceTimersByTimeAsync(20_000)
    clockJump += 12_000
    await vi.advanceTimersByTimeAsync(14_000)
    expect(state.closed).toBe(4102)
  })
})

describe('a reader that takes nothing', () => {
  it('is closed with 4202 after 10 s without a byte taken', async () => {
    const { socket, state } = await welcomed(createServer(app))
    socket.bufferedAmount = 100_000
    await vi.advanceTimersByTimeAsync(9_000)
    expect(state.closed).toBeUndefined()
    await vi.advanceTimersByTimeAsync(3_000)
    expect(state).toEqual({ closed: 4202, terminated: true })
  })

  it('that takes a little stays', async () => {
    const { socket, state, pong } = await welcomed(createServer(app))
    socket.bufferedAmount = 100_000
    for (let second = 0; second < 60; second++) {
      socket.bufferedAmount -= 10
      await vi.advanceTimersByTimeAsync(1_000)
      pong()
    }
    expect(state.closed).toBeUndefined()
  })

  it('that takes a little of one large write stays, and is closed when it takes no more', async () => {
    const { socket, state, pong } = await welcomed(createServer(app))
    // Node counts the whole of a write as unsent until all of it is taken.
    socket.bufferedAmount = 10_000_000
    socket.takenAmount = 0
    for (let seconds = 0; seconds < 60; seconds++) {
      socket.takenAmount += 1_000
      if (seconds % 20 === 0) pong()
      await vi.advanceTimersByTimeAsync(1_000)
    }
    expect(state.closed).toBe(undefined)
    await vi.advanceTimersByTimeAsync(12_000)
    expect(state.closed).toBe(4202)
  })
})

it('a reader that is not read, being slow, is not taken for silent', async () => {
  const { socket, events, state } = await welcomed(createServer(app))
  socket.bufferedAmount = 2_000_000
  // The answer to it finds the socket behind: nothing more is read.
  events.text('[12,0,0]')
  for (let second = 0; second < 60; second++) {
    socket.bufferedAmount -= 10
    await vi.advanceTimersByTimeAsync(1_000)
  }
  expect(state.closed).toBeUndefined()
  socket.bufferedAmount = 0
  events.drained()
  await vi.advanceTimersByTimeAsync(8_000)
  expect(state.closed).toBeUndefined()
  await vi.advanceTimersByTimeAsync(4_000)
  expect(state.closed).toBe(4102)
})

describe('both ends together', () => {
  it('stay joined for an hour of silence', async () => {
    const pair = createPair(app)
    const { connection } = pair.createClient()
    await connection.connect()
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(connection.state.status).toBe('open')
    expect(pair.frames.filter(({ text }) => text.startsWith('[0,'))).toHaveLength(1)
    await pair.close()
  })

  it('stay joined over a call of four minutes', async () => {
    const pair = createPair(app)
    const { api, connection } = pair.createClient()
    api.hang(undefined, { timeoutMs: 240_000 }).catch(() => {})
    await vi.advanceTimersByTimeAsync(230_000)
    expect(connection.stats().calls).toBe(1)
    expect(pair.frames.filter(({ text }) => text.startsWith('[0,'))).toHaveLength(1)
    await pair.close()
  })

  it('find out a silent link with a call open within 11 s', async () => {
    const pair = createPair(app)
    const { api, connection } = pair.createClient()
    await connection.connect()
    pair.isSilent = true
    const call = api.ping()
    await vi.advanceTimersByTimeAsync(11_000)
    expect(connection.state.status).not.toBe('open')
    pair.isSilent = false
    await vi.advanceTimersByTimeAsync(25_000)
    await call
    await pair.close()
  })

  it('have no timer left when all have gone', async () => {
    const pair = createPair(app)
    const { api } = pair.createClient()
    await api.ping()
    await pair.close()
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(0)
  })
})
