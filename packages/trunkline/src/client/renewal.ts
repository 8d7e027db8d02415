// Credentials on the live line: renewed before they expire, or when the app says so. Does not know what they are.
import { maxTimerMs, unreference } from '../protocol/deadlines.ts'
import { notRun } from '../protocol/error.ts'
import type { Authenticated } from '../protocol/messages.ts'
import type { Credentials, Params } from './credentials.ts'
import { type Deferred, makeDeferred } from './deferred.ts'

/** The last fifth of the credentials' life is for renewing them, and a minute is always enough. */
const leadShare = 0.2
const maxLeadMs = 60_000
/** After a failure that says nothing about the credentials. */
const againMs = 5_000

export class Renewal {
  readonly #credentials: Credentials
  /** Has the server take other params. */
  readonly #send: (params: Params) => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #pending: Deferred | undefined
  /** Wanted while another was under way. */
  #next: Deferred | undefined

  constructor(credentials: Credentials, send: (params: Params) => void) {
    this.#credentials = credentials
    this.#send = send
  }

  /** The credentials stand, for so long. */
  stand(expiresInMs: number | undefined): void {
    if (expiresInMs === undefined || !this.#credentials.isRenewable) return
    this.#later(expiresInMs - Math.min(maxLeadMs, expiresInMs * leadShare))
  }

  get isPending(): boolean {
    return this.#pending !== undefined
  }

  /** Renews them with `params` asked for from now on; one at a time. Resolves when the server has taken them. */
  start(): Promise<void> {
    if (!this.#pending) return this.#begin(makeDeferred())
    // The one under way has asked already, and somebody may have logged in since.
    this.#next ??= makeDeferred()
    return this.#next.promise
  }

  #begin(pending: Deferred): Promise<void> {
    this.#pending = pending
    clearTimeout(this.#timer)
    this.#renew(pending)
    return pending.promise
  }

  async #renew(pending: Deferred): Promise<void> {
    try {
      const params = await this.#credentials.ask()
      if (this.#pending === pending) this.#send(params)
    } catch (error) {
      if (this.#pending !== pending) return
      this.#later(againMs)
      const message = `params failed: ${(error as Error)?.message ?? error}`
      this.#settle(({ reject }) => reject(notRun('CANCELLED', message)))
    }
  }

  answered({ code, message, expiresInMs }: Authenticated): void {
    if (code !== undefined) {
      // A verdict stands: what has been refused is not sent again.
      if (code !== 'UNAUTHORIZED' && code !== 'FORBIDDEN') this.#later(againMs)
      return this.#settle(({ reject }) => reject(notRun(code, message)))
    }
    this.stand(expiresInMs)
    this.#settle(({ resolve }) => resolve())
  }

  /** The line is gone; whoever waits is answered by what comes next. */
  stop(next: Promise<void>): void {
    clearTimeout(this.#timer)
    this.#pending?.resolve(next)
    this.#next?.resolve(next)
    this.#pending = this.#next = undefined
  }

  #settle(settle: (pending: Deferred) => void): void {
    const [pending, next] = [this.#pending, this.#next]
    this.#pending = this.#next = undefined
    if (pending) settle(pending)
    if (next) this.#begin(next)
  }

  #later(delayMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.start(), Math.min(delayMs, maxTimerMs))
    unreference(this.#timer)
  }
}
