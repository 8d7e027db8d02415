// The way to the server: connects when there is a reason, comes back, and ends. Knows lines and calls; does not read messages.
//
//   idle ─▶ connecting ─▶ open ─▶ waiting ─▶ connecting …      closed ◀─ close(), or a refusal that is final
import { closeCode } from '../protocol/close.ts'
import type { RpcError } from '../protocol/error.ts'
import type { Authenticated, Welcome } from '../protocol/messages.ts'
import { Backoff, healthyMs } from './backoff.ts'
import type { Calls } from './calls.ts'
import { closedError, closingOf, finalError, isRefusal, overCredit } from './closing.ts'
import { type Deferred, makeDeferred } from './deferred.ts'
import { Line, type LineHost } from './line.ts'
import { type ClientOptions, provide, toUrl } from './options.ts'
import type { Platform } from './platform.ts'
import { Renewal, type RenewalHost } from './renewal.ts'
import type { ConnectionEvents, ConnectionState, Emitter } from './state.ts'

/** The line to the server, for status bars and for those who decide when to connect. */
export interface ClientConnection {
  /** An immutable snapshot; another object after each change. */
  readonly state: ConnectionState
  /** Calls `listener` on each event; gives the undo. */
  on<Name extends keyof ConnectionEvents>(name: Name, listener: (payload: ConnectionEvents[Name]) => void): () => void
  /** With `getSnapshot`, for React's `useSyncExternalStore`. */
  readonly subscribe: (listener: () => void) => () => void
  /** Gives `state`. */
  readonly getSnapshot: () => ConnectionState
  /** Tries at once. Resolves when open; rejects when the server refuses for good. */
  connect(): Promise<void>
  /** Ends every call with `CANCELLED` and stays closed until `connect()`. Resolves when the socket is closed. */
  close(): Promise<void>
  /**
   * Asks for `params` again and has the server take them, on the live line. Calls made meanwhile wait. While there is no line it connects.
   * Rejects with `UNAUTHORIZED` or `FORBIDDEN` when they are refused: what stood before stands until it expires. Should they be another
   * principal's, everything open or waiting ends `UNAUTHORIZED`, and the line starts anew.
   */
  authenticate(): Promise<void>
  /** How much is under way, at this moment. */
  stats(): ClientStats
}

export interface ClientStats {
  /** Written and not answered yet. */
  readonly calls: number
  /** Subscriptions that were accepted. */
  readonly streams: number
  /** Waiting for a connection, or for the server's limit. */
  readonly waiting: number
}

/** How long the other end may take to answer a close frame, in ms. */
const closeTimeoutMs = 5_000

/** Behind what has happened: what the client does about it. */
const comesNext: Readonly<Record<ConnectionState['status'], string>> = {
  idle: '',
  connecting: '; trying again now',
  open: '',
  waiting: '; trying again soon',
  closed: '; connect() tries again',
}

/** `url` and `params` have as long as the server has to answer an attempt. */
const askTimeoutMs = 20_000

