// What a client shows of its connection: immutable snapshots, changed in one place and then announced. Does not know why it changes.
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

interface Told {
  readonly name: keyof ConnectionEvents
  readonly payload: unknown
}

interface Listening {
  readonly name: keyof ConnectionEvents
  readonly listener: (payload: never) => void
}

export class Status {
  /** What has happened to the last line, and its close code. */
  protected words = ''
  protected code: number | undefined
  /** In a row. */
  protected failures = 0
  #state = this.#snapshot('idle')
  readonly #listening = new Set<Listening>()
  /** Events that go round; the first is under way. */
  #told: Told[] = []

  get state(): ConnectionState {
    return this.#state
  }

  readonly getSnapshot = (): ConnectionState => this.#state

  readonly on = <Name extends keyof ConnectionEvents>(
    name: Name,
    listener: (payload: ConnectionEvents[Name]) => void,
  ): (() => void) => {
    // The same function twice is two listeners with two undos.
    const entry = { name, listener }
    this.#listening.add(entry)
    return () => this.#listening.delete(entry)
  }

  readonly subscribe = (listener: () => void): (() => void) => this.on('change', () => listener())

  /** Announces; what a listener causes meanwhile is announced after it, to everybody in the same order. */
  emit<Name extends keyof ConnectionEvents>(name: Name, payload: ConnectionEvents[Name]): void {
    if (this.#told.push({ name, payload }) > 1) return
    for (const told of this.#told) {
      for (const entry of [...this.#listening])
        if (entry.name === told.name) callBack(() => entry.listener(told.payload as never))
    }
    this.#told = []
  }

  protected change(status: ConnectionState['status'], words = this.words, nextAttemptAt?: number): void {
    this.words = words
    this.#state = this.#snapshot(status, nextAttemptAt)
    this.emit('change', this.#state)
  }

  #snapshot(status: ConnectionState['status'], nextAttemptAt?: number): ConnectionState {
    const { code, failures, words } = this
    const attempt = status === 'open' ? 0 : failures
    return Object.freeze({
      status,
      attempt,
      nextAttemptAt,
      reason: words ? words + (comesNext[status] ?? '') : undefined,
      code,
    })
  }
}
