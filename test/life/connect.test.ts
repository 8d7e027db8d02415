import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, Server } from 'node:net'
import { query, RpcError, router, type as unchecked } from 'trunkline'
import { createClient } from 'trunkline/client'
import { type NodeServer, serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'

const contract = router({ who: query({ output: unchecked<unknown>() }) })
const app = implement(contract)
  .context<{ user: unknown }>()
  .handlers({ who: ({ context }) => context.user })

const stops: (() => unknown)[] = []

afterEach(async () => {
  vi.restoreAllMocks()
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function start(authenticate: (params: Readonly<Record<string, unknown>>) => unknown = () => ({ user: 'ada' })) {
  const server = await serve(app, {
    host: '127.0.0.1',
    path: '/rpc',
    authenticate: async ({ params }) => authenticate(params) as { user: unknown },
    onError: () => {},
  })
  stops.push(() => server.close({ drainMs: 0 }))
  return server
}

function clientOf(server: NodeServer, options: object = {}) {
  const client = createClient<typeof contract>({ url: server.url, ...options })
  stops.push(() => client.connection.close())
  return client
}

/** Resolves when the connection is in that state. */
const reaches = ({ connection }: ReturnType<typeof clientOf>, status: string) =>
  new Promise<void>((resolve) => {
    const look = () => {
      if (connection.state.status !== status) return
      undo()
      resolve()
    }
    const undo = connection.on('change', look)
    look()
  })

describe('a client', () => {
  it('connects with its first call and is answered', async () => {
    const client = clientOf(await start())
    expect(client.connection.state.status).toBe('idle')
    expect(await client.api.who()).toBe('ada')
    expect(client.connection.state.status).toBe('open')
  })

  it('is known by its params', async () => {
    const server = await start(({ token }) => ({ user: `user of ${token}` }))
    expect(await clientOf(server, { params: async () => ({ token: 'T' }) }).api.who()).toBe('user of T')
  })

  it('connects on the global kind of WebSocket too', async () => {
    const server = await start()
    expect(await clientOf(server, { WebSocket }).api.who()).toBe('ada')
  })

  it('takes an http address', async () => {
    const server = await start()
    const client = createClient<typeof contract>({ url: new URL(server.url.replace('ws:', 'http:')) })
    stops.push(() => client.connection.close())
    expect(await client.api.who()).toBe('ada')
  })

  it('that is refused ends UNAUTHORIZED, not run, with the reason', async () => {
    const server = await start(() => {
      throw new RpcError('UNAUTHORIZED', { message: 'the token has expired' })
    })
    const client = clientOf(server, { params: { token: 'old' } })
    await expect(client.api.who()).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('the token has expired'),
      delivery: 'not-run',
    })
    expect(client.connection.state.status).toBe('closed')
  })

  it('that is refused is told a long reason in another script whole code points at a time', async () => {
    const server = await start(() => {
      throw new RpcError('UNAUTHORIZED', { message: '令牌已过期'.repeat(40) })
    })
    const client = clientOf(server)
    await expect(client.api.who()).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    expect(client.connection.state.reason).toContain('令牌已过期')
    expect(client.connection.state.reason).not.toContain('\uFFFD')
  })

  it('asks for other params once it is refused, and is let in', async () => {
    const tokens = ['old', 'new']
    const server = await start(({ token }) => {
      if (token === 'old') throw new RpcError('UNAUTHORIZED')
      return { user: token }
    })
    const client = clientOf(server, { params: () => ({ token: tokens.shift() }), reconnect: { minMs: 1, baseMs: 1 } })
    expect(await client.api.who()).toBe('new')
  })

  it('waits for a server that is not there yet', async () => {
    const place = createTcpServer().listen(0, '127.0.0.1')
    await once(place, 'listening')
    const { port } = place.address() as AddressInfo
    place.close()
    await once(place, 'close')
    const client = createClient<typeof contract>({
      url: `ws://127.0.0.1:${port}/rpc`,
      reconnect: { minMs: 1, baseMs: 20, maxMs: 20 },
    })
    stops.push(() => client.connection.close())
    const call = client.api.who()
    await reaches(client, 'waiting')
    expect(client.connection.state.reason).toContain('ECONNREFUSED')
    const server = await serve(app, { host: '127.0.0.1', port, path: '/rpc', authenticate: () => ({ user: 'late' }) })
    stops.push(() => server.close({ drainMs: 0 }))
    expect(await call).toBe('late')
  })

  it('leaves a server that does not speak WebSocket waiting for another try', async () => {
    const mute = createTcpServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n')).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    stops.push(() => mute.close())
    const client = createClient<typeof contract>({ url: `ws://127.0.0.1:${(mute.address() as AddressInfo).port}` })
    stops.push(() => client.connection.close())
    client.connection.connect().catch(() => {})
    await reaches(client, 'waiting')
    expect(client.connection.state.attempt).toBe(1)
  })

  it.each([
    [200, {}, 'HTTP 200 OK: no WebSocket at this address; trying'],
    [
      301,
      { location: '/rpc/' },
      'HTTP 301 Moved Permanently: no WebSocket at this address; it points to /rpc/; trying',
    ],
    [502, {}, 'HTTP 502 Bad Gateway; trying'],
  ])('that is answered with a page of status %s says so', async (status, headers, words) => {
    const pages = createHttpServer((_request, response) => response.writeHead(status, headers).end('<h1>Hello</h1>'))
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
    stops.push(() => pages.close())
    const { port } = pages.address() as AddressInfo
    const client = createClient<typeof contract>({ url: `ws://127.0.0.1:${port}/rpc`, eager: true })
    stops.push(() => client.connection.close())
    await reaches(client, 'waiting')
    expect(client.connection.state.reason).toContain(words)
  })

  it('can close while the socket is still connecting', async () => {
    const held = createTcpServer(() => {}).listen(0, '127.0.0.1')
    await once(held, 'listening')
    const sockets: { destroy(): void }[] = []
    held.on('connection', (socket) => sockets.push(socket))
    stops.push(() => {
      for (const socket of sockets) socket.destroy()
      held.close()
    })
    const client = createClient<typeof contract>({ url: `ws://127.0.0.1:${(held.address() as AddressInfo).port}` })
    const call = client.api.who()
    await once(held, 'connection')
    await Promise.all([expect(call).rejects.toMatchObject({ code: 'CANCELLED' }), client.connection.close()])
  })
})

describe('a server', () => {
  it('says where it is', async () => {
    const server = await start()
    expect(server.url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/rpc$/)
  })

  it('counts its connections', async () => {
    const server = await start()
    await Promise.all([clientOf(server).connection.connect(), clientOf(server).connection.connect()])
    expect(server.stats().connections).toBe(2)
    expect([...server.connections]).toHaveLength(2)
  })

  it('asks for a queue of 4 096 connections: after a restart more come at once than Node has room for', async () => {
    const listen = vi.spyOn(Server.prototype, 'listen')
    await start()
    expect(listen).toHaveBeenCalledWith(expect.objectContaining({ backlog: 4_096 }), expect.anything())
  })

  it('that can not listen rejects', async () => {
    const server = await start()
    const port = Number(new URL(server.url).port)
    await expect(serve(app, { host: '127.0.0.1', port, authenticate: () => ({ user: 1 }) })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })

  it.each([
    [
      '10.255.1.2',
      'EADDRNOTAVAIL',
      'options.host: "10.255.1.2" is no address of this machine; leave the host out to listen on all it has',
    ],
    ['no.such.host.invalid', 'ENOTFOUND', 'options.host: "no.such.host.invalid" is no address of this machine'],
  ])('says of the host %s that it can not listen there', async (host, code, text) => {
    const failure = Object.assign(new Error(`listen ${code}`), { code })
    // What a name resolves to is the machine's affair.
    vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server) {
      queueMicrotask(() => this.emit('error', failure))
      return this
    })
    const serving = serve(app, { host, authenticate: () => ({ user: 1 }) })
    await expect(serving).rejects.toMatchObject({ code, cause: failure, message: expect.stringContaining(text) })
  })

  it('says of a port below 1024 who may have it, and leaves what it does not know as it is', async () => {
    const failures = ['EACCES', 'EMFILE'].map((code) => Object.assign(new Error(`listen ${code}`), { code }))
    const told = [...failures]
    vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server) {
      queueMicrotask(() => this.emit('error', told.shift()))
      return this
    })
    const options = { port: 80, authenticate: () => ({ user: 1 }) }
    await expect(serve(app, options)).rejects.toThrow(
      'options.port: this user may not listen on 80; give a port above 1023, and let a proxy have that one',
    )
    await expect(serve(app, options)).rejects.toBe(failures[1])
  })

  it('closes with 4108 whoever says nothing', async () => {
    const server = await serve(app, { host: '127.0.0.1', helloTimeoutMs: 50, authenticate: () => ({ user: 1 }) })
    stops.push(() => server.close({ drainMs: 0 }))
    const [code] = await once(new WebSocket(server.url, 'trunkline.v1'), 'close')
    expect(code).toBe(4108)
  })
})
