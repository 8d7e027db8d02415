// The client's calls: those that wait to be written, the session they are written in, and their deadlines.
// Does not know how a connection comes about.

import type { CallHost, ClientCall } from '../calls/call.ts'
import type { Gap } from '../contract/client-types.ts'
import { Deadlines } from '../protocol/deadlines.ts'
import { encodeValue } from '../protocol/encode-value.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { RpcError } from '../protocol/error.ts'
import { exceedsBytes } from '../protocol/size.ts'
import type { Payload, ValueTypes } from '../protocol/values.ts'
import type { ClientStats } from './connection.ts'
import { maxWaitingCalls, maxWaitingLength } from './options.ts'
import type { ClientSession } from './session.ts'
import type { Status } from './state.ts'

export class Calls implements CallHost {
  readonly types: ValueTypes | undefined
  /** Deadline of a call that states none. */
  readonly usualMs: number
  /** What new calls get while the connection is closed. */
  refusal: RpcError | undefined
  readonly #host: Pick<Status, 'emit'>
  /** In the order in which they will be written. */
  #waiting = new Set<ClientCall>()
  #waitingLength = 0
  /** Those whose input has to be read first: a Blob. */
  readonly #reading = new Set<ClientCall>()
  /** Where new calls are written, and those that finish what was begun in them. */
  #sessions: ClientSession[] = []
  readonly #deadlines = new Deadlines(() => this.#all())
  #lastId = -1
  /** Calls wait although there is a line. */
  #isHeld = false

  constructor(host: Pick<Status, 'emit'>, usualMs: number, types: ValueTypes | undefined) {
    this.#host = host
    this.usualMs = usualMs
    this.types = types
  }

  /** How much is under way. */
  stats(): Pick<ClientStats, 'calls' | 'streams' | 'waiting'> {
    let calls = 0
    let streams = 0
    for (const session of this.#sessions) {
      calls += session.unanswered
      streams += session.streams.size
    }
    return { calls, streams, waiting: this.#waiting.size + this.#reading.size }
  }

  /** New calls are written in this session from now on. */
  use(session: ClientSession): ClientSession {
    this.#sessions.unshift(session)
    return session
  }

  /** This session is over: its calls are repeated where new ones are written, if that is open already. */
  leave(session: ClientSession): void {
    this.#sessions = this.#sessions.filter((one) => one !== session)
    session.discard()
    this.writeWaiting()
  }

  /** There is an elsewhere: streams are opened there behind the last event received, so that none is lost. */
  move(): void {
    for (const { streams } of this.#sessions.slice(1)) {
      for (const call of streams.values()) if (call.subscription?.lastEventId !== undefined) this.reopen(call, true)
    }
  }

  /** Ends every call and every session. */
  end({ code, message }: RpcError): void {
    this.failAll(code, message)
    for (const session of this.#sessions.splice(0)) session.discard()
  }

  /** Lets calls wait, or wait no longer. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.writeWaiting()
  }

  /** Takes a new call: writes it at once if it can, else keeps it. */
  add(call: ClientCall, input: unknown, now: number): void {
    if (this.refusal) return call.refuse(this.refusal.code, this.refusal.message)
    this.#deadlines.watch(call.deadline, now)
    try {
      const payload = input === undefined ? undefined : encodeValue(input, this.types)
      if (payload instanceof Promise) return void this.#addLate(call, payload)
      call.input = payload
    } catch (error) {
      return this.#refuse(call, 'input', error)
    }
    this.#add(call, now)
  }

  /** Its input has to be read first; meanwhile it can be cancelled, expire or fail like any other. */
  async #addLate(call: ClientCall, input: Promise<Payload>): Promise<void> {
    this.#reading.add(call)
    try {
      call.input = await input
    } catch (error) {
      return this.#refuse(call, 'input', error)
    }
    if (this.#reading.delete(call)) this.#add(call, performance.now())
  }

  #add(call: ClientCall, now: number): void {
    if (this.#waiting.size === 0 && this.#write(call, now)) return
    const isAway = this.#sessions[0]?.room !== Infinity
    if ((isAway && this.#waiting.size >= maxWaitingCalls) || this.#waitingLength + call.size > maxWaitingLength) {
      return call.refuse('OVERLOADED', `"${call.path}" was not sent: ${this.#waiting.size} calls wait already`)
    }
    this.#wait(call)
  }

  #refuse(call: ClientCall, what: string, error: unknown): void {
    call.refuse('BAD_REQUEST', `Invalid ${what} of "${call.path}": ${(error as Error).message}`)
  }

  /** Calls that were written wait for another session, before what was never written. */
  requeue(calls: ClientCall[]): void {
    for (const call of calls) call.place = undefined
    const waiting = [...this.#waiting, ...calls]
    this.#waiting.clear()
    this.#waitingLength = 0
    // Those with an id were written: in that order.
    waiting.sort((one, other) => (one.id || Infinity) - (other.id || Infinity) || 0)
    for (const call of waiting) this.#wait(call)
  }

  /** Ends every call. */
  failAll(code: string, message: string): void {
    for (const call of [...this.#all()]) call.refuse(code, message)
    this.#deadlines.stop()
  }

  /** Writes what waits, as far as there is room. */
  writeWaiting(): void {
    if (this.#waiting.size === 0) return
    const now = performance.now()
    for (const call of this.#waiting) {
      if (!this.#write(call, now)) return
      this.#unwait(call)
    }
  }

  // ── For calls ──────────────────────────────────────────────────────────────

  settled(call: ClientCall, tell: boolean): void {
    this.#unwait(call)
    if (this.#reading.size > 0) this.#reading.delete(call)
    if (!call.place) return
    call.place.settled(call, tell)
    this.writeWaiting()
  }

  /** `tell`: its server doesn't know yet that it goes elsewhere; `isNew`: it has an id of its own there, and is no repeat. */
  reopen(call: ClientCall, tell = false, isNew = true): void {
    call.place?.settled(call, tell)
    this.#unwait(call)
    if (isNew) {
      call.id = 0
      call.firstLine = undefined
    }
    this.requeue([call])
    this.writeWaiting()
  }

  gap(gap: Gap): void {
    this.#host.emit('gap', gap)
  }

  *#all(): Iterable<ClientCall> {
    yield* this.#waiting
    yield* this.#reading
    for (const { written } of this.#sessions) yield* written.values()
  }

  #wait(call: ClientCall): void {
    this.#waiting.add(call)
    this.#waitingLength += call.size
  }

  #unwait(call: ClientCall): void {
    if (this.#waiting.size > 0 && this.#waiting.delete(call)) this.#waitingLength -= call.size
  }

  /** False when there is no room, and it has to wait. */
  #write(call: ClientCall, now: number): boolean {
    const [session] = this.#sessions
    if (!session || this.#isHeld || session.unanswered >= session.limits.calls || call.size >= session.room)
      return false
    if (call.id === 0) call.id = this.#lastId += 2
    let message: Encoded
    try {
      message = call.encode(now, this.usualMs)
    } catch (error) {
      this.#refuse(call, 'options', error)
      return true
    }
    const { messageBytes } = session.limits
    if (exceedsBytes(message, messageBytes)) {
      call.refuse('TOO_LARGE', `The input of "${call.path}" is larger than the ${messageBytes} bytes the server takes`)
      return true
    }
    if (message.length >= session.room) return false
    call.firstLine ??= session.line
    session.open(call, message)
    call.sender?.wake()
    return true
  }
}
