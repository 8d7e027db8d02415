import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { mutation, query, router, subscription, type as unchecked } from 'trunkline'
import { createClient } from 'trunkline/client'
import { type NodeServer, serve } from 'trunkline/node'
import { implement, memoryPublisher } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'

const contract = router({
  echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  wait: query({ output: unchecked<string>() }),
  act: mutation({ output: unchecked<string>() }),
  feed: subscription({ output: unchecked<number>() }),
})

let log: string[] = []
let release: () => void = () => {}
const bus = memoryPublisher()
const waiting = () =>
  new Promise<string>((resolve) => {
    log.push('begin')
    release = () => resolve('done')
  })
const app = implement(contract).handlers({
  echo: ({ input }) => input,
  wait: ({ signal }) => {
    signal.addEventListener('abort', () => log.push('abort'))
    return waiting()
  },
  act: waiting,
  feed: ({ signal, lastEventId }) => bus.subscribe('feed', { signal, lastEventId }) as AsyncIterable<number>,
})

const stops: (() => unknown)[] = []
let server: NodeServer

beforeEach(async () => {
  log = []
  server = await start()
})

afterEach(async () => {
  release()
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function start(port = 0): Promise<NodeServer> {
  const server = await serve(app, { host: '127.0.0.1', port, onError: () => {} })
  stops.push(() => server.close({ drainMs: 0 }))
  return server
}

function connectClient(url = server.url) {
  const client = createClient<typeof contract>({ url, reconnect: { minMs: 1, baseMs: 20, maxMs: 20 } })
  stops.push(() => client.connection.close())
  return client
}

const portOf = ({ url }: NodeServer) => Number(new URL(url).port)

/** A bare socket that has been welcomed; keeps what comes. */
async function bare(features: string[] = []) {
  const socket = new WebSocket(server.url, 'trunkline.v1')
  const got: unknown[][] = []
  const listeners = new Set<() => void>()
  socket.on('message', (data) => {
    const frame = JSON.parse(String(data))
    got.push(...(Array.isArray(frame[0]) ? frame : [frame]))
    for (const listener of listeners) listener()
  })
  const message = (type: number) =>
    new Promise<unknown[]>((resolve) => {
      const look = () => {
        const found = got.find((entry) => entry[0] === type)
        if (found) resolve(found)
      }
      listeners.add(look)
      look()
    })
  await once(socket, 'open')
  socket.send(JSON.stringify([0, { session: 'abc', attempt: 1, features }]))
  await message(1)
  return { socket, got, message, say: (entry: unknown) => socket.send(JSON.stringify(entry)) }
}

describe('connection.close()', () => {
  it('ends what is pending with CANCELLED, and the server with it', async () => {
    const { api, connection } = connectClient()
    const wait = api.wait()
    const live = await api.feed()
    const next = live[Symbol.asyncIterator]().next()
    const ended = Promise.all([
      expect(wait).rejects.toMatchObject({ code: 'CANCELLED', delivery: 'unknown' }),
      expect(next).rejects.toMatchObject({ code: 'CANCELLED' }),
    ])
    await connection.close()
    await ended
    expect(connection.state).toMatchObject({
      status: 'closed',
      reason: 'the connection was closed by this client; connect() tries again',
    })
    const probe = connectClient()
    await probe.api.echo(1)
    expect(log).toEqual(['begin', 'abort'])
    expect(server.stats()).toMatchObject({ connections: 1, calls: 0, streams: 0 })
  })

  it('closes with 1000', async () => {
    let code = 0
    class Watched extends WebSocket {
      override close(given?: number, reason?: string): void {
        code ||= given ?? 1005
        super.close(given, reason)
      }
    }
    const { api, connection } = createClient<typeof contract>({
      url: server.url,
      WebSocket: Watched as unknown as typeof globalThis.WebSocket,
    })
    await api.echo(1)
    await connection.close()
    expect(code).toBe(1000)
  })

  it('refuses calls until connect()', async () => {
    const { api, connection } = connectClient()
    await api.echo(1)
    await connection.close()
    await expect(api.echo(2)).rejects.toMatchObject({ code: 'CANCELLED', delivery: 'not-run' })
    await connection.connect()
    expect(await api.echo(3)).toBe(3)
  })
})

describe('server.close()', () => {
  it('says goaway, lets a running call finish, and closes with 1012', async () => {
    const { socket, message, say, got } = await bare()
    say([2, 1, 'wait'])
    say([2, 3, 'echo', 1])
    await message(3)
    const closed = once(socket, 'close')
    const closing = server.close({ drainMs: 20_000 })
    expect(await message(14)).toEqual([14, { drainMs: 20_000, reason: expect.any(String), spreadMs: 1 }])
    release()
    const [code] = await closed
    expect(code).toBe(1012)
    expect(got.filter(([type]) => type === 3)).toEqual([
      [3, 3, 1],
      [3, 1, 'done'],
    ])
    await closing
    expect(log).toEqual(['begin'])
  })

  it('refuses calls that cross it with SHUTTING_DOWN, not run', async () => {
    const { message, say } = await bare()
    say([2, 1, 'wait'])
    say([2, 3, 'echo', 1])
    await message(3)
    const closing = server.close({ drainMs: 20_000 })
    await message(14)
    say([2, 5, 'act'])
    say([2, 7, 'feed'])
    expect(await message(4)).toEqual([4, 5, 'SHUTTING_DOWN', expect.any(String), { delivery: 'not-run' }])
    expect(log).toEqual(['begin'])
    release()
    await closing
  })

  it('tells the client of goaway, whose new calls wait for the next server and run once', async () => {
    const { api, connection } = connectClient()
    const running = api.act()
    await api.echo(1)
    const goaway = new Promise((resolve) => connection.on('goaway', resolve))
    const port = portOf(server)
    const closing = server.close({ drainMs: 20_000 })
    expect(await goaway).toEqual({ drainMs: 20_000, reason: expect.any(String) })
    const later = api.echo('later')
    expect(connection.stats().waiting).toBe(1)
    release()
    expect(await running).toBe('done')
    await closing
    await start(port)
    expect(await later).toBe('later')
    expect(log).toEqual(['begin'])
  })

  it('answers upgrades with 503 while it drains', async () => {
    const { api } = connectClient()
    const running = api.wait()
    await api.echo(1)
    const closing = server.close({ drainMs: 20_000 })
    const asked = request({
      host: '127.0.0.1',
      port: portOf(server),
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Protocol': 'trunkline.v1',
      },
    })
    asked.end()
    const [response] = await once(asked, 'response')
    expect(response.statusCode).toBe(503)
    response.destroy()
    release()
    expect(await running).toBe('done')
    await closing
  })

  it('gives up calls at the end of drainMs: a mutation is CONNECTION_LOST, unknown', async () => {
    const { api } = connectClient()
    const lost = expect(api.act()).rejects.toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' })
    await api.echo(1)
    const port = portOf(server)
    await server.close({ drainMs: 50 })
    await start(port)
    await lost
    expect(log).toEqual(['begin'])
  })

  it('ends no subscription: the client goes on at the next server', async () => {
    const { api } = connectClient()
    const iterator = (await api.feed())[Symbol.asyncIterator]()
    await bus.publish('feed', 1)
    expect((await iterator.next()).value).toBe(1)
    const port = portOf(server)
    await server.close({ drainMs: 0 })
    await bus.publish('feed', 2)
    await start(port)
    expect((await iterator.next()).value).toBe(2)
  })

  it('hands over to another: what runs finishes there, new calls and the feed go on here', async () => {
    const other = await start()
    let url = server.url
    const { api, connection } = createClient<typeof contract>({ url: () => url, reconnect: { minMs: 1, baseMs: 20 } })
    stops.push(() => connection.close())
    const iterator = (await api.feed())[Symbol.asyncIterator]()
    const running = api.act()
    await bus.publish('feed', 1)
    await api.echo(1)
    url = other.url
    const closing = server.close({ drainMs: 20_000 })
    expect(await api.echo('there')).toBe('there')
    expect(other.stats().connections).toBe(1)
    while (other.stats().streams === 0) await api.echo('moving')
    for (const at of [2, 3]) await bus.publish('feed', at)
    expect([await iterator.next(), await iterator.next(), await iterator.next()].map(({ value }) => value)).toEqual([
      1, 2, 3,
    ])
    release()
    expect(await running).toBe('done')
    await closing
    expect(log).toEqual(['begin'])
    expect(server.stats()).toMatchObject({ connections: 0, sessions: 0, streams: 0, calls: 0 })
  })

  it('ends what is kept for clients that are away', async () => {
    const { api, connection } = connectClient()
    const lost = api.wait().catch(() => {})
    await api.echo(1)
    const { socket } = await bare(['resume'])
    socket.terminate()
    while (server.stats().detached === 0) await api.echo(2)
    await connection.close()
    await lost
    await server.close()
    expect(server.stats()).toMatchObject({ connections: 0, sessions: 0, detached: 0, calls: 0 })
  })

  it('stops listening', async () => {
    const { url } = server
    await server.close()
    const socket = new WebSocket(url, 'trunkline.v1')
    const [error] = await once(socket, 'error')
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('can be called twice, at once and later', async () => {
    const { api } = connectClient()
    await api.echo(1)
    await Promise.all([server.close(), server.close()])
    await server.close()
  })

  it('closes connections that have not said hello', async () => {
    const socket = new WebSocket(server.url, 'trunkline.v1')
    await once(socket, 'open')
    const closed = once(socket, 'close')
    await server.close({ drainMs: 0 })
    expect((await closed)[0]).toBe(1012)
  })

  it('tells each of many clients why', async () => {
    const clients = Array.from({ length: 50 }, () => connectClient())
    await Promise.all(clients.map(({ api }) => api.echo(1)))
    const reasons = clients.map(
      ({ connection }) =>
        new Promise((resolve) =>
          connection.on('change', ({ status, reason }) => {
            if (status === 'waiting') resolve(reason)
          }),
        ),
    )
    await server.close({ drainMs: 0 })
    for (const reason of await Promise.all(reasons)) expect(reason).toContain('the server is about to go')
  })
})

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs a program that must end by itself; gives what it wrote. */
async function program(text: string): Promise<string> {
  const head = `
    import { query, router, subscription } from 'trunkline'
    import { implement, memoryPublisher } from 'trunkline/server'
    import { serve } from 'trunkline/node'
    import { createClient } from 'trunkline/client'
    const bus = memoryPublisher()
    const app = implement(router({ ping: query(), hang: query(), feed: subscription() })).handlers({
      ping: () => {},
      hang: () => new Promise(() => {}),
      feed: ({ signal }) => bus.subscribe('t', { signal }),
    })
    const server = await serve(app, { host: '127.0.0.1', onError: () => {} })
    const { api, connection } = createClient({ url: server.url })
  `
  const { stdout } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', head + text], {
    cwd: root,
    // Beyond any start on a busy machine: a program that is still there has a handle left.
    timeout: 15_000,
  })
  return stdout.trim()
}

describe('a process ends by itself', () => {
  it('when client and server are closed', async () => {
    const text = `
      await api.ping()
      const live = await api.feed()
      api.hang().catch(() => {})
      await connection.close()
      await server.close()
      console.log('closed')`
    expect(await program(text)).toBe('closed')
  })

  it('when the server is closed first, with calls running', async () => {
    const text = `
      await api.ping()
      await api.feed()
      api.hang().catch(({ code }) => console.log(code))
      await server.close({ drainMs: 10 })
      await connection.close()
      console.log('closed')`
    expect((await program(text)).split('\n').sort()).toEqual(['CANCELLED', 'closed'])
  })

  it('when a client was lost and is still expected: nothing that is kept holds it', async () => {
    const text = `
      await api.ping()
      api.hang().catch(() => {})
      const { WebSocket } = await import('ws')
      const lost = new WebSocket(server.url, 'trunkline.v1')
      await new Promise((resolve) => lost.on('open', resolve))
      lost.send('[0,{"session":"lost","attempt":1,"features":["resume"]}]')
      await new Promise((resolve) => lost.on('message', resolve))
      lost.terminate()
      while (server.stats().detached === 0) await api.ping()
      await connection.close()
      await server.close()
      console.log('closed', server.stats().sessions)`
    expect(await program(text)).toBe('closed 0')
  })

  it('when a client was closed twice', async () => {
    const text = `
      await api.ping()
      await Promise.all([connection.close(), connection.close()])
      await connection.close()
      await server.close()
      console.log('closed')`
    expect(await program(text)).toBe('closed')
  })
})
