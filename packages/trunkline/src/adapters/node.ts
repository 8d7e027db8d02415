// The door `trunkline/node`: serves an app over HTTP upgrades, with `ws`. Knows Node; knows nothing of calls.
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer, type ServerOptions as TlsOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, mistake, see } from '../contract/mistake.ts'
import { subprotocol } from '../protocol/close.ts'
import type { App } from '../server/app.ts'
import type { ServerStats } from '../server/core.ts'
import type { ServerConnections } from '../server/handler.ts'
import { type CloseOptions, type DisconnectOptions, requireOptions, type ServerOptions } from '../server/options.ts'
import { createServer, type ServerArguments } from '../server/server.ts'
import { Gathering } from './gathering.ts'
import { pathsOf, type UpgradeOptions, upgradeListener } from './upgrade-listener.ts'

export type { UpgradeOptions }

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
  readonly connections: ServerConnections
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

/**
 * Serves an app on a port of its own.
 * @throws what listening throws, with its `code`: EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOTFOUND
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

/**
 * Connections that wait to be accepted, as many as Linux allows by default. Node's own 511 are fewer than come back after a restart:
 * the system then drops their handshakes, and they hang for many seconds where a refusal would have had them try again.
 */
const backlog = 4_096

async function listen(httpServer: HttpServer, port: number, host: string | undefined): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      httpServer.once('error', reject)
      httpServer.listen({ port, host, backlog }, () => {
        httpServer.removeListener('error', reject)
        resolve()
      })
    })
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    const told = tellOfListening[code]
    if (!told) throw error
    const message = `${told(port, host)} ${see('server')}`
    throw Object.assign(new Error(message, { cause: error }), { code, port })
  }
}

const noAddress = (_port: number, host: string | undefined): string =>
  `options.host: "${host}" is no address of this machine; leave the host out to listen on all it has`

/** What keeps a server from listening and can be helped, by Node's code of it. */
const tellOfListening: { readonly [code: string]: (port: number, host: string | undefined) => string } = {
  EADDRINUSE: (port) =>
    `options.port: ${port} is in use; stop what listens there, or leave the port out to get a free one`,
  EACCES: (port) =>
    `options.port: this user may not listen on ${port}; give a port above 1023, and let a proxy have that one`,
  EADDRNOTAVAIL: noAddress,
  ENOTFOUND: noAddress,
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
  const { schedule } = new Gathering()
  const server = createServer(
    app,
    ...([
      { schedule: process.nextTick, scheduleItems: schedule, yieldTo: setImmediate, ...requireOptions(options) },
    ] as unknown as ServerArguments<Context>),
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
  if (!pathsOf(httpServer).includes(path)) return
  throw mistake(`attach(app, httpServer): this server has an app at "${path}" already; give options.path`, 'server')
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
