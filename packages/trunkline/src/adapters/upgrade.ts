// What is judged before the 101: path, origin, host, capacity, subprotocol. Gives an HTTP refusal or nothing. Does not know the app.
import type { IncomingMessage } from 'node:http'
import { subprotocol } from '../protocol/close.ts'

export interface UpgradeRules {
  /** Origins besides the request's own host that a browser may connect from: `https://app.example.com`. */
  readonly origins: readonly string[]
  /** Names a loopback server may be called by, besides the loopback ones. */
  readonly allowedHosts: readonly string[]
  /** The server listens on a loopback address only. */
  readonly isLocal: boolean
}

export interface UpgradeRefusal {
  readonly status: number
  readonly reason: string
  readonly text: string
}

/** The path of a request, without its query. */
export function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/'
  const end = url.indexOf('?')
  return end < 0 ? url : url.slice(0, end)
}

export function judgeUpgrade(
  request: IncomingMessage,
  rules: UpgradeRules,
  isFull: boolean,
): UpgradeRefusal | undefined {
  if (rules.isLocal && !hasAllowedHost(request, rules)) {
    const text = `Host "${request.headers.host ?? ''}" is not one of this server's; add it to options.allowedHosts if it should be`
    return { status: 403, reason: 'Forbidden', text }
  }
  if (!hasAllowedOrigin(request, rules)) {
    const text = `Origin "${request.headers.origin}" may not connect; add it to options.origins if it should`
    return { status: 403, reason: 'Forbidden', text }
  }
  if (isFull)
    return {
      status: 503,
      reason: 'Service Unavailable',
      text: 'The server takes no more connections at the moment (limits.connections, or it is closing)',
    }
  if (!offeredProtocols(request).some(isOurs)) {
    const offered = request.headers['sec-websocket-protocol']?.slice(0, 200) ?? 'none'
    const text = `Expected the WebSocket subprotocol "${subprotocol}", got ${offered}; createClient of trunkline/client offers it`
    return { status: 400, reason: 'Bad Request', text }
  }
  return undefined
}

/** The subprotocol to answer with: ours, or the first relative of it, which is then told so with 4006. */
export function selectProtocol(offered: Iterable<string>): string | false {
  const ours = [...offered].filter(isOurs)
  return ours.includes(subprotocol) ? subprotocol : (ours[0] ?? false)
}

const isOurs = (protocol: string): boolean => protocol.startsWith('trunkline.')

function offeredProtocols(request: IncomingMessage): string[] {
  return (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
}

/** A browser always sends an origin; whoever sends none is a program, and could as well send any. */
function hasAllowedOrigin({ headers }: IncomingMessage, { origins }: UpgradeRules): boolean {
  if (headers.origin === undefined) return true
  if (origins.includes(headers.origin)) return true
  if (!URL.canParse(headers.origin)) return false
  const { protocol, host } = new URL(headers.origin)
  return (protocol === 'http:' || protocol === 'https:') && host === headers.host?.toLowerCase()
}

/** DNS rebinding: a page of some other site whose name was pointed at 127.0.0.1 reaches a loopback server under that site's name. */
function hasAllowedHost(request: IncomingMessage, { allowedHosts }: UpgradeRules): boolean {
  const host = request.headers.host?.toLowerCase() ?? ''
  if (!URL.canParse(`http://${host}`)) return false
  const { hostname } = new URL(`http://${host}`)
  return isLoopback(hostname) || allowedHosts.includes(hostname)
}

export function isLoopback(address: string): boolean {
  const bare = address.replace(/^\[|\]$/g, '').replace(/^::ffff:/, '')
  return bare === 'localhost' || bare.endsWith('.localhost') || bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare)
}

export function writeRefusal(
  socket: NodeJS.WritableStream & { destroy(): void },
  { status, reason, text }: UpgradeRefusal,
): void {
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy())
}
