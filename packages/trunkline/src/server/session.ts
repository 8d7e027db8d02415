// What a server keeps of a client across its sockets: counts and copies of frames, and what it has going (PROTOCOL.md section 9).
// Does not read bytes and does not authenticate.
//
//   attached ──socket lost──▶ detached ──hello of a later attempt──▶ attached …
//      └── done, refused, revoked ──┴── keepMs or bufferBytes passed ──▶ over
import type { RouterClient } from '../contract/client-types.ts'
import type { RouterRecord } from '../contract/router.ts'
import { closeCode } from '../protocol/close.ts'
import { Collected } from '../protocol/collected.ts'
import { type Frame, FrameRefusal, type Message, readCounts, readFrame } from '../protocol/decode.ts'
import type { Encoded, FrameData } from '../protocol/encoded.ts'
import { ACK, type AdvertisedLimits, encodePing, encodeWelcome, PART, type Welcome } from '../protocol/messages.ts'
import { Outbox, type OutboxHost } from '../protocol/outbox.ts'
import type { ReadHello } from '../protocol/read-at-server.ts'
import { readCall } from '../protocol/read-calls.ts'
import { readReply } from '../protocol/read-replies.ts'
import { Sequence } from '../protocol/sequence.ts'
import { isOfServer } from '../protocol/serving.ts'
import type { ValueTypes } from '../protocol/values.ts'
import type { OpenCallsHost } from './answering.ts'
import type { Principal } from './authentication.ts'
import { Backlog, type BacklogHost } from './backlog.ts'
import { ClientCalls, type ClientCallsHost } from './client-calls.ts'
import type { ServerCore } from './core.ts'
import type { Connection } from './handler.ts'
import { InFlight } from './in-flight.ts'
import { OpenCalls } from './open-calls.ts'

/** The socket, as its session sees it. */
export interface SessionLine {
  /** The socket is behind. */
  readonly isResting: boolean
  write(frame: FrameData): void
  /** Reads nothing more for now, or goes on. */
  hold(isHeld: boolean): void
  /** The peer has broken the protocol, or this end has failed. */
  refuse(error: unknown): void
  /** Another socket has taken over. */
  replaced(): void
  close(code: number, reason: string): void
}

/** Unacknowledged, in bytes: a client that comes back has to find all of it. */
const maxBulkLength = 512 * 1024
/** To write a frame of this length is a turn's share: making it was another's. */
const longLength = 64 * 1024
/** As much behind a large message as may be unsent before sources rest. */
const restAtLength = 64 * 1024

