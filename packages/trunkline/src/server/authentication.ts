// Who is there: waits for `hello`, asks `authenticate`, and says passed or refused, once. Does not know calls or sessions.
import { describe, mistake } from '../contract/mistake.ts'
import { closeCode } from '../protocol/close.ts'
import { isRpcError } from '../protocol/error.ts'
import { isPromiseLike } from './call.ts'
import type { Identity, ServerSettings } from './options.ts'
import type { UpgradeRequest } from './socket.ts'

export interface AuthenticationOutcome {
  passed(context: unknown, principal: string | undefined): void
  /** Close with this code; the reason is for the client. */
  refused(code: number, reason: string): void
  /** `authenticate` has failed for a reason of its own; for `onError`. */
  failed(error: unknown): void
}

export class Authentication {
  readonly #settings: ServerSettings
  readonly #request: UpgradeRequest
  readonly #outcome: AuthenticationOutcome
  #timer: ReturnType<typeof setTimeout> | undefined
  #controller: AbortController | undefined
  #isOver = false

  constructor(settings: ServerSettings, request: UpgradeRequest, outcome: AuthenticationOutcome) {
    this.#settings = settings
    this.#request = request
    this.#outcome = outcome
    this.#timer = setTimeout(() => this.#refuse(closeCode.noHello, 'no hello in time'), settings.helloTimeoutMs)
  }

  /** `hello` has come. */
  start(params: Readonly<Record<string, unknown>>): void {
    clearTimeout(this.#timer)
    const { authenticate, authTimeoutMs } = this.#settings
    if (!authenticate) return this.#pass({})
    this.#timer = setTimeout(() => this.#refuse(closeCode.tryAgainLater, 'authentication took too long'), authTimeoutMs)
    this.#controller = new AbortController()
    try {
      const context = authenticate({ params, request: this.#request, signal: this.#controller.signal })
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
    this.#controller?.abort()
  }

  readonly #pass = (context: unknown): void => {
    if (this.#isOver) return
    try {
      requireContext(this.#settings, context)
      const principal = principalOf(this.#settings, context)
      clearTimeout(this.#timer)
      this.#isOver = true
      this.#outcome.passed(context, principal)
    } catch (error) {
      this.#fail(error)
    }
  }

  readonly #fail = (error: unknown): void => {
    if (this.#isOver) return
    if (isRpcError(error) && error.code === 'UNAUTHORIZED')
      return this.#refuse(closeCode.unauthenticated, error.message)
    if (isRpcError(error) && error.code === 'FORBIDDEN') return this.#refuse(closeCode.forbidden, error.message)
    this.#outcome.failed(error)
    this.#refuse(closeCode.tryAgainLater, 'authentication is not possible at the moment')
  }

  #refuse(code: number, reason: string): void {
    this.stop()
    this.#outcome.refused(code, reason)
  }
}

function requireContext({ authenticate }: ServerSettings, context: unknown): void {
  if (!authenticate || (typeof context === 'object' && context !== null)) return
  const advice = "throw new RpcError('UNAUTHORIZED') to refuse"
  throw mistake(`authenticate: expected a context, an object, got ${describe(context)}; ${advice}`, 'context')
}

function principalOf({ identify }: ServerSettings, context: unknown): string | undefined {
  if (!identify) return undefined
  const identity: unknown = identify(context)
  const principal = (identity as Identity | undefined)?.principal
  if (typeof principal === 'string') return principal
  throw mistake(`identify: expected { principal: string }, got ${describe(identity)}`, 'context')
}
