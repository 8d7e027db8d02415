// One connection through the proxy: two sockets, a pipe each way, and the cut that ends them. Does not listen.
import type { Socket } from 'node:net'
import { type ByteFaults, FaultSwitches } from './byte-faults.ts'
import { BytePipe, type CutManner, type FaultClock, type PipeFaults } from './byte-pipe.ts'
import { type Direction, directionsOf } from './direction.ts'
import { Marks } from './marks.ts'

/** Where a connection is cut. */
export interface CutOptions {
  /** The side whose bytes are counted. */
  direction: Direction
  /** Bytes to forward first, exactly; 0 cuts before the next one. */
  bytes: number
  /** What they are counted from: now, the connection's first byte, or the first byte behind the HTTP head once a 101 has passed. @default 'now', and 'start' on a proxy */
  from?: 'now' | 'start' | 'upgrade'
  /** In order, or as a reset. @default 'rst', as a crash or a middlebox does */
  manner?: CutManner
}

/** Bytes of one direction. */
export interface ByteStats {
  /** Read from the sender. */
  readonly received: number
  /** Handed to the receiver's socket, and taken by the kernel. */
  readonly forwarded: number
  /** Gone in a black hole, or because the receiver is gone. */
  readonly swallowed: number
  /** Waiting: held, delayed, throttled. */
  readonly held: number
}

/** One client's connection through a fault proxy. */
export interface ProxyConnection extends ByteFaults {
  /** Its place among all connections of the proxy, from 0. */
  readonly index: number
  /** False when it was cut, and when both ends have gone. */
  readonly isOpen: boolean
  /** Cuts it at an exact byte. Resolves with true when that is done, with false when the connection has ended before. Rejects with a `RangeError` when that byte has passed. */
  cutAfter(options: CutOptions): Promise<boolean>
  /** Resolves when a 101 has passed, and no byte behind its head. Rejects when the connection ends before. */
  upgraded(): Promise<void>
  /** Resolves when this many bytes were read from the sender, counted from the connection's first. Rejects when it ends before. */
  received(direction: Direction, bytes: number): Promise<void>
  /** Resolves when this many bytes were forwarded, counted from the connection's first. Rejects when it ends before. */
  forwarded(direction: Direction, bytes: number): Promise<void>
  /** Resolves when both sockets of the proxy are closed. */
  closed(): Promise<void>
  /** Bytes of each direction so far. */
  stats(): Readonly<Record<Direction, ByteStats>>
}

/** @throws TypeError for what is no count */
export function requireCount(name: string, count: number): void {
  if (!Number.isInteger(count) || count < 0) throw new TypeError(`${name}: expected an integer from 0 on, got ${count}`)
}

/** What the proxy lends to each of its connections. */
export interface ConnectionHost {
  readonly clock: FaultClock
  readonly heldBytes: number
  readonly faults: Readonly<Record<Direction, PipeFaults>>
  afterTurn(run: () => void): void
  /** Both sockets are closed. */
  ended(connection: TcpProxyConnection): void
}

interface Waiter {
  resolve(): void
  ended(): void
}

export class TcpProxyConnection extends FaultSwitches implements ProxyConnection {
  readonly index: number
  readonly #host: ConnectionHost
  readonly #client: Socket
  readonly #server: Socket
  readonly #pipes: Readonly<Record<Direction, BytePipe>>
  readonly #waiters = new Set<Waiter>()
  /** Counts to 1. */
  readonly #upgrades = new Marks()
  #isOpen = true
  #openSockets = 2
  #whenClosed: (() => void)[] = []

