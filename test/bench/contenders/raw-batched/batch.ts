// What one side has to say in a tick, as one array in one frame. Knows nothing of what the messages mean.
import { WebSocket } from 'ws'

/** About 40 KiB of the benchmark's messages: a loop that never yields still sends. */
const maxMessages = 512

export class Batch {
  #messages: object[] = []
  readonly #socket: WebSocket

  constructor(socket: WebSocket) {
    this.#socket = socket
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount
  }

  push(message: object): void {
    const length = this.#messages.push(message)
    if (length === 1) queueMicrotask(this.#schedule)
    else if (length === maxMessages) this.#flush()
  }

  // From a micro-task, nextTick runs when all micro-tasks have drained: whatever answers at once is in the batch.
  readonly #schedule = (): void => process.nextTick(this.#flush)

  readonly #flush = (): void => {
    const messages = this.#messages
    if (messages.length === 0) return
    this.#messages = []
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(messages))
  }
}
