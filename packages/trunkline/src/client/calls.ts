// The client's calls: those that wait to be written, the session they are written in, and their deadlines.
// Does not know how a connection comes about.

import type { CallHost, ClientCall } from '../calls/call.ts'
import type { Gap } from '../contract/client-types.ts'
import { Deadlines } from '../protocol/deadlines.ts'
import type { Encoded } from '../protocol/encoded.ts'
import { notRun } from '../protocol/error.ts'
import { defaultLimits } from '../protocol/messages.ts'
import { exceedsBytes } from '../protocol/size.ts'
import type { Payload, ValueTypes } from '../protocol/values.ts'
import type { ClientStats } from './connection.ts'
import { maxWaitingCalls, maxWaitingLength } from './options.ts'
import type { ClientSession } from './session.ts'
import type { Emitter } from './state.ts'

export class Calls implements CallHost {
  readonly types: ValueTypes | undefined
  readonly #usualMs: number
  readonly #emitter: Emitter
  /** In the order in which they will be written. */
  #waiting = new Set<ClientCall>()
  #waitingLength = 0
  /** Those whose input has to be read first: a Blob. */
  readonly #reading = new Set<ClientCall>()
  /** Where new calls are written, and those that finish what was begun in them. */
  readonly #sessions: ClientSession[] = []
  readonly deadlines = new Deadlines(() => this.#all())
  #nextId = 1
  /** Calls wait although there is a line. */
  isHeld = false

  constructor(usualMs: number, emitter: Emitter, types: ValueTypes | undefined) {
    this.types = types
    this.#usualMs = usualMs
    this.#emitter = emitter
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
  use(session: ClientSession): void {
    this.#sessions.unshift(session)
  }

  /** The session is over. */
  leave(session: ClientSession): void {
    this.#sessions.splice(this.#sessions.indexOf(session), 1)
  }

  /** Takes a new call: writes it at once if it can, else keeps it. */
  add(call: ClientCall, now: number): void {
    this.deadlines.watch(call.deadline, now)
    if (this.#waiting.size === 0 && this.#write(call, now)) return
    const isAway = this.#current?.room !== Infinity
    if ((isAway && this.#waiting.size >= maxWaitingCalls) || this.#waitingLength + call.size > maxWaitingLength) {
      const message = `${this.#waiting.size} calls wait for a connection already; "${call.path}" was not sent`
      return call.fail(notRun('OVERLOADED', message), false)
    }
    this.#wait(call)
  }

  /** Takes a new call whose input has to be read first; meanwhile it can be cancelled, expire or fail like any other. */
  async addLate(call: ClientCall, input: Promise<Payload>, now: number): Promise<void> {
    this.deadlines.watch(call.deadline, now)
    this.#reading.add(call)
    try {
      call.input = await input
    } catch (error) {
      const message = `Invalid input of "${call.path}": ${(error as Error).message}`
      return call.fail(notRun('BAD_REQUEST', message), false)
    }
    if (this.#reading.delete(call)) this.add(call, performance.now())
  }

  /** Calls that were written wait for another session, before what was never written. */
  requeue(calls: ClientCall[]): void {
    const behind = this.#waiting
    this.#waiting = new Set()
    this.#waitingLength = 0
    const before = [...behind].filter((call) => call.id > 0).concat(calls)
    for (const call of before.sort((one, other) => one.id - other.id)) this.#wait(call)
    for (const call of behind) if (call.id === 0) this.#wait(call)
  }

  /** Ends every call. */
  failAll(code: string, message: string): void {
    for (const call of [...this.#all()]) call.fail(call.failure(code, message), false)
    this.deadlines.stop()
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
    this.#reading.delete(call)
    for (const session of this.#sessions) if (session.settled(call, tell)) this.writeWaiting()
  }

  /** `tell`: its server doesn't know yet that it goes elsewhere. */
  reopen(call: ClientCall, tell = false): void {
    for (const session of this.#sessions) session.settled(call, tell)
    this.#unwait(call)
    call.id = 0
    call.firstLine = undefined
    this.#wait(call)
    this.writeWaiting()
  }

  credit(call: ClientCall, items: number, bytes: number): void {
    for (const session of this.#sessions) session.credit(call, items, bytes)
  }

  maySend(call: ClientCall): boolean {
    return this.#sessionOf(call)?.maySend === true
  }

  messageBytes(call: ClientCall): number {
    return (this.#sessionOf(call)?.limits ?? defaultLimits).messageBytes
  }

  push(call: ClientCall, message: Encoded): void {
    this.#sessionOf(call)?.push(message)
  }

  gap(gap: Gap): void {
    this.#emitter.emit('gap', gap)
  }

  #sessionOf(call: ClientCall): ClientSession | undefined {
    return this.#sessions.find(({ written }) => written.get(call.id) === call)
  }

  get #current(): ClientSession | undefined {
    return this.#sessions[0]
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
    if (this.#waiting.delete(call)) this.#waitingLength -= call.size
  }

  /** False when there is no room, and it has to wait. */
  #write(call: ClientCall, now: number): boolean {
    const session = this.#current
    if (!session || this.isHeld || session.unanswered >= session.limits.calls || call.size >= session.room) return false
    if (call.id === 0) {
      call.id = this.#nextId
      this.#nextId += 2
    }
    let message: Encoded
    try {
      message = call.encode(now, this.#usualMs)
    } catch (error) {
      call.fail(notRun('BAD_REQUEST', `Invalid options of "${call.path}": ${(error as Error).message}`), false)
      return true
    }
    const { messageBytes } = session.limits
    if (exceedsBytes(message, messageBytes)) {
      call.fail(
        notRun('TOO_LARGE', `The input of "${call.path}" is larger than the ${messageBytes} bytes the server takes`),
        false,
      )
      return true
    }
    if (message.length >= session.room) return false
    call.firstLine ??= session.line
    session.open(call, message)
    call.sender?.wake()
    return true
  }
}
