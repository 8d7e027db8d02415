// Turns of generators that never wait: so long, then others' turn. Does not know what is pulled.

/** Others' turn comes after this long, as after a slice of calls. */
const sliceMs = 1
/** The clock is looked at after this many pulls: reading it costs about as much as a pull. */
const lookEvery = 32
/** So many at most, however cheap: what is pulled is written when the turn is over. */
const maxPulls = 1024

interface Pulled {
  /** Its turn has come. */
  wake(): void
}

export class Turns {
  readonly #yieldTo: (task: () => void) => void
  /** Since others had their turn. */
  #pulls = 0
  #startedAt = 0
  /** Those that wait for theirs, in order. */
  #waiting = new Set<Pulled>()

  constructor(yieldTo: (task: () => void) => void) {
    this.#yieldTo = yieldTo
  }

  /** False: others' turn comes first, and then `pulled` is woken. */
  take(pulled: Pulled): boolean {
    if (this.#waiting.size === 0 && !this.#isOver()) {
      this.#pulls++
      return true
    }
    if (this.#waiting.size === 0) this.#yieldTo(this.#next)
    this.#waiting.add(pulled)
    return false
  }

  #isOver(): boolean {
    if (this.#pulls % lookEvery !== 0) return false
    const now = performance.now()
    if (this.#pulls === 0) this.#startedAt = now
    return this.#pulls === maxPulls || now - this.#startedAt >= sliceMs
  }

  readonly #next = (): void => {
    const waiting = this.#waiting
    this.#waiting = new Set()
    this.#pulls = 0
    for (const pulled of waiting) pulled.wake()
  }
}
