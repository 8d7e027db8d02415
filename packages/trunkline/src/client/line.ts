// One socket of the client, from the attempt to its end: hello and welcome, control messages, silence.
// Hands frames of calls to its session; does not know what comes after it. A line that was left says nothing more to anybody.

import { parseBinaryFrame } from '../protocol/binary-frame.ts'
import { cutReason, subprotocol } from '../protocol/close.ts'
import * as closeCode from '../protocol/close-code.ts'
import { unreference } from '../protocol/deadlines.ts'
import { FrameRefusal, type Message, parseFrame, readFrame, refuse } from '../protocol/decode.ts'
import type { FrameData } from '../protocol/encoded.ts'
import {
  type Authenticated,
  encodeHello,
  encodePing,
  encodePong,
  type Hello,
  WELCOME,
  type Welcome,
} from '../protocol/messages.ts'
import { type ClientControl, readControl } from '../protocol/read-at-client.ts'
import { makeDeferred } from './deferred.ts'
import type { ClientSocket, Platform, SocketHandlers } from './platform.ts'
import type { ClientSession, SessionLine } from './session.ts'

/** What a line tells the client of its life. */
export interface LineHost {
  readonly platform: Platform
  authenticated(line: Line, answer: Authenticated): void
  /** The socket is open. */
  hello(line: Line): Hello
  welcomed(line: Line, welcome: Welcome): void
  goaway(line: Line, drainMs: number, reason: string, spreadMs: number | undefined): void
  /** Its last, though perhaps not for the first time. `isLost`: this end gave it up for dead. */
  closed(line: Line, code: number, reason: string, isLost: boolean): void
}

/** Unsent bytes above which nothing more is pushed: a call that comes now has only these before it. */
export const behindAtBytes = 64 * 1024
/**
 * In a hidden page, whose timers run once a second or once a minute: nobody waits for a call there, and so much is more than the
 * server leaves unacknowledged, so that its word comes and more is pushed without a timer.
 */
const hiddenBehindAtBytes = 1024 * 1024

/** From the attempt to `welcome`: more than the server's own limits for hello (5 s) and authentication (10 s). */
const attemptTimeoutMs = 20_000
/** How often the clock is looked at; a page in the background gets one look a minute, and then only watches. */
const lookEveryMs = 500
/** Between two looks: this end has slept, or its page was in the background. */
const sleptMs = 2_000
/** With a call waiting: silence before the line is probed, and again before it is left; a look too early rather than too late. */
const probeAfterMs = 5_000 - lookEveryMs
/** How long the other end may take to answer a close frame. */
const closeTimeoutMs = 5_000

export class Line implements ClientControl, SessionLine, SocketHandlers {
  welcomeMessage: Welcome | undefined
  readonly session: ClientSession
  /** Milliseconds between the last ping and its pong. */
  roundTripMs: number | undefined
  /** Settles when nobody waits for it any more. */
  readonly over = makeDeferred()
  readonly #host: LineHost
  readonly #socket: ClientSocket
  /** Left or closed by this end: nothing of it is heard any more, and nothing is said. */
  #isOver = false
  #receivedAt = performance.now()
  #sentAt = this.#receivedAt
  #probedAt: number | undefined
  /** Since when something is unanswered: an older probe was none about that, nor is older silence. */
  #waitingSince = 0
  /** What came or went since is taken to be as old: to read the clock for each frame is felt, and to probe too early is no harm. */
  #lookedAt = this.#receivedAt
  /** For the attempt; later for the looks; at last for the close. */
  #timer: ReturnType<typeof setTimeout>

  constructor(host: LineHost, url: string, session: ClientSession) {
    this.#host = host
    this.session = session
    this.#socket = host.platform.connect(url, subprotocol, this)
    this.#timer = setTimeout(() => this.#unanswered('the attempt'), attemptTimeoutMs)
  }

  get isBehind(): boolean {
    return this.#socket.bufferedAmount >= (this.#host.platform.isHidden ? hiddenBehindAtBytes : behindAtBytes)
  }

