// One socket of the client, from the attempt to its end: hello and welcome, frames in and out, silence.
// Does not know what comes after it; a line that was left says nothing more to anybody.
import { closeCode, cutReason, subprotocol } from '../protocol/close.ts'
import { unreference } from '../protocol/deadlines.ts'
import { FrameRefusal, parseFrame, readFrame, refuse, sequenceBroken } from '../protocol/decode.ts'
import {
  encodeAuthenticate,
  encodeCancel,
  encodeCredit,
  encodeHello,
  encodePing,
  encodePong,
  type Hello,
  RESULT,
  WELCOME,
  type Welcome,
} from '../protocol/messages.ts'
import { joinBatch, Outbox } from '../protocol/outbox.ts'
import { type ClientReceiver, readAtClient } from '../protocol/read-at-client.ts'
import type { ClientSocket, Platform } from './platform.ts'

/** What a line tells the client: its life, and what the server says about calls. */
export interface LineHost
  extends Pick<ClientReceiver, 'result' | 'error' | 'accept' | 'item' | 'gap' | 'end' | 'goaway' | 'authenticated'> {
  /** The socket is open and `hello` is written: the first calls may follow in the same turn. */
  opened(): void
  welcomed(welcome: Welcome): void
  /** Once, and last. `isLost`: this end gave it up for dead. */
  closed(code: number, reason: string, isLost: boolean): void
  /** True while a call waits for an answer. */
  isWaiting(): boolean
}

/** From the attempt to `welcome`: more than the server's own limits for hello (5 s) and authentication (10 s). */
const attemptTimeoutMs = 20_000
/** How often the clock is looked at; a page in the background gets one look a minute, and then only watches. */
const lookEveryMs = 1_000
/** With a call waiting: silence before the line is probed, and again before it is left. */
const probeAfterMs = 5_000

export class Line implements ClientReceiver {
  welcomeMessage: Welcome | undefined
  readonly #host: LineHost
  readonly #outbox: Outbox
  readonly #socket: ClientSocket
  readonly #hello: Hello
  #isOpen = false
  #isOver = false
  #received = 0
  #sent = 0
  #receivedAt = performance.now()
  /** Since when the server owes a sign of life. */
  #silentSince: number | undefined
  #probedAt: number | undefined
  #lookedAt = performance.now()
  #timer: ReturnType<typeof setInterval> | undefined
  #attemptTimer: ReturnType<typeof setTimeout>

