import { once } from 'node:events'
import { connect } from 'node:net'
import { query, router, type as unchecked } from 'trunkline'
import { createClient } from 'trunkline/client'
import { serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ForwardedRequest } from '../../packages/trunkline/src/adapters/forwarded.ts'
import {
  type Capacity,
  isLoopback,
  judgeUpgrade,
  requireHosts,
  requireOrigins,
  selectProtocol,
} from '../../packages/trunkline/src/adapters/upgrade.ts'

const usual: ForwardedRequest = {
  address: '203.0.113.7',
  host: 'app.example.com',
  origin: undefined,
  protocols: ['trunkline.v1'],
}
const roomy: Capacity = { isFull: false, mayConnect: () => true, isCrowded: () => false }

const judge = (
  request: Partial<ForwardedRequest>,
  { origins = [] as '*' | string[], allowedHosts = [] as string[], isLocal = false, capacity = roomy } = {},
) =>
  judgeUpgrade(
    { ...usual, ...request },
    { origins: requireOrigins(origins), allowedHosts: requireHosts(allowedHosts) },
    { isLocal, capacity },
  )?.status ?? 101

/** Of a server at app.example.com that lists https://www.example.com, http://localhost:5173 and an extension. */
const origins: [origin: string | undefined, status: number, why: string][] = [
  [undefined, 101, 'no browser'],
  ['https://app.example.com', 101, 'its own'],
  ['http://app.example.com', 101, 'its own, without TLS'],
  ['HTTPS://APP.EXAMPLE.COM', 101, 'its own, in capitals'],
  ['https://app.example.com:443', 101, 'its own, with the default port'],
  ['http://app.example.com:80', 101, 'its own, with the default port'],
  ['https://app.example.com:8443', 403, 'another port'],
  ['https://app.example.com:80', 403, 'the default port of another scheme'],
  ['https://www.example.com', 101, 'listed'],
  ['https://WWW.example.com:443', 101, 'listed, spelled otherwise'],
  ['http://www.example.com', 403, 'listed with another scheme'],
  ['https://www.example.com:8443', 403, 'listed with another port'],
  ['http://localhost:5173', 101, 'listed'],
  ['http://localhost', 403, 'listed with a port'],
  ['chrome-extension://abcdef', 101, 'listed'],
  ['chrome-extension://other', 403, 'another extension'],
  ['https://example.com', 403, 'the parent domain'],
  ['https://evil.example.com', 403, 'a sibling domain'],
  ['https://x.app.example.com', 403, 'a child domain'],
  ['https://app.example.com.evil.test', 403, 'its name as a prefix'],
  ['https://evilapp.example.com', 403, 'its name as a suffix'],
  ['https://evil.test', 403, 'a stranger'],
  ['https://app.example.com.', 403, 'a trailing dot'],
  ['https://app.example.com@evil.test', 403, 'its name as a user'],
  ['https://user@app.example.com', 403, 'a user'],
  ['https://app.example.com/', 403, 'a path'],
  ['https://app.example.com\\.evil.test', 403, 'a backslash'],
  ['ws://app.example.com', 403, 'a scheme no page has'],
  ['ftp://app.example.com', 403, 'a scheme of no page'],
  ['file://', 403, 'a file'],
  ['null', 403, 'a sandbox'],
  ['NULL', 403, 'a sandbox in capitals'],
  ['', 403, 'nothing'],
  ['https://203.0.113.9', 403, 'an address'],
  ['https://[2001:db8::1]', 403, 'an IPv6 address'],
]
const listed = ['https://www.example.com', 'http://localhost:5173', 'chrome-extension://abcdef']

describe('the origin', () => {
  it.each(origins)('%s is answered with %i: %s', (origin, status) => {
    expect(judge({ origin }, { origins: listed })).toBe(status)
  })

  it.each(['https://evil.test', 'null', 'file://', 'nonsense'])('%s passes where all do', (origin) => {
    expect(judge({ origin }, { origins: '*' })).toBe(101)
  })

  it.each([
    ['app.example.com:8443', 'https://app.example.com:8443', 101],
    ['app.example.com:443', 'https://app.example.com', 101],
    ['app.example.com:80', 'https://app.example.com', 403],
    ['203.0.113.9', 'http://203.0.113.9', 101],
    ['203.0.113.9', 'http://203.0.113.10', 403],
    ['[2001:db8::1]:80', 'http://[2001:db8::1]', 101],
    ['[2001:DB8:0::1]', 'http://[2001:db8::1]', 101],
    ['[2001:db8::1]', 'http://[2001:db8::2]', 403],
  ])('of a request for %s may be %s: %i', (host, origin, status) => {
    expect(judge({ host, origin })).toBe(status)
  })

  it.each(['https://app.test/', 'app.test', 'null', '*.app.test', '', 7, null])(
    '%j is refused as an option',
    (origin) => {
      expect(() => requireOrigins([origin as string])).toThrow(`origins: "${origin}" is not an origin`)
    },
  )
})

