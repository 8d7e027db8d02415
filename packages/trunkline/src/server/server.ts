// `createServer`: an app, ready for sockets from any adapter. Says what a server is; `core.ts` is one.
import type { App } from './app.ts'
import { ServerCore, type ServerStats } from './core.ts'
import type { ServerConnections } from './handler.ts'
import {
  type CloseOptions,
  type DisconnectOptions,
  requireOptions,
  resolveOptions,
  type ServerOptions,
} from './options.ts'
import type { ServerSocket, SocketEvents, UpgradeRequest } from './socket.ts'

/** A server without a runtime; `trunkline/node` gives it sockets. */
export interface Server<Context = unknown> {
  /** Takes over a socket whose upgrade is done; the adapter passes its events on. */
  accept(socket: ServerSocket, request: UpgradeRequest): SocketEvents
  /** Connections that have been welcomed. */
  readonly connections: ServerConnections
  /** True when one more connection would be too many, or the server is closing: answer the upgrade with 503. */
  readonly isFull: boolean
  /** False when there were too many new connections lately: answer the upgrade with 503. Each call counts as one. */
  mayConnect(): boolean
  /** True when an address has too many connections that have not authenticated: answer the upgrade with 429. */
  isCrowded(remoteAddress: string | undefined): boolean
  /** The server's `limits.messageBytes`. */
  readonly messageBytes: number
  /** How much is open and waits, at this moment. */
  stats(): ServerStats
  /**
   * Ends a principal here and now: its connections are closed with 4003 and say nothing more, and whoever is just being authenticated as it is refused.
   * @returns how many connections that were
   */
  revoke(principal: string): number
  /**
   * Closes connections with 4003; their clients don't come back by themselves. Clients that are away lose what was kept for them.
   * @returns how many clients that were
   */
  disconnect(options: DisconnectOptions<Context>): number
  /** Lets running calls finish, tells every client, and closes with 1012. Resolves when no socket is left; safe to call twice. */
  close(options?: CloseOptions): Promise<void>
}

/** Serves an app to any WebSocket that `accept` is given. */
export function createServer<Router, Context>(
  app: App<Router, Context>,
  ...rest: ServerArguments<Context>
): Server<Context> {
  const options = requireOptions((rest[0] ?? {}) as ServerOptions<never>)
  // Contexts are a matter of types; at run time the server hands on what `authenticate` gave.
  return new ServerCore(app as App, resolveOptions(options)) as Server<never> as Server<Context>
}

/** Options may be left out when none is required. */
export type ServerArguments<Context, Options = ServerOptions<Context>> = object extends Options
  ? [options?: Options]
  : [options: Options]
