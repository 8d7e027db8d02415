// Staying awake for an answer that is as good as here: to sleep and be woken costs more than to look again for a moment.
// Does not know what is waited for.
import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers'

/**
 * Turns of an idle loop, 1 µs each: about what it costs a machine to sleep and be woken, at both ends of a call. Whoever waits that
 * long before it sleeps spends at most twice what the better choice would have cost, whatever comes.
 */
export const maxTurns = 128

/** Of the last waits, how many more were rewarded than were not, at most: so a change is noticed soon. */
const maxScore = 8

/** Where waits are not rewarded, as over any network, one of so many is a try. */
const tryEvery = 256

/**
 * With one call at a time over loopback both ends sleep and wake for each message, which takes them longer than the call. So a loop
 * that expects something looks again for a moment, as long as most such waits are rewarded; else it sleeps as any other. It made
 * three times as many calls a second of that kind, each for half the processor time.
 */
export class BusyPoll {
  readonly #nextTurn: (look: () => void) => unknown
  readonly #isUseful: boolean
  #isLooking = false
  /** Left of this wait; 0 when nothing is waited for. */
  #turns = 0
  #score = 1
  #skipped = 0

  constructor(nextTurn: (look: () => void) => unknown = setImmediate, cores: number = availableParallelism()) {
    this.#nextTurn = nextTurn
    // Where there is one core, whoever stays awake keeps the other end from answering.
    this.#isUseful = cores > 1
  }

  /** Something may come at any moment. */
  expect(): void {
    if (!this.#isUseful || (this.#score === 0 && ++this.#skipped < tryEvery)) return
    this.#skipped = 0
    this.#turns = maxTurns
    if (this.#isLooking) return
    this.#isLooking = true
    this.#nextTurn(this.#look)
  }

  /** Something has come. */
  arrived(): void {
    if (this.#turns === 0) return
    this.#turns = 0
    if (this.#score < maxScore) this.#score++
  }

  readonly #look = (): void => {
    if (this.#turns > 1) {
      this.#turns--
      this.#nextTurn(this.#look)
      return
    }
    this.#isLooking = false
    if (this.#turns > 0 && this.#score > 0) this.#score--
    this.#turns = 0
  }
}
