// All rounds of one row: a pair of processes a contender, each warmed up, then taking turns. Knows no figures.
import type { Contender } from './contenders.ts'
import type { Measurement } from './messages.ts'
import type { Options } from './options.ts'
import { Pair } from './pair.ts'
import type { Row } from './rows.ts'

export class Rounds {
  /** By contender, one a round; fewer where it failed. */
  readonly measurements = new Map<string, Measurement[]>()
  readonly failures: string[] = []
  readonly #row: Row
  readonly #pairs = new Map<string, Pair>()

  constructor(row: Row) {
    this.#row = row
  }

  /** Ends all processes, whatever happened; a contender that fails is out for the rest of the row. */
  async run(contenders: Contender[], options: Options, clientProcess: string): Promise<void> {
    const able = contenders.filter(({ rows }) => !rows || rows.includes(this.#row.name))
    try {
      for (const { name } of able) {
        await this.#attempt(name, 'warm-up', () => this.#start(name, clientProcess, options.warmUpMs))
      }
      for (let round = 1; round <= options.rounds; round++) {
        for (const { name } of able)
          await this.#attempt(name, `round ${round}`, () => this.#measure(name, options.measureMs))
      }
    } finally {
      for (const pair of this.#pairs.values()) pair.stop()
      progress('')
    }
  }

  async #start(name: string, clientProcess: string, warmUpMs: number): Promise<void> {
    const pair = new Pair(clientProcess, { row: this.#row.name, contender: name })
    this.#pairs.set(name, pair)
    this.measurements.set(name, [])
    await pair.ready()
    await pair.run(warmUpMs)
  }

  async #measure(name: string, durationMs: number): Promise<void> {
    const measurement = await this.#pairs.get(name)?.run(durationMs)
    if (measurement) this.measurements.get(name)?.push(measurement)
  }

  async #attempt(name: string, stage: string, step: () => Promise<void>): Promise<void> {
    progress(`${this.#row.name}, ${stage}: ${name}`)
    try {
      await step()
    } catch (error) {
      this.failures.push(`${this.#row.name}, ${stage}: ${name} failed: ${error}`)
      this.#pairs.get(name)?.stop()
      this.#pairs.delete(name)
    }
  }
}

/** A line that is written over, where someone is watching. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}
