// Token buckets: how much somebody may do at once and a second. Without a timer; knows nothing of calls.

export interface TokenBucketOptions {
  readonly perSecond: number
  readonly burst: number
}

export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #filledAt: number

  constructor({ perSecond, burst }: TokenBucketOptions, now: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
    this.#filledAt = now
  }

  /**
   * Takes tokens, or none when there are too few.
   * @param now on the clock of `performance.now()`
   * @returns 0 when they were there, else the milliseconds until they will be
   */
  take(tokens: number, now: number): number {
    // What came before there was a bucket, behind `hello`, has an earlier time.
    const sinceMs = Math.max(0, now - this.#filledAt)
    this.#tokens = Math.min(this.#burst, this.#tokens + (sinceMs / 1000) * this.#perSecond)
    this.#filledAt += sinceMs
    if (this.#tokens < tokens) return Math.ceil(((tokens - this.#tokens) / this.#perSecond) * 1000)
    this.#tokens -= tokens
    return 0
  }
}

/** Refusals cost too: whoever goes on at this many times the allowed rate does not listen. */
const abuse = 10

/** The rate limit of one client: refuses what is too much, and the client itself when it does not stop. */
export class RateLimit {
  readonly #calls: TokenBucket
  readonly #refusals: TokenBucket
  /** Too many calls were refused already. */
  isAbused = false

  constructor({ perSecond, burst }: TokenBucketOptions, now: number) {
    this.#calls = new TokenBucket({ perSecond, burst }, now)
    this.#refusals = new TokenBucket({ perSecond: perSecond * abuse, burst: Math.max(burst * abuse, minRefusals) }, now)
  }

  /**
   * Takes what a call costs.
   * @returns 0 when it may run, else the milliseconds until it may
   */
  take(cost: number, now: number): number {
    const waitMs = this.#calls.take(cost, now)
    if (waitMs > 0) this.refused(now)
    return waitMs
  }

  /** A call was refused that cost nothing; so many, and this too is abuse. */
  refused(now: number): void {
    this.isAbused = this.#refusals.take(1, now) > 0
  }
}

/** An honest client that had this many calls in flight when the first was refused is not abusing anything. */
const minRefusals = 1_024
