// One accepted socket, from its first frame to its end: hello and welcome, frames in and out, pressure, credentials.
// Hands calls to its session; does not know HTTP or the runtime.
//
//   opening ──hello──▶ authenticating ──welcome──▶ open ──▶ closed
//      └──────────────────────┴── refusal, time-out, loss ──────▲
import { closeCode, cutReason } from '../protocol/close.ts'
import {
  type Frame,
  FrameRefusal,
  parseFrame,
  readFrame,
  readMessage,
  refuse,
  sequenceBroken,
} from '../protocol/decode.ts'
import {
  AUTHENTICATE,
  encodeAuthenticated,
  encodeGoaway,
  encodePing,
  encodePong,
  encodeWelcome,
  HELLO,
  type Hello,
  type OpenOptions,
  PING,
} from '../protocol/messages.ts'
import { Outbox, type OutboxHost } from '../protocol/outbox.ts'
import { readAtServer, type ServerReceiver } from '../protocol/read-at-server.ts'
import { Authentication, type Principal } from './authentication.ts'
import { Backlog, type BacklogHost } from './backlog.ts'
import type { Connection } from './handler.ts'
import { Opening, type OpeningHost } from './opening.ts'
import type { ServerCore } from './server.ts'
import { ServerSession, type SessionLine } from './session.ts'
import type { ServerSocket, SocketEvents, UpgradeRequest } from './socket.ts'

/** Unsent bytes at which generators rest: the kernel's buffer is full, and more would only wait here. */
const restAtBytes = 64 * 1024
/** Unsent bytes at which no more calls are read. */
const pauseAtBytes = 1024 * 1024
/** Expired credentials are good for this long: time to get others, on a line that may be slow. */
const expiryGraceMs = 25_000

