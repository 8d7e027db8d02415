// What a server keeps of a client across its sockets: counts and copies of frames, and what it has going (PROTOCOL.md section 9).
// Does not read bytes and does not authenticate.
//
//   attached ──socket lost──▶ detached ──hello of a later attempt──▶ attached …
//      └── done, refused, revoked ──┴── keepMs or bufferBytes passed ──▶ over
import { type Frame, FrameRefusal, readCounts, readMessage } from '../protocol/decode.ts'
import { ACK, encodeWelcome, type Welcome } from '../protocol/messages.ts'
import { Outbox, type OutboxHost } from '../protocol/outbox.ts'
import { type ReadHello, readCall } from '../protocol/read-at-server.ts'
import { Sequence } from '../protocol/sequence.ts'
import type { Principal } from './authentication.ts'
import { Backlog, type BacklogHost } from './backlog.ts'
import type { ServerCore } from './core.ts'
import type { Connection } from './handler.ts'
import { OpenCalls, type OpenCallsHost } from './open-calls.ts'

/** The socket, as its session sees it. */
export interface SessionLine {
  /** The socket is behind. */
  readonly isResting: boolean
  write(text: string): void
  /** Reads nothing more for now, or goes on. */
  hold(isHeld: boolean): void
  /** The peer has broken the protocol, or this end has failed. */
  refuse(error: unknown): void
  /** Another socket has taken over. */
  replaced(): void
  close(code: number, reason: string): void
}

export class ServerSession implements OutboxHost, BacklogHost, OpenCallsHost, Connection {
  readonly id: string
  readonly principal: string | undefined
  readonly name: string
  /** The attempt with which it began. */
  readonly since: number
  readonly sequence = new Sequence()
  readonly calls: OpenCalls
  /** The last socket's. */
  attempt: number
  /** Since when there is no socket, on the clock of `performance.now()`. */
  detachedAt: number | undefined
  isOver = false
  readonly #core: ServerCore
  readonly #outbox: Outbox
  readonly #backlog: Backlog
  #line: SessionLine | undefined
  /** What had come across, either way, when the client last came back, and how often in a row that was no more. */
  #progress = -1
  #strikes = 0

  constructor(core: ServerCore, id: string, hello: ReadHello, principal: Principal) {
    this.#core = core
    this.id = id
    this.name = hello.session
    this.since = hello.attempt
    this.attempt = hello.attempt
    this.principal = principal.name
    this.sequence.keeps = core.settings.resume !== undefined && hello.features.includes('resume')
    this.#outbox = new Outbox(this)
    this.#backlog = new Backlog(this)
    this.calls = new OpenCalls(core, this, hello, principal.context)
  }

  /** The `connection` of a handler's argument: it stays the same across sockets. */
  get handle(): Connection {
    return this
  }

  get line(): SessionLine | undefined {
    return this.#line
  }

  get isResting(): boolean {
    return this.#line?.isResting ?? true
  }

  // ── Sockets ────────────────────────────────────────────────────────────────

  /** The first socket is welcome. */
  begin(line: SessionLine, welcome: Welcome): void {
    this.#line = line
    line.write(encodeWelcome(welcome))
  }

  /**
   * True when a client comes back for what it was sent twice before and has never received, while nothing else came across:
   * something in it breaks the line, and would break it again.
   */
  isStuck(received: number): boolean {
    const progress = received + this.sequence.received
    const waits = received < this.sequence.sent
    this.#strikes = waits && progress === this.#progress ? this.#strikes + 1 : 0
    this.#progress = progress
    return this.#strikes >= 2
  }

  /** A later socket takes over: in one turn, so that nothing comes between what was counted and what is said. */
  resume(line: SessionLine, hello: ReadHello, welcome: Welcome): void {
    this.#line?.replaced()
    this.#line = line
    this.attempt = hello.attempt
    this.detachedAt = undefined
    const { sequence } = this
    this.calls.settled(hello.settled)
    line.write(encodeWelcome({ ...welcome, session: 'resumed', received: sequence.received }))
    sequence.acknowledge(hello.received)
    for (const copy of sequence.copies) line.write(copy)
    this.#core.resumed(sequence.copies.length)
    if (this.#backlog.isHeld) line.hold(true)
    this.calls.wake()
  }

  /** A socket is gone. What it had is kept if somebody may come for it. */
  detach(line: SessionLine, isKept: boolean): void {
    if (this.#line !== line) return
    if (!isKept || !this.sequence.keeps) return this.end()
    // What was said before and is not encoded yet belongs to the copies.
    this.#outbox.flush()
    this.#line = undefined
    if (this.sequence.length > this.#maxLength) return this.end()
    this.detachedAt = performance.now()
    this.#core.detached(this)
  }

  /** Nobody will come for the answers any more. Safe to call twice. */
  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.#line = undefined
    this.#outbox.clear()
    this.#backlog.clear()
    this.sequence.forget()
    this.calls.end()
    this.#core.ended(this)
  }

  disconnect(reason?: string): void {
    this.#core.disconnectSession(this, reason)
  }

  // ── Frames ─────────────────────────────────────────────────────────────────

  /** Takes a frame of calls; it counts from now on, even if its messages have to wait for their turn. */
  take(frame: Frame, length: number, now: number): void {
    const { sequence } = this
    if (frame.isCounted) sequence.take(length)
    if (frame.ack) sequence.check(...readCounts(ACK, frame.ack))
    this.#backlog.take(frame, length, now)
    if (sequence.keeps && sequence.owesAckAlone) this.#line?.write(sequence.ack(false))
  }

  work(frame: Frame, index: number, now: number): boolean {
    this.calls.at(now)
    try {
      readMessage(frame, index, readCall, this.calls)
    } catch (error) {
      if (this.#line) this.#line.refuse(error)
      else {
        if (!(error instanceof FrameRefusal)) this.#core.report(error)
        this.end()
      }
    }
    return !this.isOver
  }

  yieldTo(task: () => void): void {
    this.#core.settings.yieldTo(task)
  }

  hold(isHeld: boolean): void {
    this.#line?.hold(isHeld)
  }

  send(message: string): void {
    if (!this.isOver) this.#outbox.push(message)
  }

  sendStream(message: string): void {
    if (!this.isOver) this.#outbox.pushStream(message)
  }

  /** Says what is left to say. */
  flush(): void {
    this.#outbox.flush()
  }

  schedule(outbox: Outbox): void {
    this.#core.broadcast.schedule(outbox)
  }

  joinStreams(messages: string[]): string {
    return this.#core.broadcast.joinStreams(messages)
  }

  rider(counted: boolean): string | undefined {
    const { sequence } = this
    return sequence.keeps && sequence.owesAck ? sequence.ack(counted) : undefined
  }

  write(text: string, counted: boolean): void {
    const { sequence } = this
    if (counted) sequence.add(text)
    this.#line?.write(text)
    if (sequence.length > this.#maxLength) this.#overflow()
  }

  /** Connected, what was not acknowledged may be as much as may be unsent. */
  get #maxLength(): number {
    const { resume, limits } = this.#core.settings
    return this.#line ? limits.bufferedBytes : (resume?.bufferBytes ?? 0)
  }

  /** A live link is never broken for its copies: it can't be resumed any more, and that is all. */
  #overflow(): void {
    if (this.#line) this.sequence.forget()
    else this.end()
  }
}