  write(frame: FrameData): void {
    if (this.#isOver) return
    this.#sentAt = this.#lookedAt
    this.#socket.send(frame)
  }

  /** Something happened that may have cost the link: what came before says nothing, and a sign of life is asked for now. */
  wake(): void {
    if (!this.welcomeMessage || this.#probedAt !== undefined) return
    this.#receivedAt = -Infinity
    this.#probe()
  }

  /** Closes in order: it is over when the other end has answered, or took too long. */
  close(): void {
    if (this.#isOver) return
    this.session.flush()
    this.leave(closeCode.done)
    this.#timer = setTimeout(() => this.#unanswered('the close'), closeTimeoutMs)
  }

  /** Leaves at once, and tells nobody. Safe to call twice. */
  leave(code: number = closeCode.leaving, reason = ''): void {
    clearTimeout(this.#timer)
    if (this.#isOver) return
    this.#isOver = true
    // On a dead link this takes as long as it takes; nobody waits for it.
    this.#socket.close(code, cutReason(reason))
  }

  /** Gives it up. */
  lose(code: number, reason: string): void {
    this.leave(code, reason)
    this.#host.closed(this, code, reason, true)
  }

  // ── Control messages ───────────────────────────────────────────────────────

  welcome(welcome: Welcome): void {
    if (this.welcomeMessage) throw refuse(WELCOME, 'sent twice')
    this.welcomeMessage = welcome
    clearTimeout(this.#timer)
    this.#lookedAt = performance.now()
    this.#timer = setInterval(() => this.#look(), lookEveryMs)
    unreference(this.#timer)
    this.#host.welcomed(this, welcome)
  }

  ping(received: number, sent: number): void {
    this.session.acknowledged(received, sent)
    this.write(encodePong(...this.session.sequence.tell()))
  }

  pong(received: number, sent: number): void {
    this.session.acknowledged(received, sent)
  }

  goaway(drainMs: number, reason: string, spreadMs: number | undefined): void {
    this.#host.goaway(this, drainMs, reason, spreadMs)
  }

  authenticated(answer: Authenticated): void {
    this.#host.authenticated(this, answer)
  }

  // ── The socket ─────────────────────────────────────────────────────────────

  open(): void {
    if (this.#isOver) return
    this.write(encodeHello(this.#host.hello(this)))
    this.session.opened(this)
  }

  frame(data: FrameData): void {
    if (this.#isOver) return
    this.#receivedAt = this.#lookedAt
    if (this.#probedAt !== undefined) this.roundTripMs = performance.now() - this.#probedAt
    this.#probedAt = undefined
    try {
      const frame = typeof data === 'string' ? parseFrame(data) : parseBinaryFrame(data)
      // The first of a frame is a message, or it is no frame.
      if (!this.welcomeMessage && (frame.messages[0] as Message)[0] !== WELCOME)
        throw refuse(WELCOME, 'is not the first')
      if (frame.isControl) readFrame(frame, readControl, this as ClientControl)
      else this.session.take(frame, data.length)
    } catch (error) {
      if (!(error instanceof FrameRefusal)) throw error
      this.lose(error.code, error.message)
    }
  }

  drained(): void {
    this.session.wake()
  }

  closed(code: number, reason: string): void {
    this.leave()
    this.#host.closed(this, code, reason, false)
  }

  // ── Silence ────────────────────────────────────────────────────────────────

  #unanswered(what: string): void {
    this.lose(closeCode.keepAliveTimeout, `no answer to ${what}`)
  }

  #probe(): void {
    this.#probedAt = performance.now()
    this.write(encodePing(...this.session.sequence.tell()))
  }

  #look(): void {
    const now = performance.now()
    // What has arrived meanwhile is not read yet.
    const slept = now - this.#lookedAt > sleptMs
    this.#lookedAt = now
    if (slept) {
      this.#probedAt = undefined
      return this.wake()
    }
    const { unanswered, sequence } = this.session
    const isWaiting = unanswered > 0 || (sequence.keeps && sequence.unacknowledged > 0)
    if (!isWaiting) this.#waitingSince = now + lookEveryMs
    const isOverdue = now - Math.max(this.#probedAt ?? this.#receivedAt, this.#waitingSince) >= probeAfterMs
    const { intervalMs, timeoutMs } = (this.welcomeMessage as Welcome).keepAlive
    if (this.#probedAt === undefined) {
      // Before the server's own is due: so either end may stall for longer than `timeoutMs` and is not taken for dead.
      const quietMs = Math.max(intervalMs / 2, intervalMs - timeoutMs / 2)
      if (isOverdue || now - Math.min(this.#receivedAt, this.#sentAt) >= quietMs) this.#probe()
      return
    }
    const deadAt = Math.max(this.#probedAt, this.#receivedAt + intervalMs - lookEveryMs) + timeoutMs
    if (isWaiting ? isOverdue : now >= deadAt) this.#unanswered('a ping')
  }
}
