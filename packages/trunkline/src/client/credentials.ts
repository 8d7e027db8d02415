// Who this client says it is: its `params`, what became of them, and who the server took it for. On the live line they are renewed
// before they expire, or when the app says so. Does not know lines.
import { maxTimerMs, unreference } from '../protocol/deadlines.ts'
import { notRun, type RpcError } from '../protocol/error.ts'
import type { Authenticated } from '../protocol/messages.ts'
import type { Calls } from './calls.ts'
import { type Deferred, makeDeferred } from './deferred.ts'
import { ask, type ClientOptions, type Provided } from './options.ts'

export type Params = Readonly<Record<string, unknown>>

/** The last fifth of the credentials' life is for renewing them, and a minute is always enough. */
const leadShare = 0.2
const maxLeadMs = 60_000
/** After a failure that says nothing about the credentials. */
const againMs = 5_000

export interface CredentialsHost {
  /** Has the server take other params. */
  renew(params: Params): void
  /** Those that wait for a renewal. */
  readonly calls: Pick<Calls, 'hold'>
}

export class Credentials {
  readonly #host: CredentialsHost
  readonly #given: Provided<Params>
  /** What the last attempt said. */
  params: Params = {}
  /** Those that were refused, to see whether asking again gives others; that is done once. */
  #refused: string | undefined
  #principal: string | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The renewal that is under way, and one that was wanted meanwhile. */
  #renewals: Deferred[] = []

  constructor(host: CredentialsHost, given: ClientOptions['params'] = {}) {
    this.#host = host
    this.#given = given
  }

  /** True when asking once more may give others. */
  get #isRenewable(): boolean {
    return typeof this.#given === 'function'
  }

  ask(): Promise<Params> {
    return ask(this.#given)
  }

  // ── Of an attempt ──────────────────────────────────────────────────────────

  /** Takes what was asked for an attempt. False when it was refused already. */
  use(params: Params): boolean {
    this.params = params
    return JSON.stringify(params) !== this.#refused
  }

  /** The server has refused them. True when others may be had. */
  refuse(): boolean {
    if (!this.#isRenewable || this.#refused !== undefined) return false
    this.#refused = JSON.stringify(this.params)
    return true
  }

  /** The server takes this client for `principal`; undefined: nobody in particular. True when that is somebody else than before. */
  stand(principal: string | undefined): boolean {
    const isOther = this.#principal !== undefined && this.#principal !== principal
    this.#principal = principal
    this.#refused = undefined
    return isOther
  }

  // ── On the live line ───────────────────────────────────────────────────────

  /** They stand for so long. */
  last(expiresInMs: number | undefined): void {
    if (expiresInMs !== undefined && this.#isRenewable)
      this.#later(expiresInMs - Math.min(maxLeadMs, expiresInMs * leadShare))
  }

  /** Renews them with `params` asked for from now on; one at a time. Resolves when the server has taken them. */
  renew(): Promise<void> {
    // One that is under way has asked already, and somebody may have logged in since.
    const renewal = this.#renewals[1] ?? makeDeferred()
    if (!this.#renewals[1] && this.#renewals.push(renewal) === 1) void this.#begin()
    return renewal.promise
  }

  answered({ code, message, expiresInMs }: Authenticated): void {
    if (code === undefined) this.last(expiresInMs)
    // A verdict stands: what has been refused is not sent again.
    else if (code !== 'UNAUTHORIZED' && code !== 'FORBIDDEN') this.#later(againMs)
    this.#settle(code === undefined ? undefined : notRun(code, message))
  }

  /** The line is gone; whoever waits is answered by what comes next. */
  stop(next: Promise<void>): void {
    clearTimeout(this.#timer)
    for (const { resolve } of this.#renewals.splice(0)) resolve(next)
    this.#host.calls.hold(false)
  }

  /** The next one, if there is one. */
  async #begin(): Promise<void> {
    const [renewal] = this.#renewals
    if (!renewal) return this.#host.calls.hold(false)
    clearTimeout(this.#timer)
    try {
      const params = await this.ask()
      if (renewal === this.#renewals[0]) this.#host.renew(params)
    } catch (error) {
      if (renewal !== this.#renewals[0]) return
      this.#later(againMs)
      this.#settle(notRun('CANCELLED', `params failed: ${(error as Error)?.message ?? error}`))
    }
  }

  #settle(error?: RpcError): void {
    const renewal = this.#renewals.shift()
    if (error) renewal?.reject(error)
    else renewal?.resolve()
    void this.#begin()
  }

  #later(delayMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.renew(), Math.min(delayMs, maxTimerMs))
    unreference(this.#timer)
  }
}
