// What a client keeps across its sockets: counts and copies of frames, and the calls written in it (PROTOCOL.md section 9).
// Does not know how a socket comes about.
//
//   fresh ──first call or welcome──▶ attached ──socket lost──▶ detached ──welcome "resumed"──▶ attached …
//     ▲                                  └───── discarded, or welcome "new" ─────┘
//     └──────────────────────────────────────────────────┘  what was written waits for another
import * as closeCode from '../protocol/close-code.ts'
import { type Frame, FrameRefusal, readCounts, readFrame, refuse, sequenceBroken } from '../protocol/decode.ts'
import { ACK, defaultLimits, encodeCancel, encodeCredit, type Hello, ITEM, type Welcome } from '../protocol/messages.ts'
import { joinBatch, Outbox, type OutboxHost } from '../protocol/outbox.ts'
import { type ClientCalls, readCall } from '../protocol/read-at-client.ts'
import { Sequence } from '../protocol/sequence.ts'
import type { ClientCall } from './call.ts'
import { maxFirstFlight } from './options.ts'

/** The socket, as its session sees it. */
export interface SessionLine {
  write(text: string): void
}

export interface SessionHost {
  /** Runs `flush` when the current turn has said what it has to say. */
  schedule(flush: () => void): void
  /** Nothing that was written in it is open any more. */
  emptied(session: ClientSession): void
}

/** The client's calls, as a session sees them. */
export interface SessionCalls {
  /** It takes calls now, or more of them. */
  writeWaiting(): void
  /** A server that goes has not run it. */
  reopen(call: ClientCall): void
  /** These were written and are not settled; the session knows them no more. */
  requeue(calls: ClientCall[]): void
}

/** Copies of frames that no server in its right mind leaves unacknowledged, in UTF-16 units: then the session can't be resumed, and that is all. */
const maxCopies = 16 * 1024 * 1024

/** Breaks in a row, each behind the same replay. */
const maxStrikes = 2

export class ClientSession implements OutboxHost, ClientCalls {
  readonly sequence = new Sequence()
  /** Written and not settled, by id. */
  readonly written = new Map<number, ClientCall>()
  /** Accepted, by stream number. */
  readonly streams = new Map<number, ClientCall>()
  /** Room left for calls: little before the first `welcome`, none without a socket, then as much as there is. */
  room = 0
  limits = defaultLimits
  /** Its server goes: new calls are written elsewhere. */
  isLeaving = false
  readonly #host: SessionHost
  readonly #calls: SessionCalls
  readonly #outbox = new Outbox(this)
  readonly #resume: boolean
  /** The attempt with which it began. */
  #since: number | undefined
  #attempt = 0
  /** Calls may be written behind `hello`: there is nobody they could be taken for but who this is now. */
  #mayFly: boolean
  #line: SessionLine | undefined
  /** Settled while nothing could be said, and those of them that the last `hello` has named. */
  #settled = new Set<number>()
  #named = new Set<number>()
  /** What had come across when copies were last replayed, and how often in a row a break came before any more did. */
  #replayedAt: number | undefined
  #strikes = 0

  constructor(host: SessionHost, calls: SessionCalls, { resume, mayFly }: { resume: boolean; mayFly: boolean }) {
    this.#host = host
    this.#calls = calls
    this.#mayFly = mayFly
    this.#resume = this.sequence.keeps = resume
  }

  get line(): SessionLine | undefined {
    return this.#line
  }

  /** Rises with what comes across, either way. */
  get count(): number {
    const { received, sent, unacknowledged } = this.sequence
    return received + sent - unacknowledged
  }

  /** Written and not answered. */
  get unanswered(): number {
    return this.written.size - this.streams.size
  }

  // ── Sockets ────────────────────────────────────────────────────────────────

