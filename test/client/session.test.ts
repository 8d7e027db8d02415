import { mutation, query, router, subscription, type as unchecked } from 'trunkline'
import { type ClientOptions, createClient, type WebSocketConstructor } from 'trunkline/client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const contract = router({
  echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  post: mutation({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  ticks: subscription({ output: unchecked<unknown>() }),
})

/** A server of frames, played by the test. */
class ScriptedSocket {
  static made: ScriptedSocket[] = []
  onopen: (() => void) | undefined
  onmessage: ((event: { data: string }) => void) | undefined
  onclose: ((event: { code: number; reason: string }) => void) | undefined
  readonly bufferedAmount = 0
  readonly texts: string[] = []
  left: { code: number; reason: string } | undefined

  constructor() {
    ScriptedSocket.made.push(this)
  }

  send(text: string): void {
    this.texts.push(text)
  }

  close(code: number, reason: string): void {
    this.left ??= { code, reason }
  }

  say(...messages: unknown[]): void {
    this.onmessage?.({ data: JSON.stringify(messages.length === 1 ? messages[0] : messages) })
  }

  lose(code = 1006): void {
    this.onclose?.({ code, reason: '' })
  }

  get hello(): Record<string, unknown> {
    return JSON.parse(this.texts[0] as string)[1]
  }

  get sent(): unknown[][] {
    return this.texts.flatMap((text) => {
      const frame = JSON.parse(text)
      return Array.isArray(frame[0]) ? frame : [frame]
    })
  }
}

const settle = () => vi.advanceTimersByTimeAsync(0)

/** The socket of the next attempt, open; hello is written. */
async function next(): Promise<ScriptedSocket> {
  const before = ScriptedSocket.made.length
  while (ScriptedSocket.made.length === before) await vi.advanceTimersByTimeAsync(100)
  return opened()
}

async function opened(): Promise<ScriptedSocket> {
  const socket = ScriptedSocket.made.at(-1) as ScriptedSocket
  socket.onopen?.()
  await settle()
  return socket
}

const welcome = (fields: object = {}) => [1, { connection: 'c', session: 'new', features: ['resume'], ...fields }]
const resumed = (received: number) => welcome({ session: 'resumed', received })

async function start(options: Partial<ClientOptions> = {}) {
  const client = createClient<typeof contract>({
    url: 'ws://a.test',
    WebSocket: ScriptedSocket as unknown as WebSocketConstructor,
    eager: true,
    ...options,
  })
  await settle()
  const socket = await opened()
  return { ...client, socket }
}

async function connected(options: Partial<ClientOptions> = {}) {
  const client = await start(options)
  client.socket.say(welcome())
  await settle()
  return client
}

