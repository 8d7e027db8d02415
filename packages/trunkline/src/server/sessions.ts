// The sessions of a server: found again by principal and name, and kept for a while when their socket is lost. Does not know frames.
import { unreference } from '../protocol/deadlines.ts'
import type { ResumeSettings } from './options.ts'
import type { ServerSession } from './session.ts'

/** How often what is kept too long is looked for. */
const sweepMs = 1_000

export class Sessions {
  readonly #settings: ResumeSettings | undefined
  readonly #all = new Set<ServerSession>()
  /** Those that can be resumed. */
  readonly #byKey = new Map<string, ServerSession>()
  readonly #byPrincipal = new Map<string, Set<ServerSession>>()
  /** Without a socket, the longest first. */
  readonly #detached = new Set<ServerSession>()
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(settings: ResumeSettings | undefined) {
    this.#settings = settings
  }

  [Symbol.iterator](): IterableIterator<ServerSession> {
    return this.#all.values()
  }

  get size(): number {
    return this.#all.size
  }

  get detachedSize(): number {
    return this.#detached.size
  }

  find(principal: string | undefined, name: string): ServerSession | undefined {
    return this.#byKey.get(keyOf(principal, name))
  }

  add(session: ServerSession): void {
    const { principal, name } = session
    this.#all.add(session)
    if (session.sequence.keeps) this.#byKey.set(keyOf(principal, name), session)
    if (principal === undefined) return
    const others = this.#byPrincipal.get(principal)
    if (others) others.add(session)
    else this.#byPrincipal.set(principal, new Set([session]))
  }

  delete(session: ServerSession): void {
    const { principal, name } = session
    const key = keyOf(principal, name)
    this.#all.delete(session)
    if (this.#byKey.get(key) === session) this.#byKey.delete(key)
    this.attached(session)
    const others = principal === undefined ? undefined : this.#byPrincipal.get(principal)
    if (others?.delete(session) && others.size === 0) this.#byPrincipal.delete(principal as string)
  }

  of(principal: string): readonly ServerSession[] {
    return [...(this.#byPrincipal.get(principal) ?? [])]
  }

  /** Its socket is lost; the oldest make room when there are too many. */
  detached(session: ServerSession): void {
    if (!this.#settings) return
    this.#detached.add(session)
    const { perPrincipal, sessions } = this.#settings
    if (session.principal !== undefined) {
      const lost = this.of(session.principal)
        .filter(({ detachedAt }) => detachedAt !== undefined)
        .sort((one, other) => (one.detachedAt as number) - (other.detachedAt as number))
      for (const one of lost.slice(0, Math.max(0, lost.length - perPrincipal))) one.end()
    }
    if (this.#detached.size > sessions) first(this.#detached)?.end()
    this.#timer ??= setInterval(() => this.#sweep(this.#settings as ResumeSettings), sweepMs)
    unreference(this.#timer)
  }

  /** It has a socket again, or has ended. */
  attached(session: ServerSession): void {
    if (!this.#detached.delete(session) || this.#detached.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Ends all that wait for somebody. */
  endDetached(): void {
    for (const session of [...this.#detached]) session.end()
  }

  #sweep({ keepMs, totalBytes }: ResumeSettings): void {
    const now = performance.now()
    let bytes = 0
    for (const session of [...this.#detached]) {
      if (now - (session.detachedAt ?? now) >= keepMs) session.end()
      else bytes += session.sequence.length
    }
    for (let oldest = first(this.#detached); oldest && bytes > totalBytes; oldest = first(this.#detached)) {
      bytes -= oldest.sequence.length
      oldest.end()
    }
  }
}

const first = <Value>(values: Iterable<Value>): Value | undefined => values[Symbol.iterator]().next().value

/** A name has no space in it, so no pair of principal and name looks like another. */
const keyOf = (principal: string | undefined, name: string): string =>
  principal === undefined ? name : `${name} ${principal}`
