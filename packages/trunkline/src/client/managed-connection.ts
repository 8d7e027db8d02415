// The way to the server: connects when there is a reason, comes back, and ends. Knows lines and calls; does not read messages.
//
//   idle ─▶ connecting ─▶ open ─▶ waiting ─▶ connecting …      closed ◀─ close(), or a refusal that is final
import * as closeCode from '../protocol/close-code.ts'
import { expect } from '../protocol/expect.ts'
import {
  type Authenticated,
  defaultLimits,
  encodeAuthenticate,
  type Hello,
  type Welcome,
} from '../protocol/messages.ts'
import { type Serving, serves } from '../protocol/serving.ts'
import { requireTypes } from '../protocol/value-types.ts'
import { Backoff } from './backoff.ts'
import { Calls } from './calls.ts'
import { closingOf, finalError, isRefusal } from './closing.ts'
import type { ClientConnection, ClientStats } from './connection.ts'
import { Credentials, type CredentialsHost, type Params } from './credentials.ts'
import { type Deferred, makeDeferred } from './deferred.ts'
import { Line, type LineHost } from './line.ts'
import { ask, type ClientOptions, requireTimeout, toUrl, usualServeLimits } from './options.ts'
import type { Platform } from './platform.ts'
import { ClientSession, type SessionHost } from './session.ts'
import { Status } from './state.ts'

const canRenew = (welcome: Welcome | undefined): boolean => !!welcome?.features.includes('authenticate')

export class ManagedConnection extends Status implements ClientConnection, CredentialsHost, LineHost, SessionHost {
  readonly platform: Platform
  readonly calls: Calls
  readonly mayResume: boolean
  readonly serving: Serving | undefined
  readonly #url: ClientOptions['url']
  readonly #backoff: Backoff
  readonly #credentials: Credentials
  /** What every `hello` says. */
  readonly #hello: Omit<Hello, 'attempt'>
  /** Sockets that are not over: `#line`, and those where something is still finished. */
  readonly #lines = new Set<Line>()
  #line: Line | undefined
  /** What new calls are written in. */
  #session: ClientSession
  #resumes = 0
  /** Sockets of this client so far; a number of an attempt that is over fences it off. */
  #attempt = 0
  #retry: ReturnType<typeof setTimeout> | undefined
  #undoWake: (() => void) | undefined
  #opening = makeDeferred()
  #broken = 0

