// Who is there: asks `authenticate` and `identify` within a time, and says passed, refused or failed, once.
// Does not know sockets, calls or sessions.
import { describe, mistake } from '../contract/mistake.ts'
import { type BuiltinCode, isRpcError } from '../protocol/error.ts'
import type { Identity, ServerSettings } from './options.ts'
import { isPromiseLike } from './promise-like.ts'
import type { UpgradeRequest } from './socket.ts'

/** Somebody who has passed. */
export interface Principal {
  readonly context: unknown
  /** Undefined where nobody identifies. */
  readonly name: string | undefined
  /** When the credentials end, on the clock of `Date.now()`; Infinity where they don't. */
  readonly expiresAt: number
  /** When it was asked, on the clock of `performance.now()`: what was revoked since then does not count. */
  readonly askedAt: number
}

/** What can be the matter. `UNAUTHORIZED` and `FORBIDDEN` are verdicts; the others say nothing about the credentials. */
export interface Refusal {
  readonly code: BuiltinCode
  readonly message: string
}

export interface AuthenticationOutcome {
  passed(principal: Principal): void
  refused(refusal: Refusal): void
  /** `authenticate` or `identify` has failed for a reason of its own; for `onError`. `refused` follows. */
  failed(error: unknown): void
}

export class Authentication {
  readonly #settings: ServerSettings
  readonly #outcome: AuthenticationOutcome
  readonly #askedAt = performance.now()
  readonly #timer: ReturnType<typeof setTimeout>
  readonly #controller = new AbortController()
  #isOver = false

  constructor(settings: ServerSettings, outcome: AuthenticationOutcome) {
    this.#settings = settings
    this.#outcome = outcome
    this.#timer = setTimeout(() => this.#refuse('TIMEOUT', 'authentication took too long'), settings.authTimeoutMs)
  }

  start(params: Readonly<Record<string, unknown>>, request: UpgradeRequest): void {
    const { authenticate } = this.#settings
    if (!authenticate) return this.#pass({})
    try {
      const context = authenticate({ params, request, signal: this.#controller.signal })
      if (isPromiseLike(context)) context.then(this.#pass, this.#fail)
      else this.#pass(context)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Nobody waits for the outcome any more. Safe to call twice. */
  stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#controller.abort()
  }

  readonly #pass = (context: unknown): void => {
    if (this.#isOver) return
    let principal: Principal
    try {
      requireContext(this.#settings, context)
      principal = { context, askedAt: this.#askedAt, ...identityOf(this.#settings, context) }
    } catch (error) {
      return this.#fail(error)
    }
    clearTimeout(this.#timer)
    this.#isOver = true
    if (principal.expiresAt <= Date.now())
      this.#outcome.refused({ code: 'UNAUTHORIZED', message: 'expired credentials' })
    else this.#outcome.passed(principal)
  }

  readonly #fail = (error: unknown): void => {
    if (this.#isOver) return
    if (isRpcError(error) && (error.code === 'UNAUTHORIZED' || error.code === 'FORBIDDEN'))
      return this.#refuse(error.code, error.message)
    this.#outcome.failed(error)
    this.#refuse('INTERNAL', 'authentication is not possible at the moment')
  }

  #refuse(code: BuiltinCode, message: string): void {
    this.stop()
    this.#outcome.refused({ code, message })
  }
}

function requireContext({ authenticate }: ServerSettings, context: unknown): void {
  if (!authenticate || (typeof context === 'object' && context !== null)) return
  const advice = "throw new RpcError('UNAUTHORIZED') to refuse"
  throw mistake(`authenticate: expected a context, an object, got ${describe(context)}; ${advice}`, 'context')
}

function identityOf({ identify }: ServerSettings, context: unknown): Pick<Principal, 'name' | 'expiresAt'> {
  if (!identify) return { name: undefined, expiresAt: Number.POSITIVE_INFINITY }
  const identity: unknown = identify(context)
  const { principal, expiresAt } = (identity ?? {}) as Partial<Identity>
  if (typeof principal !== 'string' || principal === '')
    throw mistake(`identify: expected { principal: string }, got ${describe(identity)}`, 'context')
  const endsAt = Number(expiresAt ?? Number.POSITIVE_INFINITY)
  if (!Number.isNaN(endsAt)) return { name: principal, expiresAt: endsAt }
  throw mistake(
    `identify: expected expiresAt to be a date or milliseconds since 1970, got ${describe(expiresAt)}`,
    'context',
  )
}
