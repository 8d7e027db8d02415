// Who is there, over real sockets: renewal, logging out and in, and revoking, with calls and streams under way.
import { once } from 'node:events'
import { mutation, query, RpcError, router, subscription, type as unchecked } from 'trunkline'
import { createClient, safe, type WebSocketConstructor } from 'trunkline/client'
import { type NodeServer, serve } from 'trunkline/node'
import { implement, memoryPublisher } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'

interface User {
  user: string
  expiresAt: number | undefined
}

const contract = router({
  who: query({ output: unchecked<string>() }),
  act: mutation({ input: unchecked<string>() }),
  wait: query({ output: unchecked<string>() }),
  news: subscription({ output: unchecked<string>() }),
})

let server: NodeServer<User>
let bus = memoryPublisher<{ news: string }>()
let runs: string[] = []
let releases: (() => void)[] = []
/** Asked before somebody is let in. */
let gate: () => unknown = () => undefined
const stops: (() => unknown)[] = []

beforeEach(async () => {
  bus = memoryPublisher()
  runs = []
  releases = []
  gate = () => undefined
  const app = implement(contract)
    .context<User>()
    .handlers({
      who: ({ context }) => context.user,
      act: ({ input, context }) => void runs.push(`${input} as ${context.user}`),
      wait: ({ context }) => new Promise((resolve) => void releases.push(() => resolve(`secret of ${context.user}`))),
      news: ({ signal }) => bus.subscribe('news', { signal }),
    })
  server = await serve(app, {
    host: '127.0.0.1',
    onError: () => {},
    authenticate: async ({ params }) => {
      await gate()
      if (params.user === 'nobody') throw new RpcError('UNAUTHORIZED')
      const lifeMs = params.lifeMs === undefined ? undefined : Number(params.lifeMs)
      return { user: String(params.user), expiresAt: lifeMs && Date.now() + lifeMs }
    },
    identify: ({ user, expiresAt }) => ({ principal: user, expiresAt }),
  })
  stops.push(() => server.close({ drainMs: 0 }))
})

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** The sockets of the clients, to be cut as a lost network cuts them. */
const sockets = new Set<WebSocket>()
class KnownSocket extends WebSocket {
  constructor(url: string, protocol: string) {
    super(url, protocol)
    sockets.add(this)
    this.on('close', () => sockets.delete(this))
  }
}

function client(params: () => Record<string, unknown>) {
  const made = createClient<typeof contract>({
    url: server.url,
    params,
    reconnect: { minMs: 1, baseMs: 1, maxMs: 1 },
    WebSocket: KnownSocket as unknown as WebSocketConstructor,
  })
  stops.push(() => made.connection.close())
  return made
}

describe('a token that lives for 200 ms', () => {
  it('is renewed time and again without a call, an item or the connection being lost', async () => {
    let asked = 0
    const { api, connection } = client(() => ({ user: 'ada', lifeMs: 200, asked: ++asked }))
    await connection.connect()
    const changes: unknown[] = []
    connection.on('change', (state) => changes.push(state))
    const seen: string[] = []
    const news = await api.news()
    const reading = (async () => {
      for await (const item of news) if (seen.push(item) && item === 'the last') break
    })()
    const published: string[] = []
    for (let item = 0; asked < 8; item++) {
      published.push(String(item))
      await bus.publish('news', String(item))
      expect(await api.who()).toBe('ada')
    }
    published.push('the last')
    await bus.publish('news', 'the last')
    await reading
    expect(seen).toEqual(published)
    expect(changes).toEqual([])
  })
})

describe('another person on the same page', () => {
  it.each(['authenticate()', 'a reconnect', 'close() and connect()'])(
    'by %s: nothing of the first is run or seen as the second',
    async (how) => {
      let user = 'ada'
      const { api, connection } = client(() => ({ user }))
      const seen: string[] = []
      const news = await api.news()
      const reading = (async () => {
        for await (const item of news) seen.push(item)
      })()
      // Looked at below, when it may have ended long before.
      reading.catch(() => {})
      await bus.publish('news', 'for ada')
      await expect.poll(() => seen).toEqual(['for ada'])
      const outcome = safe(api.wait())
      await expect.poll(() => releases.length).toBe(1)
      user = 'bob'
      let moved: Promise<unknown> = Promise.resolve()
      if (how === 'authenticate()') moved = connection.authenticate()
      if (how === 'close() and connect()') {
        void connection.close()
        moved = connection.connect()
      } else if (how === 'a reconnect') {
        const waits = new Promise<void>((resolve) => {
          connection.on('change', ({ status }) => status === 'waiting' && resolve())
        })
        for (const socket of sockets) socket.terminate()
        await waits
      }
      // Closed and opened again it is a new life: what is called in it is the second's.
      const isNew = how.startsWith('close')
      const queued = isNew ? undefined : [safe(api.act('queued')), safe(api.act('queued too'))]
      const failed = { ok: false, error: { code: isNew ? 'CANCELLED' : 'UNAUTHORIZED' } }
      await moved
      await connection.connect()
      releases[0]?.()
      await bus.publish('news', 'for bob')
      expect(await outcome).toMatchObject(failed)
      for (const each of queued ?? []) {
        expect(await each).toMatchObject({ ok: false, error: { code: 'UNAUTHORIZED', delivery: 'not-run' } })
      }
      await expect(reading).rejects.toMatchObject({ code: failed.error.code })
      expect(await api.who()).toBe('bob')
      await api.act('new')
      expect(runs).toEqual(['new as bob'])
      expect(seen).toEqual(['for ada'])
    },
  )
})

