// The door `trunkline/client` for browsers, Bun, Deno and Workers. No schema, no server code, no dependency.
import { type Client, createClientOn } from './client.ts'
import type { ClientOptions } from './options.ts'
import { webPlatform } from './platform.ts'

export type {
  Call,
  CallError,
  CallOptions,
  CallProcedure,
  DuplexCall,
  DuplexProcedure,
  Gap,
  PendingSubscription,
  RouterClient,
  RouterErrors,
  RouterInputs,
  RouterOutputs,
  Sending,
  SendOptions,
  SubscribeOptions,
  SubscribeProcedure,
  Subscription,
  UploadCall,
  UploadProcedure,
} from '../contract/client-types.ts'
export {
  type BuiltinCode,
  type Delivery,
  type Issue,
  isRpcError,
  RpcError,
  type RpcErrorOptions,
} from '../protocol/error.ts'
export type { ValueType } from '../protocol/values.ts'
export type { ReconnectOptions } from './backoff.ts'
export type { Client } from './client.ts'
export type { ClientConnection, ClientStats } from './connection.ts'
export type { ClientMiddleware, ClientMiddlewareArgument, ClientOptions, Provided, ServeLimits } from './options.ts'
export type { WebSocketConstructor } from './platform.ts'
export { type Outcome, safe } from './safe.ts'
export type { ConnectionEvents, ConnectionState } from './state.ts'

/** Makes a client of a router: `createClient<typeof chat>({ url })`. Connects with the first call, unless it is `eager`. */
export function createClient<Router>(options: ClientOptions): Client<Router> {
  return createClientOn(webPlatform(options.WebSocket), options)
}
