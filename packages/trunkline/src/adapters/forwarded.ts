// An upgrade request as the client made it, past the proxies that may be believed. Does not judge it.
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** What the rules look at. */
export interface ForwardedRequest {
  /** The client's address; undefined on a Unix socket without a proxy that is believed. */
  readonly address: string | undefined
  readonly host: string | undefined
  readonly origin: string | undefined
  /** Subprotocols offered. */
  readonly protocols: readonly string[]
}

/**
 * Makes a list of the proxies whose `X-Forwarded-For` and `X-Forwarded-Host` count: addresses and subnets like `10.0.0.0/8`.
 * @throws TypeError naming one that is neither
 */
export function trustProxies(proxies: readonly string[]): BlockList | undefined {
  if (proxies.length === 0) return undefined
  const list = new BlockList()
  for (const proxy of proxies) {
    const [address = '', prefix, ...more] = String(proxy).split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    // Digits only: Number('') is 0, and "10.0.0.0/" would believe everybody.
    const bits = prefix === undefined ? undefined : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN
    const isPrefix = bits === undefined || bits <= (family === 'ipv6' ? 128 : 32)
    if (isIP(address) === 0 || !isPrefix || more.length > 0)
      throw new TypeError(`trustedProxies: "${proxy}" is neither an address nor a subnet like "10.0.0.0/8"`)
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, bits, family)
  }
  return list
}

/** Reads a request. Without proxies to believe, nothing that the client can write itself is believed. */
export function readForwarded(request: IncomingMessage, trusted: BlockList | undefined): ForwardedRequest {
  const { headers, socket } = request
  const peer = plainAddress(socket.remoteAddress)
  const isTrusted = isBelieved(peer, trusted)
  return {
    address: isTrusted ? clientAddress(peer, listOf(headers['x-forwarded-for']), trusted) : peer,
    // The proxy next to us has written the last entry; the ones before it are the client's word.
    host: (isTrusted ? listOf(headers['x-forwarded-host']).at(-1) : undefined) ?? headers.host,
    origin: headers.origin,
    protocols: listOf(headers['sec-websocket-protocol']),
  }
}

/** From the nearest proxy outwards, the first address that is not a proxy's. */
function clientAddress(
  peer: string | undefined,
  chain: readonly string[],
  trusted: BlockList | undefined,
): string | undefined {
  let address = peer
  for (const entry of [...chain].reverse()) {
    const next = plainAddress(entry.replace(/^\[([^\]]*)\](:\d+)?$/, '$1').replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1'))
    // What is no address says nothing; whoever passed it on is as far as we know.
    if (next === undefined || isIP(next) === 0) return address
    address = next
    if (!isBelieved(address, trusted)) return address
  }
  return address
}

/** On a Unix socket there is no address: who may open it is the file system's business, and it is a proxy if there are any. */
function isBelieved(address: string | undefined, trusted: BlockList | undefined): boolean {
  if (!trusted) return false
  if (address === undefined) return true
  return trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

/** An IPv4 address as itself, where the socket is an IPv6 one. */
const plainAddress = (address: string | undefined): string | undefined =>
  address?.trim().replace(/^::ffff:(?=\d+\.)/i, '')

function listOf(header: string | readonly string[] | undefined): string[] {
  const text = typeof header === 'string' ? header : (header?.join(',') ?? '')
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

/** The name in a Host header, in lower case and without its port; undefined when it is none. */
export function normalHost(host: string): string | undefined {
  if (/[\s/?#@\\]/.test(host) || !URL.canParse(`http://${host}`)) return undefined
  return new URL(`http://${host}`).hostname
}

/** An origin in its one spelling (lower case, no default port); undefined when it is none, as the `null` of a sandbox. */
export function normalOrigin(origin: string): string | undefined {
  if (!/^[a-z][a-z\d+.-]*:\/\/[^/?#@\s\\]+$/i.test(origin) || !URL.canParse(origin)) return undefined
  const { protocol, host } = new URL(origin)
  return `${protocol}//${host.toLowerCase()}`
}