  constructor(host: ConnectionHost, index: number, client: Socket, server: Socket) {
    super()
    this.#host = host
    this.index = index
    this.#client = client
    this.#server = server
    this.#pipes = { up: this.#join(client, server, 'up'), down: this.#join(server, client, 'down') }
    this.#listen(client, this.#pipes.up, this.#pipes.down)
    this.#listen(server, this.#pipes.down, this.#pipes.up)
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  cut(manner: CutManner = 'rst'): void {
    if (!this.#isOpen) return
    this.#end()
    for (const socket of [this.#client, this.#server]) {
      if (manner === 'rst') this.#reset(socket)
      // Read on: a socket that is closed with bytes unread sends a reset after all.
      else socket.end().resume()
    }
  }

  async cutAfter({ direction, bytes, from = 'now', manner = 'rst' }: CutOptions): Promise<boolean> {
    requireCount('cutAfter', bytes)
    const { forwarded, offset, head } = this.#pipes[direction]
    if (from === 'start' && bytes < offset) throw new RangeError(`cutAfter: ${offset} bytes have passed, not ${bytes}`)
    if (!this.#isOpen) return false
    return new Promise((resolve) => {
      const waiter = { resolve: () => resolve(true), ended: () => resolve(false) }
      this.#waiters.add(waiter)
      const arm = (base: number): void => forwarded.add(base + bytes, () => this.#cutFor(waiter, manner), 'last')
      if (from === 'start') arm(0)
      else if (from === 'now') arm(offset)
      else this.#upgrades.add(1, () => arm(head.length ?? 0), 'last')
    })
  }

  upgraded(): Promise<void> {
    return this.#wait('the upgrade', (resolve) => this.#upgrades.add(1, resolve))
  }

  received(direction: Direction, bytes: number): Promise<void> {
    return this.#wait(`byte ${bytes}`, (resolve) => this.#pipes[direction].received.add(bytes, resolve))
  }

  forwarded(direction: Direction, bytes: number): Promise<void> {
    return this.#wait(`byte ${bytes}`, (resolve) => this.#pipes[direction].forwarded.add(bytes, resolve))
  }

  closed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#openSockets === 0) resolve()
      else this.#whenClosed.push(resolve)
    })
  }

  stats(): Readonly<Record<Direction, ByteStats>> {
    return { up: statsOf(this.#pipes.up), down: statsOf(this.#pipes.down) }
  }

  /** Resolves when the server has taken the connection. */
  connected(): Promise<void> {
    return this.#wait('the server', (resolve) => {
      if (this.#server.connecting) this.#server.once('connect', resolve)
      else resolve()
    })
  }

  /** Leaves no handle behind. */
  destroy(): void {
    this.#end()
    this.#client.destroy()
    this.#server.destroy()
  }

  override change(faults: Partial<PipeFaults>, direction: Direction | 'both'): void {
    for (const one of directionsOf(direction)) this.#pipes[one].change(faults)
  }

  #join(source: Socket, sink: Socket, direction: Direction): BytePipe {
    return new BytePipe(
      {
        clock: this.#host.clock,
        heldBytes: this.#host.heldBytes,
        afterTurn: this.#host.afterTurn,
        pauseSource: () => source.pause(),
        resumeSource: () => source.resume(),
        write: (bytes, done) => sink.write(bytes, (error) => error ?? done()),
        end: (manner) => (manner === 'fin' ? sink.end() : this.#reset(sink)),
        headPassed: ({ isSwitch }) => {
          if (direction === 'down' && isSwitch) this.#upgrades.advance(1)
        },
      },
      this.#host.faults[direction],
    )
  }

  #listen(socket: Socket, out: BytePipe, into: BytePipe): void {
    socket.setNoDelay(true)
    socket.on('data', (bytes) => out.push(bytes))
    socket.on('end', () => out.pushEnd('fin'))
    socket.on('error', () => out.pushEnd('rst'))
    socket.on('close', () => {
      into.loseSink()
      this.#openSockets--
      if (this.#openSockets > 0) return
      this.#end()
      this.#host.ended(this)
      for (const resolve of this.#whenClosed) resolve()
    })
  }

  /** A turn later, for bytes written in this one: libuv reads bytes and a reset that come together as bytes and an orderly end. */
  #reset(socket: Socket): void {
    // One that is still connecting has nobody to reset.
    if (socket.connecting) socket.destroy()
    else this.#host.afterTurn(() => socket.destroyed || socket.resetAndDestroy())
  }

  async #wait(what: string, start: (resolve: () => void) => void): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const ended = (): void => reject(new Error(`connection ${this.index} has ended before ${what} came`))
      if (!this.#isOpen) return ended()
      const waiter = { resolve, ended }
      this.#waiters.add(waiter)
      start(() => this.#settle(waiter))
    })
  }

  #cutFor(waiter: Waiter, manner: CutManner): void {
    this.#settle(waiter)
    this.cut(manner)
  }

  #settle(waiter: Waiter): void {
    this.#waiters.delete(waiter)
    waiter.resolve()
  }

  #end(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#pipes.up.stop()
    this.#pipes.down.stop()
    this.#upgrades.clear()
    for (const waiter of this.#waiters) waiter.ended()
    this.#waiters.clear()
  }
}

const statsOf = ({ received, forwarded, swallowed, held }: BytePipe): ByteStats => ({
  received: received.count,
  forwarded: forwarded.count,
  swallowed,
  held,
})
