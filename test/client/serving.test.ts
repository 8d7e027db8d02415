import { duplex, query, router, subscription, type as unchecked, upload } from 'trunkline'
import { type ClientOptions, createClient, type WebSocketConstructor } from 'trunkline/client'
import { implement } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'

// A client that answers its server's calls, frame by frame: the server is the test.

const page = router({
  title: query({ output: z.string() }),
  ask: query({ input: z.string(), output: z.string(), errors: { BUSY: z.object({ until: z.number() }) } }),
  hang: query({ output: unchecked<unknown>() }),
  broken: query(),
  moves: subscription({ output: z.number() }),
  paste: upload({ send: z.string(), output: z.number() }),
  talk: duplex({ send: z.string(), output: z.string() }),
})

let aborted: unknown[] = []
let finished = 0
let answers: (() => void)[] = []
const app = implement(page).handlers({
  title: () => 'page',
  ask: ({ input, errors }) => {
    if (input === 'busy') throw errors.BUSY({ until: 5 })
    return `${input}!`
  },
  // Answers when the test says so, whatever its signal says.
  hang: ({ signal }) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => aborted.push('hang'))
      answers.push(() => resolve('late'))
    }),
  broken: () => {
    throw new Error('secret')
  },
  moves: async function* () {
    try {
      for (let number = 0; ; number++) yield number
    } finally {
      finished++
    }
  },
  paste: async ({ items }) => {
    let count = 0
    for await (const _item of items) count++
    return count
  },
  talk: async function* ({ items }) {
    for await (const item of items) yield item.toUpperCase()
  },
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

  get hello(): Record<string, unknown> {
    return JSON.parse(this.texts[0] as string)[1]
  }

  /** All it was told but `hello` and acks. */
  get told(): unknown[][] {
    const all = this.texts.flatMap((text) => {
      const frame = JSON.parse(text)
      return (Array.isArray(frame[0]) ? frame : [frame]) as unknown[][]
    })
    return all.filter(([type]) => type !== 0 && type !== 11)
  }
}

const settle = () => vi.advanceTimersByTimeAsync(0)

async function opened(): Promise<ScriptedSocket> {
  const socket = ScriptedSocket.made.at(-1) as ScriptedSocket
  socket.onopen?.()
  await settle()
  return socket
}

async function next(): Promise<ScriptedSocket> {
  const before = ScriptedSocket.made.length
  while (ScriptedSocket.made.length === before) await vi.advanceTimersByTimeAsync(100)
  return opened()
}

const welcome = (fields: object = {}) => [1, { connection: 'c', session: 'new', features: ['resume'], ...fields }]

async function join(options: Partial<ClientOptions> = {}) {
  const client = createClient<typeof page>({
    url: 'ws://a.test',
    WebSocket: ScriptedSocket as unknown as WebSocketConstructor,
    eager: true,
    serve: app,
    ...options,
  })
  await settle()
  const socket = await opened()
  socket.say(welcome())
  await settle()
  return { ...client, socket }
}

