// A loop of fixed steps: as many as the clock asks for, however late it is called. Knows no world.
import type { Pace } from './contract.ts'

export interface LoopOptions {
  readonly tickMs: number
  /** One tick. */
  readonly step: () => void
  /** Behind the last step of a turn. */
  readonly shown: () => void
}

/** Steps to catch up in one turn. What is behind by more is given up: a loop that owes steps to a slow machine would never pay them back. */
const maxSteps = 6
/** Ten seconds at sixty a second. */
const keptSamples = 600

export class Loop {
  readonly #options: LoopOptions
  readonly #late = new Float64Array(keptSamples)
  #timer: ReturnType<typeof setTimeout> | undefined
  #dueAt = 0
  #turns = 0
  #ticks = 0
  #dropped = 0

  constructor(options: LoopOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#timer) return
    this.#dueAt = performance.now() + this.#options.tickMs
    this.#wait()
  }

  /** Safe to call twice. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  pace(): Pace {
    const late = this.#late.slice(0, Math.min(this.#turns, keptSamples)).sort()
    const at = (part: number) => Math.round((late[Math.floor((late.length - 1) * part)] ?? 0) * 100) / 100
    return { ticks: this.#ticks, dropped: this.#dropped, lateMs: { p50: at(0.5), p99: at(0.99), max: at(1) } }
  }

  #wait(): void {
    this.#timer = setTimeout(this.#turn, Math.max(0, this.#dueAt - performance.now()))
  }

  readonly #turn = (): void => {
    const { tickMs, step, shown } = this.#options
    const behind = performance.now() - this.#dueAt
    // A timer may be early by a fraction of a millisecond.
    const due = Math.max(1, Math.floor(behind / tickMs) + 1)
    const steps = Math.min(due, maxSteps)
    this.#late[this.#turns++ % keptSamples] = Math.max(0, behind)
    this.#ticks += steps
    this.#dropped += due - steps
    this.#dueAt += due * tickMs
    this.#wait()
    for (let left = steps; left > 0; left--) step()
    shown()
  }
}