describe('the host of a server on a loopback address', () => {
  const allowedHosts = ['app.example.com', '192.168.0.7', '[2001:db8::1]']

  it.each([
    ['localhost', 101],
    ['LOCALHOST:3000', 101],
    ['app.localhost', 101],
    ['127.0.0.1', 101],
    ['127.1', 101],
    ['[::1]:80', 101],
    ['[0:0:0:0:0:0:0:1]', 101],
    ['app.example.com', 101],
    ['App.Example.com:8080', 101],
    ['192.168.0.7', 101],
    ['[2001:db8:0::1]', 101],
    ['localhost.', 403],
    ['app.example.com.', 403],
    ['0.0.0.0', 403],
    ['[::]', 403],
    ['192.168.0.8', 403],
    ['128.0.0.1', 403],
    ['evil.test', 403],
    ['app.example.com.evil.test', 403],
    ['xapp.example.com', 403],
    ['localhost.evil.test', 403],
    ['notlocalhost', 403],
    ['127.0.0.1.evil.test', 403],
    ['localhost@evil.test', 400],
    ['evil.test#localhost', 400],
    ['a b', 400],
    ['', 400],
    [undefined, 400],
  ])('%s is answered with %i', (host, status) => {
    expect(judge({ host }, { isLocal: true, allowedHosts })).toBe(status)
  })

  it('is anything on another address', () => {
    expect(judge({ host: 'anything.test' })).toBe(101)
  })

  it.each(['https://app.test', 'app.test:80', 'app.test/', 'user@app.test', '', 7])(
    '%j is refused as an option',
    (host) => {
      expect(() => requireHosts([host as string])).toThrow(`allowedHosts: "${host}" is not a host name`)
    },
  )

  it.each([
    ['127.0.0.1', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['127.evil.test', false],
    ['0.0.0.0', false],
    ['::', false],
    ['10.0.0.1', false],
  ])('whether %s is loopback: %s', (address, expected) => {
    expect(isLoopback(address)).toBe(expected)
  })
})

describe('room', () => {
  it('is judged for this address, after origin and host', () => {
    const asked: unknown[] = []
    const capacity = {
      isFull: false,
      mayConnect: () => true,
      isCrowded: (address: string | undefined) => {
        asked.push(address)
        return true
      },
    }
    expect(judge({}, { capacity })).toBe(429)
    expect(judge({ origin: 'https://evil.test' }, { capacity })).toBe(403)
    expect(judge({}, { capacity: { ...capacity, isFull: true } })).toBe(503)
    expect(asked).toEqual(['203.0.113.7'])
  })

  it('takes no more than it may at once, and counts nobody who is refused otherwise', () => {
    let left = 1
    const capacity = { ...roomy, mayConnect: () => left-- > 0 }
    expect(judge({ origin: 'https://evil.test' }, { capacity })).toBe(403)
    expect(judge({ protocols: [] }, { capacity })).toBe(400)
    expect(judge({}, { capacity })).toBe(101)
    expect(judge({}, { capacity })).toBe(503)
  })
})

describe('the subprotocol', () => {
  it.each([
    [['trunkline.v1'], 101, 'trunkline.v1'],
    [['x', 'trunkline.v2', 'trunkline.v1'], 101, 'trunkline.v1'],
    [['trunkline.v2'], 101, 'trunkline.v2'],
    [['x'], 400, false],
    [['Trunkline.v1'], 400, false],
    [[], 400, false],
  ])('%j is answered with %i and %j', (protocols, status, selected) => {
    expect(judge({ protocols })).toBe(status)
    expect(selectProtocol(protocols)).toBe(selected)
  })
})

// ── Through a real server ────────────────────────────────────────────────────

const contract = router({ address: query({ output: unchecked<string>() }) })
const app = implement(contract)
  .context<{ address: string }>()
  .handlers({ address: ({ context }) => context.address })
const stops: (() => unknown)[] = []
let warnings: string[] = []

beforeEach(() => {
  warnings = []
  vi.spyOn(console, 'warn').mockImplementation((text) => void warnings.push(text))
})

afterEach(async () => {
  vi.restoreAllMocks()
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function start(options: object = {}) {
  const server = await serve(app, {
    host: '127.0.0.1',
    authenticate: ({ request }) => ({ address: String(request.remoteAddress) }),
    ...options,
  })
  stops.push(() => server.close({ drainMs: 0 }))
  return { server, port: Number(new URL(server.url).port) }
}

/** Asks for an upgrade by hand, past every library, and gives the head of the answer and what follows `hello`. */
async function upgrade(port: number, headers: readonly string[], host = `127.0.0.1:${port}`) {
  const socket = connect(port, '127.0.0.1')
  stops.push(() => socket.destroy())
  await once(socket, 'connect')
  const lines = [
    'GET / HTTP/1.1',
    `Host: ${host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: trunkline.v1',
    ...headers,
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  let text = ''
  while (!text.includes('\r\n\r\n')) text += String((await once(socket, 'data'))[0])
  return { status: Number(text.split(' ')[1]), text, socket }
}

/** A masked frame. */
function frame(text: string): Buffer {
  const key = Buffer.from([1, 2, 3, 4])
  const masked = Buffer.from(text).map((byte, index) => byte ^ (key[index % 4] as number))
  return Buffer.concat([Buffer.from([0x81, 0x80 | masked.length]), key, masked])
}

/** Who the server takes somebody with these headers for. */
async function addressOf(port: number, headers: readonly string[]): Promise<string> {
  const { socket } = await upgrade(port, headers)
  socket.write(frame('[0,{"session":"s","attempt":1}]'))
  socket.write(frame('[2,1,"address"]'))
  let text = ''
  for (;;) {
    const found = /\[3,1,"([^"]*)"\]/.exec(text)?.[1]
    if (found !== undefined) return found
    text += String((await once(socket, 'data'))[0])
  }
}

describe('a real server', () => {
  it('answers each origin as the table says', async () => {
    const { port } = await start({ allowedHosts: ['app.example.com'], origins: listed })
    const answers: unknown[] = []
    for (const [origin, , why] of origins) {
      const headers = origin === undefined ? [] : [`Origin: ${origin}`]
      answers.push([origin, (await upgrade(port, headers, 'app.example.com')).status, why])
    }
    expect(answers).toEqual(origins)
  })

  it('says in its log what it refused, once each, and sixteen at most', async () => {
    const { port } = await start()
    for (let round = 0; round < 2; round++) await upgrade(port, ['Origin: https://evil.test'])
    expect(warnings).toEqual([
      expect.stringContaining('"https://evil.test" may not connect; add it to options.origins'),
    ])
    for (let round = 0; round < 20; round++) await upgrade(port, [`Origin: https://evil${round}.test`])
    expect(warnings).toHaveLength(16)
  })

  it.each([
    ['believes no header by default', [], ['X-Forwarded-For: 203.0.113.7'], '127.0.0.1'],
    ['believes a proxy', ['127.0.0.1'], ['X-Forwarded-For: 203.0.113.7'], '203.0.113.7'],
    ['believes no spoofed entry', ['127.0.0.1'], ['X-Forwarded-For: 10.0.0.1, 203.0.113.7'], '203.0.113.7'],
    [
      'reads several lines as one chain',
      ['127.0.0.0/8'],
      ['X-Forwarded-For: 203.0.113.7', 'X-Forwarded-For: 127.0.0.9'],
      '203.0.113.7',
    ],
    ['believes no other proxy', ['10.0.0.0/8'], ['X-Forwarded-For: 203.0.113.7'], '127.0.0.1'],
  ])('%s', async (_what, trustedProxies, headers, expected) => {
    const { port } = await start({ trustedProxies })
    expect(await addressOf(port, headers)).toBe(expected)
  })

  it.each([
    ['without a trusted proxy', [], 403],
    ['with one', ['127.0.0.1'], 101],
  ])('takes the origin of a forwarded host %s: %i', async (_what, trustedProxies, status) => {
    const { port } = await start({ trustedProxies, allowedHosts: ['app.example.com'] })
    const headers = ['X-Forwarded-Host: app.example.com', 'Origin: https://app.example.com']
    expect((await upgrade(port, headers)).status).toBe(status)
  })

  it('does not take a spoofed forwarded host for a loopback one', async () => {
    const { port } = await start()
    expect((await upgrade(port, ['X-Forwarded-Host: localhost'], 'evil.test')).status).toBe(403)
  })

  it('answers the 65th of an address that has not said who it is with 429, and others not', async () => {
    const { port, server } = await start({ trustedProxies: ['127.0.0.1'] })
    const from = (address: string) => upgrade(port, [`X-Forwarded-For: ${address}`])
    const crowd = await Promise.all(Array.from({ length: 64 }, () => from('203.0.113.7')))
    expect(new Set(crowd.map(({ status }) => status))).toEqual(new Set([101]))
    const refused = await from('203.0.113.7')
    expect(refused.status).toBe(429)
    expect(refused.text).toMatch(/Retry-After: 1/)
    expect((await from('203.0.113.8')).status).toBe(101)
    // Whoever says who it is makes room.
    crowd[0]?.socket.write(frame('[0,{"session":"s","attempt":1}]'))
    await expect.poll(() => [...server.connections].length).toBe(1)
    expect((await from('203.0.113.7')).status).toBe(101)
    expect((await from('203.0.113.7')).status).toBe(429)
  })

  it('gives authenticate the cookies of the upgrade', async () => {
    let cookie: string | null = null
    const { port } = await start({
      authenticate: ({ request }: { request: { headers: Headers } }) => {
        cookie = request.headers.get('cookie')
        return { address: 'x' }
      },
    })
    await addressOf(port, ['Cookie: sid=7; theme=dark'])
    expect(cookie).toBe('sid=7; theme=dark')
  })

  it('refuses a list of proxies that is none before it listens', async () => {
    await expect(start({ trustedProxies: ['10.0.0.0/'] })).rejects.toThrow('trustedProxies: "10.0.0.0/"')
  })

  it('serves our own client behind all of it', async () => {
    const { server } = await start()
    const { api, connection } = createClient<typeof contract>({ url: server.url })
    expect(await api.address()).toBe('127.0.0.1')
    await connection.close()
  })
})
