import { mutation, query, router, subscription, type as unchecked } from 'trunkline'
import { createClient, type WebSocketConstructor } from 'trunkline/client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const contract = router({
  echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  post: mutation({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  ticks: subscription({ output: unchecked<number>() }),
})

/** A server of frames, played by the test. */
class ScriptedSocket {
  static made: ScriptedSocket[] = []
  onopen: (() => void) | undefined
  onmessage: ((event: { data: string }) => void) | undefined
  onclose: ((event: { code: number; reason: string }) => void) | undefined
  readonly bufferedAmount = 0
  readonly sent: unknown[][] = []
  left: { code: number; reason: string } | undefined

  constructor() {
    ScriptedSocket.made.push(this)
  }

  send(text: string): void {
    const frame = JSON.parse(text)
    this.sent.push(...(Array.isArray(frame[0]) ? frame : [frame]))
  }

  /** As in a browser, where a page may give these codes and no others. */
  close(code: number, reason: string): void {
    if (code !== 1000 && !(code >= 3000 && code <= 4999)) throw new DOMException('', 'InvalidAccessError')
    this.left ??= { code, reason }
  }

  say(...messages: unknown[]): void {
    this.onmessage?.({ data: JSON.stringify(messages.length === 1 ? messages[0] : messages) })
  }

  all(type: number): unknown[][] {
    return this.sent.filter((message) => message[0] === type)
  }
}

const OPEN = 2
const AUTHENTICATE = 15
const PING = 12
const PONG = 13
let clockJump = 0

async function connected(fields: object = {}) {
  const client = createClient<typeof contract>({
    url: 'ws://a.test',
    WebSocket: ScriptedSocket as unknown as WebSocketConstructor,
    params: () => ({}),
    eager: true,
  })
  await vi.advanceTimersByTimeAsync(0)
  const socket = lastSocket()
  await welcome(socket, fields)
  return { ...client, socket }
}

const lastSocket = () => ScriptedSocket.made.at(-1) as ScriptedSocket

async function welcome(socket: ScriptedSocket, fields: object = {}): Promise<void> {
  socket.onopen?.()
  socket.say([1, { connection: 'c', session: 'new', ...fields }])
  await vi.advanceTimersByTimeAsync(0)
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  const now = performance.now.bind(performance)
  clockJump = 0
  // A loop that stalls sees the clock jump, and its timers once.
  vi.spyOn(performance, 'now').mockImplementation(() => now() + clockJump)
  ScriptedSocket.made = []
})

