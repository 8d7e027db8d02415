import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { mutation, router, type as unchecked } from 'trunkline'
import { createClient } from 'trunkline/client'
import { serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { createFaultProxy, type FaultProxy, type FaultProxyOptions, type ProxyConnection } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

/** An end of a connection: what it has heard, and how it ended. */
class Peer {
  readonly socket: Socket
  readonly chunks: Buffer[] = []
  /** `fin`, or the code of an error; undefined while it is open. */
  ending: string | undefined
  readonly #waiting: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket.setNoDelay(true)
    socket.on('data', (bytes) => this.#note(() => this.chunks.push(bytes)))
    socket.on('end', () => this.#note(() => (this.ending ??= 'fin')))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#note(() => (this.ending ??= String(error.code))))
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1')
  }

  /** Resolves when this is so; looked at whenever something happens to the socket. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  async ended(): Promise<string> {
    await this.until(() => this.ending !== undefined)
    return this.ending as string
  }

  #note(change: () => void): void {
    change()
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

let server: Server
let proxy: FaultProxy
const served: Peer[] = []
const clients: Peer[] = []

async function makeProxy(options: Partial<FaultProxyOptions> = {}): Promise<FaultProxy> {
  const { port } = server.address() as { port: number }
  return createFaultProxy({ target: { port }, ...options })
}

beforeEach(async () => {
  server = createServer((socket) => served.push(new Peer(socket))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy = await makeProxy()
})

afterEach(async () => {
  await proxy.close()
  for (const { socket } of [...clients.splice(0), ...served.splice(0)]) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

/** Replaces the proxy of this test. */
async function reproxy(options: Partial<FaultProxyOptions>): Promise<void> {
  await proxy.close()
  proxy = await makeProxy(options)
}

function dial(): Peer {
  const client = new Peer(connect(proxy.port, '127.0.0.1'))
  clients.push(client)
  return client
}

interface Line {
  readonly client: Peer
  readonly server: Peer
  readonly connection: ProxyConnection
}

/** A client, the server's end of it, and the proxy's connection between, all open. */
async function open(): Promise<Line> {
  const accepted = once(server, 'connection')
  const index = proxy.connections.length
  const client = dial()
  const [connection] = await Promise.all([proxy.connected(index), accepted])
  return { client, server: served.at(-1) as Peer, connection }
}

/** Timers that fire when they are told; `advance` runs what is due, in order. */
function makeClock() {
  let now = 0
  const timers = new Set<{ at: number; run: () => void }>()
  return {
    timers,
    setTimeout(run: () => void, ms: number) {
      const timer = { at: now + ms, run }
      timers.add(timer)
      return timer
    },
    clearTimeout: (timer: unknown) => void timers.delete(timer as { at: number; run: () => void }),
    advance(ms: number) {
      now += ms
      for (const timer of [...timers].filter(({ at }) => at <= now).sort((one, other) => one.at - other.at)) {
        timers.delete(timer)
        timer.run()
      }
    },
  }
}

describe('without faults', () => {
  it('forwards bytes both ways, in order, and counts them', async () => {
    const { client, server, connection } = await open()
    const large = Buffer.alloc(300_000, 'abcdefghij')
    client.socket.write(large)
    await server.until(() => server.text.length === large.length)
    expect(server.text).toBe(large.toString())
    server.socket.write('answer')
    await client.until(() => client.text === 'answer')
    await connection.forwarded('down', 6)
    expect(connection.stats()).toMatchObject({
      up: { received: 300_000, forwarded: 300_000, swallowed: 0, held: 0 },
      down: { received: 6, forwarded: 6 },
    })
  })

  it('passes the end of each direction on', async () => {
    const { client, server, connection } = await open()
    client.socket.end('last')
    expect([await server.ended(), server.text]).toEqual(['fin', 'last'])
    expect(await client.ended()).toBe('fin')
    await connection.closed()
    expect(connection.isOpen).toBe(false)
  })

  it('passes a reset on', async () => {
    const { client, server } = await open()
    client.socket.resetAndDestroy()
    expect(await server.ended()).toBe('ECONNRESET')
  })

  it('resets a client whose server is not there', async () => {
    const gone = await createFaultProxy({ target: 'ws://127.0.0.1:1/' })
    const client = new Peer(connect(gone.port, '127.0.0.1'))
    expect(await client.ended()).toBe('ECONNRESET')
    await gone.close()
  })

  it('gives the address for clients', () => {
    expect(proxy.url()).toBe(`ws://127.0.0.1:${proxy.port}/`)
    expect(proxy.url('/rpc')).toBe(`ws://127.0.0.1:${proxy.port}/rpc`)
  })
})

describe('cut', () => {
  it.each([
    ['fin', 'fin'],
    ['rst', 'ECONNRESET'],
  ] as const)('by %s ends both ends', async (manner, heard) => {
    const { client, server, connection } = await open()
    connection.cut(manner)
    expect(connection.isOpen).toBe(false)
    expect([await client.ended(), await server.ended()]).toEqual([heard, heard])
    await connection.closed()
  })

  it('of a connection leaves the others', async () => {
    const [one, other] = [await open(), await open()]
    one.connection.cut()
    await one.client.ended()
    other.client.socket.write('still here')
    await other.server.until(() => other.server.text === 'still here')
    expect(proxy.stats()).toEqual({ accepted: 2, refused: 0, open: 1 })
  })

  it('of the proxy ends them all, and lets new ones in', async () => {
    const [one, other] = [await open(), await open()]
    proxy.cut()
    expect([await one.client.ended(), await other.client.ended()]).toEqual(['ECONNRESET', 'ECONNRESET'])
    expect((await open()).connection.index).toBe(2)
  })

  it('by fin sends no reset, though bytes come that nobody reads', async () => {
    const { client, connection } = await open()
    connection.hold('up')
    client.socket.write(Buffer.alloc(100_000))
    await connection.received('up', 1)
    connection.cut('fin')
    expect(await client.ended()).toBe('fin')
    await connection.closed()
    expect(client.ending).toBe('fin')
  })
})

describe('cutAfter', () => {
  const script = 'abcdefgh'

  it.each([0, 1, 2, 3, 4, 5, 6, 7])('forwards exactly %i bytes from now on', async (bytes) => {
    for (const manner of ['fin', 'rst'] as const) {
      const { client, server, connection } = await open()
      client.socket.write('before')
      await connection.forwarded('up', 6)
      const cut = connection.cutAfter({ direction: 'up', bytes, manner })
      if (bytes > 0) client.socket.write(script)
      expect(await cut).toBe(true)
      await server.ended()
      expect(server.text).toBe(`before${script.slice(0, bytes)}`)
    }
  })

  it('counts from the first byte of the next connection when the proxy is told', async () => {
    const cut = proxy.cutAfter({ direction: 'down', bytes: 3 })
    const { client, server } = await open()
    server.socket.write(script)
    expect(await cut).toBe(true)
    expect([await client.ended(), client.text]).toEqual(['ECONNRESET', 'abc'])
    const next = await open()
    next.server.socket.write(script)
    await next.client.until(() => next.client.text === script)
  })

  it('counts one direction only', async () => {
    const { client, server, connection } = await open()
    const cut = connection.cutAfter({ direction: 'down', bytes: 1 })
    client.socket.write(script)
    await server.until(() => server.text === script)
    expect(connection.isOpen).toBe(true)
    server.socket.write('x')
    expect(await cut).toBe(true)
  })

  it('resolves with false when the connection ends before', async () => {
    const { client, connection } = await open()
    const cut = connection.cutAfter({ direction: 'up', bytes: 100 })
    client.socket.destroy()
    expect(await cut).toBe(false)
    expect(await connection.cutAfter({ direction: 'up', bytes: 0 })).toBe(false)
  })

  it('resolves with false when the proxy is closed before a connection comes', async () => {
    const cut = proxy.cutAfter({ direction: 'up', bytes: 0 })
    await proxy.close()
    expect(await cut).toBe(false)
  })

  it('refuses a byte that has passed, and what is no number of bytes', async () => {
    const { client, connection } = await open()
    client.socket.write(script)
    await connection.forwarded('up', 8)
    await expect(connection.cutAfter({ direction: 'up', bytes: 7, from: 'start' })).rejects.toThrow(RangeError)
    await expect(connection.cutAfter({ direction: 'up', bytes: -1 })).rejects.toThrow(TypeError)
    await expect(proxy.cutAfter({ direction: 'up', bytes: 0.5 })).rejects.toThrow(TypeError)
  })

  const ask = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'
  const answer = 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n'

  it.each([0, 1, 5])('counts %i bytes from behind the head of the 101, which came with them', async (bytes) => {
    const { client, server, connection } = await open()
    const cut = connection.cutAfter({ direction: 'down', bytes, from: 'upgrade' })
    const upgraded = connection.upgraded()
    client.socket.write(ask)
    await server.until(() => server.text === ask)
    server.socket.write(answer + script)
    await upgraded
    expect(await cut).toBe(true)
    await client.ended()
    expect(client.text).toBe(answer + script.slice(0, bytes))
  })

  it('counts the other direction from behind its own head', async () => {
    const { client, server, connection } = await open()
    const cut = connection.cutAfter({ direction: 'up', bytes: 2, from: 'upgrade' })
    client.socket.write(ask)
    await server.until(() => server.text === ask)
    server.socket.write(answer)
    await client.until(() => client.text === answer)
    client.socket.write(script)
    expect(await cut).toBe(true)
    await server.ended()
    expect(server.text).toBe(`${ask}ab`)
  })

  it('finds the head byte by byte, and takes no other status for an upgrade', async () => {
    const { client, server, connection } = await open()
    connection.split(1)
    const upgraded = expect(connection.upgraded()).rejects.toThrow('has ended before the upgrade')
    server.socket.write(answer.replace('101', '401'))
    await client.until(() => client.text.endsWith('\r\n\r\n'))
    connection.cut()
    await upgraded
    const next = await open()
    next.connection.split(1)
    next.server.socket.write(answer)
    await next.connection.upgraded()
    expect(next.connection.stats().down.forwarded).toBe(answer.length)
  })
})

describe('hold', () => {
  it('keeps bytes of its direction, and releases them in order', async () => {
    const { client, server, connection } = await open()
    connection.hold('up')
    client.socket.write('first ')
    await connection.received('up', 6)
    client.socket.write('second')
    await connection.received('up', 12)
    server.socket.write('the other way')
    await client.until(() => client.text === 'the other way')
    expect(connection.stats().up).toMatchObject({ forwarded: 0, held: 12 })
    connection.release('up')
    await server.until(() => server.text === 'first second')
    await connection.forwarded('up', 12)
    expect(connection.stats().up).toMatchObject({ forwarded: 12, held: 0 })
  })

  it('delivers an old end late: behind its bytes, and after a new connection was opened', async () => {
    const old = await open()
    old.connection.hold('up')
    old.client.socket.write('late')
    await old.connection.received('up', 4)
    old.client.socket.resetAndDestroy()
    const next = await open()
    next.client.socket.write('new')
    await next.server.until(() => next.server.text === 'new')
    expect([old.server.text, old.server.ending]).toEqual(['', undefined])
    old.connection.release('up')
    expect([await old.server.ended(), old.server.text]).toEqual(['ECONNRESET', 'late'])
  })

  it('keeps no more than it may: the sender is stopped', async () => {
    await reproxy({ heldBytes: 1_000 })
    const { client, server, connection } = await open()
    connection.hold('up')
    const large = Buffer.alloc(20_000_000, 'x')
    client.socket.write(large)
    await connection.received('up', 1_000)
    expect(connection.stats().up.held).toBeLessThan(1_000 + 65_537)
    expect(client.socket.writableLength).toBeGreaterThan(0)
    connection.release('up')
    let length = 0
    server.socket.on('data', (bytes) => {
      length += bytes.length
    })
    await server.until(() => length === large.length)
  })

  it('holds of the proxy are those of connections to come', async () => {
    proxy.hold('down')
    const { client, server, connection } = await open()
    server.socket.write('later')
    await connection.received('down', 5)
    expect(client.text).toBe('')
    proxy.release()
    await client.until(() => client.text === 'later')
  })
})

describe('black hole', () => {
  it('swallows one direction without a word, and heals', async () => {
    const { client, server, connection } = await open()
    connection.blackHole('up')
    client.socket.write('lost')
    await connection.received('up', 4)
    server.socket.write('heard')
    await client.until(() => client.text === 'heard')
    expect(connection.stats().up).toEqual({ received: 4, forwarded: 0, swallowed: 4, held: 0 })
    expect([client.ending, server.ending]).toEqual([undefined, undefined])
    connection.heal()
    client.socket.write('found')
    await server.until(() => server.text === 'found')
  })

  it('swallows both directions, and the end until it is healed', async () => {
    const { client, server, connection } = await open()
    connection.blackHole()
    server.socket.write('lost')
    await connection.received('down', 4)
    const finished = once(client.socket, 'finish')
    client.socket.end('lost too')
    await Promise.all([connection.received('up', 8), finished])
    connection.heal()
    expect([await server.ended(), server.text]).toEqual(['fin', ''])
    expect(client.text).toBe('')
  })
})

describe('throttle', () => {
  it('lets a twentieth of a second’s bytes through at a time', async () => {
    const clock = makeClock()
    await reproxy({ clock })
    const { client, server, connection } = await open()
    connection.throttle(200, 'up')
    client.socket.write('x'.repeat(25))
    await connection.forwarded('up', 10)
    for (const [after, ms] of [
      [20, 50],
      [25, 50],
    ] as const) {
      expect(connection.stats().up.forwarded).toBe(after === 20 ? 10 : 20)
      clock.advance(ms - 1)
      expect(clock.timers.size).toBe(1)
      clock.advance(1)
      await connection.forwarded('up', after)
    }
    await server.until(() => server.text.length === 25)
  })

  it('ends at once when it is healed', async () => {
    const clock = makeClock()
    await reproxy({ clock })
    const { client, server, connection } = await open()
    connection.throttle(1)
    client.socket.write('x'.repeat(1_000))
    await connection.forwarded('up', 1)
    connection.heal()
    await server.until(() => server.text.length === 1_000)
    expect(clock.timers.size).toBe(0)
  })
})

describe('delay', () => {
  it('makes bytes and the end wait, in order', async () => {
    const clock = makeClock()
    await reproxy({ clock })
    const { client, server, connection } = await open()
    connection.delay(100, 'up')
    client.socket.write('one')
    await connection.received('up', 3)
    clock.advance(60)
    client.socket.write('two')
    await connection.received('up', 6)
    clock.advance(39)
    expect(connection.stats().up.held).toBe(6)
    clock.advance(1)
    await connection.forwarded('up', 3)
    expect(connection.stats().up.held).toBe(3)
    clock.advance(60)
    await server.until(() => server.text === 'onetwo')
  })

  it('leaves no timer when the connection ends', async () => {
    const clock = makeClock()
    await reproxy({ clock })
    const { client, connection } = await open()
    connection.delay(100)
    client.socket.write('never')
    await connection.received('up', 5)
    expect(clock.timers.size).toBe(1)
    connection.cut()
    expect(clock.timers.size).toBe(0)
  })
})

describe('split', () => {
  it('makes every byte a segment of its own', async () => {
    const { client, server, connection } = await open()
    connection.split(1, 'up')
    client.socket.write('abcdefgh')
    await server.until(() => server.text === 'abcdefgh')
    expect(server.chunks.length).toBe(8)
  })

  it('writes no more than so many bytes at a time', async () => {
    const { client, server, connection } = await open()
    connection.split(3)
    client.socket.write('abcdefgh')
    await server.until(() => server.text === 'abcdefgh')
    expect(server.chunks.map(String)).toEqual(['abc', 'def', 'gh'])
  })
})

describe('isReachable', () => {
  it('false resets new connections and leaves the old', async () => {
    const { client, server } = await open()
    proxy.isReachable = false
    expect(await dial().ended()).toBe('ECONNRESET')
    client.socket.write('here')
    await server.until(() => server.text === 'here')
    expect(proxy.stats()).toEqual({ accepted: 1, refused: 1, open: 1 })
    proxy.isReachable = true
    expect((await open()).connection.isOpen).toBe(true)
  })
})

describe('misuse', () => {
  it('is refused at once', async () => {
    await expect(createFaultProxy({ target: 'ws://localhost/' })).rejects.toThrow('expected one with a port')
    expect(() => proxy.throttle(0)).toThrow(TypeError)
    expect(() => proxy.split(0.5)).toThrow(TypeError)
    expect(() => proxy.delay(Number.NaN)).toThrow(TypeError)
  })
})

describe('close', () => {
  it('drops what is open, whatever is held, and listens no more; safe to call twice', async () => {
    const { client, connection } = await open()
    connection.hold()
    client.socket.write('held')
    await connection.received('up', 4)
    const waiting = expect(proxy.connected(7)).rejects.toThrow('the proxy was closed before')
    await Promise.all([proxy.close(), proxy.close()])
    await waiting
    await client.ended()
    expect(proxy.stats().open).toBe(0)
    expect(await dial().ended()).toBe('ECONNREFUSED')
  })
})

describe('in front of a server', () => {
  const contract = router({ add: mutation({ input: unchecked<number>(), output: unchecked<number>() }) })

  async function start(options: { resume?: false } = {}) {
    const ran: number[] = []
    const app = implement(contract).handlers({
      add: ({ input }) => {
        ran.push(input)
        return input + 1
      },
    })
    const behind = await serve(app, { host: '127.0.0.1', ...options })
    const front = await createFaultProxy({ target: behind.url })
    const client = createClient<typeof contract>({ url: front.url(), reconnect: { minMs: 1, baseMs: 1 } })
    const stop = async (): Promise<void> => {
      await client.connection.close()
      await front.close()
      await behind.close()
    }
    return { ran, behind, front, ...client, stop }
  }

  it('a call passes in segments of one byte', async () => {
    const { front, api, stop } = await start()
    front.split(1)
    expect(await api.add(1)).toBe(2)
    await stop()
  })

  it('a call whose answer is cut off gets it behind the break, and has run once', async () => {
    const { ran, front, api, connection, stop } = await start()
    await connection.connect()
    const cut = front.connections[0]?.cutAfter({ direction: 'down', bytes: 3 })
    expect(await api.add(1)).toBe(2)
    expect(await cut).toBe(true)
    expect(ran).toEqual([1])
    expect(connection.stats().resumes).toBe(1)
    await stop()
  })

  it('without resume, a call whose answer is cut off says that it may have run', async () => {
    const { ran, front, api, connection, stop } = await start({ resume: false })
    await connection.connect()
    const cut = front.connections[0]?.cutAfter({ direction: 'down', bytes: 3 })
    await expect(api.add(1)).rejects.toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' })
    expect(await cut).toBe(true)
    expect(ran).toEqual([1])
    await front.connected(1)
    expect(await api.add(2)).toBe(3)
    await stop()
  })

  it('an attempt that is cut at the first byte behind the 101 is followed by another', async () => {
    const { front, api, connection, stop } = await start()
    const cut = front.cutAfter({ direction: 'down', bytes: 0, from: 'upgrade', manner: 'fin' })
    const opened = connection.connect()
    expect(await cut).toBe(true)
    await opened
    expect(await api.add(1)).toBe(2)
    expect(front.stats().accepted).toBe(2)
    await stop()
  })
})
