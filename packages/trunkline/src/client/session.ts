// What a client keeps across its sockets: counts and copies of frames, and the calls written in it (PROTOCOL.md section 9).
// Does not know how a socket comes about.
//
//   fresh ──first call or welcome──▶ attached ──socket lost──▶ detached ──welcome "resumed"──▶ attached …
//     ▲                                  └───── discarded, or welcome "new" ─────┘
//     └──────────────────────────────────────────────────┘  what was written waits for another

import type { CallPlace, ClientCall } from '../calls/call.ts'
import { Collected } from '../protocol/collected.ts'
import { type Frame, type ReadMessage, readCounts, readFrame, refuse, sequenceBroken } from '../protocol/decode.ts'
import type { Encoded, FrameData } from '../protocol/encoded.ts'
import { IdMap } from '../protocol/id-map.ts'
import {
  ACK,
  defaultLimits,
  encodeCancel,
  encodeCredit,
  type Hello,
  ITEM,
  PART,
  type Welcome,
} from '../protocol/messages.ts'
import { joinBatch, Outbox, type OutboxHost } from '../protocol/outbox.ts'
import { type Replies, readReply } from '../protocol/read-replies.ts'
import { Sequence } from '../protocol/sequence.ts'
import type { Served, Serving, ServingHost } from '../protocol/serving.ts'
import { maxFirstFlight } from './options.ts'
import type { Platform } from './platform.ts'

/** The socket, as its session sees it. */
export interface SessionLine {
  /** More is unsent than the network takes at the moment. */
  readonly isBehind: boolean
  write(frame: FrameData): void
  /** Nothing is left to be said on it. */
  close(): void
}

export interface SessionHost {
  readonly platform: Pick<Platform, 'schedule'>
  /** What is lost with a socket may go on with the next. */
  readonly mayResume: boolean
  readonly serving: Serving | undefined
  /** What it serves wants no more of this server. */
  close(): Promise<void>
}

/** The client's calls, as a session sees them. */
export interface SessionCalls {
  /** It takes calls now, or more of them. */
  writeWaiting(): void
  /** Its server goes; `isNew`: and has not run it, nor has any. */
  reopen(call: ClientCall, tell: boolean, isNew: boolean): void
  /** These were written and are not settled; the session knows them no more. */
  requeue(calls: ClientCall[]): void
}

/** Copies of frames that no server in its right mind leaves unacknowledged, in UTF-16 units: then the session can't be resumed, and that is all. */
const maxCopies = 16 * 1024 * 1024

/** Unacknowledged, in bytes, before the next piece of something large. */
const maxBulkLength = 512 * 1024

/** Breaks in a row, each behind the same replay. */
const maxStrikes = 2

/** Parts of one message taken from a server: its own limit is smaller, this one only bounds memory. */
const maxReceived = 64 * 1024 * 1024

export class ClientSession implements CallPlace, OutboxHost, Replies, ServingHost {
  readonly sequence = new Sequence(8 * 1024)
  /** Written and not settled, by id. */
  written = new IdMap<ClientCall>()
  /** Accepted, by stream number. */
  readonly streams = new Map<number, ClientCall>()
  /** Room left for calls: little before the first `welcome`, none without a socket, then as much as there is. */
  room = 0
  limits = defaultLimits
  line: SessionLine | undefined
  readonly #host: SessionHost
  readonly #calls: SessionCalls
  readonly #outbox = new Outbox(this)
  /** Of the parts of a large message. */
  readonly #collected = new Collected()
  /** The server's calls to this client, where it serves. */
  readonly #served: Served | undefined
  /** The attempt with which it began. */
  #since: number | undefined
  #attempt = 0
  /** Calls may be written behind `hello`: there is nobody they could be taken for but who this is now. */
  #mayFly: boolean
  /** Its server goes: new calls are written elsewhere. */
  #isLeaving = false
  /** Somebody had something to push while the line was behind. */
  #wantsRoom = false
  /** Settled while nothing could be said: the last `hello` has named so many of them. */
  #settled: number[] = []
  #named = 0
  /** What had come across when copies were last replayed, and how often in a row a break came before any more did. */
  #replayedAt: number | undefined
  #strikes = 0

  constructor(host: SessionHost, calls: SessionCalls, mayFly: boolean) {
    this.#host = host
    this.#calls = calls
    this.#mayFly = mayFly
    this.#served = host.serving?.begin(this, this.#outbox)
  }

