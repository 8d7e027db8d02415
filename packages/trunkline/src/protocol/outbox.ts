// Frame batching: gathers what one end says in a turn and writes it as one frame. Does not know the socket or the messages.

/** Batches are cut here, so that one frame neither waits for the rest nor meets the receiver's limit. */
const cutAt = 64 * 1024

/**
 * Calls are cut earlier: the other end begins with the first while this one is still at the last. With 128 calls in flight that made
 * 1.5 times as many calls a second; half as many messages a frame cost more in writes than they gave.
 */
const cutAtCalls = 32

/** Joins the messages of a batch into a frame's text. */
export function joinBatch(messages: readonly string[]): string {
  return messages.length === 1 ? (messages[0] as string) : `[${messages.join(',')}]`
}

export interface OutboxHost {
  /** Runs `outbox.flush()` once what the current turn has to say is said. */
  schedule(outbox: Outbox): void
  /** Writes a frame; `counted` says whether it belongs to the session's sequence. */
  write(text: string, counted: boolean): void
  /** What else may ride on a frame that is about to be written, if there is something. */
  rider(counted: boolean): string | undefined
  /** Joins a batch of stream messages alone; a server shares the result between connections. */
  joinStreams(messages: string[]): string
}

export class Outbox {
  readonly #host: OutboxHost
  #calls: string[] = []
  #streams: string[] = []
  #size = 0
  #counted = false
  #scheduled = false

  constructor(host: OutboxHost) {
    this.#host = host
  }

  /** Adds a message that goes before those of streams. */
  push(message: string): void {
    this.#reserve(message.length)
    this.#calls.push(message)
    this.#counted = true
    if (this.#calls.length >= cutAtCalls) this.#write()
  }

  /** Adds a message of a stream: those keep their order among each other. */
  pushStream(message: string): void {
    this.#reserve(message.length)
    this.#streams.push(message)
    this.#counted = true
  }

  /** Adds a message that rides with others and, alone, makes a frame that isn't counted. */
  ride(message: string): void {
    this.#reserve(message.length)
    this.#calls.push(message)
  }

  flush(): void {
    this.#scheduled = false
    this.#write()
  }

  #write(): void {
    const calls = this.#calls
    const streams = this.#streams
    if (calls.length === 0 && streams.length === 0) return
    const counted = this.#counted
    this.clear()
    // Alone, streams' messages are the same for many connections: nothing of one's own is put among them.
    if (calls.length === 0) return this.#host.write(this.#host.joinStreams(streams), counted)
    const rider = this.#host.rider(counted)
    if (rider !== undefined) calls.push(rider)
    this.#host.write(joinBatch(streams.length ? calls.concat(streams) : calls), counted)
  }

  /** Forgets what was not written. */
  clear(): void {
    this.#calls = []
    this.#streams = []
    this.#size = 0
    this.#counted = false
  }

  #reserve(length: number): void {
    if (this.#size > 0 && this.#size + length > cutAt) this.#write()
    this.#size += length
    if (this.#scheduled) return
    this.#scheduled = true
    this.#host.schedule(this)
  }
}
