import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type Server as HttpServer, request } from 'node:http'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { query, router, type as unchecked } from 'trunkline'
import { createClient } from 'trunkline/client'
import { attach, serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'

const contract = router({ name: query({ output: unchecked<string>() }) })
const appNamed = (name: string) => implement(contract).handlers({ name: () => name })
const app = appNamed('one')

const stops: (() => unknown)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function start(options: object = {}) {
  const server = await serve(app, { host: '127.0.0.1', path: '/rpc', ...options })
  stops.push(() => server.close({ drainMs: 0 }))
  return { server, port: Number(new URL(server.url).port) }
}

async function listen(): Promise<{ http: HttpServer; port: number }> {
  const http = createHttpServer((_request, response) => response.end('my own page'))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  stops.push(() => {
    http.closeAllConnections()
    http.close()
  })
  return { http, port: (http.address() as AddressInfo).port }
}

interface Answer {
  status: number
  text: string
  protocol?: string | undefined
}

/** Asks for an upgrade and says how it is answered; what is upgraded is dropped again. */
function upgrade(port: number, path = '/rpc', headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      path,
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Protocol': 'trunkline.v1',
        ...headers,
      },
    })
    asked.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ status: 101, text: '', protocol: response.headers['sec-websocket-protocol'] })
    })
    asked.on('response', (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    asked.on('error', reject)
    asked.end()
  })
}

async function nameAt(url: string): Promise<string> {
  const { api, connection } = createClient<typeof contract>({ url })
  try {
    return await api.name()
  } finally {
    await connection.close()
  }
}

describe('the path', () => {
  it.each([
    ['/rpc', 101],
    ['/rpc?token=1', 101],
    ['/rpc/', 404],
    ['/rpcs', 404],
    ['/', 404],
  ])('%s is answered with %i', async (path, status) => {
    expect((await upgrade((await start()).port, path)).status).toBe(status)
  })

  it('of a 404 says where the WebSocket is', async () => {
    expect((await upgrade((await start()).port, '/other')).text).toContain('/rpc')
  })

  it('that is wrong can not take the server down, though the client resets the connection', async () => {
    const others = process.listeners('uncaughtException')
    const crashes: unknown[] = []
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => crashes.push(error))
    const { port } = await start()
    for (let round = 0; round < 5; round++) {
      const socket = connectTcp(port, '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write(
        'GET /wrong HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      )
      socket.resetAndDestroy()
      expect((await upgrade(port)).status).toBe(101)
    }
    process.removeAllListeners('uncaughtException')
    for (const listener of others) process.on('uncaughtException', listener)
    expect(crashes).toEqual([])
  })
})

describe('plain HTTP', () => {
  it('is answered with 426 by serve', async () => {
    const { port } = await start()
    const response = await fetch(`http://127.0.0.1:${port}/rpc`)
    expect(response.status).toBe(426)
    expect(response.headers.get('upgrade')).toBe('websocket')
    expect(await response.text()).toContain('trunkline.v1')
  })

  it('is left to its own listener by attach', async () => {
    const { http, port } = await listen()
    attach(app, http, { path: '/rpc' })
    expect(await (await fetch(`http://127.0.0.1:${port}/rpc`)).text()).toBe('my own page')
  })
})

describe('the origin', () => {
  const cases: [origin: string, status: number][] = [
    ['http://127.0.0.1:PORT', 101],
    ['https://127.0.0.1:PORT', 101],
    ['https://app.example.com', 101],
    ['chrome-extension://abcdef', 101],
    ['http://127.0.0.1:1', 403],
    ['http://127.0.0.1', 403],
    ['http://127.0.0.1:PORT.evil.test', 403],
    ['http://evil.test', 403],
    ['http://app.example.com', 403],
    ['https://app.example.com.evil.test', 403],
    ['https://app.example.com/', 403],
    ['chrome-extension://other', 403],
    ['null', 403],
    ['nonsense', 403],
    ['file://', 403],
  ]

  it.each(cases)('%s is answered with %i', async (origin, status) => {
    const { port } = await start({ origins: ['https://app.example.com', 'chrome-extension://abcdef'] })
    expect((await upgrade(port, '/rpc', { Origin: origin.replace('PORT', String(port)) })).status).toBe(status)
  })

  it('may be missing: that is no browser', async () => {
    expect((await upgrade((await start()).port)).status).toBe(101)
  })

  it('is matched with the host whatever its case', async () => {
    const { port } = await start()
    const headers = { Origin: `http://localhost:${port}`, Host: `LocalHost:${port}` }
    expect((await upgrade(port, '/rpc', headers)).status).toBe(101)
  })
})

