// An app and clients of it joined in memory: real frames, no network and no timer of its own, so a fake clock rules everything.
import { type Client, createClientOn } from '../client/client.ts'
import type { ClientOptions } from '../client/options.ts'
import type { ClientSocket, Platform, SocketHandlers } from '../client/platform.ts'
import type { App } from '../server/app.ts'
import type { ServerOptions } from '../server/options.ts'
import { createServer, type Server, type ServerArguments } from '../server/server.ts'
import { type PairFrame, type PairLink, Wire, type WireHost } from './wire.ts'

/** Options of the server; `authenticate` is required when the app expects a context. */
export type PairOptions<Context> = ServerOptions<Context>

/** A server in memory, and any number of clients. */
export interface Pair<Router> {
  /** The server: `stats()`, `connections`, `close()`. Another one after `restart()`. */
  readonly server: Server
  /** Makes a client; the URL is the pair's own. */
  createClient(options?: Omit<ClientOptions, 'url' | 'WebSocket'>): Client<Router>
  /** Every frame so far, oldest first: for tests of the wire. */
  readonly frames: readonly PairFrame[]
  /** Every connection so far, oldest first; attempts that failed are not among them. */
  readonly links: readonly PairLink[]
  /** Breaks every connection without a closing handshake, as a lost network does. */
  cut(): void
  /** While true, frames are swallowed both ways and nobody is told: a link that has gone silent. */
  isSilent: boolean
  /** While false, attempts to connect fail. */
  isReachable: boolean
  /** Replaces the server as a crash does: it is gone without a goodbye, and one without memory, of the same app and options, is in its place at once. Resolves when the old one has let go. */
  restart(): Promise<void>
  /** Closes the clients made here, then the server. */
  close(): Promise<void>
}

/**
 * Joins an app with clients in memory. Frames cross in micro-tasks, in order. Works with fake timers (`vi.useFakeTimers()`,
 * `mock.timers`): advance the clock and the keep-alive, deadlines and reconnects of both ends follow.
 */
export function createPair<Router, Context>(
  app: App<Router, Context>,
  ...rest: ServerArguments<Context>
): Pair<Router> {
  // A fake clock that stands still must not keep many calls from being worked off.
  const options = { yieldTo: (task: () => void) => queueMicrotask(task), ...rest[0] }
  return new MemoryPair(() => createServer(app, ...([options] as unknown as ServerArguments<Context>)))
}

class MemoryPair<Router> implements Pair<Router>, WireHost {
  readonly frames: PairFrame[] = []
  readonly links: Wire[] = []
  isSilent = false
  isReachable = true
  readonly #clients: Client<Router>[] = []
  readonly #startServer: () => Server
  /** Those with an end that takes itself for open, and attempts. */
  readonly #wires = new Set<Wire>()
  #server: Server

  constructor(startServer: () => Server) {
    this.#startServer = startServer
    this.#server = startServer()
  }

  get server(): Server {
    return this.#server
  }

  createClient(options: Omit<ClientOptions, 'url' | 'WebSocket'> = {}): Client<Router> {
    const platform: Platform = {
      connect: (_url, _protocol, handlers) => this.#connect(handlers),
      schedule: (flush) => queueMicrotask(flush),
      onWake: () => () => {},
    }
    const client = createClientOn<Router>(platform, { ...options, url: 'ws://pair.test/' })
    this.#clients.push(client)
    return client
  }

  cut(): void {
    for (const wire of [...this.#wires]) wire.cut()
  }

  async restart(): Promise<void> {
    const old = this.#server
    this.#server = this.#startServer()
    // Nothing that is held or silent outlives the process; its clients' kernels hear a reset.
    for (const wire of [...this.#wires]) wire.end()
    await old.close({ drainMs: 0 })
  }

  async close(): Promise<void> {
    this.isSilent = false
    await Promise.all(this.#clients.map(({ connection }) => connection.close()))
    await this.server.close({ drainMs: 0 })
  }

  #connect(handlers: SocketHandlers): ClientSocket {
    const wire = new Wire(this, handlers)
    this.#wires.add(wire)
    queueMicrotask(() => wire.open())
    return wire.client
  }

  // ── For wires ──────────────────────────────────────────────────────────────

  opened(wire: Wire): void {
    this.links.push(wire)
  }

  sent(frame: PairFrame): void {
    this.frames.push(frame)
  }

  ended(wire: Wire): void {
    this.#wires.delete(wire)
  }
}
