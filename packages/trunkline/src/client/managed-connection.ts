// The way to the server: connects when there is a reason, comes back, and ends. Knows lines and calls; does not read messages.
//
//   idle ─▶ connecting ─▶ open ─▶ waiting ─▶ connecting …      closed ◀─ close(), or a refusal that is final
import * as closeCode from '../protocol/close-code.ts'
import type { RpcError } from '../protocol/error.ts'
import {
  type AdvertisedLimits,
  type Authenticated,
  defaultLimits,
  type Hello,
  type Welcome,
} from '../protocol/messages.ts'
import { type Serving, serves } from '../protocol/serving.ts'
import { Backoff } from './backoff.ts'
import type { Calls } from './calls.ts'
import { closingOf, finalError, isRefusal } from './closing.ts'
import type { ClientConnection, ClientStats } from './connection.ts'
import { ask, Credentials } from './credentials.ts'
import { makeDeferred } from './deferred.ts'
import { Leaving } from './leaving.ts'
import { Line, type LineHost } from './line.ts'
import { type ClientOptions, requireServable, toUrl, usualServeLimits } from './options.ts'
import type { Platform, Said } from './platform.ts'
import { randomName } from './random-name.ts'
import { Renewal } from './renewal.ts'
import { ClientSession, type SessionHost } from './session.ts'
import { type ConnectionState, type Emitter, Status } from './state.ts'

/** How long the other end may take to answer a close frame, in ms. */
const closeTimeoutMs = 5_000

const canRenew = (welcome: Welcome | undefined): boolean => !!welcome?.features.includes('authenticate')

export class ManagedConnection implements ClientConnection, LineHost, SessionHost {
  readonly #platform: Platform
  readonly #options: ClientOptions
  readonly #timeoutMs: number
  readonly #emitter: Emitter
  readonly #backoff: Backoff
  readonly #calls: Calls
  readonly #renewal: Renewal
  readonly #status: Status
  readonly #credentials: Credentials
  readonly #limits: AdvertisedLimits
  readonly #serving: Serving | undefined
  #line: Line | undefined
  /** What new calls are written in. */
  #session: ClientSession
  /** Sockets to servers that go, where what was begun is finished. */
  readonly #leaving: Leaving
  #resumes = 0
  /** Sockets of this client so far; a number of an attempt that is over fences it off. */
  #attempt = 0
  #spreadMs = 0
  #retry: ReturnType<typeof setTimeout> | undefined
  #undoWake: (() => void) | undefined
  /** What new calls get while the connection is closed. */
  refusal: RpcError | undefined
  #opening = makeDeferred()
  #closing: Promise<void> | undefined
  /** 128 random bits: kept for life. */
  readonly #name = randomName()
  #broken = 0

  constructor(platform: Platform, options: ClientOptions, usualMs: number, calls: Calls, emitter: Emitter) {
    this.#platform = platform
    this.#options = options
    this.#timeoutMs = usualMs
    this.#backoff = new Backoff(options.reconnect)
    this.#calls = calls
    this.#emitter = emitter
    this.#status = new Status(emitter)
    this.#credentials = new Credentials(options)
    this.#renewal = new Renewal(this.#credentials, (params) => this.#line?.authenticate(params))
    this.#leaving = new Leaving(calls)
    this.#limits = { ...defaultLimits, ...usualServeLimits, ...options.limits }
    this.#serving = requireServable(options.serve)?.[serves]({ types: calls.types, limits: this.#limits })
    this.#session = this.#newSession(true)
  }

  // ── Connection ─────────────────────────────────────────────────────────────

  get state(): ConnectionState {
    return this.#status.state
  }

  on: ClientConnection['on'] = (name, listener) => this.#emitter.on(name, listener)

  readonly subscribe = (listener: () => void): (() => void) => this.#emitter.on('change', () => listener())

  readonly getSnapshot = (): ConnectionState => this.#status.state

