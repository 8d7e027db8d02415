// When to try again: full jitter, random at the cap too. Does not connect.

export interface ReconnectOptions {
  /** The shortest wait, in ms. @default 100 */
  minMs?: number
  /** What the random part starts from, doubling with each failure, in ms. @default 500 */
  baseMs?: number
  /** The cap of the random part, in ms. @default 20_000 */
  maxMs?: number
}

/** A connection that lived this long was a good one: the next failure starts from the beginning. */
const healthyMs = 10_000

/** A line that brought something across was worth it, however short its life; ten of those in half a minute were not. */
const leakyMs = 30_000
const maxTries = 10

export class Backoff {
  readonly #options: ReconnectOptions
  #openedAt = 0
  /** What had come across when the line became open. */
  #countAtOpen = 0
  /** When lines were lost lately. */
  #lostAt: number[] = []

  constructor(options: ReconnectOptions = {}) {
    this.#options = options
  }

  /** Before the next try, behind so many failures in a row. */
  wait(failures: number): number {
    const { minMs = 100, baseMs = 500, maxMs = 20_000 } = this.#options
    return minMs + Math.random() * Math.min(maxMs, baseMs * 2 ** failures)
  }

  /** A line is open; `count` rises with what it brings across. */
  opened(count: number): void {
    this.#openedAt = performance.now()
    this.#countAtOpen = count
  }

  /** The line is lost. True when it was worth it, so that the row of failures begins anew; but not by coming and going all the time. */
  wasWorthIt(count: number): boolean {
    const now = performance.now()
    if (now - this.#openedAt >= healthyMs) return true
    this.#lostAt = [...this.#lostAt.filter((at) => now - at < leakyMs), now]
    return count > this.#countAtOpen && this.#lostAt.length <= maxTries
  }
}
