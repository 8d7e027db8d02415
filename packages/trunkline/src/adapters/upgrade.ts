// What is judged before the 101: host, origin, capacity, subprotocol. Gives an HTTP refusal or nothing. Does not know the app.
import type { IncomingMessage } from 'node:http'
import { subprotocol } from '../protocol/close.ts'
import { type ForwardedRequest, normalHost, normalOrigin } from './forwarded.ts'

export interface UpgradeRules {
  /** Origins besides the request's own host that a browser may connect from, as `normalOrigin` gives them; or all. */
  readonly origins: ReadonlySet<string> | '*'
  /** Names a loopback server may be called by, besides the loopback ones, in lower case. */
  readonly allowedHosts: ReadonlySet<string>
}

/** How much room the server has for this client. */
export interface Capacity {
  readonly isFull: boolean
  mayConnect(): boolean
  isCrowded(remoteAddress: string | undefined): boolean
}

export interface UpgradeRefusal {
  readonly status: number
  readonly reason: string
  readonly text: string
  /** Seconds until another try makes sense. */
  readonly retryAfter?: number
}

/** The path of a request, without its query. */
export function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/'
  const end = url.indexOf('?')
  return end < 0 ? url : url.slice(0, end)
}

/** `isLocal`: the server listens on a loopback address only. */
export function judgeUpgrade(
  request: ForwardedRequest,
  rules: UpgradeRules,
  { isLocal, capacity }: { isLocal: boolean; capacity: Capacity },
): UpgradeRefusal | undefined {
  const { host, origin } = request
  const hostname = host === undefined ? undefined : normalHost(host)
  if (hostname === undefined) return refusal(400, 'Bad Request', `The header Host is missing, or "${host}" is none`)
  if (isLocal && !isLoopback(hostname) && !rules.allowedHosts.has(hostname)) {
    return refusal(
      403,
      'Forbidden',
      `Host "${hostname}" is not one of this server's; add it to options.allowedHosts if it should be`,
    )
  }
  if (!hasAllowedOrigin(request, rules)) {
    return refusal(403, 'Forbidden', `Origin "${origin}" may not connect; add it to options.origins if it should`)
  }
  if (capacity.isFull)
    return {
      ...refusal(
        503,
        'Service Unavailable',
        'The server takes no more connections at the moment (limits.connections, or it is closing)',
      ),
      retryAfter: 1,
    }
  if (capacity.isCrowded(request.address)) {
    const text = `Too many connections from ${request.address} have not said who they are; try again later`
    return { ...refusal(429, 'Too Many Requests', text), retryAfter: 1 }
  }
  if (!request.protocols.some(isOurs)) {
    const offered = request.protocols.join(', ').slice(0, 200) || 'none'
    const text = `Expected the WebSocket subprotocol "${subprotocol}", got ${offered}; createClient of trunkline/client offers it`
    return refusal(400, 'Bad Request', text)
  }
  // Last, since asking counts.
  if (!capacity.mayConnect()) {
    const text = 'Too many connections at once (limits.connectsPerSecond); try again'
    return { ...refusal(503, 'Service Unavailable', text), retryAfter: 1 }
  }
  return undefined
}

const refusal = (status: number, reason: string, text: string): UpgradeRefusal => ({ status, reason, text })

/** The subprotocol to answer with: ours, or the first relative of it, which is then told so with 4006. */
export function selectProtocol(offered: Iterable<string>): string | false {
  const ours = [...offered].filter(isOurs)
  return ours.includes(subprotocol) ? subprotocol : (ours[0] ?? false)
}

const isOurs = (protocol: string): boolean => protocol.startsWith('trunkline.')

/** A browser always sends an origin; whoever sends none is a program, and could as well send any. */
function hasAllowedOrigin({ origin, host }: ForwardedRequest, { origins }: UpgradeRules): boolean {
  if (origin === undefined || origins === '*') return true
  const normal = normalOrigin(origin)
  if (normal === undefined) return false
  if (origins.has(normal)) return true
  const scheme = /^https?:\/\//.exec(normal)?.[0]
  return scheme !== undefined && normal === normalOrigin(scheme + host)
}

/** Gives the origins of the option as `normalOrigin` does. @throws TypeError naming one that is none */
export function requireOrigins(origins: '*' | readonly string[]): UpgradeRules['origins'] {
  if (origins === '*') return '*'
  const normal = origins.map((origin) => {
    const known = typeof origin === 'string' ? normalOrigin(origin) : undefined
    if (known === undefined)
      throw new TypeError(
        `origins: "${origin}" is not an origin like "https://app.example.com" (scheme, host and port, no path)`,
      )
    return known
  })
  return new Set(normal)
}

/** Gives the names of the option in lower case. @throws TypeError naming one that is none */
export function requireHosts(hosts: readonly string[]): ReadonlySet<string> {
  const names = hosts.map((host) => {
    const name = typeof host === 'string' ? normalHost(host) : undefined
    if (name === undefined || name !== host.toLowerCase())
      throw new TypeError(`allowedHosts: "${host}" is not a host name like "app.example.com" (no scheme, no port)`)
    return name
  })
  return new Set(names)
}

export function isLoopback(address: string): boolean {
  const bare = address.replace(/^\[|\]$/g, '').replace(/^::ffff:/, '')
  return bare === 'localhost' || bare.endsWith('.localhost') || bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare)
}

export function writeRefusal(
  socket: NodeJS.WritableStream & { destroy(): void },
  { status, reason, text, retryAfter }: UpgradeRefusal,
): void {
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
  ]
  if (retryAfter !== undefined) head.push(`Retry-After: ${retryAfter}`)
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy())
}
