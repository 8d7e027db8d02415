// One's own ship before the server has answered: flown here by the same rules, and put right with each state. Knows no network.
import { type Flight, fly } from '../ship.ts'
import { isFlown, type ShipView } from '../snapshot.ts'
import type { Input } from '../world.ts'

/** More than a second unanswered is no prediction any more. */
const maxPending = 60

export class Prediction {
  ship: Flight | undefined
  #pending: Input[] = []
  /** What is seen, beside what is right: it fades instead of jumping. */
  #errorX = 0
  #errorY = 0

  /** Flies one tick ahead. */
  fly(input: Input): void {
    if (!this.ship) return
    this.#pending.push(input)
    if (this.#pending.length > maxPending) this.#pending.shift()
    fly(this.ship, input)
    this.#errorX *= 0.85
    this.#errorY *= 0.85
  }

  /** The server's word: what it has not flown yet is flown once more from there. */
  correct(told: ShipView): void {
    this.#pending = this.#pending.filter(({ sequence }) => !isFlown(sequence, told.sequence))
    const { x, y, vx, vy, angle } = told
    const right: Flight = { x, y, vx, vy, angle }
    for (const input of this.#pending) fly(right, input)
    if (this.ship) this.#fade(this.ship, right)
    this.ship = right
  }

  /** A wreck, or a new beginning. */
  clear(): void {
    this.ship = undefined
    this.#pending = []
    this.#errorX = this.#errorY = 0
  }

  /** Where it is drawn. */
  seen(): Flight | undefined {
    return this.ship && { ...this.ship, x: this.ship.x + this.#errorX, y: this.ship.y + this.#errorY }
  }

  #fade(was: Flight, is: Flight): void {
    this.#errorX += was.x - is.x
    this.#errorY += was.y - is.y
    if (Math.hypot(this.#errorX, this.#errorY) > 200) this.#errorX = this.#errorY = 0
  }
}