const catching = <Value>(call: Promise<Value>) => {
  const caught = call.catch((error: unknown) => error)
  return caught
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.1)
  ScriptedSocket.made = []
})
afterEach(() => {
  vi.clearAllTimers()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('hello', () => {
  it('of the first attempt begins a session, with a name of 128 random bits', async () => {
    const { socket } = await start()
    expect(socket.hello).toMatchObject({ attempt: 1, since: 1, received: 0, features: ['resume'] })
    expect(socket.hello.session).toMatch(/^(\d{1,10}-){3}\d{1,10}$/)
    expect(socket.hello).not.toHaveProperty('settled')
  })

  it('of a later one says since when, and what came', async () => {
    const { api, socket } = await connected()
    const calls = [api.echo(1), api.echo(2)].map(catching)
    await settle()
    socket.say([3, 1, 'one'])
    socket.lose()
    const second = await next()
    expect(second.hello).toEqual({ ...socket.hello, attempt: 2, since: 1, received: 1 })
    expect(await calls[0]).toBe('one')
  })

  it('says since = attempt as long as nothing was written and no welcome came', async () => {
    const { socket } = await start()
    socket.lose()
    expect((await next()).hello).toMatchObject({ attempt: 2, since: 2 })
  })

  it('says since of a first flight whose welcome was lost', async () => {
    const { api, socket } = await start()
    void catching(api.echo(1))
    await settle()
    expect(socket.sent.at(-1)).toEqual([2, 1, 'echo', 1])
    socket.lose()
    const second = await next()
    expect(second.hello).toMatchObject({ attempt: 2, since: 1 })
    expect(second.texts).toHaveLength(1)
    second.say(resumed(1))
    await settle()
    expect(second.texts).toHaveLength(1)
  })

  it('says since of the welcome that was new, not of what it had asked for', async () => {
    const { socket } = await connected()
    socket.lose()
    const second = await next()
    second.say(welcome())
    second.lose()
    expect((await next()).hello).toMatchObject({ attempt: 3, since: 2 })
  })
})

describe('on a resume', () => {
  it('what the server lacks is replayed byte for byte, and nothing comes before welcome', async () => {
    const { api, socket } = await connected()
    for (const input of ['a', 'b', 'c']) {
      void catching(api.post(input))
      await settle()
    }
    socket.lose()
    void catching(api.post('d'))
    const second = await next()
    await vi.advanceTimersByTimeAsync(3_000)
    expect(second.texts).toHaveLength(1)
    second.say(resumed(1))
    await settle()
    expect(second.texts.slice(1, 3)).toEqual(socket.texts.slice(2, 4))
    expect(second.sent.slice(3).map((message) => message.slice(0, 4))).toEqual([[2, 7, 'post', 'd']])
  })

  it('a call that was settled while away is named in hello, in each until a welcome, and not cancelled again', async () => {
    const { api, socket } = await connected()
    const controller = new AbortController()
    void catching(api.post('a', { signal: controller.signal }))
    await settle()
    socket.lose()
    controller.abort()
    const second = await next()
    expect(second.hello.settled).toEqual([1])
    second.lose()
    const third = await next()
    expect(third.hello.settled).toEqual([1])
    third.say(resumed(1))
    await settle()
    expect(third.texts).toHaveLength(1)
    third.lose()
    expect((await next()).hello).not.toHaveProperty('settled')
  })

  it('a call that was settled behind hello is cancelled behind the replay', async () => {
    const { api, socket } = await connected()
    const controller = new AbortController()
    void catching(api.post('a', { signal: controller.signal }))
    await settle()
    socket.lose()
    const second = await next()
    controller.abort()
    second.say(resumed(0))
    await settle()
    expect(second.sent.slice(1)).toEqual([
      [2, 1, 'post', 'a'],
      [10, 1],
    ])
  })

  it('a call that was settled in the turn of the break is cancelled by a copy', async () => {
    const { api, socket } = await connected()
    const controller = new AbortController()
    void catching(api.post('a', { signal: controller.signal }))
    await settle()
    controller.abort()
    socket.lose()
    const second = await next()
    expect(second.hello).not.toHaveProperty('settled')
    second.say(resumed(1))
    await settle()
    expect(second.sent.slice(1)).toEqual([[10, 1]])
  })

  it('the credit of open streams is stated again, since it may be lost', async () => {
    const { api, socket } = await connected()
    const live = api.ticks()
    live.then(undefined, () => {})
    await settle()
    socket.say([5, 1, 4])
    const iterator = live[Symbol.asyncIterator]()
    socket.say(...Array.from({ length: 128 }, (_, at) => [6, 4, at]))
    for (let at = 0; at < 128; at++) await iterator.next()
    await settle()
    const [credit] = socket.sent.filter(([type]) => type === 9)
    socket.lose()
    const second = await next()
    second.say(resumed(1))
    await settle()
    expect(credit?.[1]).toBe(1)
    expect(second.sent.slice(1)).toEqual([credit])
  })

  it('a count out of range closes with 4110, and what was written is asked for in another session', async () => {
    const { api, connection, socket } = await connected()
    void catching(api.echo('a'))
    const lost = catching(api.post('b'))
    await settle()
    socket.lose()
    const second = await next()
    second.say(resumed(9))
    expect(second.left?.code).toBe(4110)
    const third = await next()
    expect(third.hello).toMatchObject({ attempt: 3, since: 3, received: 0 })
    third.say(welcome())
    await settle()
    expect(third.sent.slice(1).map(([, id, path, , options]) => [id, path, options])).toEqual([
      [1, 'echo', expect.objectContaining({ repeat: true })],
      [3, 'post', expect.objectContaining({ repeat: true })],
    ])
    third.say([4, 3, 'CONNECTION_LOST', 'unknown', { delivery: 'unknown' }])
    expect(await lost).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' })
    expect(connection.stats().resumes).toBe(0)
  })

  it('a late frame, or the close, of the socket before touches nothing', async () => {
    const { api, connection, socket } = await connected()
    const call = api.echo('a')
    await settle()
    socket.lose()
    const second = await next()
    second.say(resumed(1))
    socket.say([3, 1, 'late'])
    socket.lose(1000)
    second.say([3, 1, 'answer'])
    expect(await call).toBe('answer')
    expect(connection.state.status).toBe('open')
    second.say([12, 1, 1])
    expect(second.sent.at(-1)).toEqual([13, 1, 1])
  })

  it('as another principal everything ends UNAUTHORIZED, and nothing is sent again', async () => {
    const { api, socket } = await start()
    socket.say(welcome({ principal: 'ada' }))
    await settle()
    const written = catching(api.post('a'))
    await settle()
    socket.lose()
    const waiting = catching(api.post('b'))
    const second = await next()
    second.say(welcome({ principal: 'bob' }))
    await settle()
    expect(await written).toMatchObject({ code: 'UNAUTHORIZED', delivery: 'unknown' })
    expect(await waiting).toMatchObject({ code: 'UNAUTHORIZED', delivery: 'not-run' })
    expect(second.texts).toHaveLength(1)
  })
})

describe('frames that never arrive', () => {
  async function breakBehind(received: number): Promise<ScriptedSocket> {
    const socket = await next()
    socket.say(resumed(received))
    await settle()
    return socket
  }

  it('are replayed twice, and then given up: the third welcome that finds no more of them is left with 4110', async () => {
    const { api, socket } = await connected()
    const lost = catching(api.post('poison'))
    await settle()
    socket.lose()
    ;(await breakBehind(0)).lose()
    ;(await breakBehind(0)).lose()
    const third = await breakBehind(0)
    expect(third.left?.code).toBe(4110)
    const fourth = await next()
    expect(fourth.hello).toMatchObject({ attempt: 5, since: 5 })
    fourth.say(welcome())
    await settle()
    expect(fourth.sent.at(-1)).toEqual([2, 1, 'post', 'poison', expect.objectContaining({ repeat: true })])
    fourth.say([4, 1, 'CONNECTION_LOST', '', { delivery: 'unknown' }])
    expect(await lost).toMatchObject({ code: 'CONNECTION_LOST' })
  })

  it('are not given up while one more of them arrives each time', async () => {
    const { api, socket } = await connected()
    for (let at = 0; at < 6; at++) {
      void catching(api.post(at))
      await settle()
    }
    socket.lose()
    for (let received = 0; received < 6; received++) {
      const line = await breakBehind(received)
      expect(line.left).toBeUndefined()
      line.lose()
      const again = await breakBehind(received)
      expect(again.left).toBeUndefined()
      again.lose()
    }
    expect((await next()).hello).toMatchObject({ since: 1 })
  })

  it('are no matter of breaks without frames to replay, however many', async () => {
    const { api, socket } = await connected()
    void catching(api.post('slow', { timeoutMs: 1_000_000 }))
    await settle()
    socket.lose()
    for (let round = 0; round < 8; round++) {
      const line = await breakBehind(1)
      expect(line.left).toBeUndefined()
      line.lose()
    }
    expect((await next()).hello).toMatchObject({ since: 1 })
  })
})

describe('an acknowledgement', () => {
  it('rides on the next frame from the 16th on, and counts it', async () => {
    const { api, socket } = await connected()
    for (let at = 0; at < 16; at++) {
      const call = api.echo(at)
      await settle()
      socket.say([3, at * 2 + 1, at])
      await call
    }
    void catching(api.echo('next'))
    await settle()
    expect(socket.texts.filter((text) => text.includes('[11,'))).toEqual(['[[2,33,"echo","next"],[11,16,17]]'])
  })

  it('goes alone behind 256 frames or 8 KiB, when the turn has nothing else to say', async () => {
    const { socket } = await connected()
    for (let at = 0; at < 256; at++) socket.say([8, at + 1])
    await settle()
    expect(socket.texts.slice(1)).toEqual(['[11,256,0]'])
    socket.say([6, 9, 'x'.repeat(8 * 1024)])
    socket.say([6, 9, 'x'])
    await settle()
    expect(socket.texts.slice(2)).toEqual(['[11,258,0]'])
  })

  it('rides behind 8 KiB on what the same turn says', async () => {
    const { api, socket } = await connected()
    socket.say([6, 9, 'x'.repeat(8 * 1024)])
    void catching(api.echo('next'))
    await settle()
    expect(socket.texts.slice(1)).toEqual(['[[2,1,"echo","next"],[11,1,1]]'])
  })

  it('of the server drops the copies it covers', async () => {
    const { api, connection, socket } = await connected()
    void catching(api.echo('a'))
    await settle()
    void catching(api.echo('b'))
    await settle()
    const [, , second] = socket.texts
    socket.say([11, 1, 0])
    expect(connection.stats().replayBytes).toBe(second?.length)
    socket.say([3, 1, 'A'], [11, 2, 1])
    expect(connection.stats().replayBytes).toBe(0)
  })
})

describe.each<[string, Partial<ClientOptions>, string[]]>([
  ['resume: false', { resume: false }, ['resume']],
  ['a server without resume', {}, []],
])('%s', (_what, options, features) => {
  it('keeps nothing, acknowledges nothing, and begins anew each time', async () => {
    const { api, connection, socket } = await start(options)
    expect(socket.hello.features).toEqual(options.resume === false ? [] : ['resume'])
    socket.say(welcome({ features }))
    const calls = Array.from({ length: 20 }, (_, at) => catching(api.echo(at)))
    await settle()
    for (let at = 0; at < 20; at++) socket.say([3, at * 2 + 1, at])
    await Promise.all(calls)
    void catching(api.post('lost'))
    await settle()
    expect(connection.stats().replayBytes).toBe(0)
    expect(socket.sent.filter(([type]) => type === 11)).toEqual([])
    socket.lose()
    const second = await next()
    expect(second.hello).toMatchObject({ attempt: 2, since: 2, received: 0, session: socket.hello.session })
    second.say(welcome({ features }))
    await settle()
    expect(second.sent.at(-1)).toEqual([2, 41, 'post', 'lost', expect.objectContaining({ repeat: true })])
  })
})

describe('a page that is put away', () => {
  const listeners = new Map<string, (event: unknown) => void>()

  beforeEach(() => {
    const on = (name: string, listener: (event: unknown) => void) => listeners.set(name, listener)
    vi.stubGlobal('addEventListener', on)
    vi.stubGlobal('removeEventListener', (name: string) => listeners.delete(name))
    vi.stubGlobal('document', { visibilityState: 'visible', addEventListener: on, removeEventListener: () => {} })
  })
  afterEach(() => {
    vi.unstubAllGlobals()
    listeners.clear()
  })

  it('whole closes with 4201 and tries nothing; shown again it resumes at once, and its calls go on', async () => {
    const { api, connection, socket } = await connected()
    const call = api.post('a', { timeoutMs: 10_000_000 })
    await settle()
    listeners.get('pagehide')?.({ persisted: true })
    expect(socket.left?.code).toBe(4201)
    await vi.advanceTimersByTimeAsync(100_000)
    expect(ScriptedSocket.made).toHaveLength(1)
    listeners.get('pageshow')?.({ persisted: true })
    await settle()
    const second = await opened()
    expect(second.hello).toMatchObject({ attempt: 2, since: 1 })
    second.say(resumed(1))
    second.say([3, 1, 'A'])
    expect(await call).toBe('A')
    expect(connection.stats().resumes).toBe(1)
  })

  it('for good leaves its socket to the browser', async () => {
    const { socket } = await connected()
    listeners.get('pagehide')?.({ persisted: false })
    expect(socket.left).toBeUndefined()
  })
})
