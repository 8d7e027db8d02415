// Takes the upgrades of an HTTP server at one path: judges them, and hands sockets to a server of ours. Knows `ws`; knows nothing of calls.
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { closeCode, subprotocol } from '../protocol/close.ts'
import type { Server } from '../server/server.ts'
import type { UpgradeRequest } from '../server/socket.ts'
import { BusyPoll } from './busy-poll.ts'
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

/** Room for a frame's head and for other messages of a batch, which is cut at 64 KiB. */
const frameRoom = 64 * 1024

/** RELIABILITY: messages come whole or in a few pieces; hundreds are an attack on memory. */
const maxFragments = 256

/** Time for the other end to answer a close frame, in ms. */
const closeTimeoutMs = 5_000

/** A listener of ours, and where it listens: what none of ours has, and nobody else could have, is answered with 404. */
type UpgradeListener = ((request: IncomingMessage, stream: Duplex, head: Buffer) => void) & { [listensAt]?: string }

const listensAt = Symbol.for('trunkline.path')

/** A listener for `upgrade` of an HTTP server: judges, then hands sockets to `server`. */
export function upgradeListener(
  httpServer: HttpServer,
  server: Pick<Server, 'accept' | 'isFull' | 'mayConnect' | 'isCrowded' | 'messageBytes'>,
  path: string,
  { origins = [], allowedHosts = [], trustedProxies = [] }: UpgradeOptions,
): UpgradeListener {
  const rules = { origins: requireOrigins(origins), allowedHosts: requireHosts(allowedHosts) }
  const trusted = trustProxies(trustedProxies)
  const warn = warnOfRefusals()
  const frames = new FrameBuilder()
  const poll = new BusyPoll()
  const maxPayload = server.messageBytes + frameRoom
  const webSocketServer = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload,
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
      const socket = new NodeSocket(webSocket, stream, frames, poll)
      socket.connect(server.accept(socket, new NodeUpgradeRequest(request, forwarded.address)), maxPayload)
    })
  }
  listener[listensAt] = path
  return listener
}

/** Where our listeners on an HTTP server listen; undefined for others' listeners. */
export const pathsOf = (httpServer: HttpServer): (string | undefined)[] =>
  (httpServer.listeners('upgrade') as UpgradeListener[]).map((listener) => listener[listensAt])

/** Another listener may want it; when there are only ours and none does, the first of them says so. */
function leaveToOthers(
  httpServer: HttpServer,
  listener: UpgradeListener,
  request: IncomingMessage,
  stream: Duplex,
): void {
  const paths = pathsOf(httpServer)
  if (httpServer.listeners('upgrade')[0] !== listener || paths.includes(undefined) || paths.includes(pathOf(request)))
    return
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