afterEach(() => {
  vi.clearAllTimers()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('with a call unanswered', () => {
  it('the line is probed within 5 s of silence and left within 5 s more', async () => {
    const { api, connection, socket } = await connected()
    void api.echo(1).catch(() => {})
    await vi.advanceTimersByTimeAsync(4_400)
    expect(socket.all(PING)).toHaveLength(0)
    await vi.advanceTimersByTimeAsync(600)
    expect(socket.all(PING)).toHaveLength(1)
    expect(connection.state.status).toBe('open')
    await vi.advanceTimersByTimeAsync(5_000)
    expect(socket.left).toBeDefined()
    expect(connection.state.status).not.toBe('open')
  })

  it('it is probed again and again, though a frame has come since the call was written', async () => {
    const { api, connection, socket } = await connected()
    void api.echo(1, { timeoutMs: 200_000 }).catch(() => {})
    await vi.advanceTimersByTimeAsync(1_000)
    socket.say([PONG, 0, 0])
    await vi.advanceTimersByTimeAsync(6_000)
    expect(socket.all(PING)).toHaveLength(1)
    socket.say([PONG, 0, 0])
    await vi.advanceTimersByTimeAsync(10_000)
    expect(connection.state.status).not.toBe('open')
  })

  it('any frame proves life', async () => {
    const { api, connection, socket } = await connected()
    void api.echo(1).catch(() => {})
    for (let second = 0; second < 120; second++) {
      await vi.advanceTimersByTimeAsync(4_000)
      socket.say([12, 1, 0])
    }
    expect(connection.state.status).toBe('open')
    expect(ScriptedSocket.made).toHaveLength(1)
  })

  it('an answered probe keeps the line, however long the call takes', async () => {
    const { api, connection, socket } = await connected()
    const call = api.echo(1, { timeoutMs: 200_000 })
    for (let second = 0; second < 100; second++) {
      await vi.advanceTimersByTimeAsync(1_000)
      if (socket.sent.at(-1)?.[0] === PING) socket.say([PONG, 1, 0])
      if (socket.sent.at(-1)?.[0] === PING) socket.sent.push([PONG])
    }
    expect(connection.state.status).toBe('open')
    socket.say([3, 1, 'late'])
    expect(await call).toBe('late')
  })

  it('the call is sent again on the next line, marked', async () => {
    const { api, socket } = await connected()
    const call = api.echo(1)
    await vi.advanceTimersByTimeAsync(11_000)
    expect(socket.all(OPEN)).toEqual([[OPEN, 1, 'echo', 1]])
    const next = lastSocket()
    expect(next).not.toBe(socket)
    await welcome(next)
    expect(next.all(OPEN)).toEqual([[OPEN, 1, 'echo', 1, expect.objectContaining({ repeat: true })]])
    next.say([3, 1, 'answer'])
    expect(await call).toBe('answer')
  })
})

describe('an idle line', () => {
  it('is probed after 20 s of silence and left after 35 s of it', async () => {
    const { connection, socket } = await connected()
    await vi.advanceTimersByTimeAsync(19_900)
    expect(socket.all(PING)).toHaveLength(0)
    await vi.advanceTimersByTimeAsync(600)
    expect(socket.all(PING)).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(13_500)
    expect(connection.state.status).toBe('open')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(connection.state.status).not.toBe('open')
  })

  it('whose probe is on its way gives a call its own time', async () => {
    const { api, connection, socket } = await connected()
    await vi.advanceTimersByTimeAsync(30_000)
    expect(socket.all(PING)).toHaveLength(1)
    void api.echo(1).catch(() => {})
    await vi.advanceTimersByTimeAsync(4_000)
    expect(connection.state.status).toBe('open')
    await vi.advanceTimersByTimeAsync(1_500)
    expect(connection.state.status).not.toBe('open')
  })

  it('that only hears says something every 20 s', async () => {
    const { connection, socket } = await connected()
    for (let second = 0; second < 61; second++) {
      await vi.advanceTimersByTimeAsync(1_000)
      socket.say([PONG, 0, 0])
    }
    expect(socket.all(PING)).toHaveLength(3)
    expect(connection.state.status).toBe('open')
  })

  it('is not probed because its welcome was slow', async () => {
    createClient({ url: 'ws://a.test', WebSocket: ScriptedSocket as unknown as WebSocketConstructor, eager: true })
    await vi.advanceTimersByTimeAsync(3_000)
    await welcome(lastSocket())
    await vi.advanceTimersByTimeAsync(5_000)
    expect(lastSocket().all(PING)).toHaveLength(0)
  })

  it('stays when the server pings, and answers each at once', async () => {
    const { connection, socket } = await connected()
    for (let round = 0; round < 20; round++) {
      await vi.advanceTimersByTimeAsync(19_000)
      socket.say([PING, 0, 0])
    }
    expect(socket.all(PONG)).toHaveLength(20)
    expect(socket.all(PING)).toHaveLength(0)
    expect(connection.state.status).toBe('open')
  })

  it('with an accepted subscription is as patient', async () => {
    const { api, connection, socket } = await connected()
    const pending = api.ticks()
    await vi.advanceTimersByTimeAsync(0)
    socket.say([5, 1, 7])
    await pending
    await vi.advanceTimersByTimeAsync(19_000)
    expect(socket.all(PING)).toHaveLength(0)
    expect(connection.state.status).toBe('open')
  })
})

describe('after a stall of its own loop', () => {
  it.each([3_000, 12_000, 60_000])('of %i ms it asks before it judges', async (stallMs) => {
    const { api, connection, socket } = await connected()
    const call = api.echo(1, { timeoutMs: 200_000 })
    await vi.advanceTimersByTimeAsync(500)
    clockJump += stallMs
    await vi.advanceTimersByTimeAsync(1_000)
    expect(connection.state.status).toBe('open')
    socket.say([3, 1, 'was there all along'])
    expect(await call).toBe('was there all along')
  })

  it('a probe sent before it does not count against the server', async () => {
    const { api, connection, socket } = await connected()
    void api.echo(1, { timeoutMs: 200_000 }).catch(() => {})
    await vi.advanceTimersByTimeAsync(6_000)
    expect(socket.all(PING)).toHaveLength(1)
    clockJump += 30_000
    await vi.advanceTimersByTimeAsync(1_000)
    expect(connection.state.status).toBe('open')
    await vi.advanceTimersByTimeAsync(7_000)
    expect(connection.state.status).not.toBe('open')
  })

  it('a deadline found late is looked at again once queued answers were read', async () => {
    const { api, socket } = await connected()
    const call = api.echo(1, { timeoutMs: 900 })
    await vi.advanceTimersByTimeAsync(0)
    clockJump += 5_000
    vi.advanceTimersToNextTimer()
    socket.say([3, 1, 'was there all along'])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await call).toBe('was there all along')
  })

  it('a deadline found late holds when no answer was queued', async () => {
    const { api } = await connected()
    const call = expect(api.echo(1, { timeoutMs: 900 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    await vi.advanceTimersByTimeAsync(0)
    clockJump += 5_000
    await vi.advanceTimersByTimeAsync(1_000)
    await call
  })
})

it('a listener of goaway that closes the connection has the last word', async () => {
  const { connection, socket } = await connected()
  connection.on('goaway', () => void connection.close())
  socket.say([14, { drainMs: 0, reason: 'a deploy' }])
  await vi.advanceTimersByTimeAsync(60_000)
  expect(connection.state.status).toBe('closed')
  expect(ScriptedSocket.made).toHaveLength(1)
})

describe('a server that does not take credentials on the live line', () => {
  it('gets other params by another attempt, which goes on with the session', async () => {
    const { api, connection, socket } = await connected()
    const call = api.echo(1)
    const taken = connection.authenticate()
    await vi.advanceTimersByTimeAsync(0)
    expect(socket.all(AUTHENTICATE)).toHaveLength(0)
    expect(socket.left).toBeDefined()
    const next = lastSocket()
    expect(next).not.toBe(socket)
    await welcome(next)
    await taken
    expect(connection.state.status).toBe('open')
    next.say([3, Number(next.all(OPEN)[0]?.[1]), 'again'])
    expect(await call).toBe('again')
  })

  it('is sent none when they are about to expire', async () => {
    const { socket } = await connected({ expiresInMs: 1_000 })
    await vi.advanceTimersByTimeAsync(20_000)
    expect(socket.all(AUTHENTICATE)).toHaveLength(0)
  })
})

describe('a line that was left', () => {
  it('touches nothing of the next one, whatever comes late', async () => {
    const { api, connection, socket } = await connected()
    const call = api.echo(1)
    await vi.advanceTimersByTimeAsync(11_000)
    const next = lastSocket()
    await welcome(next)
    socket.say([3, 1, 'from the grave'])
    socket.say([14, { drainMs: 0 }])
    socket.onopen?.()
    socket.onclose?.({ code: 4003, reason: 'late' })
    await vi.advanceTimersByTimeAsync(0)
    expect(connection.state.status).toBe('open')
    expect(ScriptedSocket.made).toHaveLength(2)
    next.say([3, 1, 'alive'])
    expect(await call).toBe('alive')
    expect(socket.sent.filter(([type]) => type === 0)).toHaveLength(1)
  })
})

describe('waking up', () => {
  const listeners = new Map<string, () => void>()

  beforeEach(() => {
    listeners.clear()
    const place = {
      addEventListener: (name: string, listener: () => void, { signal }: { signal: AbortSignal }) => {
        listeners.set(name, listener)
        signal.addEventListener('abort', () => listeners.delete(name))
      },
    }
    vi.stubGlobal('addEventListener', place.addEventListener)
    vi.stubGlobal('document', { ...place, visibilityState: 'visible' })
  })

  afterEach(() => {
    vi.unstubAllGlobals()
  })

  it.each(['online', 'pageshow', 'visibilitychange'])('%s tries at once instead of waiting', async (name) => {
    const { connection, socket } = await connected()
    socket.onclose?.({ code: 1006, reason: '' })
    expect(connection.state.status).toBe('waiting')
    listeners.get(name)?.()
    await vi.advanceTimersByTimeAsync(0)
    expect(ScriptedSocket.made).toHaveLength(2)
    expect(connection.state.status).toBe('connecting')
  })

  it.each(['online', 'pageshow', 'visibilitychange'])('%s probes an open line', async (name) => {
    const { connection, socket } = await connected()
    listeners.get(name)?.()
    expect(socket.all(PING)).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(11_500)
    expect(connection.state.status).not.toBe('open')
  })

  it('a page that is hidden probes nothing', async () => {
    const { socket } = await connected()
    Object.assign(document, { visibilityState: 'hidden' })
    listeners.get('visibilitychange')?.()
    expect(socket.all(PING)).toHaveLength(0)
  })

  it('is not listened for any more after close()', async () => {
    const { connection, socket } = await connected()
    expect([...listeners.keys()].sort()).toEqual(['online', 'pagehide', 'pageshow', 'visibilitychange'])
    const closed = connection.close()
    socket.onclose?.({ code: 1000, reason: '' })
    await closed
    expect(listeners.size).toBe(0)
  })
})

describe('an attempt', () => {
  it('without any answer is given up after 20 s', async () => {
    createClient({ url: 'ws://a.test', WebSocket: ScriptedSocket as unknown as WebSocketConstructor, eager: true })
    await vi.advanceTimersByTimeAsync(19_900)
    expect(ScriptedSocket.made).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(500)
    expect(ScriptedSocket.made[0]?.left).toBeDefined()
    expect(ScriptedSocket.made).toHaveLength(2)
  })

  it('given up without welcome marks what it has written as a repeat', async () => {
    const client = createClient<typeof contract>({
      url: 'ws://a.test',
      WebSocket: ScriptedSocket as unknown as WebSocketConstructor,
    })
    void client.api.post(1).catch(() => {})
    await vi.advanceTimersByTimeAsync(0)
    lastSocket().onopen?.()
    await vi.advanceTimersByTimeAsync(0)
    expect(lastSocket().all(OPEN)).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(20_500)
    const next = lastSocket()
    expect(ScriptedSocket.made).toHaveLength(2)
    await welcome(next)
    expect(next.all(OPEN)).toEqual([[OPEN, 1, 'post', 1, expect.objectContaining({ repeat: true })]])
  })

  it('that is cut before welcome marks what it has written as a repeat', async () => {
    const client = createClient<typeof contract>({
      url: 'ws://a.test',
      WebSocket: ScriptedSocket as unknown as WebSocketConstructor,
    })
    void client.api.post(1).catch(() => {})
    await vi.advanceTimersByTimeAsync(0)
    lastSocket().onopen?.()
    await vi.advanceTimersByTimeAsync(0)
    lastSocket().onclose?.({ code: 1006, reason: '' })
    await vi.advanceTimersByTimeAsync(500)
    await welcome(lastSocket())
    expect(lastSocket().all(OPEN)).toEqual([[OPEN, 1, 'post', 1, expect.objectContaining({ repeat: true })]])
  })

  it.each([1013, 4001, 4103, 4104])('refused with %i before welcome sends its calls as new', async (code) => {
    const client = createClient<typeof contract>({
      url: 'ws://a.test',
      WebSocket: ScriptedSocket as unknown as WebSocketConstructor,
      params: () => ({ at: ScriptedSocket.made.length }),
    })
    void client.api.post(1).catch(() => {})
    await vi.advanceTimersByTimeAsync(0)
    lastSocket().onopen?.()
    await vi.advanceTimersByTimeAsync(0)
    lastSocket().onclose?.({ code, reason: '' })
    await vi.advanceTimersByTimeAsync(500)
    await welcome(lastSocket())
    expect(lastSocket().all(OPEN)).toEqual([[OPEN, 1, 'post', 1, { timeoutMs: 29_500 }]])
  })
})

describe('a frame that breaks the protocol', () => {
  it.each([
    ['no JSON', 'nonsense', 4000],
    ['no array', '{}', 4000],
    ['an empty batch', '[]', 4000],
    ['an unknown message', '[99]', 4000],
    ['a message of the client', '[2,1,"echo"]', 4000],
    ['a second welcome', '[1,{"connection":"c","session":"new"}]', 4000],
    ['control and call messages together', '[[12,0,0],[3,1,1]]', 4000],
    ['an id that is no integer', '[3,1.5,1]', 4000],
    ['a ping with a wrong count', '[12,0,5]', 4110],
    ['a pong with a wrong count', '[13,0,5]', 4110],
  ])('%s is answered with its close code, and the client comes back', async (_what, text, code) => {
    const { connection, socket } = await connected()
    socket.onmessage?.({ data: text })
    expect(socket.left?.code).toBe(code)
    expect(connection.state.status).toBe('waiting')
  })

  it('an answer nobody waits for is none', async () => {
    const { connection, socket } = await connected()
    socket.say([3, 99, 'x'], [4, 97, 'NOT_FOUND', ''], [5, 95, 1], [6, 44, 'x'], [7, 44, {}], [8, 93])
    expect(connection.state.status).toBe('open')
  })

  it('an item beyond the credit is one', async () => {
    const { api, connection, socket } = await connected()
    const pending = api.ticks()
    await vi.advanceTimersByTimeAsync(0)
    socket.say([5, 1, 7])
    await pending
    for (let at = 0; at < 256; at++) socket.say([6, 7, at])
    expect(connection.state.status).toBe('open')
    socket.say([6, 7, 256])
    expect(socket.left?.code).toBe(4000)
  })
})

it('further elements and unknown keys are no news', async () => {
  const { api, connection, socket } = await connected()
  const call = api.echo(1)
  await vi.advanceTimersByTimeAsync(0)
  socket.say([12, 0, 0, 'more', {}])
  socket.say([3, 1, 'ok', null, 'more'])
  expect(await call.catch((error) => error)).toBe('ok')
  expect(connection.state.status).toBe('open')
})

describe('a server that breaks the protocol', () => {
  it.each([
    ['goaway', [14, { drainMs: 0, reason: '' }]],
    ['ping', [PING, 0, 0]],
    ['pong', [PONG, 0, 0]],
    ['authenticated', [16, {}]],
  ])('is left when it says %s before welcome', async (_name, message) => {
    const { connection } = createClient<typeof contract>({
      url: 'ws://a.test',
      WebSocket: ScriptedSocket as unknown as WebSocketConstructor,
      eager: true,
    })
    await vi.advanceTimersByTimeAsync(0)
    lastSocket().onopen?.()
    lastSocket().say(message)
    expect(lastSocket().left).toMatchObject({ code: 4000 })
    expect(connection.state.status).toBe('waiting')
  })

  it('is left for more parts than a message may have, with a code that a browser lets a page give', async () => {
    const { socket, connection } = await connected()
    const bytes = 1024 * 1024
    const header = new TextEncoder().encode(JSON.stringify([17, [0, bytes], [['bytes']]]))
    const start = Math.ceil((4 + header.length) / 8) * 8
    const frame = new Uint8Array(start + bytes)
    new DataView(frame.buffer).setUint32(0, header.length)
    frame.set(header, 4)
    for (let piece = 0; piece < 65; piece++) socket.onmessage?.({ data: frame.buffer as never })
    expect(socket.left).toMatchObject({ code: 4000 })
    expect(connection.state).toMatchObject({ status: 'waiting', code: 1009 })
  })
})
