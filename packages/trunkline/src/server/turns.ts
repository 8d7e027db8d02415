// Turns of generators that never wait: so many pulls, then others' turn. Does not know what is pulled.

/** Pulls before others' turn comes: about as long as a slice of calls takes. */
const maxPulls = 128

interface Pulled {
  /** Its turn has come. */
  wake(): void
}

export class Turns {
  readonly #yieldTo: (task: () => void) => void
  /** Since others had their turn. */
  #pulls = 0
  /** Those that wait for theirs, in order. */
  #waiting = new Set<Pulled>()

  constructor(yieldTo: (task: () => void) => void) {
    this.#yieldTo = yieldTo
  }

  /** False: others' turn comes first, and then `pulled` is woken. */
  take(pulled: Pulled): boolean {
    if (this.#pulls < maxPulls) {
      this.#pulls++
      return true
    }
    if (this.#waiting.size === 0) this.#yieldTo(this.#next)
    this.#waiting.add(pulled)
    return false
  }

  readonly #next = (): void => {
    const waiting = this.#waiting
    this.#waiting = new Set()
    this.#pulls = 0
    for (const pulled of waiting) pulled.wake()
  }
}