  constructor(host: LineHost, platform: Platform, url: string, hello: Hello) {
    this.#host = host
    this.#hello = hello
    this.#outbox = new Outbox({
      schedule: () => platform.schedule(this.#flush),
      write: (text, counted) => this.#write(text, counted),
      joinStreams: joinBatch,
    })
    this.#socket = platform.connect(url, subprotocol, {
      open: () => this.#open(),
      text: (frame) => this.#text(frame),
      binary: () => this.#end(closeCode.badMessage, 'a binary frame came', true),
      closed: (code, reason) => this.#end(code, reason, false),
    })
    this.#attemptTimer = setTimeout(() => this.#lose('no answer to the attempt'), attemptTimeoutMs)
  }

  /** The socket takes messages; before `welcome` few of them. */
  get isOpen(): boolean {
    return this.#isOpen && !this.#isOver
  }

  send(message: string): void {
    this.#outbox.push(message)
  }

  cancel(id: number): void {
    this.#outbox.push(encodeCancel(id))
  }

  credit(id: number, items: number, bytes: number): void {
    this.#outbox.ride(encodeCredit(id, items, bytes))
  }

  authenticate(params: Readonly<Record<string, unknown>>): void {
    this.#write(encodeAuthenticate(params), false)
  }

  /** Something happened that may have cost the link: ask for a sign of life now. */
  probe(): void {
    if (!this.welcomeMessage || this.#isOver || this.#probedAt !== undefined) return
    this.#probedAt = performance.now()
    this.#write(encodePing(this.#received, this.#sent), false)
  }

  /** Closes in order; the host hears `closed` when the other end has answered, or after `waitMs`. */
  close(code: number, reason: string): void {
    if (this.#isOver) return
    this.#outbox.flush()
    this.#socket.close(code, cutReason(reason))
  }

  /** Leaves at once: nothing of this line is heard any more. Safe to call twice. */
  leave(code: number = closeCode.done, reason = ''): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#timer)
    clearTimeout(this.#attemptTimer)
    this.#outbox.clear()
    // On a dead link this takes as long as it takes; nobody waits for it.
    this.#socket.close(code, cutReason(reason))
  }

  // ── Messages for the line itself ───────────────────────────────────────────

  welcome(welcome: Welcome): void {
    if (this.welcomeMessage) throw refuse(WELCOME, 'sent twice')
    this.welcomeMessage = welcome
    clearTimeout(this.#attemptTimer)
    this.#lookedAt = performance.now()
    this.#timer = setInterval(() => this.#look(), lookEveryMs)
    unreference(this.#timer)
    this.#host.welcomed(welcome)
  }

  ping(received: number, sent: number): void {
    this.#checkSequence(received, sent)
    this.#write(encodePong(this.#received, this.#sent), false)
  }

  pong(received: number, sent: number): void {
    this.#checkSequence(received, sent)
  }

  // ── Messages for calls ─────────────────────────────────────────────────────

  result(id: number, value: unknown, rich: unknown): void {
    if (!this.welcomeMessage) throw refuse(RESULT, 'before welcome')
    this.#host.result(id, value, rich)
  }

  error: ClientReceiver['error'] = (...fields) => this.#host.error(...fields)
  accept: ClientReceiver['accept'] = (...fields) => this.#host.accept(...fields)
  gap: ClientReceiver['gap'] = (...fields) => this.#host.gap(...fields)
  end: ClientReceiver['end'] = (id) => this.#host.end(id)
  goaway: ClientReceiver['goaway'] = (...fields) => this.#host.goaway(...fields)
  authenticated: ClientReceiver['authenticated'] = (answer) => this.#host.authenticated(answer)

  item(stream: number, value: unknown, eventId: string | undefined, size: number, rich: unknown): void {
    this.#host.item(stream, value, eventId, size, rich)
  }

  readonly #flush = (): void => this.#outbox.flush()

  // ── The socket ─────────────────────────────────────────────────────────────

  #open(): void {
    if (this.#isOver) return
    this.#isOpen = true
    this.#write(encodeHello(this.#hello), false)
    this.#host.opened()
  }

  #text(frame: string): void {
    if (this.#isOver) return
    this.#receivedAt = performance.now()
    this.#silentSince = this.#probedAt = undefined
    try {
      const parsed = parseFrame(frame)
      if (parsed.isCounted) this.#received++
      readFrame(parsed, readAtClient, this as ClientReceiver)
    } catch (error) {
      if (!(error instanceof FrameRefusal)) throw error
      this.#end(error.code, error.message, true)
    }
  }

  #write(text: string, counted: boolean): void {
    if (this.#isOver) return
    if (counted) this.#sent++
    this.#silentSince ??= performance.now()
    this.#socket.send(text)
  }

  #checkSequence(received: number, sent: number): void {
    if (sent !== this.#received) throw sequenceBroken(sent, this.#received)
    if (received > this.#sent) throw sequenceBroken(this.#sent, received)
  }

  #end(code: number, reason: string, byThisEnd: boolean): void {
    if (this.#isOver) return
    if (byThisEnd) this.leave(code, reason)
    else this.leave()
    this.#host.closed(code, reason, byThisEnd)
  }

  #lose(reason: string): void {
    if (this.#isOver) return
    this.leave()
    this.#host.closed(closeCode.keepAliveTimeout, reason, true)
  }

  #look(): void {
    const now = performance.now()
    // This end has slept, or its page was in the background: what has arrived is not read yet.
    const slept = now - this.#lookedAt > lookEveryMs * 2
    this.#lookedAt = now
    if (slept) {
      this.#probedAt = undefined
      return this.probe()
    }
    const { intervalMs, timeoutMs } = (this.welcomeMessage as Welcome).keepAlive
    const isWaiting = this.#host.isWaiting()
    const patience = isWaiting ? probeAfterMs : timeoutMs
    if (this.#probedAt !== undefined) {
      if (now - this.#probedAt >= patience) this.#lose('no answer to a ping')
    } else if (now - this.#receivedAt >= intervalMs + timeoutMs) {
      this.probe()
    } else if (isWaiting && this.#silentSince !== undefined && now - this.#silentSince >= probeAfterMs) {
      this.probe()
    }
  }
}