describe('the host of a server on a loopback address', () => {
  it.each([
    ['localhost', 101],
    ['LOCALHOST:3000', 101],
    ['app.localhost', 101],
    ['127.0.0.1', 101],
    ['127.8.8.8', 101],
    ['[::1]:80', 101],
    ['dev.test', 101],
    ['dev.test:8080', 101],
    ['evil.test', 403],
    ['127.0.0.1.evil.test', 403],
    ['localhost.evil.test', 403],
    ['notlocalhost', 403],
    ['192.168.0.7', 403],
    ['a b', 400],
  ])('%s is answered with %i', async (host, status) => {
    const { port } = await start({ allowedHosts: ['dev.test'] })
    expect((await upgrade(port, '/rpc', { Host: host })).status).toBe(status)
  })

  it('is anything when the server listens on every address', async () => {
    const { port } = await start({ host: '0.0.0.0' })
    expect((await upgrade(port, '/rpc', { Host: 'anything.test' })).status).toBe(101)
  })
})

describe('the subprotocol', () => {
  it('is selected', async () => {
    expect(await upgrade((await start()).port)).toMatchObject({ status: 101, protocol: 'trunkline.v1' })
  })

  it.each(['graphql-ws', 'x.trunkline.v1', 'trunkline'])('%s alone is answered with 400', async (offered) => {
    const { status, text } = await upgrade((await start()).port, '/rpc', { 'Sec-WebSocket-Protocol': offered })
    expect(status).toBe(400)
    expect(text).toContain('trunkline.v1')
  })

  it('that is missing is answered with 400', async () => {
    const { server } = await start()
    const socket = new WebSocket(server.url)
    const [, response] = await once(socket, 'unexpected-response')
    expect(response.statusCode).toBe(400)
    response.destroy()
  })

  it('is ours though others are offered before it', async () => {
    const { port } = await start()
    const answer = await upgrade(port, '/rpc', { 'Sec-WebSocket-Protocol': 'graphql-ws, trunkline.v9, trunkline.v1' })
    expect(answer.protocol).toBe('trunkline.v1')
  })

  it('of another version is accepted and closed with 4006', async () => {
    const { server } = await start()
    const socket = new WebSocket(server.url, ['trunkline.v9', 'trunkline.v8'])
    const [code, reason] = await once(socket, 'close')
    expect(socket.protocol).toBe('trunkline.v9')
    expect(code).toBe(4006)
    expect(String(reason)).toContain('trunkline.v1')
    expect(server.stats().connections).toBe(0)
  })
})

describe('capacity', () => {
  it('is answered with 503 when it is full, until somebody leaves', async () => {
    const { server, port } = await start({ limits: { connections: 1 } })
    const first = createClient<typeof contract>({ url: server.url })
    await first.connection.connect()
    expect((await upgrade(port)).status).toBe(503)
    await first.connection.close()
    expect((await upgrade(port)).status).toBe(101)
  })
})

describe('attach', () => {
  it('leaves other upgrade listeners their paths', async () => {
    const { http, port } = await listen()
    attach(app, http, { path: '/rpc' })
    http.on('upgrade', ({ url }, socket) => {
      if (url === '/mine') socket.end('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n')
    })
    expect((await upgrade(port, '/mine')).status).toBe(418)
    expect(await nameAt(`ws://127.0.0.1:${port}/rpc`)).toBe('one')
  })

  it('serves two apps on one port', async () => {
    const { http, port } = await listen()
    attach(appNamed('a'), http, { path: '/a' })
    attach(appNamed('b'), http, { path: '/b' })
    expect(await nameAt(`ws://127.0.0.1:${port}/a`)).toBe('a')
    expect(await nameAt(`ws://127.0.0.1:${port}/b`)).toBe('b')
  })

  it('answers a path that none of two apps has', async () => {
    const { http, port } = await listen()
    attach(appNamed('a'), http, { path: '/a' })
    attach(appNamed('b'), http, { path: '/b' })
    expect(await upgrade(port, '/c')).toMatchObject({ status: 404 })
  })

  it('leaves the HTTP server to its owner when it closes', async () => {
    const { http, port } = await listen()
    const attached = attach(app, http, { path: '/rpc' })
    await attached.close({ drainMs: 0 })
    expect(http.listening).toBe(true)
    expect(http.listenerCount('upgrade')).toBe(0)
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('my own page')
  })

  it('refuses a path without a slash', async () => {
    const { http } = await listen()
    expect(() => attach(app, http, { path: 'rpc' })).toThrow(TypeError)
  })
})

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describe('tls', () => {
  // A key is nothing to keep in a repository, and Node makes none with a certificate.
  it.skipIf(!hasOpenssl())('makes it wss', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'trunkline-tls-'))
    stops.push(() => rmSync(folder, { recursive: true }))
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'].concat([
        '-keyout',
        keyFile,
        '-out',
        certFile,
        '-subj',
        '/CN=localhost',
        '-addext',
        'subjectAltName=IP:127.0.0.1',
      ]),
      { stdio: 'ignore' },
    )
    const cert = readFileSync(certFile)
    const { server } = await start({ tls: { key: readFileSync(keyFile), cert } })
    expect(server.url).toMatch(/^wss:/)
    class Trusting extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol, { ca: cert })
      }
    }
    const { api, connection } = createClient<typeof contract>({
      url: server.url,
      WebSocket: Trusting as unknown as typeof globalThis.WebSocket,
    })
    expect(await api.name()).toBe('one')
    await connection.close()
  })
})
