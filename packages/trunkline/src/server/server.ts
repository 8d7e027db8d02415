// A server's life: its connections, their clock, its end. Accepts sockets from an adapter; knows no HTTP and no runtime.
import { closeCode } from '../protocol/close.ts'
import type { Welcome } from '../protocol/messages.ts'
import { joinBatch, type Outbox } from '../protocol/outbox.ts'
import type { App } from './app.ts'
import type { Principal } from './authentication.ts'
import { expiresIn, ServerConnection } from './connection.ts'
import { Connections } from './connections.ts'
import type { Connection } from './handler.ts'
import { Heartbeat } from './heartbeat.ts'
import { compileApp, type Operation } from './operation.ts'
import { resolveOptions, type ServerOptions, type ServerSettings } from './options.ts'
import { randomId } from './random-id.ts'
import type { ServerSocket, SocketEvents, UpgradeRequest } from './socket.ts'

export interface CloseOptions {
  /** How long running calls may go on, in ms. @default 10_000 */
  drainMs?: number
}

export interface DisconnectOptions<Context = unknown> {
  /** Which connections; `context` is what `authenticate` made. */
  where: (connection: Connection, context: Context) => boolean
  /** For the client, in its `connection.state.reason`. @default 'disconnected by the server' */
  reason?: string
}

export interface ServerStats {
  /** Sockets, welcomed or not. */
  readonly connections: number
  /** Queries and mutations that run, subscriptions that are not accepted yet. */
  readonly calls: number
  /** Subscriptions that were accepted. */
  readonly streams: number
  /** Bytes that wait for slow readers. */
  readonly bufferedBytes: number
}

/** A server without a runtime; `trunkline/node` gives it sockets. */
export interface Server<Context = unknown> {
  /** Takes over a socket whose upgrade is done; the adapter passes its events on. */
  accept(socket: ServerSocket, request: UpgradeRequest): SocketEvents
  /** Connections that have been welcomed. */
  readonly connections: Iterable<Connection>
  /** True when one more connection would be too many, or the server is closing: answer the upgrade with 503. */
  readonly isFull: boolean
  /** True when an address has too many connections that have not authenticated: answer the upgrade with 429. */
  isCrowded(remoteAddress: string | undefined): boolean
  /** The server's `limits.messageBytes`. */
  readonly messageBytes: number
  /** How much is open and waits, at this moment. */
  stats(): ServerStats
  /**
   * Ends a principal here and now: its connections are closed with 4003 and say nothing more, and whoever is just being authenticated as it is refused.
   * @returns how many connections that were
   */
  revoke(principal: string): number
  /**
   * Closes connections with 4003; their clients don't come back by themselves.
   * @returns how many that were
   */
  disconnect(options: DisconnectOptions<Context>): number
  /** Lets running calls finish, tells every client, and closes with 1012. Resolves when no socket is left; safe to call twice. */
  close(options?: CloseOptions): Promise<void>
}

/** Serves an app to any WebSocket that `accept` is given. */
export function createServer<Router, Context>(
  app: App<Router, Context>,
  ...rest: ServerArguments<Context>
): Server<Context> {
  // Contexts are a matter of types; at run time the server hands on what `authenticate` gave.
  return new ServerCore(
    app as App,
    resolveOptions((rest[0] ?? {}) as ServerOptions<never>),
  ) as Server<never> as Server<Context>
}

/** Options may be left out when none is required. */
export type ServerArguments<Context, Options = ServerOptions<Context>> = object extends Options
  ? [options?: Options]
  : [options: Options]

/** Clients that come back after a restart spread over this long each: a thousand a second is what a server accepts at ease. */
const spreadPerConnectionMs = 1

export class ServerCore implements Server {
  readonly settings: ServerSettings
  readonly operations: ReadonlyMap<string, Operation>
  isDraining = false
  readonly #epoch = randomId()
  readonly #connections = new Connections()
  readonly #heartbeat: Heartbeat
  readonly #sharedNumbers = new WeakMap<object, Map<Operation, number>>()
  #lastStreamNumber = 0
  #dirty: Outbox[] = []
  #joined: { messages: readonly string[]; text: string } = { messages: [], text: '' }
  #closing: Promise<void> | undefined
  #whenEmpty: (() => void) | undefined

  constructor(app: App, settings: ServerSettings) {
    this.settings = settings
    this.operations = compileApp(app, settings)
    this.#heartbeat = new Heartbeat(settings.keepAlive, () => this.#connections)
  }

