// Keep-alive of all connections on one timer: pings the silent, drops the dead. Does not know frames or calls.
import { closeCode } from '../protocol/close.ts'
import { unreference } from '../protocol/deadlines.ts'

/** A connection, as the clock sees it. Times are of `performance.now()`. */
export interface Beating {
  readonly isOpen: boolean
  readonly lastReceivedAt: number
  readonly lastSentAt: number
  readonly bufferedAmount: number
  /** Changes with what the other end takes; undefined where nobody can tell. */
  readonly takenAmount: number | undefined
  /** This end reads nothing of it for now. */
  readonly isPaused: boolean
  /** Its credentials have ended, and so has the time to get others. */
  readonly isExpired: boolean
  sendPing(): void
  close(code: number, reason: string): void
  drop(): void
}

interface Watch {
  /** When it was pinged, if nothing has come since. */
  pingedAt: number | undefined
  /** Unsent and taken bytes at the last look, and since when none was taken. */
  buffered: number
  taken: number | undefined
  stuckSince: number
}

/** A reader that takes not a byte for this long is gone. */
const stuckMs = 10_000

export class Heartbeat {
  readonly #intervalMs: number
  readonly #timeoutMs: number
  readonly #periodMs: number
  readonly #connections: () => Iterable<Beating>
  readonly #watches = new WeakMap<Beating, Watch>()
  #timer: ReturnType<typeof setInterval> | undefined
  #second: ReturnType<typeof setTimeout> | undefined
  /** The time at the last beat: near enough for silence, and free. */
  lastBeat = 0

  constructor(keepAlive: { intervalMs: number; timeoutMs: number }, connections: () => Iterable<Beating>) {
    this.#intervalMs = keepAlive.intervalMs
    this.#timeoutMs = keepAlive.timeoutMs
    // A look a second at 10 000 timestamps costs nothing; shorter only where the options ask for it.
    this.#periodMs = Math.max(10, Math.min(1_000, keepAlive.intervalMs / 4, keepAlive.timeoutMs / 4))
    this.#connections = connections
  }

  start(): void {
    if (this.#timer !== undefined) return
    this.lastBeat = performance.now()
    this.#timer = setInterval(() => this.#beat(), this.#periodMs)
    unreference(this.#timer)
  }

  stop(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#second)
    this.#timer = this.#second = undefined
  }

  #beat(): void {
    const now = performance.now()
    // This end has slept: what has arrived is not read yet, and nobody had a chance to answer.
    const stalled = now - this.lastBeat > this.#periodMs + this.#timeoutMs / 4
    this.lastBeat = now
    const silent: Beating[] = []
    for (const connection of this.#connections()) {
      if (this.#look(connection, now, stalled)) silent.push(connection)
    }
    if (silent.length === 0) return
    // Timers run before sockets are read: judge after the next poll.
    clearTimeout(this.#second)
    this.#second = setTimeout(() => this.#judge(silent), 0)
  }

  /** True when a ping has gone unanswered for too long. */
  #look(connection: Beating, now: number, stalled: boolean): boolean {
    const watch = this.#watch(connection, now)
    this.#checkStuck(connection, watch, now, stalled)
    if (!connection.isOpen) return false
    if (connection.isExpired) {
      connection.close(closeCode.expired, 'the credentials have expired')
      return false
    }
    if (watch.pingedAt !== undefined && connection.lastReceivedAt >= watch.pingedAt) watch.pingedAt = undefined
    // What it may have answered is not read; that it takes what is sent is looked at above.
    if (watch.pingedAt !== undefined && connection.isPaused) watch.pingedAt = now
    if (watch.pingedAt !== undefined && !stalled) return now - watch.pingedAt >= this.#timeoutMs
    const quiet = Math.min(connection.lastReceivedAt, connection.lastSentAt)
    // A look too early rather than too late.
    if (watch.pingedAt === undefined && now - quiet < this.#intervalMs - this.#periodMs) return false
    watch.pingedAt = now
    connection.sendPing()
    return false
  }

  #judge(silent: readonly Beating[]): void {
    for (const connection of silent) {
      const { pingedAt } = this.#watch(connection, 0)
      if (pingedAt !== undefined && connection.lastReceivedAt < pingedAt) {
        connection.close(closeCode.keepAliveTimeout, 'no answer to a ping')
        connection.drop()
      }
    }
  }

  #checkStuck(connection: Beating, watch: Watch, now: number, stalled: boolean): void {
    const { bufferedAmount: buffered, takenAmount: taken } = connection
    // While this end slept nobody wrote for it.
    if (stalled || buffered === 0 || buffered < watch.buffered || taken !== watch.taken) watch.stuckSince = now
    watch.buffered = buffered
    watch.taken = taken
    if (now - watch.stuckSince <= stuckMs) return
    connection.close(closeCode.slowConsumer, 'takes no bytes')
    connection.drop()
  }

  #watch(connection: Beating, now: number): Watch {
    let watch = this.#watches.get(connection)
    if (!watch) {
      watch = { pingedAt: undefined, buffered: 0, taken: undefined, stuckSince: now }
      this.#watches.set(connection, watch)
    }
    return watch
  }
}
