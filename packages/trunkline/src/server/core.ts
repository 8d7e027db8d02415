// A server's life: its connections and sessions, their clock, its end. Knows no HTTP and no runtime.
import { mistake } from '../contract/mistake.ts'
import { closeCode } from '../protocol/close.ts'
import type { FrameData } from '../protocol/encoded.ts'
import type { Welcome } from '../protocol/messages.ts'
import type { ReadHello } from '../protocol/read-at-server.ts'
import type { App } from './app.ts'
import type { Principal } from './authentication.ts'
import { Broadcast } from './broadcast.ts'
import { expiresIn, ServerConnection } from './connection.ts'
import { Connections } from './connections.ts'
import { drain } from './drain.ts'
import { enter } from './entrance.ts'
import type { ServerConnections } from './handler.ts'
import { Heartbeat } from './heartbeat.ts'
import { Idempotency } from './idempotency.ts'
import { compileApp, type Operation } from './operation.ts'
import type { CloseOptions, DisconnectOptions, ServerSettings } from './options.ts'
import { randomId } from './random-id.ts'
import { TokenBucket } from './rate-limit.ts'
import { Revocations } from './revocations.ts'
import type { ServerSession } from './session.ts'
import { Sessions } from './sessions.ts'
import type { ServerSocket, SocketEvents, UpgradeRequest } from './socket.ts'

export interface ServerStats {
  /** Sockets, welcomed or not. */
  readonly connections: number
  /** Clients: with a connection, or expected to come back. */
  readonly sessions: number
  /** Those of them without a connection. */
  readonly detached: number
  /** Queries and mutations that run, subscriptions that are not accepted yet. */
  readonly calls: number
  /** Subscriptions that were accepted. */
  readonly streams: number
  /** Bytes that wait for slow readers. */
  readonly bufferedBytes: number
  /** Of frames sent and not acknowledged, or waiting for clients to come back; in UTF-16 units. */
  readonly replayBytes: number
  /** Clients that came back to what they had, since the server began. */
  readonly resumes: number
  /** Frames sent once more to them. */
  readonly replayedFrames: number
  /** Gaps that consumers were told of. */
  readonly gaps: number
}

/** Clients that come back after a restart spread over this long each: a thousand a second is what a server accepts at ease. */
const spreadPerConnectionMs = 1

export class ServerCore {
  readonly settings: ServerSettings
  readonly operations: ReadonlyMap<string, Operation>
  readonly broadcast: Broadcast
  isDraining = false
  readonly #epoch = randomId()
  readonly sessions: Sessions
  readonly idempotency: Idempotency
  readonly #connections = new Connections()
  readonly #revocations: Revocations
  readonly #connects: TokenBucket
  #resumes = 0
  #replayed = 0
  #gaps = 0
  readonly #heartbeat: Heartbeat
  #closing: Promise<void> | undefined
  #whenEmpty: (() => void) | undefined

