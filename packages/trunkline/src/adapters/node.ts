// The door `trunkline/node`: serves an app over HTTP upgrades, with `ws`. Knows Node; knows nothing of calls.
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer, type ServerOptions as TlsOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { describe, mistake, see } from '../contract/mistake.ts'
import { closeCode, subprotocol } from '../protocol/close.ts'
import type { App } from '../server/app.ts'
import type { Connection } from '../server/handler.ts'
import type { ServerOptions } from '../server/options.ts'
import {
  type CloseOptions,
  createServer,
  type DisconnectOptions,
  type Server,
  type ServerArguments,
  type ServerStats,
} from '../server/server.ts'
import type { UpgradeRequest } from '../server/socket.ts'
import { readForwarded, trustProxies } from './forwarded.ts'
import { FrameBuilder } from './frame.ts'
import { NodeSocket } from './node-socket.ts'
import {
  isLoopback,
  judgeUpgrade,
  pathOf,
  requireHosts,
  requireOrigins,
  selectProtocol,
  type UpgradeRefusal,
  writeRefusal,
} from './upgrade.ts'

/** Where upgrades are taken, and from whom. */
export interface UpgradeOptions {
  /** The path of the WebSocket; upgrades to others are left to other listeners. @default '/' */
  path?: string
  /** Origins, besides the server's own, that pages may connect from: `['https://app.example.com']`; `'*'` for all, where no cookie says who somebody is. @default [] */
  origins?: '*' | readonly string[]
  /** Host names a server on a loopback address may be called by, besides `localhost` and the like. @default [] */
  allowedHosts?: readonly string[]
  /**
   * Proxies whose `X-Forwarded-For` and `X-Forwarded-Host` are believed: addresses and subnets, `['127.0.0.1', '10.0.0.0/8']`. With any,
   * a Unix socket's other end is one too. @default [], since otherwise anybody could claim any address
   */
  trustedProxies?: readonly string[]
}

export type AttachOptions<Context> = ServerOptions<Context> & UpgradeOptions

export type ServeOptions<Context> = AttachOptions<Context> & {
  /** The port to listen on. @default 0, which takes any free port; `server.url` tells which */
  port?: number
  /** The address to listen on. @default every address of the machine */
  host?: string
  /** Key and certificate make it `wss:`. */
  tls?: TlsOptions
}

/** A server that listens. */
export interface NodeServer<Context = unknown> {
  /** `ws://localhost:3000/rpc` */
  readonly url: string
  /** Connections that have been welcomed. */
  readonly connections: Iterable<Connection>
  /** How much is open and waits, at this moment. */
  stats(): ServerStats
  /** Ends a principal here and now, with 4003; gives how many connections that were. */
  revoke(principal: string): number
  /** Closes connections with 4003; gives how many. */
  disconnect(options: DisconnectOptions<Context>): number
  /** Lets running calls finish, closes every connection with 1012, and stops listening. Safe to call twice. */
  close(options?: CloseOptions): Promise<void>
}

/** An attached server: the HTTP server under it stays with whoever made it. */
export type AttachedServer<Context = unknown> = NodeServer<Context>

/** Room for a frame's head and for other messages of a batch, which is cut at 64 KiB. */
const frameRoom = 64 * 1024

/** RELIABILITY: messages come whole or in a few pieces; hundreds are an attack on memory. */
const maxFragments = 256

/** Time for the other end to answer a close frame, in ms. */
const closeTimeoutMs = 5_000

/**
 * Serves an app on a port of its own.
 * @throws what listening throws, for instance EADDRINUSE
 */
export async function serve<Router, Context>(
  app: App<Router, Context>,
  ...rest: ServerArguments<Context, ServeOptions<Context>>
): Promise<NodeServer<Context>> {
  const options = (rest[0] ?? {}) as ServeOptions<Context>
  requirePort(options.port)
  const httpServer = options.tls ? createHttpsServer(options.tls, answerPlainHttp) : createHttpServer(answerPlainHttp)
  // Before it listens: what is refused here leaves no open port behind.
  const attached = attach(app, httpServer, options as AttachOptions<Context>)
  await listen(httpServer, options.port ?? 0, options.host)
  let closing: Promise<void> | undefined
  const close = async (closeOptions?: CloseOptions): Promise<void> => {
    await attached.close(closeOptions)
    await new Promise((resolve) => {
      httpServer.close(resolve)
      httpServer.closeAllConnections()
    })
  }
  return {
    get url() {
      return attached.url
    },
    get connections() {
      return attached.connections
    },
    stats: () => attached.stats(),
    revoke: (principal) => attached.revoke(principal),
    disconnect: (disconnectOptions) => attached.disconnect(disconnectOptions),
    close(closeOptions) {
      closing ??= close(closeOptions)
      return closing
    },
  }
}

