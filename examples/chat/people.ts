// Who is here: a person with two tabs is here once, until the last of them goes.
export class People {
  readonly #tabs = new Map<string, number>()

  enter(name: string): void {
    this.#tabs.set(name, (this.#tabs.get(name) ?? 0) + 1)
  }

  leave(name: string): void {
    const left = (this.#tabs.get(name) ?? 0) - 1
    if (left > 0) this.#tabs.set(name, left)
    else this.#tabs.delete(name)
  }

  names(): string[] {
    return [...this.#tabs.keys()].sort((a, b) => a.localeCompare(b))
  }
}
