// The client process's hold on its server process: starts it and orders it about. Knows no row.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { nextMessage, patienceMs } from './child.ts'
import type { Answer, Order } from './messages.ts'

export class ServerLink {
  readonly #child: ChildProcess

  constructor(contender: string) {
    this.#child = fork(fileURLToPath(new URL('server-process.js', import.meta.url)), [contender], {
      // Memory is what is left after a collection.
      execArgv: [...process.execArgv, '--expose-gc'],
    })
  }

  /** Settles with the port when the server listens. */
  async ready(): Promise<number> {
    return (await this.#answer('ready')).port
  }

  async cpuSeconds(): Promise<number> {
    this.#send({ type: 'cpu' })
    return (await this.#answer('cpu')).seconds
  }

  /** Bytes in use after a collection: the heap, and what it holds outside. */
  async memory(): Promise<number> {
    this.#send({ type: 'memory' })
    return (await this.#answer('memory')).bytes
  }

  /** Lets the server emit for `durationMs`; gives the number of ticks it did. */
  async tick(durationMs: number, eventsPerTick: number): Promise<number> {
    this.#send({ type: 'tick', durationMs, eventsPerTick })
    return (await this.#answer('ticked', durationMs)).ticks
  }

  confirm(ticks: number): void {
    this.#send({ type: 'confirm', ticks })
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }

  #send(order: Order): void {
    this.#child.send(order)
  }

  async #answer<Type extends Answer['type']>(type: Type, workMs = 0): Promise<Answer & { type: Type }> {
    const answer = await nextMessage<Answer>(this.#child, patienceMs + 4 * workMs)
    if (answer.type !== type) throw new Error(`expected ${type} from the server process, got ${answer.type}`)
    return answer as Answer & { type: Type } // just compared; a generic doesn't narrow
  }
}