  /** What `hello` says of it. From now on what is settled is told behind `welcome`. */
  hello(attempt: number): Omit<Hello, 'session'> {
    this.#attempt = attempt
    this.#named = this.#settled
    this.#settled = new Set()
    const hello: Omit<Hello, 'session'> = { attempt, since: this.#since ?? attempt, received: this.sequence.received }
    if (this.#named.size > 0) hello.settled = [...this.#named]
    return hello
  }

  /** `hello` is written. Calls may follow at once where nobody can take them for something else. */
  opened(line: SessionLine): void {
    if (!this.#mayFly || this.#since !== undefined) return
    this.#line = line
    this.room = maxFirstFlight
    this.#calls.writeWaiting()
  }

  welcomed(line: SessionLine, { session, received, features, limits }: Welcome): void {
    const { sequence } = this
    this.#line = line
    if (session === 'resumed') this.#replay(line, received)
    else {
      // Calls of a first flight are this session's own.
      if (this.#since !== undefined && this.#since !== this.#attempt) this.discard()
      this.#since = this.#attempt
    }
    this.#named.clear()
    this.#mayFly = false
    this.limits = limits
    this.room = Infinity
    if (!features.includes('resume')) sequence.forget()
    this.#calls.writeWaiting()
  }

  #replay(line: SessionLine, received: number): void {
    const { sequence } = this
    if (!sequence.covers(received)) throw sequenceBroken(sequence.sent, received)
    sequence.acknowledge(received)
    // Only the server can say what it had: frames that break each connection they are sent on are not sent for ever.
    const progress = received + sequence.received
    this.#strikes = progress === this.#replayedAt ? this.#strikes + 1 : 0
    if (this.#strikes >= maxStrikes)
      throw new FrameRefusal(closeCode.sequenceBroken, 'nothing came across with three connections in a row')
    this.#replayedAt = sequence.unacknowledged > 0 ? progress : undefined
    for (const copy of sequence.copies) line.write(copy)
    for (const id of this.#settled) this.#outbox.push(encodeCancel(id))
    this.#settled.clear()
    for (const call of this.streams.values()) call.subscription?.renew()
  }

  /** The server has refused the socket before it worked off anything: what was first written there has not run. */
  refused(line: SessionLine): void {
    for (const call of this.written.values()) if (call.firstLine === line) call.firstLine = undefined
  }

  /** The socket is lost. What was written waits for the next one, if somebody will know it. */
  detach(): void {
    const { sequence } = this
    // What is said but not encoded yet belongs to the copies.
    if (sequence.keeps) this.#outbox.flush()
    this.#line = undefined
    this.room = 0
    for (const id of this.#named) this.#settled.add(id)
    if (!sequence.keeps) this.discard()
  }

  /** Forgets it: nothing of it may ever be replayed. What was written and is not settled waits for another session. */
  discard(): void {
    this.sequence.reset()
    this.sequence.keeps = this.#resume
    this.#since = undefined
    this.#mayFly = false
    this.#replayedAt = undefined
    this.#strikes = 0
    this.#settled.clear()
    this.#outbox.clear()
    const calls = [...this.written.values()]
    this.written.clear()
    this.streams.clear()
    this.#calls.requeue(calls)
  }

  // ── For calls ──────────────────────────────────────────────────────────────

  /** Writes the `open` of a call, for which there has to be room. */
  open(call: ClientCall, text: string): void {
    this.room -= text.length
    this.written.set(call.id, call)
    this.#since ??= this.#attempt
    this.#outbox.push(text)
  }

  /** Takes a call that has settled off the table; `tell` says that the server has to hear of it. False when it was not here. */
  settled(call: ClientCall, tell: boolean): boolean {
    if (!this.written.delete(call.id)) return false
    if (tell && this.#line) this.#outbox.push(encodeCancel(call.id))
    else if (tell) this.#settled.add(call.id)
    this.#forgetStream(call)
    if (this.written.size === 0) this.#host.emptied(this)
    return true
  }

  credit(call: ClientCall, items: number, bytes: number): void {
    if (this.#line && this.written.has(call.id)) this.#outbox.ride(encodeCredit(call.id, items, bytes))
  }

  // ── Frames ─────────────────────────────────────────────────────────────────

  /** Takes a frame of calls. @throws FrameRefusal when it breaks the protocol */
  take(frame: Frame, length: number): void {
    const { sequence } = this
    if (frame.isCounted) sequence.take(length)
    if (frame.ack) sequence.check(...readCounts(ACK, frame.ack))
    readFrame(frame, readCall, this as ClientCalls)
    if (sequence.keeps && sequence.owesAckAlone) this.#line?.write(sequence.ack(false))
  }

  result(id: number, value: unknown, rich: unknown): void {
    this.written.get(id)?.result(value, rich)
  }

  error: ClientCalls['error'] = (id, code, ...rest) => {
    const call = this.written.get(id)
    if (!call) return
    if (code !== 'SHUTTING_DOWN' || !this.isLeaving) return call.error(code, ...rest)
    if (rest[1].delivery === 'not-run') return this.#calls.reopen(call)
    // It was written to another server before this one: that is still not known to have run.
    this.settled(call, false)
    this.#calls.requeue([call])
  }

  accept(id: number, stream: number, position: string | undefined): void {
    const call = this.written.get(id)
    if (!call) return
    this.#forgetStream(call)
    call.accept(stream, position)
    this.streams.set(stream, call)
    // It is no longer one of those that wait for an answer.
    this.#calls.writeWaiting()
  }

  item(stream: number, value: unknown, eventId: string | undefined, size: number, rich: unknown): void {
    const call = this.streams.get(stream)
    if (call && !call.item(value, eventId, size, rich)) throw refuse(ITEM, 'beyond the credit')
  }

  gap(stream: number, reason: string, position: string | undefined): void {
    this.streams.get(stream)?.missing(reason, position)
  }

  end(id: number): void {
    this.written.get(id)?.end()
  }

  // ── For its outbox ─────────────────────────────────────────────────────────

  /** Says what is left to say. */
  flush(): void {
    this.#outbox.flush()
  }

  schedule(): void {
    this.#host.schedule(this.#flush)
  }

  joinStreams(messages: string[]): string {
    return joinBatch(messages)
  }

  rider(counted: boolean): string | undefined {
    return this.sequence.keeps && this.sequence.owesAck ? this.sequence.ack(counted) : undefined
  }

  write(text: string, counted: boolean): void {
    if (counted) this.sequence.add(text)
    this.#line?.write(text)
    if (this.sequence.length > maxCopies) this.sequence.forget()
  }

  // Bound once, since it is scheduled each turn.
  readonly #flush = (): void => this.#outbox.flush()

  #forgetStream(call: ClientCall): void {
    const number = call.subscription?.number
    if (number !== undefined && this.streams.get(number) === call) this.streams.delete(number)
  }
}