function requirePort(port: unknown): void {
  if (port === undefined || (Number.isInteger(port) && (port as number) >= 0 && (port as number) <= 65_535)) return
  const got = typeof port === 'string' ? `the string "${port}"` : String(port)
  throw mistake(`options.port: expected an integer from 0 to 65535, got ${got}`, 'server')
}

async function listen(httpServer: HttpServer, port: number, host: string | undefined): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      httpServer.once('error', reject)
      httpServer.listen(port, host, () => {
        httpServer.removeListener('error', reject)
        resolve()
      })
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE') throw error
    const advice = 'stop what listens there, or leave the port out to get a free one'
    const message = `options.port: ${port} is in use; ${advice} ${see('server')}`
    throw Object.assign(new Error(message, { cause: error }), { code, port })
  }
}

/** Serves an app on an HTTP server of yours, beside its requests and its other upgrade listeners. */
export function attach<Router, Context>(
  app: App<Router, Context>,
  httpServer: HttpServer,
  ...rest: ServerArguments<Context, AttachOptions<Context>>
): AttachedServer<Context> {
  const options = (rest[0] ?? {}) as ServerOptions<Context> & UpgradeOptions
  const path = options.path ?? '/'
  if (!path.startsWith('/'))
    throw mistake(`options.path: expected a path that begins with "/", got "${path}"`, 'server')
  requireHttpServer(httpServer, path)
  const server = createServer(
    app,
    ...([{ schedule: process.nextTick, yieldTo: setImmediate, ...options }] as unknown as ServerArguments<Context>),
  )
  const upgrade = upgradeListener(httpServer, server, path, options)
  httpServer.on('upgrade', upgrade)
  return {
    get url() {
      return urlOf(httpServer, path)
    },
    get connections() {
      return server.connections
    },
    stats: () => server.stats(),
    revoke: (principal) => server.revoke(principal),
    disconnect: (disconnectOptions) => server.disconnect(disconnectOptions),
    async close(closeOptions) {
      await server.close(closeOptions)
      httpServer.removeListener('upgrade', upgrade)
    },
  }
}

function requireHttpServer(httpServer: HttpServer, path: string): void {
  if (typeof httpServer?.address !== 'function' || typeof httpServer.listeners !== 'function') {
    const advice = 'of a framework, give what its listen() gives'
    throw mistake(`attach(app, httpServer): expected an HTTP server, got ${describe(httpServer)}; ${advice}`, 'server')
  }
  const taken = (httpServer.listeners('upgrade') as UpgradeListener[]).map((listener) => listener[listensAt])
  if (!taken.includes(path)) return
  throw mistake(`attach(app, httpServer): this server has an app at "${path}" already; give options.path`, 'server')
}

/** A listener of ours, and where it listens: what none of ours has, and nobody else could have, is answered with 404. */
type UpgradeListener = ((request: IncomingMessage, stream: Duplex, head: Buffer) => void) & { [listensAt]?: string }

const listensAt = Symbol.for('trunkline.path')

function upgradeListener(
  httpServer: HttpServer,
  server: Pick<Server, 'accept' | 'isFull' | 'isCrowded' | 'messageBytes'>,
  path: string,
  { origins = [], allowedHosts = [], trustedProxies = [] }: UpgradeOptions,
): UpgradeListener {
  const rules = { origins: requireOrigins(origins), allowedHosts: requireHosts(allowedHosts) }
  const trusted = trustProxies(trustedProxies)
  const warn = warnOfRefusals()
  const frames = new FrameBuilder()
  const webSocketServer = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: server.messageBytes + frameRoom,
    maxFragments,
    closeTimeout: closeTimeoutMs,
    handleProtocols: selectProtocol,
    // Its types lag behind: `maxFragments` and `closeTimeout` are options of 8.23.
  } as ConstructorParameters<typeof WebSocketServer>[0])
  const listener: UpgradeListener = (request, stream, head) => {
    if (pathOf(request) !== path) return leaveToOthers(httpServer, listener, request, stream)
    // Whoever resets the connection in the middle of an answer must not end the process.
    stream.on('error', () => {})
    const address = httpServer.address()
    const isLocal = typeof address === 'object' && address !== null && isLoopback(address.address)
    const forwarded = readForwarded(request, trusted)
    const refusal = judgeUpgrade(forwarded, rules, { isLocal, capacity: server })
    if (refusal) {
      warn(refusal)
      return writeRefusal(stream, refusal)
    }
    webSocketServer.handleUpgrade(request, stream, head, (webSocket) => {
      if (!speaksOurs(webSocket)) return
      const socket = new NodeSocket(webSocket, stream, frames)
      socket.connect(server.accept(socket, new NodeUpgradeRequest(request, forwarded.address)))
    })
  }
  listener[listensAt] = path
  return listener
}

