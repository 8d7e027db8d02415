// Which sockets there are, and from which addresses come those that nobody knows yet. Does not know what they say.
import type { ServerConnection } from './connection.ts'

export class Connections {
  readonly #all = new Set<ServerConnection>()
  readonly #unknownByAddress = new Map<string, number>()

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
  known({ remoteAddress }: ServerConnection): void {
    if (remoteAddress === undefined) return
    const others = this.unknownAt(remoteAddress) - 1
    if (others > 0) this.#unknownByAddress.set(remoteAddress, others)
    else this.#unknownByAddress.delete(remoteAddress)
  }

  /** Connections of an address that have not authenticated. */
  unknownAt(remoteAddress: string): number {
    return this.#unknownByAddress.get(remoteAddress) ?? 0
  }

  delete(connection: ServerConnection): void {
    this.#all.delete(connection)
  }
}
