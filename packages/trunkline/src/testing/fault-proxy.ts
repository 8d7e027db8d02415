// A TCP proxy in front of a server, on loopback, for faults on real sockets. Does not know what the bytes mean, but for the end of an HTTP head.
import type { Server } from 'node:net'
import { type ByteFaults, FaultSwitches } from './byte-faults.ts'
import { type CutManner, type FaultClock, globalClock, noFaults, type PipeFaults } from './byte-pipe.ts'
import { type Direction, directionsOf } from './direction.ts'
import { type CutOptions, type ProxyConnection, requireCount, TcpProxyConnection } from './proxy-connection.ts'

export interface FaultProxyOptions {
  /** The server behind: `server.url`, or host (`127.0.0.1` unless given) and port. */
  target: string | URL | { readonly host?: string; readonly port: number }
  /** Bytes a direction of a connection may keep; the sender is paused then, so one chunk more may come. @default 16_777_216, what a server keeps for one reader before it gives up */
  heldBytes?: number
  /** Timers for `throttle` and `delay`. @default those of the process */
  clock?: FaultClock
}

/** A TCP proxy whose connections fail as they are told. */
export interface FaultProxy extends ByteFaults {
  /** The port on 127.0.0.1 that it listens on. */
  readonly port: number
  /** `ws://127.0.0.1:40123/rpc` for the path `/rpc`; the path is `/` unless given. */
  url(path?: string): string
  /** Every connection so far, oldest first. */
  readonly connections: readonly ProxyConnection[]
  /** While false, new connections are reset as soon as they are accepted. */
  isReachable: boolean
  /** The connection of this index (0 unless given), once the server has taken it. Rejects when the connection or the proxy ends before. */
  connected(index?: number): Promise<ProxyConnection>
  /** Calls `listener` with each new connection, before its first byte. Gives the undo. */
  onConnection(listener: (connection: ProxyConnection) => void): () => void
  /** Cuts the next new connection at an exact byte; see `cutAfter` of a connection. Resolves with false, too, when the proxy is closed before. */
  cutAfter(options: CutOptions): Promise<boolean>
  /** How many connections there were and are. */
  stats(): FaultProxyStats
  /** Drops every connection and stops listening. Leaves no handle; safe to call twice. */
  close(): Promise<void>
}

export interface FaultProxyStats {
  /** Connections that were let in. */
  readonly accepted: number
  /** Connections that were reset because `isReachable` was false. */
  readonly refused: number
  /** Connections that are open now. */
  readonly open: number
}

/** What it takes of Node: loaded when a proxy is made, so that the door opens in browsers too. */
interface NodeParts {
  readonly net: typeof import('node:net')
  readonly setImmediate: typeof setImmediate
}

/** As many bytes as the server keeps for a reader before it gives it up. */
const defaultHeldBytes = 16 * 1024 * 1024

/**
 * Listens on a free port of 127.0.0.1 and forwards to the target. Needs Node.
 * @throws TypeError for a target without a port
 */
export async function createFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const target = targetOf(options.target)
  const [net, { setImmediate }] = await Promise.all([import('node:net'), import('node:timers')])
  const proxy = new TcpFaultProxy({ net, setImmediate }, target, options)
  await proxy.listen()
  return proxy
}

type Address = { readonly host: string; readonly port: number }

function targetOf(target: FaultProxyOptions['target']): Address {
  const isUrl = typeof target === 'string' || target instanceof URL
  const { hostname, port } = isUrl ? new URL(target) : { hostname: target.host ?? '127.0.0.1', port: target.port }
  const number = Number(port)
  if (!Number.isInteger(number) || number < 1) throw new TypeError(`target: expected one with a port, got ${port}`)
  // A URL has IPv6 addresses in brackets; a socket wants them without.
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: number }
}

