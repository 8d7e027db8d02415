// One accepted socket, from its first frame to its end: hello and welcome, control messages, pressure, credentials.
// Hands calls to its session, which may outlive it; does not know HTTP or the runtime.
//
//   opening ──hello──▶ authenticating ──welcome──▶ open ──▶ closed
//      └──────────────────────┴── refusal, time-out, loss ──────▲

import { parseBinaryFrame } from '../protocol/binary-frame.ts'
import { closeCode, cutReason, keepsSession } from '../protocol/close.ts'
import { type Frame, FrameRefusal, parseFrame, readFrame, refuse } from '../protocol/decode.ts'
import type { FrameData } from '../protocol/encoded.ts'
import { AUTHENTICATE, encodeAuthenticated, encodeGoaway, encodePing, encodePong, HELLO } from '../protocol/messages.ts'
import { type ReadHello, readControl, type ServerControl } from '../protocol/read-at-server.ts'
import { Authentication, type Principal } from './authentication.ts'
import type { ServerCore } from './core.ts'
import { Opening, type OpeningHost } from './opening.ts'
import type { ServerSession, SessionLine } from './session.ts'
import type { ServerSocket, SocketEvents, UpgradeRequest } from './socket.ts'

/** Unsent bytes at which generators rest: the kernel's buffer is full, and more would only wait here. */
const restAtBytes = 64 * 1024
/** Unsent bytes at which no more calls are read. */
const pauseAtBytes = 1024 * 1024
/** Expired credentials are good for this long: time to get others, on a line that may be slow. */
const expiryGraceMs = 25_000

