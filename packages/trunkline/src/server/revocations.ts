// Principals that were revoked a moment ago: whoever was asked who they are before that comes too late. Knows nothing else.

export class Revocations {
  readonly #keepMs: number
  /** On the clock of `performance.now()`. */
  readonly #at = new Map<string, number>()

  /** `keepMs`: longer than an authentication may take. */
  constructor(keepMs: number) {
    this.#keepMs = keepMs
  }

  add(principal: string): void {
    const now = performance.now()
    for (const [name, at] of this.#at) if (at + this.#keepMs < now) this.#at.delete(name)
    this.#at.set(principal, now)
  }

  /** True for who was asked at `askedAt` and revoked since. */
  has(principal: string, askedAt: number): boolean {
    return (this.#at.get(principal) ?? Number.NEGATIVE_INFINITY) >= askedAt
  }
}
