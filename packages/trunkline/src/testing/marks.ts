// What happens when a count reaches a number. Does not know what is counted.

interface Mark {
  readonly at: number
  readonly run: () => void
  readonly isLast: boolean
}

export class Marks {
  #count = 0
  #marks: Mark[] = []

  get count(): number {
    return this.#count
  }

  /** How many may still be counted before something happens. */
  get distance(): number {
    return (this.#marks[0]?.at ?? Number.POSITIVE_INFINITY) - this.#count
  }

  /** Runs it once the count is there: at once, if it is. What comes `'last'` runs behind all others of the same number. */
  add(at: number, run: () => void, place: 'first' | 'last' = 'first'): void {
    if (at <= this.#count) return run()
    this.#marks.push({ at, run, isLast: place === 'last' })
    this.#marks.sort((one, other) => one.at - other.at || Number(one.isLast) - Number(other.isLast))
  }

  advance(by: number): void {
    this.#count += by
    for (let mark = this.#marks[0]; mark && mark.at <= this.#count; mark = this.#marks[0]) {
      this.#marks.shift()
      mark.run()
    }
  }

  clear(): void {
    this.#marks = []
  }
}