  constructor(platform: Platform, options: ClientOptions) {
    super()
    const { url, resume = true, serve, timeoutMs = 30_000 } = options
    // A function is asked when there is an attempt.
    if (typeof url !== 'function') toUrl(url)
    expect(serve === undefined || !!serve?.[serves], 'serve', 'what implement(router).handlers() gives', serve)
    const limits = { ...defaultLimits, ...usualServeLimits, ...options.limits }
    this.platform = platform
    this.mayResume = resume
    this.#url = url
    this.calls = new Calls(this, requireTimeout(timeoutMs), requireTypes(options.types))
    this.serving = serve?.[serves]({ types: this.calls.types, limits })
    this.#backoff = new Backoff(options.reconnect)
    this.#credentials = new Credentials(this, options.params)
    this.#hello = {
      // 128 random bits: it can't be guessed.
      session: crypto.getRandomValues(new Uint32Array(4)).join('-'),
      timeoutMs: this.calls.usualMs,
      features: [...(resume ? ['resume'] : []), ...(serve ? ['serve'] : [])],
      ...(serve && { limits }),
    }
    this.#session = this.#newSession(true)
  }

  // ── Connection ─────────────────────────────────────────────────────────────

  stats(): ClientStats {
    return {
      ...this.calls.stats(),
      resumes: this.#resumes,
      replayBytes: this.#session.sequence.length,
      roundTripMs: this.#line?.roundTripMs,
    }
  }

  connect(): Promise<void> {
    const { status } = this.state
    if (status === 'open') return Promise.resolve()
    if (status !== 'connecting') void this.#try()
    return this.#opening.promise
  }

  authenticate(): Promise<void> {
    if (this.state.status === 'open' && canRenew(this.#line?.welcomeMessage)) {
      this.calls.hold(true)
      return this.#credentials.renew()
    }
    // An attempt with the params of before is worth nothing, nor is a server that takes others only from an attempt;
    // what was written goes out again.
    void this.#try()
    return this.#opening.promise
  }

  async close(): Promise<void> {
    if (this.state.status !== 'closed') {
      this.code = undefined
      this.#finish(closeCode.done, 'the connection was closed by this client')
    }
    await Promise.all([...this.#lines].map(({ over }) => over.promise))
  }

  #wake(): void {
    if (this.state.status === 'waiting') void this.#try()
    else this.#line?.wake()
  }

  /** The page is put away, and may come back as it is. */
  #sleep(): void {
    this.#line?.lose(closeCode.leaving, 'the page was put away')
    clearTimeout(this.#retry)
  }

  async #try(): Promise<void> {
    const attempt = ++this.#attempt
    this.calls.refusal = undefined
    clearTimeout(this.#retry)
    this.#undoWake ??= this.platform.onWake(
      () => this.#wake(),
      () => this.#sleep(),
    )
    const line = this.#line
    if (line) {
      this.#line = undefined
      this.#lines.delete(line)
      line.leave()
      line.session.detach()
    }
    this.change('connecting')
    try {
      const [url, params] = await Promise.all([ask(this.#url), this.#credentials.ask()])
      if (attempt !== this.#attempt) return
      if (!this.#credentials.use(params)) return this.#finish(closeCode.unauthenticated, this.words)
      this.#line = new Line(this, toUrl(url), this.#session)
      this.#lines.add(this.#line)
    } catch (error) {
      if (attempt === this.#attempt)
        this.#later(`could not connect: ${(error as Error)?.message ?? error}`, this.#backoff.wait(this.failures++))
    }
  }

  // ── Credentials ────────────────────────────────────────────────────────────

  authenticated(line: Line, answer: Authenticated): void {
    if (line === this.#line) this.#credentials.answered(answer)
  }

  renew(params: Params): void {
    this.#line?.write(encodeAuthenticate(params))
  }

  // ── Lines ──────────────────────────────────────────────────────────────────

  hello({ session }: Line): Hello {
    return { ...this.#hello, ...session.hello(this.#attempt), params: this.#credentials.params }
  }

  welcomed(line: Line, welcome: Welcome): void {
    const { session } = line
    if (this.#credentials.stand(welcome.principal))
      this.calls.failAll('UNAUTHORIZED', 'This client is somebody else now')
    this.code = undefined
    this.change('open', '')
    // A listener may have closed it.
    if (line !== this.#line) return
    this.#answer().resolve()
    session.welcomed(line, welcome)
    if (welcome.session === 'resumed') this.#resumes++
    this.#backoff.opened(session.count)
    this.calls.move()
    if (canRenew(welcome)) this.#credentials.last(welcome.expiresInMs)
  }

  closed(line: Line, code: number, reason: string, isLost: boolean): void {
    if (!this.#lines.delete(line)) return
    line.over.resolve()
    const { session, welcomeMessage } = line
    if (line !== this.#line) return this.calls.leave(session)
    this.#line = undefined
    if (!welcomeMessage && !isLost && isRefusal(code)) session.refused(line)
    // A server that restarts in order is no failure of the line.
    if (welcomeMessage && (code === closeCode.serviceRestart || this.#backoff.wasWorthIt(session.count)))
      this.failures = this.#broken = 0
    const { kind, words } = closingOf(code, reason, isLost)
    session.detach(kind === 'broken' || code === closeCode.sequenceBroken)
    this.#broken = kind === 'broken' ? this.#broken + 1 : 0
    this.code = code
    const isFinal = code === closeCode.unauthenticated ? !this.#credentials.refuse() : kind === 'final'
    if (isFinal || this.#broken >= 3) return this.#finish(code, words)
    const spreadMs = (kind === 'spread' && welcomeMessage?.spreadMs) || 0
    this.#later(words, Math.max(this.#backoff.wait(this.failures++), Math.random() * spreadMs))
  }

  /** What was begun is finished there; new calls go elsewhere, and streams follow once there is an elsewhere. */
  goaway(line: Line, drainMs: number, reason: string, spreadMs = line.welcomeMessage?.spreadMs ?? 0): void {
    this.emit('goaway', { drainMs, reason })
    // A listener may have closed it.
    if (line !== this.#line) return
    this.#line = undefined
    this.#session = this.#newSession(false)
    line.session.leave()
    this.code = closeCode.leaving
    this.#later(closingOf(closeCode.leaving, '', false).words, Math.random() * spreadMs)
  }

  // ── State ──────────────────────────────────────────────────────────────────

  #newSession(mayFly: boolean): ClientSession {
    return this.calls.use(new ClientSession(this, this.calls, mayFly))
  }

  /** To be settled; who asks from now on is answered by what comes next. */
  #answer(): Deferred {
    const opening = this.#opening
    this.#opening = makeDeferred()
    return opening
  }

  #later(words: string, delayMs: number): void {
    this.#retry = setTimeout(() => this.#try(), delayMs)
    this.change('waiting', words, Date.now() + delayMs)
    this.#credentials.stop(this.#opening.promise)
  }

  /** Ends everything; nothing is tried until `connect()`. */
  #finish(code: number, words: string): void {
    const opening = this.#answer()
    const error = finalError(code, words)
    this.calls.refusal = error
    this.#attempt++
    clearTimeout(this.#retry)
    this.#undoWake?.()
    this.#undoWake = this.#line = undefined
    this.#credentials.stand(undefined)
    this.failures = this.#broken = 0
    this.change('closed', words)
    opening.reject(error)
    this.calls.end(error)
    this.#session = this.#newSession(true)
    for (const line of this.#lines) line.close()
    this.#credentials.stop(opening.promise)
  }
}