  /** Rises with what comes across, either way. */
  get count(): number {
    const { received, sent, unacknowledged } = this.sequence
    return received + sent - unacknowledged
  }

  /** What calls push may be written; when that is only for want of room, the next frame that comes is a reason to look again. */
  get maySend(): boolean {
    if (this.room !== Infinity) return false
    this.#wantsRoom = !!this.line?.isBehind
    return !this.#wantsRoom
  }

  /** Written and not answered. */
  get unanswered(): number {
    return this.written.size - this.streams.size
  }

  // ── Sockets ────────────────────────────────────────────────────────────────

  /** What `hello` says of it. From now on what is settled is told behind `welcome`. */
  hello(attempt: number): Omit<Hello, 'session'> {
    const settled = this.#settled
    this.#attempt = attempt
    this.#named = settled.length
    const { received } = this.sequence
    return { attempt, since: this.#since ?? attempt, received, ...(settled.length > 0 && { settled }) }
  }

  /** `hello` is written. Calls may follow at once where nobody can take them for something else. */
  opened(line: SessionLine): void {
    if (!this.#mayFly || this.#since !== undefined) return
    this.line = line
    this.room = maxFirstFlight
    this.#calls.writeWaiting()
  }

  welcomed(line: SessionLine, { session, received, features, limits }: Welcome): void {
    const { sequence } = this
    this.line = line
    if (session === 'resumed') this.#replay(line, received)
    else {
      // Calls of a first flight are this session's own.
      if (this.#since !== undefined && this.#since !== this.#attempt) this.discard()
      this.#since = this.#attempt
    }
    this.#settled = []
    this.#mayFly = false
    this.limits = limits
    this.room = Infinity
    if (!this.#host.mayResume || !features.includes('resume')) sequence.forget()
    this.#calls.writeWaiting()
    this.wake()
  }

  /** There is a line, or it is no longer behind: what is pushed goes on. */
  wake(): void {
    for (const call of this.written.values()) call.sender?.wake()
    this.#served?.wake()
    this.#outbox.pump()
  }

  #replay(line: SessionLine, received: number): void {
    const { sequence } = this
    const progress = received + sequence.received
    this.#strikes = progress === this.#replayedAt ? this.#strikes + 1 : 0
    // Only the server can say what it had: frames that break each connection they are sent on are not sent for ever.
    if (!sequence.covers(received) || this.#strikes >= maxStrikes) throw sequenceBroken(sequence.sent, received)
    sequence.acknowledge(received)
    this.#replayedAt = sequence.unacknowledged > 0 ? progress : undefined
    for (const copy of sequence.copies) line.write(copy)
    for (const id of this.#settled.slice(this.#named)) this.#outbox.pushAfter(encodeCancel(id))
    for (const call of this.streams.values()) call.subscription?.renew()
    this.#served?.resumed()
  }

  /** The server has refused the socket before it worked off anything: what was first written there has not run. */
  refused(line: SessionLine): void {
    for (const call of this.written.values()) if (call.firstLine === line) call.firstLine = undefined
  }

  /** The socket is lost. What was written waits for the next one, if somebody will know it; not where `isBroken`. */
  detach(isBroken = false): void {
    // What is said but not encoded yet belongs to the copies.
    this.flush()
    this.line = undefined
    this.room = 0
    if (isBroken || !this.sequence.keeps) this.discard()
  }

  /** Forgets it: nothing of it may ever be replayed. What was written and is not settled waits for another session. */
  discard(): void {
    this.sequence.reset()
    this.#since = undefined
    this.#mayFly = false
    this.#replayedAt = undefined
    this.#settled = []
    this.#served?.end()
    this.#collected.clear()
    this.#outbox.clear()
    const calls = this.written.values()
    this.written = new IdMap()
    this.streams.clear()
    this.#calls.requeue(calls)
  }

  // ── For calls ──────────────────────────────────────────────────────────────

  /** Writes the `open` of a call, for which there has to be room. */
  open(call: ClientCall, message: Encoded): void {
    this.room -= message.length
    this.written.add(call)
    call.place = this
    this.#since ??= this.#attempt
    if (typeof message !== 'string') call.opened = message
    this.#outbox.push(message)
  }

  /** Takes a call that has settled off the table; `tell` says that the server has to hear of it. */
  settled(call: ClientCall, tell: boolean): void {
    this.written.delete(call.id)
    call.place = undefined
    // Taken back, it was never asked; else never before what it cancels.
    if (tell && !(call.opened && this.#outbox.withdraw(call.opened))) {
      if (this.line) this.#outbox.pushAfter(encodeCancel(call.id))
      else this.#settled.push(call.id)
    }
    this.#forgetStream(call)
    this.answered()
  }

  /** Writes what a call pushes. */
  push(message: Encoded): void {
    this.#outbox.pushStream(message)
  }

  credit(id: number, items: number, bytes: number): void {
    if (this.line) this.#outbox.ride(encodeCredit(id, items, bytes))
  }

  // ── Frames ─────────────────────────────────────────────────────────────────

  /** The server has told its counts. @throws FrameRefusal when they don't agree with this end's */
  acknowledged(received: number, sent: number): void {
    this.sequence.check(received, sent)
    this.#outbox.pump()
  }

  /** Takes a frame of calls. @throws FrameRefusal when it breaks the protocol */
  take(frame: Frame, length: number): void {
    const { sequence } = this
    if (frame.isCounted) sequence.take(length)
    if (frame.ack) this.acknowledged(...readCounts(ACK, frame.ack))
    readFrame(frame, this.#read, this as Replies)
    if (sequence.keeps && sequence.owesAckAlone) this.#outbox.remind()
    // What the server says is no timer: it comes in a hidden page too.
    if (this.#wantsRoom && this.maySend) this.wake()
  }

  readonly #read: ReadMessage<Replies> = (type, message, receiver) => {
    if (type === PART) return this.#collected.add(message, maxReceived)
    this.#collected.give(message)
    if (!this.#served?.read(type, message)) readReply(type, message, receiver)
  }

  result(id: number, value: unknown, rich: unknown): void {
    this.written.get(id)?.result(value, rich)
  }

  error: Replies['error'] = (id, code, ...rest) => {
    const call = this.written.get(id)
    // What it has pushed is gone with a server that goes.
    const goesToo = this.#isLeaving && code === 'SHUTTING_DOWN' && !call?.sender?.hasBegun
    if (!goesToo) call?.error(code, ...rest)
    // Where it was written to another server before this one, that is still not known to have run.
    else if (call) this.#calls.reopen(call, false, rest[1].delivery === 'not-run')
  }

  accept(id: number, stream: number, position: string | undefined): void {
    const call = this.written.get(id)
    if (!call) return
    this.#forgetStream(call)
    call.accept(stream, position)
    if (stream > 0) this.streams.set(stream, call)
    // It is no longer one of those that wait for an answer.
    this.#calls.writeWaiting()
  }

  item(stream: number, value: unknown, eventId: string | undefined, size: number, rich: unknown): void {
    const call = this.streams.get(stream)
    if (call && !call.item(value, eventId, size, rich)) throw refuse(ITEM, 'beyond the credit')
  }

  /** The server has room for more of what a call pushes. */
  raise(id: number, items: number, bytes: number): void {
    this.written.get(id)?.sender?.credit(items, bytes)
  }

  gap(stream: number, reason: string, position: string | undefined): void {
    this.streams.get(stream)?.missing(reason, position)
  }

  end(id: number): void {
    this.written.get(id)?.end()
  }

  /** Its server goes: what was begun is finished, and nothing new is written. */
  leave(): void {
    this.#isLeaving = true
    this.answered()
  }

  /** Something has ended that was open, of either end's. */
  answered(): void {
    if (this.#isLeaving && this.written.size === 0 && !this.#served?.size) this.line?.close()
  }

  disconnect(): void {
    void this.#host.close()
  }

  // ── For its outbox ─────────────────────────────────────────────────────────

  /** Says what is left to say. Bound once, since it is scheduled each turn. */
  readonly flush = (): void => this.#outbox.flush()

  readonly joinStreams = joinBatch

  schedule(outbox: Outbox): void {
    this.#host.platform.schedule(this.flush, outbox)
  }

  get mayBulk(): boolean {
    return this.maySend && this.sequence.length < maxBulkLength
  }

  rider(counted: boolean): string | undefined {
    return this.sequence.keeps && this.sequence.owesAck ? this.sequence.ack(counted) : undefined
  }

  write(frame: FrameData, counted: boolean): void {
    if (counted) this.sequence.add(frame)
    this.line?.write(frame)
    if (this.sequence.length > maxCopies) this.sequence.forget()
  }

  #forgetStream(call: ClientCall): void {
    const number = call.subscription?.number
    if (number !== undefined && this.streams.get(number) === call) this.streams.delete(number)
  }
}