/** Another listener may want it; when there are only ours and none does, the first of them says so. */
function leaveToOthers(
  httpServer: HttpServer,
  listener: UpgradeListener,
  request: IncomingMessage,
  stream: Duplex,
): void {
  const listeners = httpServer.listeners('upgrade') as UpgradeListener[]
  const paths = listeners.map((other) => other[listensAt])
  if (listeners[0] !== listener || paths.includes(undefined) || paths.includes(pathOf(request))) return
  stream.on('error', () => {})
  writeRefusal(stream, {
    status: 404,
    reason: 'Not Found',
    text: `No WebSocket at "${pathOf(request).slice(0, 200)}"; this server has one at ${quoteAll(paths)}`,
  })
}

const quoteAll = (paths: readonly unknown[]): string => paths.map((path) => `"${path}"`).join(' and ')

/** Refusals that a log shows: enough for what is set up wrongly, and no more, since strangers cause them. */
const maxWarnings = 16

/** A browser tells nobody why an upgrade was refused, so the server's log does, once for each host or origin. */
function warnOfRefusals(): (refusal: UpgradeRefusal) => void {
  const told = new Set<string>()
  return ({ status, text }) => {
    if (status !== 403 || told.has(text) || told.size >= maxWarnings) return
    told.add(text)
    console.warn(`trunkline: refused with 403: ${text}`)
  }
}

/** False when it offered another version only, which it is told. */
function speaksOurs(webSocket: WebSocket): boolean {
  if (webSocket.protocol === subprotocol) return true
  webSocket.on('error', () => {})
  webSocket.close(closeCode.version, `this server speaks ${subprotocol}, not ${webSocket.protocol}`)
  return false
}

/** The request as `authenticate` sees it; its headers are copied when they are looked at. */
class NodeUpgradeRequest implements UpgradeRequest {
  readonly url: string
  readonly remoteAddress: string | undefined
  readonly #raw: readonly string[]

  constructor(request: IncomingMessage, remoteAddress: string | undefined) {
    this.url = request.url ?? '/'
    this.remoteAddress = remoteAddress
    this.#raw = request.rawHeaders
  }

  get headers(): Headers {
    const headers = new Headers()
    for (let index = 0; index < this.#raw.length; index += 2) {
      headers.append(this.#raw[index] as string, this.#raw[index + 1] as string)
    }
    return headers
  }
}

function urlOf(httpServer: HttpServer, path: string): string {
  const address = httpServer.address()
  if (address === null) {
    throw mistake('server.url: the HTTP server does not listen on a port; read it once it does', 'server')
  }
  if (typeof address === 'string') {
    throw mistake(`server.url: the HTTP server listens on "${address}", which is no port`, 'server')
  }
  const scheme = 'setSecureContext' in httpServer ? 'wss' : 'ws'
  return `${scheme}://${hostOf(address)}:${address.port}${path}`
}

function hostOf({ address, family }: AddressInfo): string {
  if (address === '::' || address === '0.0.0.0') return 'localhost'
  return family === 'IPv6' ? `[${address}]` : address
}

function answerPlainHttp(_request: IncomingMessage, response: ServerResponse): void {
  const text = `This is a Trunkline server: connect to it with createClient({ url }) of trunkline/client, or with a WebSocket and the subprotocol ${subprotocol}.`
  response
    .writeHead(426, { 'Content-Type': 'text/plain; charset=utf-8', Upgrade: 'websocket', Connection: 'Upgrade' })
    .end(text)
}
