// Turns of generators that never wait: so long, then others' turn, and no further than there is room on the line. Does not know
// what is pulled.

/** Others' turn comes after this long, as after a slice of calls. */
const sliceMs = 1
/** The clock is looked at after this many pulls: reading it costs about as much as a pull. */
const lookEvery = 16
/** So many at most, however cheap: what is pulled is written when the turn is over, and a call that has come waits for it. */
const maxPulls = 64

interface Pulled {
  /** Its turn has come. */
  wake(): void
}

interface TurnsHost {
  /** False: as much is on its way as may be. */
  hasRoom(): boolean
  yieldTo(task: () => void): void
}

export class Turns {
  readonly #host: TurnsHost
  /** Since others had their turn. */
  #pulls = 0
  #startedAt = 0
  /** Those that wait for theirs, in order. */
  readonly #waiting = new Set<Pulled>()
  #isScheduled = false
  /** The one whose turn has come is being woken. */
  #isServing = false

  constructor(host: TurnsHost) {
    this.#host = host
  }

  /** False: others' turn comes first, and then `pulled` is woken. */
  take(pulled: Pulled): boolean {
    if (this.#isServing || (this.#waiting.size === 0 && this.#mayGoOn())) {
      this.#pulls++
      return true
    }
    this.#waiting.add(pulled)
    this.goOn()
    return false
  }

  /** There is room, perhaps: those that wait have their turn. */
  goOn(): void {
    if (this.#isScheduled || this.#waiting.size === 0 || !this.#host.hasRoom()) return
    this.#isScheduled = true
    this.#host.yieldTo(this.#next)
  }

  #mayGoOn(): boolean {
    if (!this.#host.hasRoom()) return false
    if (this.#pulls % lookEvery !== 0) return true
    const now = performance.now()
    if (this.#pulls === 0) this.#startedAt = now
    return this.#pulls < maxPulls && now - this.#startedAt < sliceMs
  }

  readonly #next = (): void => {
    this.#isScheduled = false
    this.#pulls = 0
    for (const pulled of this.#waiting) {
      if (!this.#mayGoOn()) break
      this.#waiting.delete(pulled)
      this.#isServing = true
      pulled.wake()
      this.#isServing = false
    }
    this.goOn()
  }
}