export class ServerConnection
  implements ServerReceiver, SocketEvents, OutboxHost, Connection, SessionLine, OpeningHost, BacklogHost
{
  readonly id: string
  readonly remoteAddress: string | undefined
  principal: string | undefined
  isResting = false
  lastReceivedAt: number
  lastSentAt: number
  /** When its credentials end, on the clock of `Date.now()`. */
  #expiresAt = Number.POSITIVE_INFINITY
  readonly #core: ServerCore
  readonly #socket: ServerSocket
  readonly #outbox: Outbox
  readonly #backlog: Backlog
  /** For `authenticate`, now and when credentials are renewed. */
  readonly #request: UpgradeRequest
  /** Until the connection is welcome. */
  #opening: Opening | undefined
  #renewal: Authentication | undefined
  /** Made when the connection is welcome; until then there is nothing a message could be for. */
  #session: ServerSession | undefined
  #isClosed = false
  #received = 0
  #sent = 0
  /** What keeps the socket from being read. */
  #isBehind = false
  #isHeld = false

  constructor(core: ServerCore, socket: ServerSocket, request: UpgradeRequest, id: string) {
    this.#core = core
    this.#socket = socket
    this.#request = request
    this.id = id
    this.remoteAddress = request.remoteAddress
    this.lastReceivedAt = this.lastSentAt = performance.now()
    this.#outbox = new Outbox(this)
    this.#backlog = new Backlog(this)
    this.#opening = new Opening(this, core.settings)
  }

  get isOpen(): boolean {
    return this.#session !== undefined && !this.#isClosed
  }

  get isExpired(): boolean {
    return Date.now() > this.#expiresAt + expiryGraceMs
  }

  get context(): unknown {
    return this.#session?.context
  }

  get openCalls(): number {
    return this.#session?.openCalls ?? 0
  }

  get openStreams(): number {
    return this.#session?.openStreams ?? 0
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount
  }

  // ── Socket events ──────────────────────────────────────────────────────────

  text(text: string): void {
    if (this.#isClosed) return
    const now = performance.now()
    this.lastReceivedAt = now
    if (this.#opening) {
      if (!this.#opening.mayTake(text)) return
      if (this.#opening.isHolding) return this.#opening.hold(text)
    }
    this.#take(text, now)
  }

  binary(): void {
    this.close(closeCode.unsupportedData, 'binary frames are not understood')
  }

  drained(): void {
    if (this.#isClosed) return
    this.isResting = false
    if (this.#isBehind) {
      this.#isBehind = false
      if (!this.#isHeld) this.#socket.resume()
    }
    this.#session?.wake()
  }

  closed(): void {
    this.#end()
    this.#core.forget(this)
  }

  // ── Messages ───────────────────────────────────────────────────────────────

  hello(hello: Required<Hello>): void {
    if (!this.#opening) throw refuse(HELLO, 'sent twice')
    this.#opening.hello(hello, this.#request)
  }

  open(id: number, path: string, input: unknown, options: OpenOptions, rich: unknown): void {
    this.#requireSession().open(id, path, input, options, rich, this.lastReceivedAt)
  }

  cancel(id: number): void {
    this.#requireSession().cancel(id)
  }

  credit(id: number, items: number, bytes: number): void {
    this.#requireSession().credit(id, items, bytes)
  }

  ping(received: number, sent: number): void {
    if (!this.#session) throw refuse(PING, 'before welcome')
    this.#checkSequence(received, sent)
    this.write(encodePong(this.#received, this.#sent), false)
  }

  pong(received: number, sent: number): void {
    this.#requireSession()
    this.#checkSequence(received, sent)
  }

  authenticate(params: Readonly<Record<string, unknown>>): void {
    this.#requireSession()
    if (this.#renewal) throw refuse(AUTHENTICATE, 'the one before is not answered yet')
    this.#renewal = new Authentication(this.#core.settings, {
      passed: (principal) => this.#renew(principal),
      refused: (refusal) => {
        this.#renewal = undefined
        this.write(encodeAuthenticated(refusal), false)
      },
      failed: (error) => this.report(error),
    })
    this.#renewal.start(params, this.#request)
  }

  // ── For its session ────────────────────────────────────────────────────────

  send(message: string): void {
    if (this.isOpen) this.#outbox.push(message)
  }

  sendStream(message: string): void {
    if (this.isOpen) this.#outbox.pushStream(message)
  }

  // ── For its outbox ─────────────────────────────────────────────────────────

  schedule(outbox: Outbox): void {
    this.#core.schedule(outbox)
  }

  joinStreams(messages: string[]): string {
    return this.#core.joinStreams(messages)
  }

  write(text: string, counted: boolean): void {
    if (this.#isClosed) return
    if (counted) this.#sent++
    this.lastSentAt = performance.now()
    this.#socket.send(text)
    const buffered = this.#socket.bufferedAmount
    if (buffered >= restAtBytes) this.#relieve(buffered)
  }

  // ── For its backlog ────────────────────────────────────────────────────────

  work(frame: Frame, index: number): boolean {
    try {
      readMessage(frame, index, readAtServer, this as ServerReceiver)
    } catch (error) {
      this.#refuse(error)
    }
    return !this.#isClosed
  }

  yieldTo(task: () => void): void {
    this.#core.settings.yieldTo(task)
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    if (this.#isClosed) return
    if (isHeld) this.#socket.pause()
    else if (!this.#isBehind) this.#socket.resume()
  }

  // ── For its opening ────────────────────────────────────────────────────────

  admit(hello: Required<Hello>, principal: Principal, held: readonly string[]): void {
    const refusal = this.#core.refusalFor(principal)
    if (refusal) return this.close(refusal.code, refusal.reason)
    this.#opening = undefined
    this.principal = principal.name
    this.#expiresAt = principal.expiresAt
    this.#session = new ServerSession(this.#core, this, hello, principal.context)
    this.#core.admit(this)
    this.write(encodeWelcome(this.#core.welcomeFor(this.id, principal)), false)
    const now = performance.now()
    for (const frame of held) this.#take(frame, now)
  }

  report(error: unknown): void {
    this.#core.report(error)
  }

  // ── Life ───────────────────────────────────────────────────────────────────

  sendPing(): void {
    this.write(encodePing(this.#received, this.#sent), false)
  }

  sendGoaway(drainMs: number): void {
    if (this.isOpen) this.write(encodeGoaway(drainMs, 'the server is shutting down'), false)
  }

  disconnect(reason = 'disconnected by the server'): void {
    this.close(closeCode.forbidden, reason)
  }

  /** Says what is left to say and closes. Safe to call twice. */
  close(code: number, reason: string): void {
    if (this.isOpen) this.#outbox.flush()
    this.shut(code, reason)
  }

  /** Closes, and says nothing of what is left to say. Safe to call twice. */
  shut(code: number, reason: string): void {
    if (this.#isClosed) return
    this.#end()
    this.#socket.close(code, cutReason(reason))
  }

  /** Drops the connection without waiting for the other end. */
  drop(): void {
    this.#end()
    this.#socket.terminate()
  }

  #end(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#opening) this.#core.unknown(this)
    this.#opening?.stop()
    this.#opening = undefined
    this.#renewal?.stop()
    this.#outbox.clear()
    this.#backlog.clear()
    this.#session?.end()
  }

  #take(text: string, now: number): void {
    if (this.#isClosed) return
    try {
      // A batch has a bracket in second place; what is not a batch is one message, and has a message's limit.
      if (text.length > this.#core.messageBytes && text[1] !== '[') {
        throw new FrameRefusal(closeCode.tooLarge, `a message is larger than ${this.#core.messageBytes} bytes`)
      }
      const frame = parseFrame(text)
      if (frame.isCounted) this.#received++
      // The first frame, whatever it is, has to be `hello`.
      if (frame.isControl || this.#opening) readFrame(frame, readAtServer, this as ServerReceiver)
      else this.#backlog.take(frame, text.length, now)
    } catch (error) {
      this.#refuse(error)
    }
  }

  #renew(principal: Principal): void {
    this.#renewal = undefined
    // Nothing of the one may be taken for the other's: the client comes back as who it is now.
    if (principal.name !== this.principal)
      return this.shut(closeCode.expired, 'the credentials are those of another principal')
    const refusal = this.#core.refusalFor(principal, this)
    if (refusal) return this.shut(refusal.code, refusal.reason)
    this.#expiresAt = principal.expiresAt
    this.#session?.renew(principal.context)
    this.write(encodeAuthenticated({ expiresInMs: expiresIn(principal) }), false)
  }

  #requireSession(): ServerSession {
    if (this.#session) return this.#session
    throw refuse(HELLO, this.#opening?.isHolding ? 'has to be alone in its frame' : 'has to be the first frame')
  }

  #refuse(error: unknown): void {
    if (error instanceof FrameRefusal) return this.close(error.code, error.message)
    this.#core.report(error, undefined, this.#session?.context)
    this.close(closeCode.internalError, 'internal error')
  }

  #checkSequence(received: number, sent: number): void {
    if (sent !== this.#received) throw sequenceBroken(sent, this.#received)
    if (received > this.#sent) throw sequenceBroken(this.#sent, received)
  }

  #relieve(buffered: number): void {
    this.isResting = true
    if (buffered >= this.#core.settings.limits.bufferedBytes) {
      this.close(closeCode.slowConsumer, 'reads too slowly')
    } else if (buffered >= pauseAtBytes && !this.#isBehind) {
      this.#isBehind = true
      this.#socket.pause()
    }
  }
}

/** Milliseconds that credentials are still good for; undefined where they don't end. */
export function expiresIn({ expiresAt }: Principal): number | undefined {
  return expiresAt === Number.POSITIVE_INFINITY ? undefined : Math.max(0, Math.round(expiresAt - Date.now()))
}
