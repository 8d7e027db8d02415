// Credentials on the live line: renewed before they expire, or when the app says so. Does not know what they are.
import { maxTimerMs, unreference } from '../protocol/deadlines.ts'
import { RpcError } from '../protocol/error.ts'
import type { Authenticated } from '../protocol/messages.ts'
import { type Deferred, makeDeferred } from './deferred.ts'

export interface RenewalHost {
  /** True when asking for `params` once more may give others. */
  readonly isRenewable: boolean
  /** Asks for `params` and sends them; false when there is no line to send them on. */
  sendParams(): Promise<boolean>
}

/** The last fifth of the credentials' life is for renewing them, and a minute is always enough. */
const leadShare = 0.2
const maxLeadMs = 60_000
/** After a failure that says nothing about the credentials. */
const againMs = 5_000

export class Renewal {
  readonly #host: RenewalHost
  #timer: ReturnType<typeof setTimeout> | undefined
  #pending: Deferred | undefined

  constructor(host: RenewalHost) {
    this.#host = host
  }

  /** The credentials stand, for so long. */
  stand(expiresInMs: number | undefined): void {
    if (expiresInMs === undefined || !this.#host.isRenewable) return
    this.#later(expiresInMs - Math.min(maxLeadMs, expiresInMs * leadShare))
  }

  /** Renews them now; one at a time. Resolves when the server has taken them. */
  start(): Promise<void> {
    if (this.#pending) return this.#pending.promise
    const pending = makeDeferred()
    this.#pending = pending
    clearTimeout(this.#timer)
    this.#host.sendParams().catch((error) => {
      if (this.#pending !== pending) return
      this.#fail(
        new RpcError('CANCELLED', {
          message: `params failed: ${(error as Error)?.message ?? error}`,
          delivery: 'not-run',
        }),
      )
      this.#later(againMs)
    })
    return pending.promise
  }

  answered({ code, message, expiresInMs }: Authenticated): void {
    if (code !== undefined) {
      this.#fail(new RpcError(code, { message, delivery: 'not-run' }))
      // A verdict stands: what has been refused is not sent again.
      if (code !== 'UNAUTHORIZED' && code !== 'FORBIDDEN') this.#later(againMs)
      return
    }
    this.#pending?.resolve()
    this.#pending = undefined
    this.stand(expiresInMs)
  }

  /** The line is gone; whoever waits is answered by what comes next. */
  stop(next: () => Promise<void>): void {
    clearTimeout(this.#timer)
    this.#pending?.resolve(next())
    this.#pending = undefined
  }

  #fail(error: RpcError): void {
    this.#pending?.reject(error)
    this.#pending = undefined
  }

  #later(delayMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.start(), Math.min(delayMs, maxTimerMs))
    unreference(this.#timer)
  }
}
