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
export const healthyMs = 10_000

export class Backoff {
  readonly #minMs: number
  readonly #baseMs: number
  readonly #maxMs: number
  /** Failures in a row. */
  attempt = 0

  constructor({ minMs = 100, baseMs = 500, maxMs = 20_000 }: ReconnectOptions = {}) {
    this.#minMs = minMs
    this.#baseMs = baseMs
    this.#maxMs = maxMs
  }

  /** Counts a failure and gives the wait before the next try. */
  next(): number {
    const most = Math.min(this.#maxMs, this.#baseMs * 2 ** this.attempt++)
    return this.#minMs + Math.random() * most
  }
}