describe('revoke', () => {
  /** A raw client, for every frame there is. */
  async function raw(user: string) {
    const socket = new WebSocket(server.url, 'trunkline.v1')
    stops.push(() => socket.terminate())
    const frames: string[] = []
    socket.on('message', (data) => frames.push(String(data)))
    await once(socket, 'open')
    socket.send(JSON.stringify([0, { session: 'raw', attempt: 1, params: { user } }]))
    return { socket, frames, closed: once(socket, 'close') }
  }

  it('lets not a frame through after it, but the close', async () => {
    const { socket, frames, closed } = await raw('ada')
    socket.send('[[2,1,"news"],[2,3,"wait"]]')
    await expect.poll(() => releases.length).toBe(1)
    await expect.poll(() => frames.length).toBeGreaterThan(1)
    const before = frames.length
    // All of it in one turn: what is published and answered would go out at its end.
    void bus.publish('news', 'too late')
    releases[0]?.()
    socket.send('[2,5,"who"]')
    expect(server.revoke('ada')).toBe(1)
    void bus.publish('news', 'later still')
    const [code, reason] = await closed
    expect({ code, reason: String(reason) }).toEqual({ code: 4003, reason: 'the access was revoked' })
    expect(frames.slice(before)).toEqual([])
    await expect.poll(() => server.stats()).toMatchObject({ connections: 0, calls: 0, streams: 0 })
  })

  it('refuses whoever is being authenticated at that moment', async () => {
    let pass: (() => void) | undefined
    gate = () =>
      new Promise<void>((resolve) => {
        pass = resolve
      })
    const { frames, closed } = await raw('ada')
    await expect.poll(() => pass).toBeDefined()
    expect(server.revoke('ada')).toBe(0)
    pass?.()
    const [code] = await closed
    expect(code).toBe(4003)
    expect(frames).toEqual([])
  })

  it('leaves others connected, and is final for a client', async () => {
    const [ada, bob] = [client(() => ({ user: 'ada' })), client(() => ({ user: 'bob' }))]
    await Promise.all([ada.api.who(), bob.api.who()])
    const gone = new Promise<void>((resolve) => {
      ada.connection.on('change', ({ status }) => status === 'closed' && resolve())
    })
    server.revoke('ada')
    await gone
    expect(ada.connection.state).toMatchObject({ code: 4003, reason: expect.stringContaining('revoked') })
    expect(await safe(ada.api.who())).toMatchObject({ ok: false, error: { code: 'FORBIDDEN', delivery: 'not-run' } })
    expect(await bob.api.who()).toBe('bob')
    await ada.connection.connect()
    expect(await ada.api.who()).toBe('ada')
  })
})

describe('a backend that fails', () => {
  it('throws nobody out: everybody is let in once it works', async () => {
    let isDown = true
    let asked = 0
    gate = () => {
      asked++
      if (isDown) throw new Error('down')
    }
    const clients = Array.from({ length: 10 }, (_, index) => client(() => ({ user: `u${index}` })))
    const calls = clients.map(({ api }) => api.who())
    await expect.poll(() => asked, { timeout: 20_000 }).toBeGreaterThan(30)
    expect(clients.every(({ connection }) => connection.state.status !== 'closed')).toBe(true)
    isDown = false
    expect(await Promise.all(calls)).toEqual(clients.map((_, index) => `u${index}`))
  })

  it('refuses for good who is nobody, after asking once more', async () => {
    let asked = 0
    const { api, connection } = client(() => ({ user: 'nobody', asked: ++asked }))
    expect(await safe(api.who())).toMatchObject({ ok: false, error: { code: 'UNAUTHORIZED', delivery: 'not-run' } })
    expect(asked).toBe(2)
    expect(connection.state).toMatchObject({ status: 'closed', code: 4001 })
  })
})