  get connections(): Iterable<Connection> {
    return [...this.#connections].filter((connection) => connection.isOpen)
  }

  get isFull(): boolean {
    return this.isDraining || this.#connections.size >= this.settings.limits.connections
  }

  get messageBytes(): number {
    return this.settings.limits.messageBytes
  }

  isCrowded(remoteAddress: string | undefined): boolean {
    if (remoteAddress === undefined) return false
    return this.#connections.unknownAt(remoteAddress) >= this.settings.limits.unauthenticatedPerAddress
  }

  accept(socket: ServerSocket, request: UpgradeRequest): SocketEvents {
    const connection = new ServerConnection(this, socket, request, randomId())
    this.#connections.add(connection)
    this.#heartbeat.start()
    if (this.isDraining) connection.close(closeCode.serviceRestart, 'the server is shutting down')
    return connection
  }

  revoke(principal: string): number {
    this.#connections.revoke(principal, performance.now(), this.settings.authTimeoutMs)
    const ended = this.#connections.of(principal).filter(({ isOpen }) => isOpen)
    for (const connection of ended) connection.shut(closeCode.forbidden, 'the access was revoked')
    return ended.length
  }

  disconnect({ where, reason }: DisconnectOptions): number {
    let count = 0
    for (const connection of [...this.#connections]) {
      if (!connection.isOpen || !where(connection, connection.context)) continue
      connection.disconnect(reason)
      count++
    }
    return count
  }

  stats(): ServerStats {
    let calls = 0
    let streams = 0
    let bufferedBytes = 0
    for (const connection of this.#connections) {
      calls += connection.openCalls
      streams += connection.openStreams
      bufferedBytes += connection.bufferedAmount
    }
    return { connections: this.#connections.size, calls, streams, bufferedBytes }
  }

  close({ drainMs = 10_000 }: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#drain(drainMs)
    return this.#closing
  }

  // ── For connections ────────────────────────────────────────────────────────

  /** Why somebody who has passed may not stay all the same. */
  refusalFor({ name, askedAt }: Principal, present?: ServerConnection): { code: number; reason: string } | undefined {
    if (name === undefined) return undefined
    if (this.#connections.isRevoked(name, askedAt))
      return { code: closeCode.forbidden, reason: 'the access was revoked' }
    const most = this.settings.limits.connectionsPerPrincipal
    if (present || this.#connections.of(name).length < most) return undefined
    return { code: closeCode.tooManyConnections, reason: `${most} connections of this principal are open already` }
  }

  /** The connection is welcome. */
  admit(connection: ServerConnection): void {
    this.#connections.known(connection)
    if (connection.principal !== undefined) this.#connections.join(connection.principal, connection)
  }

  /** The connection is gone before anybody knew who it was. */
  unknown(connection: ServerConnection): void {
    this.#connections.known(connection)
  }

  forget(connection: ServerConnection): void {
    this.#connections.delete(connection)
    if (this.#connections.size > 0) return
    this.#heartbeat.stop()
    this.#whenEmpty?.()
  }

  welcomeFor(connection: string, principal: Principal): Welcome {
    const { keepAlive, limits } = this.settings
    return {
      connection,
      session: 'new',
      received: 0,
      server: this.#epoch,
      features: ['authenticate'],
      keepAlive,
      limits: {
        messageBytes: limits.messageBytes,
        calls: limits.calls,
        streams: limits.streams,
        timeoutMs: limits.timeoutMs,
      },
      spreadMs: this.#connections.size * spreadPerConnectionMs,
      principal: principal.name,
      expiresInMs: expiresIn(principal),
    }
  }

  /** Tells `onError`; what that throws itself goes no further. */
  report(error: unknown, operation?: Operation, context?: unknown): void {
    try {
      this.settings.onError({ error, path: operation?.path, kind: operation?.procedure.kind, context })
    } catch (failure) {
      console.error('trunkline: onError itself has failed:', failure)
    }
  }

  nextStreamNumber(): number {
    return ++this.#lastStreamNumber
  }

  sharedStreamNumber(operation: Operation, topic: object): number {
    let numbers = this.#sharedNumbers.get(topic)
    if (!numbers) {
      numbers = new Map()
      this.#sharedNumbers.set(topic, numbers)
    }
    let number = numbers.get(operation)
    if (number === undefined) {
      number = this.nextStreamNumber()
      numbers.set(operation, number)
    }
    return number
  }

  /** One scheduled turn flushes every connection that has something to say. */
  schedule(outbox: Outbox): void {
    this.#dirty.push(outbox)
    if (this.#dirty.length === 1) this.settings.schedule(this.#flush)
  }

  /** In a broadcast all connections have the same messages to join: comparing is cheaper, and the adapter meets the same string again. */
  joinStreams(messages: readonly string[]): string {
    if (messages.length === 1) return messages[0] as string
    const last = this.#joined
    if (
      last.messages.length === messages.length &&
      last.messages.every((message, index) => message === messages[index])
    ) {
      return last.text
    }
    this.#joined = { messages, text: joinBatch(messages) }
    return this.#joined.text
  }

  readonly #flush = (): void => {
    const dirty = this.#dirty
    this.#dirty = []
    for (const outbox of dirty) outbox.flush()
  }

  async #drain(drainMs: number): Promise<void> {
    this.isDraining = true
    for (const connection of this.#connections) connection.sendGoaway(drainMs)
    await this.#whenIdle(drainMs)
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
    for (const connection of this.#connections)
      connection.close(closeCode.serviceRestart, 'the server is shutting down')
    if (this.#connections.size > 0) await empty
    this.#heartbeat.stop()
  }

  /** Resolves when no call runs any more, or the time is over. */
  async #whenIdle(drainMs: number): Promise<void> {
    const until = performance.now() + drainMs
    while (this.stats().calls > 0 && performance.now() < until) {
      // Often enough that nobody waits for it, and rare enough that counting costs nothing.
      await new Promise((resolve) => setTimeout(resolve, Math.min(20, drainMs)))
    }
  }
}