  constructor(app: App, settings: ServerSettings) {
    this.settings = settings
    this.operations = compileApp(app, settings)
    this.broadcast = new Broadcast(settings.schedule, settings.scheduleItems)
    requireAffordable(this.operations, settings)
    this.sessions = new Sessions(settings.resume)
    this.idempotency = new Idempotency(settings.resultStore, (error) => this.report(error))
    this.#revocations = new Revocations(settings.authTimeoutMs)
    const { connectsPerSecond } = settings.limits
    this.#connects = new TokenBucket(
      { perSecond: connectsPerSecond, burst: Math.ceil(connectsPerSecond / 4) },
      performance.now(),
    )
    this.#heartbeat = new Heartbeat(settings.keepAlive, () => this.#connections)
  }

  get connections(): ServerConnections {
    const isOpen = ({ line }: ServerSession): boolean => line !== undefined
    const { sessions } = this
    return {
      [Symbol.iterator]: () => [...sessions].filter(isOpen)[Symbol.iterator](),
      of: (principal) => [...sessions.of(principal)].filter(isOpen),
    }
  }

  get isFull(): boolean {
    return this.isDraining || this.#connections.size >= this.settings.limits.connections
  }

  get messageBytes(): number {
    return this.settings.limits.messageBytes
  }

  /** How far the clients there are spread their return. */
  get spreadMs(): number {
    return this.#connections.size * spreadPerConnectionMs
  }

  /** The time, as of the last beat of the heart. */
  get beatAt(): number {
    return this.#heartbeat.lastBeat
  }

  mayConnect(): boolean {
    return this.#connects.take(1, performance.now()) === 0
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
    this.#revocations.add(principal)
    this.idempotency.forget(principal)
    let count = 0
    for (const session of this.sessions.of(principal)) {
      if (session.line) count++
      this.#shut(session, 'the access was revoked')
    }
    return count
  }

  disconnect({ where, reason }: DisconnectOptions): number {
    let count = 0
    for (const session of [...this.sessions]) {
      if (!where(session, session.calls.context)) continue
      this.disconnectSession(session, reason)
      count++
    }
    return count
  }

  stats(): ServerStats {
    const stats = {
      sessions: this.sessions.size,
      detached: this.sessions.detachedSize,
      calls: 0,
      streams: 0,
      replayBytes: 0,
    }
    for (const { calls, sequence } of this.sessions) {
      stats.calls += calls.openCalls
      stats.streams += calls.openStreams
      stats.replayBytes += sequence.length
    }
    let bufferedBytes = 0
    for (const connection of this.#connections) bufferedBytes += connection.bufferedAmount
    const counts = { resumes: this.#resumes, replayedFrames: this.#replayed, gaps: this.#gaps }
    return { connections: this.#connections.size, ...stats, bufferedBytes, ...counts }
  }

  close({ drainMs = 10_000 }: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(drainMs)
    return this.#closing
  }

  async #close(drainMs: number): Promise<void> {
    this.isDraining = true
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
    await drain(this, this.#connections, drainMs)
    if (this.#connections.size > 0) await empty
    for (const session of [...this.sessions]) session.end()
    this.#heartbeat.stop()
  }

  load(): { calls: number; streams: number } {
    const load = { calls: 0, streams: 0 }
    for (const { line, calls, asked } of this.sessions) {
      if (!line) continue
      load.calls += calls.openCalls + asked
      load.streams += calls.openStreams
    }
    return load
  }

  // ── For connections ────────────────────────────────────────────────────────

  /** Gives a connection that has authenticated its session, or closes it. */
  enter(connection: ServerConnection, hello: ReadHello, principal: Principal, held: readonly FrameData[]): void {
    enter(this, { connection, hello, principal, held })
  }

  /** Why somebody who has passed may not stay all the same; `present`: the session it has already. */
  refusalFor({ name, askedAt }: Principal, present?: ServerSession): { code: number; reason: string } | undefined {
    if (name === undefined) return undefined
    if (this.#revocations.has(name, askedAt)) return { code: closeCode.forbidden, reason: 'the access was revoked' }
    const most = this.settings.limits.connectionsPerPrincipal
    const others = this.sessions.attachedOf(name) - (present?.line ? 1 : 0)
    if (others < most) return undefined
    return { code: closeCode.tooManyConnections, reason: `${most} connections of this principal are open already` }
  }

  /** The connection is known, or gone before that. */
  known(connection: ServerConnection): void {
    this.#connections.known(connection)
  }

  detached(session: ServerSession): void {
    this.sessions.detached(session)
  }

  ended(session: ServerSession): void {
    this.sessions.delete(session)
  }

  resumed(replayedFrames: number): void {
    this.#resumes++
    this.#replayed += replayedFrames
  }

  gapTold(): void {
    this.#gaps++
  }

  disconnectSession(session: ServerSession, reason = 'disconnected by the server'): void {
    if (session.line) session.line.close(closeCode.forbidden, reason)
    else session.end()
  }

  /** Ends a session, and says nothing of what it has left to say. */
  #shut(session: ServerSession, reason: string): void {
    const { line } = session
    session.end()
    line?.close(closeCode.forbidden, reason)
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
      features: this.settings.resume ? ['authenticate', 'resume'] : ['authenticate'],
      keepAlive,
      limits: {
        messageBytes: limits.messageBytes,
        calls: limits.calls,
        streams: limits.streams,
        timeoutMs: limits.timeoutMs,
      },
      spreadMs: this.spreadMs,
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
}

/** A call that costs more than anybody can save could never run. */
function requireAffordable(operations: ReadonlyMap<string, Operation>, { rateLimit }: ServerSettings): void {
  if (!rateLimit) return
  for (const { path, procedure } of operations.values()) {
    if (procedure.cost <= rateLimit.burst) continue
    throw mistake(
      `${path}: its cost of ${procedure.cost} is above options.rateLimit.burst, ${rateLimit.burst}`,
      'server',
    )
  }
}
