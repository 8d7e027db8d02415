// What happens when a count reaches a number. Does not know what is counted.

interface Mark {
  readonly at: number
  readonly run: () => void
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

  /** Runs it once the count is there: at once, if it is. */
  add(at: number, run: () => void): void {
    if (at <= this.#count) return run()
    this.#marks.push({ at, run })
    this.#marks.sort((one, other) => one.at - other.at)
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