beforeEach(() => {
  vi.useFakeTimers()
  ScriptedSocket.made = []
  aborted = []
  answers = []
  finished = 0
})
afterEach(() => {
  vi.clearAllTimers()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('hello', () => {
  it('says that it serves, and what may be asked', async () => {
    const { socket } = await join({ limits: { calls: 3 } })
    expect(socket.hello).toMatchObject({
      features: ['resume', 'serve'],
      limits: { calls: 3, streams: 64, messageBytes: 1_048_576, timeoutMs: 300_000 },
    })
  })

  it('of a client that serves nothing says neither, and an open closes the line with 4000', async () => {
    const { socket } = await join({ serve: undefined } as object)
    expect(socket.hello.features).toEqual(['resume'])
    expect(socket.hello).not.toHaveProperty('limits')
    socket.say([2, 2, 'title'])
    await settle()
    expect(socket.left).toMatchObject({ code: 4000 })
  })
})

describe('serve', () => {
  it.each([[page], [{}], [() => {}], [null]])('refuses what is no app: a TypeError', (serve) => {
    expect(() => createClient<typeof page>({ url: 'ws://a.test', serve: serve as never })).toThrow(TypeError)
  })

  it('refuses an app that expects a context', () => {
    const needy = implement(router({ title: query() }))
      .context<{ user: string }>()
      .handlers({ title: () => {} })
    expect(() => createClient<typeof page>({ url: 'ws://a.test', serve: needy })).toThrow(TypeError)
  })
})

describe('a call of the server', () => {
  it('is answered: outputs, errors, refusals', async () => {
    vi.spyOn(console, 'error').mockReturnValue(undefined)
    const { socket } = await join()
    socket.say(
      [2, 2, 'title'],
      [2, 4, 'ask', 'well'],
      [2, 6, 'ask', 'busy'],
      [2, 8, 'ask', 7],
      [2, 10, 'nobody'],
      [2, 12, 'broken'],
    )
    await settle()
    const told = new Map(socket.told.map((message) => [message[1], message]))
    expect(told.get(2)).toEqual([3, 2, 'page'])
    expect(told.get(4)).toEqual([3, 4, 'well!'])
    expect(told.get(6)).toMatchObject([4, 6, 'BUSY', expect.any(String), { data: { until: 5 } }])
    expect(told.get(8)).toMatchObject([4, 8, 'BAD_REQUEST', expect.any(String), { delivery: 'not-run' }])
    expect(told.get(10)).toMatchObject([4, 10, 'NOT_FOUND', expect.any(String), { delivery: 'not-run' }])
    expect(told.get(12)?.slice(0, 3)).toEqual([4, 12, 'INTERNAL'])
    expect(JSON.stringify(socket.told)).not.toContain('secret')
    expect(console.error).toHaveBeenCalledOnce()
  })

  it('streams under its own id, on credit, until it is cancelled', async () => {
    const { socket } = await join()
    socket.say([2, 2, 'moves', null, { credit: [3, 10_000] }])
    await settle()
    expect(socket.told).toEqual([
      [5, 2, 2],
      [6, 2, 0],
      [6, 2, 1],
      [6, 2, 2],
    ])
    socket.say([9, 2, 4, 10_000])
    await settle()
    expect(socket.told.at(-1)).toEqual([6, 2, 3])
    socket.say([10, 2])
    await settle()
    expect(finished).toBe(1)
    expect(socket.told).toHaveLength(5)
  })

  it('is pushed items, and half-closed', async () => {
    const { socket } = await join()
    socket.say([2, 2, 'paste'], [2, 4, 'talk'])
    await settle()
    socket.say([6, 2, 'a'], [6, 4, 'x'], [6, 2, 'b'], [8, 2], [8, 4])
    await settle()
    expect(socket.told).toEqual(
      expect.arrayContaining([
        [5, 2, 0],
        [5, 4, 4],
        [3, 2, 2],
        [6, 4, 'X'],
        [8, 4],
      ]),
    )
  })

  it.each([
    [[2, 2, 'hang'], 'an id that is not above the last'],
    [[3, 2, 'x'], 'a result for a call of its own'],
    [[2, 0, 'title'], 'an id that is none'],
  ])('that breaks the protocol closes with 4000: %j, %s', async (message) => {
    const { socket } = await join()
    socket.say([2, 2, 'hang'], [2, 4, 'paste'])
    await settle()
    socket.say(message)
    await settle()
    expect(socket.left).toMatchObject({ code: 4000 })
  })

  it('pushed one item beyond the credit closes with 4000', async () => {
    const { socket } = await join()
    socket.say([2, 2, 'paste'])
    await settle()
    socket.say(...Array.from({ length: 257 }, () => [6, 2, 'x']))
    await settle()
    expect(socket.left).toMatchObject({ code: 4000, reason: expect.stringContaining('credit') })
  })

  it('over the limits is OVERLOADED, not run', async () => {
    const { socket } = await join({ limits: { calls: 1, streams: 0 } })
    socket.say([2, 2, 'moves'], [2, 4, 'hang'], [2, 6, 'title'])
    await settle()
    const refused = socket.told.map(([type, id, code]) => [type, id, code])
    expect(refused).toEqual([
      [4, 2, 'OVERLOADED'],
      [4, 6, 'OVERLOADED'],
    ])
  })

  it('ends TIMEOUT at its deadline, which the client caps', async () => {
    const { socket } = await join({ limits: { timeoutMs: 1_000 } })
    socket.say([2, 2, 'hang', null, { timeoutMs: 1e6 }])
    await vi.advanceTimersByTimeAsync(1_500)
    expect(aborted).toEqual(['hang'])
    expect(socket.told.map(([type, id, code]) => [type, id, code])).toEqual([[4, 2, 'TIMEOUT']])
  })
})

describe('a break', () => {
  it('aborts nothing: an answer of meanwhile goes on the next socket, once', async () => {
    const { socket } = await join()
    socket.say([2, 2, 'hang'])
    await settle()
    socket.onclose?.({ code: 1006, reason: '' })
    answers[0]?.()
    await settle()
    expect(aborted).toEqual([])
    const again = await next()
    expect(again.hello).toMatchObject({ attempt: 2, since: 1, received: 1, features: ['resume', 'serve'] })
    again.say(welcome({ session: 'resumed', received: 0 }))
    await settle()
    expect(again.told).toEqual([[3, 2, 'late']])
  })

  it('makes it state the credit of what it is pushed again', async () => {
    const { socket } = await join()
    socket.say([2, 2, 'paste'])
    await settle()
    socket.onclose?.({ code: 1006, reason: '' })
    const again = await next()
    again.say(welcome({ session: 'resumed', received: 1 }))
    await settle()
    expect(again.told).toContainEqual([9, 2, 256, 262_144])
  })

  it('that ends the session aborts handlers; their late answers are nobody’s', async () => {
    const { socket } = await join()
    socket.say([2, 2, 'hang'], [2, 4, 'moves', null, { credit: [1, 10_000] }])
    await settle()
    socket.onclose?.({ code: 1006, reason: '' })
    const again = await next()
    again.say(welcome())
    await settle()
    expect(aborted).toEqual(['hang'])
    expect(finished).toBe(1)
    answers[0]?.()
    await settle()
    expect(again.told).toEqual([])
    // Another session: the server counts anew.
    again.say([2, 2, 'title'])
    await settle()
    expect(again.told).toEqual([[3, 2, 'page']])
  })
})

describe('close()', () => {
  it('aborts what is served', async () => {
    const { socket, connection } = await join()
    socket.say([2, 2, 'hang'], [2, 4, 'moves', null, { credit: [1, 10_000] }])
    await settle()
    const closing = connection.close()
    socket.onclose?.({ code: 1000, reason: '' })
    await closing
    await settle()
    expect(aborted).toEqual(['hang'])
    expect(finished).toBe(1)
    answers[0]?.()
    await settle()
    expect(socket.told.filter(([type]) => type === 3)).toEqual([])
  })

  it('aborts what is served to a server that goes too, and waits for that socket', async () => {
    const { socket, connection } = await join()
    socket.say([2, 2, 'hang'], [2, 4, 'moves', null, { credit: [1, 10_000] }])
    await settle()
    socket.say([14, { drainMs: 60_000, reason: 'a deploy', spreadMs: 0 }])
    await settle()
    const elsewhere = await opened()
    let isClosed = false
    const closing = connection.close().then(() => {
      isClosed = true
    })
    await settle()
    expect(aborted).toEqual(['hang'])
    expect(finished).toBe(1)
    expect(socket.left).toMatchObject({ code: 1000 })
    elsewhere.onclose?.({ code: 1000, reason: '' })
    await settle()
    expect(isClosed).toBe(false)
    socket.onclose?.({ code: 1000, reason: '' })
    await closing
  })

  it('waits no longer than 5 s for any of them', async () => {
    const { socket, connection } = await join()
    socket.say([2, 2, 'hang'])
    await settle()
    socket.say([14, { drainMs: 60_000, reason: 'a deploy', spreadMs: 0 }])
    await settle()
    await opened()
    const closing = connection.close()
    await vi.advanceTimersByTimeAsync(5_000)
    await closing
  })
})
