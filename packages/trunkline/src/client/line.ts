// One socket of the client, from the attempt to its end: hello and welcome, control messages, silence.
// Hands frames of calls to its session; does not know what comes after it. A line that was left says nothing more to anybody.

import { parseBinaryFrame } from '../protocol/binary-frame.ts'
import { cutReason, subprotocol } from '../protocol/close.ts'
import * as closeCode from '../protocol/close-code.ts'
import { unreference } from '../protocol/deadlines.ts'
import { FrameRefusal, parseFrame, readFrame, refuse } from '../protocol/decode.ts'
import type { FrameData } from '../protocol/encoded.ts'
import {
  type Authenticated,
  encodeAuthenticate,
  encodeHello,
  encodePing,
  encodePong,
  type Hello,
  RESULT,
  WELCOME,
  type Welcome,
} from '../protocol/messages.ts'
import { type ClientControl, readControl } from '../protocol/read-at-client.ts'
import { makeDeferred } from './deferred.ts'
import type { ClientSocket, Platform } from './platform.ts'
import type { ClientSession, SessionLine } from './session.ts'

/** What a line tells the client of its life. */
export interface LineHost {
  authenticated(line: Line, answer: Authenticated): void
  /** The socket is open. */
  hello(line: Line): Hello
  welcomed(line: Line, welcome: Welcome): void
  goaway(line: Line, drainMs: number, reason: string, spreadMs: number | undefined): void
  /** Once, and last. `isLost`: this end gave it up for dead. */
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

export class Line implements ClientControl, SessionLine {
  welcomeMessage: Welcome | undefined
  readonly session: ClientSession
  /** Milliseconds between the last ping and its pong. */
  roundTripMs: number | undefined
  readonly #host: LineHost
  readonly #platform: Platform
  readonly #socket: ClientSocket
  /** Its end: nothing of it is heard any more. */
  readonly over = makeDeferred()
  #isOver = false
  /** Closed by this end: what comes until the other end has answered is for nobody. */
  #isClosing = false
  #receivedAt = performance.now()
  #sentAt = performance.now()
  /** Since when the server owes a sign of life. */
  #silentSince: number | undefined
  #probedAt: number | undefined
  /** When a probe without a call counts as unanswered. */
  #deadAt = 0
  /** Since when something is unanswered: an older probe was none about that. */
  #waitingSince: number | undefined
  /** What came or went since is taken to be as old: to read the clock for each frame is felt, and to probe too early is no harm. */
  #lookedAt = performance.now()
  /** For the attempt; later for the looks. */
  #timer: ReturnType<typeof setTimeout>

  constructor(host: LineHost, platform: Platform, url: string, session: ClientSession) {
    this.#host = host
    this.#platform = platform
    this.session = session
    this.#socket = platform.connect(url, subprotocol, {
      open: () => this.#open(),
      frame: (data) => this.#receive(data),
      drained: () => this.session.line === this && this.session.wake(),
      closed: (code, reason) => this.#end(code, reason, false),
    })
    this.#timer = setTimeout(() => this.#lose('no answer to the attempt'), attemptTimeoutMs)
  }

  get isBehind(): boolean {
    return this.#socket.bufferedAmount >= (this.#platform.isHidden ? hiddenBehindAtBytes : behindAtBytes)
  }

  write(frame: FrameData): void {
    if (this.#isOver) return
    this.#sentAt = this.#lookedAt
    this.#silentSince ??= this.#lookedAt
    this.#socket.send(frame)
  }

  authenticate(params: Readonly<Record<string, unknown>>): void {
    this.write(encodeAuthenticate(params))
  }

  /** Something happened that may have cost the link: ask for a sign of life now, and give it time, until `notBefore` at least. */
  probe(notBefore = 0): void {
    if (!this.welcomeMessage || this.#isOver || this.#probedAt !== undefined) return
    this.#probedAt = performance.now()
    this.#deadAt = Math.max(notBefore, this.#probedAt + this.welcomeMessage.keepAlive.timeoutMs)
    this.write(encodePing(...this.session.sequence.tell()))
  }

  /** Closes in order; the host hears `closed` when the other end has answered. */
  close(code: number, reason: string): void {
    if (this.#isOver) return
    this.session.flush()
    this.#isClosing = true
    this.#socket.close(code, cutReason(reason))
  }

  /** Leaves at once: nothing of this line is heard any more. Safe to call twice. */
  leave(code: number = closeCode.leaving, reason = ''): void {
    if (this.#isOver) return
    this.#isOver = true
    this.over.resolve()
    clearTimeout(this.#timer)
    // On a dead link this takes as long as it takes; nobody waits for it.
    this.#socket.close(code, cutReason(reason))
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

  authenticated: ClientControl['authenticated'] = (answer) => this.#host.authenticated(this, answer)

  // ── The socket ─────────────────────────────────────────────────────────────

  #open(): void {
    if (this.#isOver) return
    this.write(encodeHello(this.#host.hello(this)))
    this.session.opened(this)
  }

  #receive(data: FrameData): void {
    if (this.#isOver || this.#isClosing) return
    this.#receivedAt = this.#lookedAt
    if (this.#probedAt !== undefined) this.roundTripMs = performance.now() - this.#probedAt
    this.#silentSince = this.#probedAt = undefined
    try {
      const frame = typeof data === 'string' ? parseFrame(data) : parseBinaryFrame(data)
      if (frame.isControl) readFrame(frame, readControl, this as ClientControl)
      else if (this.welcomeMessage) this.session.take(frame, data.length)
      else throw refuse(RESULT, 'before welcome')
    } catch (error) {
      if (!(error instanceof FrameRefusal)) throw error
      this.#end(error.code, error.message, true)
    }
  }

  #end(code: number, reason: string, byThisEnd: boolean): void {
    if (this.#isOver) return
    if (byThisEnd) this.leave(code, reason)
    else this.leave()
    this.#host.closed(this, code, reason, byThisEnd)
  }

  #lose(reason: string): void {
    this.#end(closeCode.keepAliveTimeout, reason, true)
  }

  #look(): void {
    const now = performance.now()
    // What has arrived meanwhile is not read yet.
    const slept = now - this.#lookedAt > sleptMs
    this.#lookedAt = now
    if (slept) {
      this.#probedAt = undefined
      return this.probe()
    }
    const { unanswered, sequence } = this.session
    const isWaiting = unanswered > 0 || (sequence.keeps && sequence.unacknowledged > 0)
    this.#waitingSince = isWaiting ? (this.#waitingSince ?? now) : undefined
    if (this.#probedAt !== undefined) {
      const waitedSince = Math.max(this.#probedAt, this.#waitingSince ?? 0)
      const isDead = isWaiting ? now - waitedSince >= probeAfterMs : now >= this.#deadAt
      if (isDead) this.#lose('no answer to a ping')
    } else if (isWaiting && now - (this.#silentSince ?? this.#receivedAt) >= probeAfterMs) this.probe()
    else this.#keepAlive(now)
  }

  /** Pings before the server's own is due: so either end may stall for longer than `timeoutMs` and is not taken for dead. */
  #keepAlive(now: number): void {
    const { intervalMs, timeoutMs } = (this.welcomeMessage as Welcome).keepAlive
    const quietMs = Math.max(intervalMs / 2, intervalMs - timeoutMs / 2)
    if (now - Math.min(this.#receivedAt, this.#sentAt) < quietMs) return
    this.probe(this.#receivedAt + intervalMs + timeoutMs - lookEveryMs)
  }
}