export class ServerConnection implements ServerControl, SocketEvents, SessionLine, OpeningHost {
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
  /** For `authenticate`, now and when credentials are renewed. */
  readonly #request: UpgradeRequest
  /** Until the connection is welcome. */
  #opening: Opening | undefined
  #renewal: Authentication | undefined
  /** Given when the connection is welcome; until then there is nothing a message could be for. */
  #session: ServerSession | undefined
  /** Whose frames are being read. */
  #reading: ServerSession | undefined
  #isClosed = false
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
    this.#opening = new Opening(this, core.settings)
  }

  get isOpen(): boolean {
    return this.#session !== undefined && !this.#isClosed
  }

  get isOver(): boolean {
    return this.#isClosed
  }

  get isExpired(): boolean {
    return Date.now() > this.#expiresAt + expiryGraceMs
  }

  get session(): ServerSession | undefined {
    return this.#session
  }

  get isPaused(): boolean {
    return this.#isHeld || this.#isBehind
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount
  }

  get takenAmount(): number | undefined {
    return this.#socket.takenAmount
  }

  // ── Socket events ──────────────────────────────────────────────────────────

  text(text: string): void {
    this.#receive(text)
  }

  binary(bytes: Uint8Array): void {
    this.#receive(bytes)
  }

  reading(isReading: boolean): void {
    // The one that began is the one that ends, whatever was read in between.
    if (isReading) this.#reading = this.#session
    this.#reading?.reading(isReading)
    if (!isReading) this.#reading = undefined
  }

  #receive(frame: FrameData): void {
    if (this.#isClosed) return
    const now = performance.now()
    this.lastReceivedAt = now
    if (this.#opening) {
      if (!this.#opening.mayTake(frame)) return
      if (this.#opening.isHolding) return this.#opening.hold(frame)
    }
    this.#take(frame, now)
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

  closed(code: number): void {
    this.#end(code)
    this.#core.forget(this)
  }

  // ── Messages ───────────────────────────────────────────────────────────────

  hello(hello: ReadHello): void {
    if (!this.#opening) throw refuse(HELLO, 'sent twice')
    this.#opening.hello(hello, this.#request)
  }

  ping(received: number, sent: number): void {
    const session = this.#requireSession()
    session.acknowledged(received, sent)
    this.write(encodePong(...session.sequence.tell()))
  }

  pong(received: number, sent: number): void {
    this.#requireSession().acknowledged(received, sent, true)
  }

  authenticate(params: Readonly<Record<string, unknown>>): void {
    this.#requireSession()
    if (this.#renewal) throw refuse(AUTHENTICATE, 'the one before is not answered yet')
    this.#renewal = new Authentication(this.#core.settings, {
      passed: (principal) => this.#renew(principal),
      refused: (refusal) => {
        this.#renewal = undefined
        this.write(encodeAuthenticated(refusal))
      },
      failed: (error) => this.report(error),
    })
    this.#renewal.start(params, this.#request)
  }

  // ── For its session ────────────────────────────────────────────────────────

  write(frame: FrameData): void {
    if (this.#isClosed) return
    // What the clock last said: in a broadcast, reading it for each connection is felt.
    this.lastSentAt = Math.max(this.lastReceivedAt, this.#core.beatAt)
    this.#socket.send(frame)
    const buffered = this.#socket.bufferedAmount
    if (buffered >= restAtBytes) this.#relieve(buffered)
  }

  refuse(error: unknown): void {
    if (error instanceof FrameRefusal) return this.close(error.code, error.message)
    this.#core.report(error, undefined, this.#session?.calls.context)
    this.close(closeCode.internalError, 'internal error')
  }

  replaced(): void {
    this.#session = undefined
    this.shut(closeCode.replaced, 'a newer connection took over')
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    if (this.#isClosed) return
    if (isHeld) this.#socket.pause()
    else if (!this.#isBehind) this.#socket.resume()
  }

  // ── For its opening ────────────────────────────────────────────────────────

  admit(hello: ReadHello, principal: Principal, held: readonly FrameData[]): void {
    if (this.#isClosed) return
    this.#core.enter(this, hello, principal, held)
    const now = performance.now()
    for (const frame of held) this.#take(frame, now)
  }

  /** The connection is welcome, with this session. */
  entered(session: ServerSession, { name, expiresAt }: Principal): void {
    this.#opening = undefined
    this.#session = session
    this.principal = name
    this.#expiresAt = expiresAt
  }

  report(error: unknown): void {
    this.#core.report(error)
  }

  // ── Life ───────────────────────────────────────────────────────────────────

  sendPing(): void {
    if (this.#session) this.write(encodePing(...this.#session.sequence.tell()))
  }

  sendGoaway(drainMs: number, spreadMs: number): void {
    if (this.isOpen) this.write(encodeGoaway(drainMs, 'the server is shutting down', spreadMs))
  }

  /** Says what is left to say and closes. Safe to call twice. */
  close(code: number, reason: string): void {
    if (this.isOpen) this.#session?.flush()
    this.shut(code, reason)
  }

  /** Closes, and says nothing of what is left to say. Safe to call twice. */
  shut(code: number, reason: string): void {
    if (this.#isClosed) return
    this.#end(code)
    this.#socket.close(code, cutReason(reason))
    // The other end's answer comes behind whatever it has said.
    if (this.#isHeld || this.#isBehind) this.#socket.resume()
  }

  /** Drops the connection without waiting for the other end. */
  drop(): void {
    this.#end(closeCode.abnormal)
    this.#socket.terminate()
  }

  #end(code: number): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#opening) this.#core.known(this)
    this.#opening?.stop()
    this.#opening = undefined
    this.#renewal?.stop()
    this.#session?.detach(this, keepsSession(code))
  }

  #take(data: FrameData, now: number): void {
    if (this.#isClosed) return
    try {
      const isText = typeof data === 'string'
      const frame = isText ? parseText(data, this.#core.messageBytes) : parseBinaryFrame(data)
      if (!isText && frame.messages.length === 1) requireSize(data.length - frameHeadBytes, this.#core.messageBytes)
      if (frame.isControl) readFrame(frame, readControl, this as ServerControl)
      else this.#requireSession().take(frame, data.length, now)
    } catch (error) {
      this.refuse(error)
    }
  }

  #renew(principal: Principal): void {
    this.#renewal = undefined
    if (principal.name !== this.principal) {
      // Nothing of the one may be taken for the other's: the client comes back as who it is now.
      this.#session?.end()
      return this.shut(closeCode.expired, 'the credentials are those of another principal')
    }
    const refusal = this.#core.refusalFor(principal, this.#session)
    if (refusal) return this.shut(refusal.code, refusal.reason)
    this.#expiresAt = principal.expiresAt
    this.#session?.calls.renew(principal.context)
    this.write(encodeAuthenticated({ expiresInMs: expiresIn(principal) }))
  }

  #requireSession(): ServerSession {
    if (this.#session) return this.#session
    throw refuse(HELLO, this.#opening?.isHolding ? 'has to be alone in its frame' : 'has to be the first frame')
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

/** Length and padding of a binary frame's header, which are no part of its message. */
const frameHeadBytes = 16

function parseText(text: string, messageBytes: number): Frame {
  // A batch has a bracket in second place; what is not a batch is one message, and has a message's limit.
  if (text[1] !== '[') requireSize(text.length, messageBytes)
  return parseFrame(text)
}

function requireSize(length: number, messageBytes: number): void {
  if (length > messageBytes)
    throw new FrameRefusal(closeCode.tooLarge, `a message is larger than ${messageBytes} bytes`)
}

/** Milliseconds that credentials are still good for; undefined where they don't end. */
export function expiresIn({ expiresAt }: Principal): number | undefined {
  return expiresAt === Number.POSITIVE_INFINITY ? undefined : Math.max(0, Math.round(expiresAt - Date.now()))
}
