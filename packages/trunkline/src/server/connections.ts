// Which connections there are: by principal, and by the address of those nobody knows yet. Does not know what they say.
import type { ServerConnection } from './connection.ts'

export class Connections {
  readonly #all = new Set<ServerConnection>()
  readonly #byPrincipal = new Map<string, Set<ServerConnection>>()
  readonly #unknownByAddress = new Map<string, number>()
  /** When a principal was revoked, on the clock of `performance.now()`. */
  readonly #revokedAt = new Map<string, number>()

  get size(): number {
    return this.#all.size
  }

  [Symbol.iterator](): IterableIterator<ServerConnection> {
    return this.#all.values()
  }

  /** Takes a connection that has still to say who it is. */
  add(connection: ServerConnection): void {
    this.#all.add(connection)
    const { remoteAddress } = connection
    if (remoteAddress !== undefined) this.#unknownByAddress.set(remoteAddress, this.unknownAt(remoteAddress) + 1)
  }

  /** The connection is known, or gone before that. */
  known(connection: ServerConnection): void {
    const { remoteAddress } = connection
    if (remoteAddress === undefined) return
    const others = this.unknownAt(remoteAddress) - 1
    if (others > 0) this.#unknownByAddress.set(remoteAddress, others)
    else this.#unknownByAddress.delete(remoteAddress)
  }

  /** Connections of an address that have not authenticated. */
  unknownAt(remoteAddress: string): number {
    return this.#unknownByAddress.get(remoteAddress) ?? 0
  }

  join(principal: string, connection: ServerConnection): void {
    const known = this.#byPrincipal.get(principal)
    if (known) known.add(connection)
    else this.#byPrincipal.set(principal, new Set([connection]))
  }

  of(principal: string): readonly ServerConnection[] {
    return [...(this.#byPrincipal.get(principal) ?? [])]
  }

  delete(connection: ServerConnection): void {
    this.#all.delete(connection)
    const { principal } = connection
    if (principal === undefined) return
    const others = this.#byPrincipal.get(principal)
    if (others?.delete(connection) && others.size === 0) this.#byPrincipal.delete(principal)
  }

  /** Whoever was asked who they are before now, and turns out to be this principal, comes too late. */
  revoke(principal: string, now: number, keepMs: number): void {
    for (const [name, at] of this.#revokedAt) if (at + keepMs < now) this.#revokedAt.delete(name)
    this.#revokedAt.set(principal, now)
  }

  isRevoked(principal: string, askedAt: number): boolean {
    return (this.#revokedAt.get(principal) ?? Number.NEGATIVE_INFINITY) >= askedAt
  }
}
