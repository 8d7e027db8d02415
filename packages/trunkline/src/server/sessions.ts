// The sessions of a server: found again by principal and name, and kept for a while when their socket is lost. Does not know frames.
import { unreference } from '../protocol/deadlines.ts'
import type { ResumeSettings } from './options.ts'
import type { ServerSession } from './session.ts'

/** How often what is kept too long is looked for. */
const sweepMs = 1_000

/** The sessions of one principal; those without a socket in the order of their loss. */
interface Group {
  readonly all: Set<ServerSession>
  readonly detached: Set<ServerSession>
}

export class Sessions {
  readonly #settings: ResumeSettings | undefined
  readonly #all = new Set<ServerSession>()
  /** Those that can be resumed. */
  readonly #byKey = new Map<string, ServerSession>()
  readonly #byPrincipal = new Map<string, Group>()
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
    const group = this.#byPrincipal.get(principal)
    if (group) group.all.add(session)
    else this.#byPrincipal.set(principal, { all: new Set([session]), detached: new Set() })
  }

  delete(session: ServerSession): void {
    const { principal, name } = session
    const key = keyOf(principal, name)
    this.attached(session)
    this.#all.delete(session)
    if (this.#byKey.get(key) === session) this.#byKey.delete(key)
    const group = this.#groupOf(session)
    if (group?.all.delete(session) && group.all.size === 0) this.#byPrincipal.delete(principal as string)
  }

  of(principal: string): readonly ServerSession[] {
    return [...(this.#byPrincipal.get(principal)?.all ?? [])]
  }

  /** How many of a principal have a socket. */
  attachedOf(principal: string): number {
    const group = this.#byPrincipal.get(principal)
    return group ? group.all.size - group.detached.size : 0
  }

  /** Its socket is lost; the oldest make room when there are too many. */
  detached(session: ServerSession): void {
    if (!this.#settings) return
    const { perPrincipal, sessions } = this.#settings
    const group = this.#groupOf(session)
    this.#detached.add(session)
    group?.detached.add(session)
    if (group && group.detached.size > perPrincipal) first(group.detached)?.end()
    if (this.#detached.size > sessions) first(this.#detached)?.end()
    if (this.#detached.size === 0) return
    this.#timer ??= setInterval(() => this.#sweep(this.#settings as ResumeSettings), sweepMs)
    unreference(this.#timer)
  }

  /** It has a socket again, or has ended. */
  attached(session: ServerSession): void {
    this.#groupOf(session)?.detached.delete(session)
    if (!this.#detached.delete(session) || this.#detached.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #groupOf({ principal }: ServerSession): Group | undefined {
    return principal === undefined ? undefined : this.#byPrincipal.get(principal)
  }

  #sweep({ keepMs, totalBytes }: ResumeSettings): void {
    const now = performance.now()
    let bytes = 0
    for (const session of [...this.#detached]) {
      if (now - (session.detachedAt ?? now) >= keepMs) session.end()
      else bytes += session.keptLength
    }
    for (let oldest = first(this.#detached); oldest && bytes > totalBytes; oldest = first(this.#detached)) {
      bytes -= oldest.keptLength
      oldest.end()
    }
  }
}

const first = <Value>(values: Iterable<Value>): Value | undefined => values[Symbol.iterator]().next().value

/** A name has no space in it, so no pair of principal and name looks like another. */
const keyOf = (principal: string | undefined, name: string): string =>
  principal === undefined ? name : `${name} ${principal}`
