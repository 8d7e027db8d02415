// What is open, by id. Knows nothing of what it holds.

interface Identified {
  readonly id: number
}

/**
 * A Map that leaves itself behind. In V8 a Map's table, once replaced by a larger or cleaner one, refers to its successor: as soon as
 * one of them is old, what was open in any later one waits for a full collection. With 128 calls in flight to make them old took the
 * client a fifth of its time. A Map that was copied into another refers to nothing.
 */
export class IdMap<Value extends Identified> {
  /** The newest: with one thing open at a time the Map, whose table is made anew each time it is emptied, is never touched. */
  #newest: Value | undefined
  #map = new Map<number, Value>()
  /** Since the last copy. */
  #deleted = 0

  get size(): number {
    return this.#map.size + (this.#newest ? 1 : 0)
  }

  get(id: number): Value | undefined {
    return this.#newest?.id === id ? this.#newest : this.#map.get(id)
  }

  /** Under an id that is not there. */
  add(value: Value): void {
    if (this.#newest) this.#map.set(this.#newest.id, this.#newest)
    this.#newest = value
  }

  delete(id: number): boolean {
    if (this.#newest?.id === id) {
      this.#newest = undefined
      return true
    }
    const wasHere = this.#map.delete(id)
    // So seldom that each value is copied once or less on average.
    if (wasHere && ++this.#deleted > 64 + 2 * this.size) {
      this.#map = new Map(this.#map)
      this.#deleted = 0
    }
    return wasHere
  }

  /** As they are now, in the order in which they were added. */
  values(): Value[] {
    return [...this.#map.values(), ...(this.#newest ? [this.#newest] : [])]
  }
}
