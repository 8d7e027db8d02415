// The client's calls: those that wait for a line, those that are on one, and their deadlines. Does not know how a line comes about.
import type { Gap } from '../contract/client-types.ts'
import { Deadlines } from '../protocol/deadlines.ts'
import { RpcError } from '../protocol/error.ts'
import type { AdvertisedLimits } from '../protocol/messages.ts'
import { exceedsBytes } from '../protocol/size.ts'
import type { CallHost, ClientCall } from './call.ts'
import type { Line } from './line.ts'
import { maxFirstFlight, maxWaitingCalls, maxWaitingLength } from './options.ts'

/** Before `welcome` says otherwise; PROTOCOL.md section 3. */
const usualLimits: AdvertisedLimits = { messageBytes: 1_048_576, calls: 1_024, streams: 1_024, timeoutMs: 300_000 }

export class Calls implements CallHost {
  readonly #usualMs: number
  readonly #onGap: (gap: Gap) => void
  /** In the order in which they will be written. */
  readonly #waiting = new Set<ClientCall>()
  /** Written on the present line, by id. */
  readonly #written = new Map<number, ClientCall>()
  /** Accepted on the present line, by stream number. */
  readonly #streams = new Map<number, ClientCall>()
  readonly deadlines = new Deadlines(() => [...this.#waiting, ...this.#written.values()])
  #line: Line | undefined
  #limits = usualLimits
  #nextId = 1
  #waitingLength = 0
  /** Room left of the first flight; then as much as there is. */
  #flight = maxFirstFlight

  constructor(usualMs: number, onGap: (gap: Gap) => void) {
    this.#usualMs = usualMs
    this.#onGap = onGap
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Written and not answered. */
  get unanswered(): number {
    return this.#written.size - this.#streams.size
  }

  get streams(): number {
    return this.#streams.size
  }

  /** Takes a new call: writes it at once if it can, else keeps it. */
  add(call: ClientCall, now: number): void {
    this.deadlines.watch(call.deadline, now)
    if (this.#waiting.size === 0 && this.#mayWrite(call) && this.#write(call, now)) return
    const isAway = this.#flight !== Number.POSITIVE_INFINITY
    if ((isAway && this.#waiting.size >= maxWaitingCalls) || this.#waitingLength + call.size > maxWaitingLength) {
      const message = `${this.#waiting.size} calls wait for a connection already; "${call.path}" was not sent`
      return call.fail(refusal('OVERLOADED', message), false)
    }
    this.#wait(call)
  }

  /** A line takes its first messages. */
  begin(line: Line): void {
    this.#line = line
    this.#flight = maxFirstFlight
    this.#limits = usualLimits
    this.#writeWaiting()
  }

  /** The line is welcome: the first flight is over. */
  welcomed(line: Line, limits: AdvertisedLimits): void {
    this.#line = line
    this.#limits = limits
    this.release()
  }

  /** No new calls on the present line; what is on it goes on. */
  hold(): void {
    this.#flight = 0
  }

  /** New calls again. */
  release(): void {
    this.#flight = Number.POSITIVE_INFINITY
    this.#writeWaiting()
  }

  /**
   * The line is gone: what was on it waits, in order, before what was never written.
   * @param hasRunNothing the server has refused the line before it worked off anything
   */
  lost(hasRunNothing = false): void {
    for (const call of this.#written.values()) {
      if (hasRunNothing && call.firstLine === this.#line) call.firstLine = undefined
    }
    this.#line = undefined
    this.#flight = maxFirstFlight
    const behind = [...this.#waiting]
    const before = [...this.#written.values()].sort((a, b) => a.id - b.id)
    this.#written.clear()
    this.#streams.clear()
    this.#waiting.clear()
    this.#waitingLength = 0
    for (const call of before) this.#wait(call)
    for (const call of behind) this.#wait(call)
  }

  /** Ends every call. */
  failAll(make: (call: ClientCall) => RpcError): void {
    for (const call of [...this.#written.values(), ...this.#waiting]) call.fail(make(call), false)
    this.deadlines.stop()
  }

  byId(id: number): ClientCall | undefined {
    return this.#written.get(id)
  }

  byStream(stream: number): ClientCall | undefined {
    return this.#streams.get(stream)
  }

  accepted(call: ClientCall, stream: number, position: string | undefined): void {
    this.#forgetStream(call)
    call.accept(stream, position)
    this.#streams.set(stream, call)
    this.#writeWaiting()
  }

  // ── For calls ──────────────────────────────────────────────────────────────

  settled(call: ClientCall, tell: boolean): void {
    if (this.#waiting.delete(call)) this.#waitingLength -= call.size
    if (this.#written.delete(call.id)) {
      if (tell) this.#line?.cancel(call.id)
      this.#forgetStream(call)
      this.#writeWaiting()
    }
  }

  reopen(call: ClientCall): void {
    this.#written.delete(call.id)
    this.#forgetStream(call)
    call.id = 0
    call.firstLine = undefined
    this.#wait(call)
    this.#writeWaiting()
  }

  credit(call: ClientCall, items: number, bytes: number): void {
    if (this.#written.has(call.id)) this.#line?.credit(call.id, items, bytes)
  }

  gap(gap: Gap): void {
    this.#onGap(gap)
  }

  #forgetStream(call: ClientCall): void {
    const number = call.subscription?.number
    if (number !== undefined && this.#streams.get(number) === call) this.#streams.delete(number)
  }

  #wait(call: ClientCall): void {
    this.#waiting.add(call)
    this.#waitingLength += call.size
  }

  #mayWrite(call: ClientCall): boolean {
    if (!this.#line?.isOpen) return false
    return this.unanswered < this.#limits.calls && call.size < this.#flight
  }

  #writeWaiting(): void {
    if (this.#waiting.size === 0) return
    const now = performance.now()
    for (const call of this.#waiting) {
      if (!this.#mayWrite(call) || !this.#write(call, now)) return
      if (this.#waiting.delete(call)) this.#waitingLength -= call.size
    }
  }

  /** False when it is too long for what is left of the first flight, and has to wait. */
  #write(call: ClientCall, now: number): boolean {
    if (call.id === 0) {
      call.id = this.#nextId
      this.#nextId += 2
    }
    let text: string
    try {
      text = call.encode(now, this.#usualMs)
    } catch (error) {
      call.fail(refusal('BAD_REQUEST', `Invalid options of "${call.path}": ${(error as Error).message}`), false)
      return true
    }
    const { messageBytes } = this.#limits
    if (exceedsBytes(text, messageBytes)) {
      call.fail(
        refusal('TOO_LARGE', `The input of "${call.path}" is larger than the ${messageBytes} bytes the server takes`),
        false,
      )
      return true
    }
    if (text.length >= this.#flight) return false
    this.#flight -= text.length
    call.firstLine ??= this.#line
    this.#written.set(call.id, call)
    this.#line?.send(text)
    return true
  }
}

const refusal = (code: string, message: string): RpcError => new RpcError(code, { message, delivery: 'not-run' })
