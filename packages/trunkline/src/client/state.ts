// The state a client shows: immutable snapshots, changed in one place and then announced. Does not know why it changes.
import { callBack } from '../calls/call-back.ts'
import type { Gap } from '../contract/client-types.ts'

export interface ConnectionState {
  /** `idle`: nothing has connected yet; `waiting`: for the next try; `closed`: until `connect()`. */
  readonly status: 'idle' | 'connecting' | 'open' | 'waiting' | 'closed'
  /** Failures in a row; 0 while all is well. */
  readonly attempt: number
  /** When the next try is due, on the clock of `Date.now()`. */
  readonly nextAttemptAt: number | undefined
  /** In words: why it is not open, and what comes next. */
  readonly reason: string | undefined
  /** The close code of the last connection, while there is no other (PROTOCOL.md section 11): 4001 asks for a login. */
  readonly code: number | undefined
}

export interface ConnectionEvents {
  /** `state` is another one. */
  change: ConnectionState
  /** A subscription misses events; `onGap` of the call hears it too. */
  gap: Gap
  /** The server is about to leave; calls go on and come back by themselves. */
  goaway: { readonly drainMs: number; readonly reason: string }
}

/** Behind what has happened: what the client does about it. */
const comesNext: Readonly<Partial<Record<ConnectionState['status'], string>>> = {
  connecting: '; trying again now',
  waiting: '; trying again soon',
  closed: '; connect() tries again',
}

/** The present state: changed here alone, and then announced. */
export class Status {
  readonly #emitter: Emitter
  #state: ConnectionState
  /** What has happened to the last line, and its close code. */
  words = ''
  code: number | undefined

  constructor(emitter: Emitter) {
    this.#emitter = emitter
    this.#state = this.#snapshot('idle', 0, undefined)
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** `attempt`: failures in a row. */
  change(status: ConnectionState['status'], attempt = 0, nextAttemptAt?: number): void {
    if (status === 'open') {
      this.words = ''
      this.code = undefined
    }
    this.#state = this.#snapshot(status, attempt, nextAttemptAt)
    this.#emitter.emit('change', this.#state)
  }

  #snapshot(status: ConnectionState['status'], attempt: number, nextAttemptAt: number | undefined): ConnectionState {
    const reason = this.words ? this.words + (comesNext[status] ?? '') : undefined
    return Object.freeze({ status, attempt, nextAttemptAt, reason, code: this.code })
  }
}

interface Listening {
  readonly name: string
  readonly listener: (payload: never) => void
}

export class Emitter {
  readonly #listening = new Set<Listening>()
  /** Events that go round; the first is under way. */
  readonly #queue: (() => void)[] = []

  on<Name extends keyof ConnectionEvents>(name: Name, listener: (payload: ConnectionEvents[Name]) => void): () => void {
    // The same function twice is two listeners with two undos.
    const entry = { name, listener }
    this.#listening.add(entry)
    return () => this.#listening.delete(entry)
  }

  /** Announces; what a listener causes meanwhile is announced after it, to everybody in the same order. */
  emit<Name extends keyof ConnectionEvents>(name: Name, payload: ConnectionEvents[Name]): void {
    this.#queue.push(() => {
      for (const entry of [...this.#listening])
        if (entry.name === name) callBack(() => entry.listener(payload as never))
    })
    if (this.#queue.length > 1) return
    for (let round = this.#queue[0]; round; round = this.#queue[0]) {
      round()
      this.#queue.shift()
    }
  }
}