  stats(): ClientStats {
    return {
      ...this.#calls.stats(),
      resumes: this.#resumes,
      replayBytes: this.#session.sequence.length,
      roundTripMs: this.#line?.roundTripMs,
    }
  }

  connect(): Promise<void> {
    if (this.state.status === 'open') return Promise.resolve()
    this.refusal = undefined
    const { promise } = this.#opening
    if (this.state.status === 'connecting') return promise
    clearTimeout(this.#retry)
    this.#undoWake ??= this.#platform.onWake(
      () => this.#wake(),
      () => this.#sleep(),
    )
    this.#try()
    return promise
  }

  authenticate(): Promise<void> {
    const { status } = this.state
    if (status !== 'open' || !canRenew(this.#line?.welcomeMessage)) {
      // An attempt with the params of before is worth nothing, nor is a server that takes others only from an attempt;
      // what was written goes out again.
      if (status === 'connecting' || status === 'open') this.#try()
      return this.connect()
    }
    this.#calls.isHeld = true
    const renewed = this.#renewal.start()
    renewed.then(this.#release, this.#release)
    return renewed
  }

  close(): Promise<void> {
    if (this.state.status !== 'closed') this.#closing = this.#close()
    return this.#closing ?? Promise.resolve()
  }

  async #close(): Promise<void> {
    const line = this.#line
    const lines = [...this.#leaving.lines, ...(line ? [line] : [])]
    this.#status.code = undefined
    this.#finish(closeCode.done, 'the connection was closed by this client')
    line?.close(closeCode.done, '')
    const timer = setTimeout(() => {
      for (const line of lines) {
        line.leave()
        this.#leaving.closed(line)
      }
    }, closeTimeoutMs)
    await Promise.all(lines.map(({ over }) => over.promise))
    clearTimeout(timer)
  }

  #wake(): void {
    if (this.state.status === 'waiting') this.connect()
    else this.#line?.probe()
  }

  /** The page is put away, and may come back as it is. */
  #sleep(): void {
    const line = this.#line
    if (!line) return
    line.leave()
    this.closed(line, closeCode.leaving, 'the page was put away', true)
    clearTimeout(this.#retry)
  }

  async #try(): Promise<void> {
    const attempt = ++this.#attempt
    // A line that is still closing has nothing to say about the new one.
    this.#line?.leave()
    if (this.#line?.session === this.#session) this.#session.detach()
    this.#line = undefined
    this.#status.change('connecting', this.#backoff.attempt)
    try {
      const [url, params] = await Promise.all([ask(this.#options.url), this.#credentials.ask()])
      if (attempt !== this.#attempt) return
      if (!this.#credentials.use(params)) return this.#finish(closeCode.unauthenticated, this.#status.words)
      this.#line = new Line(this, this.#platform, toUrl(url), this.#session)
    } catch (error) {
      if (attempt === this.#attempt)
        this.#later(`could not connect: ${(error as Error)?.message ?? error}`, this.#backoff.next())
    }
  }

  // ── Credentials ────────────────────────────────────────────────────────────

  authenticated(line: Line, answer: Authenticated): void {
    if (line === this.#line) this.#renewal.answered(answer)
  }

  readonly #release = (): void => {
    if (this.#renewal.isPending) return
    this.#calls.isHeld = false
    this.#calls.writeWaiting()
  }

  // ── Lines ──────────────────────────────────────────────────────────────────

  hello({ session }: Line): Hello {
    return {
      session: this.#name,
      ...session.hello(this.#attempt),
      params: this.#credentials.params,
      timeoutMs: this.#timeoutMs,
      features: [...(session.sequence.keeps ? ['resume'] : []), ...(this.#serving ? ['serve'] : [])],
      ...(this.#serving && { limits: this.#limits }),
    }
  }

  welcomed(line: Line, welcome: Welcome): void {
    if (this.#credentials.stand(welcome.principal))
      this.#calls.failAll('UNAUTHORIZED', 'This client is somebody else now')
    this.#spreadMs = welcome.spreadMs
    this.#status.change('open')
    // A listener may have closed it.
    if (this.state.status !== 'open') return
    this.#opening.resolve()
    this.#opening = makeDeferred()
    line.session.welcomed(line, welcome)
    if (welcome.session === 'resumed') this.#resumes++
    this.#backoff.opened(line.session.count)
    this.#leaving.move()
    if (canRenew(welcome)) this.#renewal.stand(welcome.expiresInMs)
  }

  closed(line: Line, code: number, reason: string, isLost: boolean): void {
    const { session } = line
    if (this.#leaving.closed(line)) return
    this.#line = undefined
    if (this.state.status === 'closed') return
    const wasOpen = line.welcomeMessage !== undefined
    if (!wasOpen && !isLost && isRefusal(code)) session.refused(line)
    const { kind, words } = closingOf(code, reason, isLost)
    const { count } = session
    session.detach()
    if (kind === 'broken' || code === closeCode.sequenceBroken) session.discard()
    // A server that restarts in order is no failure of the line.
    if (wasOpen && (code === closeCode.serviceRestart || this.#backoff.wasWorthIt(count)))
      this.#backoff.attempt = this.#broken = 0
    this.#status.code = code
    this.#broken = kind === 'broken' ? this.#broken + 1 : 0
    if (kind === 'final' || this.#broken >= 3) return this.#finish(code, words)
    if (code === closeCode.unauthenticated && !this.#credentials.refuse()) return this.#finish(code, words)
    const delayMs = this.#backoff.next()
    if (kind === 'spread' && wasOpen) this.#later(words, Math.max(delayMs, Math.random() * this.#spreadMs))
    else this.#later(words, delayMs)
  }

  /** What was begun is finished there; new calls go elsewhere, and streams follow once there is an elsewhere. */
  goaway(line: Line, drainMs: number, reason: string, spreadMs = this.#spreadMs): void {
    this.#spreadMs = spreadMs
    this.#emitter.emit('goaway', { drainMs, reason })
    // A listener may have closed it.
    if (line !== this.#line || this.state.status === 'closed') return
    this.#line = undefined
    this.#session = this.#newSession(false)
    this.#status.code = closeCode.leaving
    this.#later(closingOf(closeCode.leaving, '', false).words, Math.random() * spreadMs)
    this.#leaving.add(line)
  }

  // ── Sessions ───────────────────────────────────────────────────────────────

  #newSession(mayFly: boolean): ClientSession {
    const session = new ClientSession(this, this.#calls, {
      resume: this.#options.resume !== false,
      mayFly,
      serving: this.#serving,
    })
    this.#calls.use(session)
    return session
  }

  schedule(flush: () => void, said: Said): void {
    this.#platform.schedule(flush, said)
  }

  emptied(session: ClientSession): void {
    this.#leaving.emptied(session)
  }

  disconnect(): void {
    void this.close()
  }

  // ── State ──────────────────────────────────────────────────────────────────

  #later(reason: string, delayMs: number): void {
    this.#retry = setTimeout(() => this.#try(), delayMs)
    this.#status.words = reason
    this.#status.change('waiting', this.#backoff.attempt, Date.now() + delayMs)
    this.#renewal.stop(this.#opening.promise)
  }

  /** Ends everything; nothing is tried until `connect()`. */
  #finish(code: number, words: string): void {
    const error = finalError(code, words)
    this.#status.words = words
    this.#attempt++
    clearTimeout(this.#retry)
    this.#undoWake?.()
    this.#undoWake = undefined
    this.refusal = error
    this.#credentials.reset()
    this.#broken = 0
    this.#backoff.attempt = 0
    const { promise, reject } = this.#opening
    this.#opening = makeDeferred()
    this.#status.change('closed')
    reject(error)
    this.#renewal.stop(promise)
    this.#calls.failAll(error.code, error.message)
    this.#leaving.end()
    this.#session.discard()
    this.#calls.leave(this.#session)
    this.#session = this.#newSession(true)
  }
}
