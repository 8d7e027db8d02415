// The beginning of a connection, until it is welcome: waits for `hello`, holds what comes behind it, and asks who is there.
// Does not know sessions.
import { closeCode } from '../protocol/close.ts'
import { refuse } from '../protocol/decode.ts'
import type { FrameData } from '../protocol/encoded.ts'
import { HELLO } from '../protocol/messages.ts'
import type { ReadHello } from '../protocol/read-at-server.ts'
import { Authentication, type Principal, type Refusal } from './authentication.ts'
import type { ServerSettings } from './options.ts'
import type { UpgradeRequest } from './socket.ts'

export interface OpeningHost {
  /** Who is there is known; the frames came behind `hello`. */
  admit(hello: ReadHello, principal: Principal, held: readonly FrameData[]): void
  close(code: number, reason: string): void
  report(error: unknown): void
}

export class Opening {
  readonly #host: OpeningHost
  readonly #settings: ServerSettings
  readonly #timer: ReturnType<typeof setTimeout>
  readonly #held: FrameData[] = []
  #heldLength = 0
  #hello: ReadHello | undefined
  #authentication: Authentication | undefined

  constructor(host: OpeningHost, settings: ServerSettings) {
    this.#host = host
    this.#settings = settings
    this.#timer = setTimeout(() => host.close(closeCode.noHello, 'no hello in time'), settings.helloTimeoutMs)
  }

  /** `hello` has come: what comes now waits for the verdict. */
  get isHolding(): boolean {
    return this.#hello !== undefined
  }

  /** Counts a frame from somebody unknown; false when that was too much, and the connection is closed. */
  mayTake(frame: FrameData): boolean {
    this.#heldLength += frame.length
    const { unauthenticatedBytes } = this.#settings.limits
    if (this.#heldLength <= unauthenticatedBytes) return true
    this.#host.close(closeCode.badMessage, `more than ${unauthenticatedBytes} bytes before authentication`)
    return false
  }

  hold(frame: FrameData): void {
    this.#held.push(frame)
  }

  hello(hello: ReadHello, request: UpgradeRequest): void {
    if (this.#hello) throw refuse(HELLO, 'sent twice')
    this.#hello = hello
    clearTimeout(this.#timer)
    this.#authentication = new Authentication(this.#settings, {
      passed: (principal) => this.#host.admit(hello, principal, this.#held),
      refused: (refusal) => this.#host.close(closeOf(refusal), refusal.message),
      failed: (error) => this.#host.report(error),
    })
    this.#authentication.start(hello.params, request)
  }

  /** Safe to call twice. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#authentication?.stop()
  }
}

function closeOf({ code }: Refusal): number {
  if (code === 'UNAUTHORIZED') return closeCode.unauthenticated
  return code === 'FORBIDDEN' ? closeCode.forbidden : closeCode.tryAgainLater
}
