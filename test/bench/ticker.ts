// The fan-out's clock on the server: a tick is one turn of the event loop. Knows no contender and no connection.
import { setImmediate } from 'node:timers/promises'

/**
 * Unconfirmed ticks at which the server waits for the clients, the same for every contender. At 8 events a tick it is 128
 * events a connection: below any contender's limit for slow consumers, and enough that neither end is idle.
 */
const maxTicksAhead = 16

/** The client process confirms this often: four times a window, so that the server seldom waits for it. */
export const ticksPerConfirm = 4

/** Far above what any run reaches in its time. */
const maxTicks = 1_000_000

export class Ticker {
  #confirmed = 0
  #wake: (() => void) | undefined

  confirm(ticks: number): void {
    this.#confirmed = ticks
    this.#wake?.()
  }

  /** Emits for `durationMs` and gives the number of ticks. */
  async run(durationMs: number, eventsPerTick: number, emit: () => void): Promise<number> {
    const end = performance.now() + durationMs
    this.#confirmed = 0
    let ticks = 0
    while (ticks < maxTicks && performance.now() < end) {
      for (let i = 0; i < eventsPerTick; i++) emit()
      ticks++
      await setImmediate()
      while (ticks - this.#confirmed >= maxTicksAhead) await this.#confirmation()
    }
    return ticks
  }

  #confirmation(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