export class ManagedConnection implements ClientConnection, LineHost, RenewalHost {
  readonly #platform: Platform
  readonly #options: ClientOptions
  readonly #timeoutMs: number
  readonly #emitter: Emitter
  readonly #backoff: Backoff
  readonly #calls: Calls
  readonly #renewal = new Renewal(this)
  #state: ConnectionState = Object.freeze({
    status: 'idle',
    attempt: 0,
    nextAttemptAt: undefined,
    reason: undefined,
    code: undefined,
  })
  #line: Line | undefined
  /** Sockets of this client so far; a number of an attempt that is over fences it off. */
  #attempt = 0
  #openedAt = 0
  #spreadMs = 0
  #retry: ReturnType<typeof setTimeout> | undefined
  #undoWake: (() => void) | undefined
  /** What new calls get while the connection is closed. */
  refusal: RpcError | undefined
  #opening: Deferred | undefined
  #closing: Promise<void> | undefined
  #whenClosed: (() => void) | undefined
  #params = ''
  /** The params that were refused, to see whether asking again gives others; that is done once. */
  #refusedParams: string | undefined
  /** The server has said that it goes. */
  #isLeaving = false
  /** Who the server takes this client for. */
  #principal: string | undefined
  /** What has happened to the last line. */
  #words = ''
  /** The close code of the last line. */
  #code: number | undefined
  #broken = 0

  constructor(platform: Platform, options: ClientOptions, usualMs: number, calls: Calls, emitter: Emitter) {
    this.#platform = platform
    this.#options = options
    this.#timeoutMs = usualMs
    this.#backoff = new Backoff(options.reconnect)
    this.#calls = calls
    this.#emitter = emitter
  }

  // ── Connection ─────────────────────────────────────────────────────────────

  get state(): ConnectionState {
    return this.#state
  }

  on: ClientConnection['on'] = (name, listener) => this.#emitter.on(name, listener)

  readonly subscribe = (listener: () => void): (() => void) => this.#emitter.on('change', () => listener())

  readonly getSnapshot = (): ConnectionState => this.#state

  stats(): ClientStats {
    return { calls: this.#calls.unanswered, streams: this.#calls.streams, waiting: this.#calls.waiting }
  }

  connect(): Promise<void> {
    if (this.#state.status === 'open') return Promise.resolve()
    this.refusal = undefined
    const promise = this.#whenOpen()
    if (this.#state.status === 'connecting') return promise
    clearTimeout(this.#retry)
    this.#undoWake ??= this.#platform.onWake(() => this.#wake())
    this.#try()
    return promise
  }

  #whenOpen(): Promise<void> {
    this.#opening ??= makeDeferred()
    return this.#opening.promise
  }

  authenticate(): Promise<void> {
    if (this.#state.status !== 'open') {
      // An attempt with the params of before is worth nothing; what it has written goes out again.
      if (this.#state.status === 'connecting') {
        this.#calls.lost()
        this.#try()
      }
      return this.connect()
    }
    this.#calls.hold()
    const renewed = this.#renewal.start()
    renewed.then(this.#release, this.#release)
    return renewed
  }

  close(): Promise<void> {
    if (this.#state.status !== 'closed') this.#closing = this.#close()
    return this.#closing ?? Promise.resolve()
  }

  async #close(): Promise<void> {
    const line = this.#line
    this.#code = undefined
    const closed = new Promise<void>((resolve) => {
      this.#whenClosed = resolve
    })
    this.#finish(
      closedError('CANCELLED', 'The connection was closed by this client; connect() opens it again'),
      'closed by this client',
    )
    if (!line) return
    line.close(closeCode.done, '')
    const timer = setTimeout(() => this.#whenClosed?.(), closeTimeoutMs)
    await closed
    clearTimeout(timer)
    line.leave()
  }

  #wake(): void {
    if (this.#state.status === 'waiting') this.connect()
    else this.#line?.probe()
  }

  async #try(): Promise<void> {
    const attempt = ++this.#attempt
    // A line that is still closing has nothing to say about the new one.
    this.#line?.leave()
    this.#whenClosed?.()
    this.#change('connecting')
    try {
      const [url, params] = await within(askTimeoutMs, Promise.all([provide(this.#options.url), this.#askParams()]))
      if (attempt !== this.#attempt) return
      this.#params = JSON.stringify(params)
      if (this.#params === this.#refusedParams)
        return this.#finish(finalError(closeCode.unauthenticated, this.#words), this.#words)
      this.#line = new Line(this, this.#platform, toUrl(url), {
        session: randomName(),
        attempt,
        params,
        timeoutMs: this.#timeoutMs,
      })
    } catch (error) {
      if (attempt === this.#attempt)
        this.#later(`could not connect: ${(error as Error)?.message ?? error}`, this.#backoff.next())
    }
  }

  #askParams(): Promise<Readonly<Record<string, unknown>>> {
    return provide(this.#options.params ?? {})
  }

  // ── Credentials ────────────────────────────────────────────────────────────

  get isRenewable(): boolean {
    return typeof this.#options.params === 'function'
  }

  async sendParams(): Promise<boolean> {
    const line = this.#line
    const params = await within(askTimeoutMs, this.#askParams())
    if (line !== this.#line) return false
    line?.authenticate(params)
    return true
  }

  authenticated(answer: Authenticated): void {
    this.#renewal.answered(answer)
  }

  readonly #release = (): void => {
    if (this.#state.status === 'open' && !this.#isLeaving && !this.#renewal.isPending) this.#calls.release()
  }

  // ── The line ───────────────────────────────────────────────────────────────

  opened(): void {
    // Somebody else's calls must not be written before it is known who this is now.
    if (this.#line && this.#principal === undefined) this.#calls.begin(this.#line)
  }

  welcomed({ limits, spreadMs, principal, expiresInMs }: Welcome): void {
    const isOther = this.#principal !== undefined && this.#principal !== principal
    this.#principal = principal
    if (isOther) this.#calls.failAll((call) => call.failure('UNAUTHORIZED', 'This client is somebody else now'))
    this.#isLeaving = false
    this.#openedAt = performance.now()
    this.#spreadMs = spreadMs
    this.#refusedParams = undefined
    this.#words = ''
    this.#code = undefined
    this.#change('open')
    // A listener may have closed it.
    if (this.#state.status !== 'open') return
    this.#opening?.resolve()
    this.#opening = undefined
    if (this.#line) this.#calls.welcomed(this.#line, limits)
    this.#renewal.stand(expiresInMs)
  }

  closed(code: number, reason: string, isLost: boolean): void {
    const wasOpen = this.#line?.welcomeMessage !== undefined
    this.#line = undefined
    this.#whenClosed?.()
    if (this.#state.status === 'closed') return
    this.#calls.lost(!wasOpen && !isLost && isRefusal(code))
    if (wasOpen && performance.now() - this.#openedAt >= healthyMs) this.#backoff.attempt = this.#broken = 0
    const { kind, words } = closingOf(code, reason, isLost)
    this.#code = code
    this.#broken = kind === 'broken' ? this.#broken + 1 : 0
    if (kind === 'final' || this.#broken >= 3) return this.#finish(finalError(code, words), words)
    if (code === closeCode.unauthenticated) return this.#askAgain(words)
    const delayMs = this.#backoff.next()
    if (kind === 'spread' && wasOpen) this.#later(words, Math.max(delayMs, Math.random() * this.#spreadMs))
    else this.#later(words, delayMs)
  }

  /** Refused credentials: worth another try only if there are others. */
  #askAgain(words: string): void {
    if (!this.isRenewable || this.#refusedParams !== undefined)
      return this.#finish(finalError(closeCode.unauthenticated, words), words)
    this.#refusedParams = this.#params
    this.#later(words, this.#backoff.next())
  }

  isWaiting(): boolean {
    return this.#calls.unanswered > 0
  }

  result(id: number, value: unknown, rich: unknown): void {
    this.#calls.byId(id)?.result(value, rich)
  }

  error: LineHost['error'] = (id, ...rest) => this.#calls.byId(id)?.error(...rest)

  accept(id: number, stream: number, position: string | undefined): void {
    const call = this.#calls.byId(id)
    if (call) this.#calls.accepted(call, stream, position)
  }

  item(stream: number, value: unknown, eventId: string | undefined, size: number, rich: unknown): void {
    const call = this.#calls.byStream(stream)
    if (call && !call.item(value, eventId, size, rich)) throw overCredit()
  }

  gap(stream: number, reason: string): void {
    this.#calls.byStream(stream)?.missing(reason)
  }

  end(id: number): void {
    this.#calls.byId(id)?.end()
  }

  goaway(drainMs: number, reason: string): void {
    this.#isLeaving = true
    this.#calls.hold()
    this.#emitter.emit('goaway', { drainMs, reason })
  }

  // ── State ──────────────────────────────────────────────────────────────────

  #later(reason: string, delayMs: number): void {
    this.#retry = setTimeout(() => this.#try(), delayMs)
    this.#words = reason
    this.#change('waiting', Date.now() + delayMs)
    this.#renewal.stop(() => this.#whenOpen())
  }

  /** Ends everything; nothing is tried until `connect()`. */
  #finish(error: RpcError, reason: string): void {
    this.#words = reason
    this.#attempt++
    clearTimeout(this.#retry)
    this.#undoWake?.()
    this.#undoWake = undefined
    this.refusal = error
    this.#refusedParams = undefined
    this.#broken = 0
    this.#backoff.attempt = 0
    this.#principal = undefined
    const opening = this.#opening
    this.#opening = undefined
    this.#change('closed')
    opening?.reject(error)
    this.#renewal.stop(() => Promise.reject(error))
    this.#calls.failAll((call) => call.failure(error.code, error.message))
    this.#calls.lost()
  }

  #change(status: ConnectionState['status'], nextAttemptAt?: number): void {
    this.#state = Object.freeze({
      status,
      attempt: status === 'open' ? 0 : this.#backoff.attempt,
      nextAttemptAt,
      reason: this.#words ? this.#words + comesNext[status] : undefined,
      code: status === 'open' || status === 'idle' ? undefined : this.#code,
    })
    this.#emitter.emit('change', this.#state)
  }
}

/** Rejects what takes longer; what comes after that is not heard. */
function within<Value>(timeoutMs: number, value: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`url or params gave nothing in ${timeoutMs} ms`)), timeoutMs)
    value.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** 128 random bits, base64url: the session's name can't be guessed. */
function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .slice(0, 22)
}
