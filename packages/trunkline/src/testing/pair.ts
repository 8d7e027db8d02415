// An app and clients of it joined in memory: real frames, no network and no timer of its own, so a fake clock rules everything.
import { type Client, createClientOn } from '../client/client.ts'
import type { ClientOptions } from '../client/options.ts'
import type { ClientSocket, Platform, SocketHandlers } from '../client/platform.ts'
import { closeCode } from '../protocol/close.ts'
import type { App } from '../server/app.ts'
import type { ServerOptions } from '../server/options.ts'
import { createServer, type Server, type ServerArguments } from '../server/server.ts'
import type { ServerSocket, SocketEvents, UpgradeRequest } from '../server/socket.ts'

/** Options of the server; `authenticate` is required when the app expects a context. */
export type PairOptions<Context> = ServerOptions<Context>

/** A server in memory, and any number of clients. */
export interface Pair<Router> {
  /** The server: `stats()`, `connections`, `close()`. */
  readonly server: Server
  /** Makes a client; the URL is the pair's own. */
  createClient(options?: Omit<ClientOptions, 'url' | 'WebSocket'>): Client<Router>
  /** Every frame so far, oldest first: for tests of the wire. */
  readonly frames: readonly { readonly from: 'client' | 'server'; readonly text: string }[]
  /** Breaks every connection without a closing handshake, as a lost network does. */
  cut(): void
  /** While true, frames are swallowed both ways and nobody is told: a link that has gone silent. */
  isSilent: boolean
  /** While false, attempts to connect fail. */
  isReachable: boolean
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
  return new MemoryPair(app, createServer(app, ...([options] as unknown as ServerArguments<Context>)))
}

class MemoryPair<Router, Context> implements Pair<Router> {
  readonly server: Server
  readonly frames: { from: 'client' | 'server'; text: string }[] = []
  isSilent = false
  isReachable = true
  readonly #clients: Client<Router>[] = []
  readonly #wires = new Set<Wire>()

  constructor(_app: App<Router, Context>, server: Server) {
    this.server = server
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
    for (const wire of [...this.#wires]) wire.end(closeCode.abnormal, '')
  }

  async close(): Promise<void> {
    this.isSilent = false
    await Promise.all(this.#clients.map(({ connection }) => connection.close()))
    await this.server.close({ drainMs: 0 })
  }

  #connect(handlers: SocketHandlers): ClientSocket {
    const wire = new Wire(this, handlers, () => this.#wires.delete(wire))
    this.#wires.add(wire)
    queueMicrotask(() => wire.open())
    return wire.client
  }
}

const request: UpgradeRequest = { url: '/', headers: new Headers(), remoteAddress: '127.0.0.1' }

/** One connection in memory: two sockets back to back. */
class Wire {
  readonly client: ClientSocket
  readonly #pair: Pair<unknown> & { frames: { from: 'client' | 'server'; text: string }[] }
  readonly #handlers: SocketHandlers
  readonly #onEnd: () => void
  #events: SocketEvents | undefined
  #isOver = false

  constructor(pair: MemoryPair<unknown, unknown>, handlers: SocketHandlers, onEnd: () => void) {
    this.#pair = pair
    this.#handlers = handlers
    this.#onEnd = onEnd
    this.client = {
      bufferedAmount: 0,
      send: (text) => this.#carry('client', text),
      close: (code, reason) => this.#closeLater(code, reason),
    }
  }

  open(): void {
    if (this.#isOver) return
    if (!this.#pair.isReachable || this.#pair.server.isFull) return this.end(closeCode.abnormal, 'unreachable')
    const socket: ServerSocket = {
      bufferedAmount: 0,
      send: (text) => this.#carry('server', text),
      close: (code, reason) => this.#closeLater(code, reason),
      terminate: () => this.#closeLater(closeCode.abnormal, ''),
      pause() {},
      resume() {},
    }
    this.#events = this.#pair.server.accept(socket, request)
    this.#handlers.open()
  }

  /** Ends both sockets, as if the network had. */
  end(code: number, reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onEnd()
    this.#events?.closed(code)
    this.#handlers.closed(code, reason)
  }

  #carry(from: 'client' | 'server', text: string): void {
    if (this.#isOver || this.#pair.isSilent) return
    this.#pair.frames.push({ from, text })
    queueMicrotask(() => {
      if (this.#isOver || this.#pair.isSilent) return
      if (from === 'client') this.#events?.text(text)
      else this.#handlers.text(text)
    })
  }

  /** A close frame comes behind the frames before it. */
  #closeLater(code: number, reason: string): void {
    queueMicrotask(() => this.end(code, reason))
  }
}