export class ServerSession implements OutboxHost, BacklogHost, OpenCallsHost, ClientCallsHost, Connection {
  readonly id: string
  readonly principal: string | undefined
  readonly name: string
  /** The attempt with which it began. */
  readonly since: number
  readonly sequence = new Sequence()
  readonly calls: OpenCalls
  /** What its client lets the server ask; undefined where it serves nothing. */
  readonly serves: AdvertisedLimits | undefined
  /** The server's own calls to it. */
  #asked: ClientCalls | undefined
  /** The last socket's. */
  attempt: number
  /** Since when there is no socket, on the clock of `performance.now()`. */
  detachedAt: number | undefined
  isOver = false
  readonly #core: ServerCore
  readonly #outbox: Outbox
  readonly #backlog: Backlog
  /** Of the parts of a large message. */
  readonly #collected = new Collected()
  /** Made with a line's first stream from a generator. */
  #inFlight: InFlight | undefined
  /** Its streams do, as far as the last item tells. Megabytes of those are read in a millisecond, and take thrice as long bit by bit. */
  #givesBytes = false
  #line: SessionLine | undefined
  /** Frames are being read that came in one piece, and something was said to them. */
  #isReading = false
  #isSaid = false
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
    this.serves = hello.features.includes('serve') ? hello.limits : undefined
    this.calls = new OpenCalls(core, this, hello, principal.context)
  }

  /** The `connection` of a handler's argument: it stays the same across sockets. */
  get handle(): Connection {
    return this
  }

  get line(): SessionLine | undefined {
    return this.#line
  }

  get types(): ValueTypes | undefined {
    return this.#core.settings.types
  }

  client<Router extends RouterRecord>(router: Router): RouterClient<Router> {
    return this.#asks.proxy(router)
  }

  /** Calls of the server that wait for its client's answer. */
  get asked(): number {
    return this.#asked?.unanswered ?? 0
  }

  get #asks(): ClientCalls {
    this.#asked ??= new ClientCalls(this)
    return this.#asked
  }

  /** What is held for a client that may come back: copies, what is large and waits, and what came of a large message. */
  get keptLength(): number {
    return this.sequence.length + this.#outbox.waitingLength + this.#collected.length
  }

  /** The socket is behind, or large messages wait for their turn: more would only wait with them. */
  get isResting(): boolean {
    return (this.#line?.isResting ?? true) || this.#outbox.lengthBehind >= restAtLength
  }

  hasRoom(): boolean {
    if (this.#givesBytes) return true
    this.#inFlight ??= new InFlight(this.sequence, () => this.#line?.write(encodePing(...this.sequence.tell())))
    return this.#inFlight.hasRoom(this.#outbox.size)
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
    // What was measured is the other line's, and this one's client may have to be asked.
    this.#inFlight = undefined
    sequence.acknowledge(hello.received)
    for (const copy of sequence.copies) line.write(copy)
    this.#core.resumed(sequence.copies.length)
    this.#pump()
    this.calls.renewCredit()
    this.#asked?.resumed()
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
    if (this.sequence.length + this.#outbox.lengthBehind > this.#maxLength) return this.end()
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
    this.#collected.clear()
    this.sequence.forget()
    this.calls.end()
    this.#asked?.end()
    this.#core.ended(this)
  }

  disconnect(reason?: string): void {
    this.#core.disconnectSession(this, reason)
  }

  // ── Frames ─────────────────────────────────────────────────────────────────

  /** The client has told its counts. @throws FrameRefusal when they don't agree with this end's */
  acknowledged(received: number, sent: number, isAsked = false): void {
    const { sequence } = this
    const before = sequence.length
    sequence.check(received, sent)
    this.#inFlight?.acknowledged(before - sequence.length, isAsked)
    this.#pump()
    this.calls.pull()
  }

  /** Takes a frame of calls; it counts from now on, even if its messages have to wait for their turn. */
  take(frame: Frame, length: number, now: number): void {
    const { sequence } = this
    if (frame.isCounted) sequence.take(length)
    if (frame.ack) this.acknowledged(...readCounts(ACK, frame.ack))
    this.#backlog.take(frame, length, now)
    if (sequence.keeps && sequence.owesAckAlone) this.#line?.write(sequence.ack(false))
  }

  work(frame: Frame, index: number, now: number): boolean {
    const share = frame.length / frame.messages.length
    this.calls.at(now, share)
    if (this.#asked) this.#asked.share = share
    try {
      readFrame(frame, this.#read, this, index, index + 1)
    } catch (error) {
      if (this.#line) this.#line.refuse(error)
      else {
        if (!(error instanceof FrameRefusal)) this.#core.report(error)
        this.end()
      }
    }
    return !this.isOver
  }

  /** The socket has caught up. */
  wake(): void {
    this.#pump()
    this.#wakeSources()
  }

  readonly #read = (type: number, message: Message): void => {
    if (type === PART) return this.#collected.add(message, this.#core.messageBytes)
    this.#collected.give(message)
    if (isOfServer(message[1]) && type !== ACK) readReply(type, message, this.#asks.replies)
    else readCall(type, message, this.calls)
  }

  yieldTo(task: () => void): void {
    this.#core.settings.yieldTo(task)
  }

  hold(isHeld: boolean): void {
    this.#line?.hold(isHeld)
    // From now on no acknowledgement comes that would say so.
    if (isHeld) this.#pump()
  }

  /** Large answers wait here and not in the socket: for who reads slowly it is the same. The one on its way holds up nobody. */
  #watchWaiting(): void {
    const waitingBehind = this.#outbox.lengthBehind
    if (waitingBehind > this.#maxLength) return this.#tooMuchWaits()
    this.#backlog.block(waitingBehind >= this.#core.settings.limits.bufferedBytes / 2)
    if (!this.#backlog.isStopped) return
    // Held first and blocked now: nothing else would have it go on.
    const wasResting = this.isResting
    this.#outbox.pump()
    this.#backlog.block(this.#outbox.lengthBehind >= this.#core.settings.limits.bufferedBytes / 2)
    if (wasResting && !this.isResting) this.#wakeLater()
  }

  #tooMuchWaits(): void {
    if (this.#line) this.#line.close(closeCode.slowConsumer, 'reads too slowly')
    else this.end()
  }

  send(message: Encoded): void {
    if (this.isOver) return
    this.#outbox.push(message)
    if (typeof message !== 'string') this.#watchWaiting()
  }

  sendStream(message: Encoded): void {
    if (this.isOver) return
    this.#givesBytes = typeof message !== 'string'
    this.#outbox.pushStream(message)
    if (typeof message !== 'string') this.#watchWaiting()
  }

  sendAfter(message: string): void {
    if (!this.isOver) this.#outbox.pushAfter(message)
  }

  withdraw(message: Encoded): boolean {
    const isTaken = this.#outbox.withdraw(message)
    if (!isTaken) return false
    this.#watchWaiting()
    if (!this.isResting) this.#wakeSources()
    return true
  }

  ride(message: string): void {
    if (!this.isOver) this.#outbox.ride(message)
  }

  /** Says what is left to say. */
  flush(): void {
    this.#outbox.flush()
  }

  /** What is said to a piece of the client's goes out behind it; or with what its open calls and streams may have to say in this turn. */
  reading(isReading: boolean): void {
    this.#isReading = isReading
    if (isReading || !this.#isSaid) return
    this.#isSaid = false
    if (this.calls.isIdle && this.#outbox.size <= longLength) this.#outbox.flush()
    else this.schedule(this.#outbox)
  }

  schedule(outbox: Outbox): void {
    if (this.#isReading) this.#isSaid = true
    else if (outbox.size > longLength) this.yieldTo(() => outbox.flush())
    else this.#core.broadcast.schedule(outbox)
  }

  #pump(): void {
    if (this.#outbox.waitingLength === 0 && !this.#backlog.isBlocked) return
    const wasResting = this.isResting
    this.#outbox.pump()
    this.#watchWaiting()
    if (wasResting && !this.isResting) this.#wakeSources()
  }

  #wakeSources(): void {
    this.calls.wake()
    this.#asked?.wake()
  }

  /** What is being said now is said first, and a source is not asked in the middle of its own item. */
  #wakeLater(): void {
    this.yieldTo(() => this.wake())
  }

  /** While nothing is read until large answers have gone, no acknowledgement is. Held only for its turn, it goes on by itself. */
  get mayBulk(): boolean {
    return this.#line?.isResting === false && (this.sequence.length < maxBulkLength || this.#backlog.isStopped)
  }

  joinStreams(messages: Encoded[]): FrameData {
    return this.#core.broadcast.joinStreams(messages)
  }

  rider(counted: boolean): string | undefined {
    const { sequence } = this
    return sequence.keeps && sequence.owesAck ? sequence.ack(counted) : undefined
  }

  write(frame: FrameData, counted: boolean): void {
    const { sequence } = this
    if (counted) {
      sequence.add(frame)
      this.#inFlight?.sent()
    }
    this.#line?.write(frame)
    if (sequence.length > this.#maxLength) this.#overflow()
  }

  /** Connected, what was not acknowledged may be as much as may be unsent. */
  get #maxLength(): number {
    const { resume, limits } = this.#core.settings
    return this.#line ? limits.bufferedBytes : (resume?.bufferBytes ?? 0)
  }

  /** A live link is never broken for its copies: it can't be resumed any more, and that is all. */
  #overflow(): void {
    if (!this.#line) return this.end()
    this.sequence.forget()
    // Large messages wait for no acknowledgement any more, and nobody else would tell them, or what waits for them.
    this.#wakeLater()
  }
}
