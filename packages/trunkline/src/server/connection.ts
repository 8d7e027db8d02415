// One accepted socket, from its first frame to its end: hello and welcome, frames in and out, pressure.
// Hands calls to its session; does not know HTTP or the runtime.
//
//   opening ──hello──▶ authenticating ──welcome──▶ open ──▶ closed
//      └──────────────────────┴── refusal, time-out, loss ──────▲
import { closeCode, cutReason } from '../protocol/close.ts'
import { FrameRefusal, readFrame, refuse, sequenceBroken } from '../protocol/decode.ts'
import {
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
import { Authentication } from './authentication.ts'
import type { Connection } from './handler.ts'
import type { ServerCore } from './server.ts'
import { ServerSession, type SessionLine } from './session.ts'
import type { ServerSocket, SocketEvents, UpgradeRequest } from './socket.ts'

/** Unsent bytes at which generators rest: the kernel's buffer is full, and more would only wait here. */
const restAtBytes = 64 * 1024
/** Unsent bytes at which no more calls are read. */
const pauseAtBytes = 1024 * 1024
/** Unsent bytes at which a connection is given up. */
const giveUpAtBytes = 16 * 1024 * 1024
/** What a stranger may have the server hold before it is known (PROTOCOL.md section 3), in UTF-16 units. */
const maxUnauthenticated = 64 * 1024

export class ServerConnection implements ServerReceiver, SocketEvents, OutboxHost, Connection, SessionLine {
  readonly id: string
  principal: string | undefined
  isResting = false
  lastReceivedAt: number
  lastSentAt: number
  readonly #core: ServerCore
  readonly #socket: ServerSocket
  readonly #outbox: Outbox
  #phase: 'opening' | 'authenticating' | 'open' | 'closed' = 'opening'
  #authentication: Authentication | undefined
  #hello: Required<Hello> | undefined
  /** Made when the connection is welcome; until then there is nothing a message could be for. */
  #session: ServerSession | undefined
  #held: string[] = []
  #heldLength = 0
  #received = 0
  #sent = 0
  #isPaused = false

  constructor(core: ServerCore, socket: ServerSocket, request: UpgradeRequest, id: string) {
    this.#core = core
    this.#socket = socket
    this.id = id
    this.lastReceivedAt = this.lastSentAt = performance.now()
    this.#outbox = new Outbox(this)
    this.#authentication = new Authentication(core.settings, request, {
      passed: (context, principal) => this.#welcome(context, principal),
      refused: (code, reason) => this.close(code, reason),
      failed: (error) => core.report(error),
    })
  }

  get isOpen(): boolean {
    return this.#phase === 'open'
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

  text(frame: string): void {
    if (this.#phase === 'closed') return
    this.lastReceivedAt = performance.now()
    if (this.#phase !== 'open' && !this.#mayHold(frame)) return
    if (this.#phase === 'authenticating') {
      this.#held.push(frame)
      return
    }
    try {
      // A batch has a bracket in second place; what is not a batch is one message, and has a message's limit.
      if (frame.length > this.#core.messageBytes && frame[1] !== '[') {
        throw new FrameRefusal(closeCode.tooLarge, `a message is larger than ${this.#core.messageBytes} bytes`)
      }
      if (readFrame(frame, readAtServer, this)) this.#received++
    } catch (error) {
      this.#refuse(error)
    }
  }

  binary(): void {
    this.close(closeCode.unsupportedData, 'binary frames are not understood')
  }

  drained(): void {
    if (this.#phase === 'closed') return
    this.isResting = false
    if (this.#isPaused) {
      this.#isPaused = false
      this.#socket.resume()
    }
    this.#session?.wake()
  }

  closed(): void {
    this.#end()
    this.#core.forget(this)
  }

  // ── Messages ───────────────────────────────────────────────────────────────

  hello(hello: Required<Hello>): void {
    if (this.#phase !== 'opening') throw refuse(HELLO, 'sent twice')
    this.#phase = 'authenticating'
    this.#hello = hello
    this.#authentication?.start(hello.params)
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

  // ── For its session ────────────────────────────────────────────────────────

  send(message: string): void {
    if (this.#phase === 'open') this.#outbox.push(message)
  }

  sendStream(message: string): void {
    if (this.#phase === 'open') this.#outbox.pushStream(message)
  }

  // ── For its outbox ─────────────────────────────────────────────────────────

  schedule(outbox: Outbox): void {
    this.#core.schedule(outbox)
  }

  joinStreams(messages: string[]): string {
    return this.#core.joinStreams(messages)
  }

  write(text: string, counted: boolean): void {
    if (this.#phase === 'closed') return
    if (counted) this.#sent++
    this.lastSentAt = performance.now()
    this.#socket.send(text)
    const buffered = this.#socket.bufferedAmount
    if (buffered >= restAtBytes) this.#relieve(buffered)
  }

  // ── Life ───────────────────────────────────────────────────────────────────

  sendPing(): void {
    this.write(encodePing(this.#received, this.#sent), false)
  }

  sendGoaway(drainMs: number): void {
    if (this.#phase === 'open') this.write(encodeGoaway(drainMs, 'the server is shutting down'), false)
  }

  disconnect(reason = 'disconnected by the server'): void {
    this.close(closeCode.forbidden, reason)
  }

  /** Says what is left to say and closes. Safe to call twice. */
  close(code: number, reason: string): void {
    if (this.#phase === 'closed') return
    if (this.#phase === 'open') this.#outbox.flush()
    this.#end()
    this.#socket.close(code, cutReason(reason))
  }

  /** Drops the connection without waiting for the other end. */
  drop(): void {
    this.#end()
    this.#socket.terminate()
  }

  #end(): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#authentication?.stop()
    this.#authentication = undefined
    this.#outbox.clear()
    this.#held = []
    this.#session?.end()
  }

  #welcome(context: unknown, principal: string | undefined): void {
    if (this.#phase !== 'authenticating') return
    this.#phase = 'open'
    this.#authentication = undefined
    this.principal = principal
    this.#session = new ServerSession(this.#core, this, this.#hello as Required<Hello>, context)
    this.#hello = undefined
    this.write(encodeWelcome(this.#core.welcomeFor(this.id)), false)
    const held = this.#held
    this.#held = []
    for (const frame of held) this.text(frame)
  }

  #mayHold(frame: string): boolean {
    this.#heldLength += frame.length
    if (this.#heldLength <= maxUnauthenticated) return true
    this.close(closeCode.badMessage, 'more than 64 KiB before authentication')
    return false
  }

  #requireSession(): ServerSession {
    if (this.#session) return this.#session
    throw refuse(HELLO, this.#phase === 'opening' ? 'has to be the first frame' : 'has to be alone in its frame')
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
    if (buffered >= giveUpAtBytes) {
      this.close(closeCode.slowConsumer, 'reads too slowly')
    } else if (buffered >= pauseAtBytes && !this.#isPaused) {
      this.#isPaused = true
      this.#socket.pause()
    }
  }
}
