// When items of streams are written: at the end of their turn of the loop, or with those of the next turns, while each brings more.
// Does not know what is said.
import { nextTick } from 'node:process'
import { setImmediate } from 'node:timers'

/** Turns that items wait for more, at most: what is saved by a fourth is little. */
const maxTurns = 3

/** And so long, in ms, or as long as the last writing took: turns may be long. */
const maxWaitMs = 1

/** One may end before what comes in it is said. */
const warmTurns = 2

type Run = (task: () => void) => unknown

/**
 * Writing to a socket costs a server several times what it takes to say an item, so that events that come turn after turn are cheaper
 * together. One that comes alone is written at the end of its turn; one that comes right behind another waits while there is more:
 * no longer than what is being written to everybody else takes anyhow.
 */
export class Gathering {
  readonly #afterThis: Run
  readonly #nextTurn: Run
  /** Turns in which what is said waits for more: a little longer than something was written. */
  #warmTurns = 0
  #flush: (() => void) | undefined
  #said: { readonly size: number } = { size: 0 }
  /** What there was in the last turn. */
  #size = 0
  #turns = 0
  #since = 0
  /** How long the last writing took. */
  #tookMs = 0

  constructor(afterThis: Run = nextTick, nextTurn: Run = setImmediate) {
    this.#afterThis = afterThis
    this.#nextTurn = nextTurn
  }

  readonly schedule = (flush: () => void, said: { readonly size: number }): void => {
    if (this.#warmTurns === 0) {
      this.#warmTurns = warmTurns
      this.#afterThis(flush)
      this.#nextTurn(this.#turn)
      return
    }
    this.#flush = flush
    this.#said = said
    this.#size = this.#turns = 0
    this.#since = performance.now()
  }

  readonly #turn = (): void => {
    const flush = this.#flush
    if (!flush && --this.#warmTurns === 0) return
    // Before anything else: what is thrown in writing must not stop the turns.
    this.#nextTurn(this.#turn)
    if (flush && !this.#mayWait()) this.#write(flush)
  }

  /** There is more than in the last turn, and not for too long. */
  #mayWait(): boolean {
    const { size } = this.#said
    const hasGrown = size > this.#size
    this.#size = size
    return hasGrown && ++this.#turns < maxTurns && performance.now() - this.#since < Math.max(maxWaitMs, this.#tookMs)
  }

  #write(flush: () => void): void {
    this.#flush = undefined
    this.#warmTurns = warmTurns
    const before = performance.now()
    flush()
    this.#tookMs = performance.now() - before
  }
}
