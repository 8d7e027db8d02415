// Who this client says it is: its `params`, what became of them, and who the server took it for. Does not know lines.
import { within } from './deferred.ts'
import { type ClientOptions, type Provided, provide } from './options.ts'

export type Params = Readonly<Record<string, unknown>>

/** As long as the server has to answer an attempt. */
const askTimeoutMs = 20_000

/** Gives `url` or `params`, which may be a function of the user's. */
export const ask = <Value>(provided: Provided<Value>): Promise<Value> => within(askTimeoutMs, provide(provided))

export class Credentials {
  readonly #options: ClientOptions
  /** What the last attempt said. */
  params: Params = {}
  /** Those that were refused, to see whether asking again gives others; that is done once. */
  #refused: string | undefined
  #principal: string | undefined

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** True when asking once more may give others. */
  get isRenewable(): boolean {
    return typeof this.#options.params === 'function'
  }

  ask(): Promise<Params> {
    return ask(this.#options.params ?? {})
  }

  /** Takes what was asked for an attempt. False when it was refused already. */
  use(params: Params): boolean {
    this.params = params
    return JSON.stringify(params) !== this.#refused
  }

  /** The server has refused them. True when others may be had. */
  refuse(): boolean {
    if (!this.isRenewable || this.#refused !== undefined) return false
    this.#refused = JSON.stringify(this.params)
    return true
  }

  /** The server takes this client for `principal`. True when that is somebody else than before. */
  stand(principal: string | undefined): boolean {
    const isOther = this.#principal !== undefined && this.#principal !== principal
    this.#principal = principal
    this.#refused = undefined
    return isOther
  }

  /** Whoever comes next is nobody in particular. */
  reset(): void {
    this.#principal = this.#refused = undefined
  }
}
