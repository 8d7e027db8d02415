// All rounds of one row: a pair of processes a contender, each warmed up, then taking turns. Knows no figures.
import type { Contender } from './contenders.ts'
import type { Measurement } from './messages.ts'
import type { Options } from './options.ts'
import { Pair } from './pair.ts'
import type { Row, RowName } from './rows.ts'

/** What a long measurement may take, in ms: it ends when it is done. */
const onceMs = 15_000

function isLong({ kind }: Row): boolean {
  return kind === 'resume' || kind === 'memory' || kind === 'wire'
}

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
    const { name: row } = this.#row
    const able = contenders.filter(
      ({ rows, cannot }) => (!rows || rows.includes(row as RowName)) && !cannot?.[row as RowName],
    )
    if (isLong(this.#row)) return this.#runOnce(able, clientProcess)
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

  /** One after the other, once: what takes this long needs no warm-up, and thousands of sockets are enough at a time. */
  async #runOnce(able: Contender[], clientProcess: string): Promise<void> {
    for (const { name } of able) {
      await this.#attempt(name, 'the one round', async () => {
        const pair = this.#open(name, clientProcess)
        await pair.ready()
        await this.#measure(name, onceMs)
      })
      this.#pairs.get(name)?.stop()
    }
    progress('')
  }

  #open(name: string, clientProcess: string): Pair {
    const pair = new Pair(clientProcess, { row: this.#row.name, contender: name }, this.#row.payloadBytes)
    this.#pairs.set(name, pair)
    this.measurements.set(name, [])
    return pair
  }

  async #start(name: string, clientProcess: string, warmUpMs: number): Promise<void> {
    const pair = this.#open(name, clientProcess)
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