class TcpFaultProxy extends FaultSwitches implements FaultProxy {
  isReachable = true
  readonly connections: TcpProxyConnection[] = []
  readonly #node: NodeParts
  readonly #target: Address
  readonly #clock: FaultClock
  readonly #heldBytes: number
  readonly #server: Server
  readonly #listeners = new Set<(connection: TcpProxyConnection) => void>()
  /** Connections with a socket that is not closed. */
  readonly #alive = new Set<TcpProxyConnection>()
  readonly #whenClosing = new Set<() => void>()
  #faults: Record<Direction, PipeFaults> = { up: noFaults, down: noFaults }
  #port = 0
  #refused = 0
  #closing: Promise<void> | undefined

  constructor(node: NodeParts, target: Address, options: FaultProxyOptions) {
    super()
    this.#node = node
    this.#target = target
    this.#clock = options.clock ?? globalClock
    this.#heldBytes = options.heldBytes ?? defaultHeldBytes
    this.#server = node.net.createServer({ allowHalfOpen: true }, (client) => {
      if (!this.isReachable || this.#closing) {
        this.#refused++
        client.resetAndDestroy()
      } else this.#accept(client)
    })
  }

  get port(): number {
    return this.#port
  }

  url(path = '/'): string {
    return `ws://127.0.0.1:${this.#port}${path}`
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', () => {
        this.#port = (this.#server.address() as { port: number }).port
        resolve()
      })
    })
  }

  async connected(index = 0): Promise<ProxyConnection> {
    const connection = this.connections[index] ?? (await this.#next((one) => one.index === index))
    if (!connection) throw new Error(`the proxy was closed before connection ${index} came`)
    await connection.connected()
    return connection
  }

  onConnection(listener: (connection: ProxyConnection) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async cutAfter(options: CutOptions): Promise<boolean> {
    requireCount('cutAfter', options.bytes)
    let isCut: Promise<boolean> | undefined
    // In the listener: a turn later, bytes could have passed.
    await this.#next((connection) => {
      isCut = connection.cutAfter({ from: 'start', ...options })
      return true
    })
    return isCut ?? false
  }

  cut(manner?: CutManner): void {
    for (const connection of this.connections) connection.cut(manner)
  }

  stats(): FaultProxyStats {
    const open = this.connections.filter(({ isOpen }) => isOpen).length
    return { accepted: this.connections.length, refused: this.#refused, open }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  override change(faults: Partial<PipeFaults>, direction: Direction | 'both'): void {
    for (const one of directionsOf(direction)) this.#faults[one] = { ...this.#faults[one], ...faults }
    for (const connection of this.#alive) connection.change(faults, direction)
  }

  async #close(): Promise<void> {
    for (const give of [...this.#whenClosing]) give()
    const stopped = new Promise((resolve) => this.#server.close(resolve))
    const ends = [...this.#alive].map((connection) => connection.closed())
    for (const connection of this.#alive) connection.destroy()
    await Promise.all([stopped, ...ends])
  }

  #accept(client: import('node:net').Socket): void {
    const server = this.#node.net.connect({ ...this.#target, allowHalfOpen: true })
    const host = {
      clock: this.#clock,
      heldBytes: this.#heldBytes,
      faults: this.#faults,
      afterTurn: (run: () => void) => this.#afterTurn(run),
      ended: (connection: TcpProxyConnection) => void this.#alive.delete(connection),
    }
    const connection = new TcpProxyConnection(host, this.connections.length, client, server)
    this.connections.push(connection)
    this.#alive.add(connection)
    for (const listener of [...this.#listeners]) listener(connection)
  }

  /** Sockets are read between one immediate and the next. */
  #afterTurn(run: () => void): void {
    const { setImmediate } = this.#node
    setImmediate(() => setImmediate(run))
  }

  /** The next connection that this says yes to; none when the proxy is closed before. */
  #next(isMeant: (connection: TcpProxyConnection) => boolean): Promise<TcpProxyConnection | undefined> {
    return new Promise((resolve) => {
      const give = (connection?: TcpProxyConnection): void => {
        if (connection && !isMeant(connection)) return
        this.#listeners.delete(give)
        this.#whenClosing.delete(give)
        resolve(connection)
      }
      if (this.#closing) return resolve(undefined)
      this.#listeners.add(give)
      this.#whenClosing.add(give)
    })
  }
}
