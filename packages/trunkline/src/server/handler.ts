// What users write on the server, as types: handlers, their argument, and a router's worth of them. Nothing here runs.
import type { RouterClient } from '../contract/client-types.ts'
import type { StreamEvent } from '../contract/event.ts'
import type { ProcedureKind, ProcedureMeta } from '../contract/procedure.ts'
import type { RouterRecord } from '../contract/router.ts'
import type { InferInput, InferOutput } from '../contract/schema.ts'
import type { RpcError } from '../protocol/error.ts'

interface AnyProcedure {
  readonly kind: ProcedureKind
  readonly input: unknown
  readonly send: unknown
  readonly output: unknown
  readonly errors: unknown
}

/** The connection a call came on. */
export interface Connection {
  /** A random name of 12 characters. */
  readonly id: string
  /** What `identify` made of the context. */
  readonly principal: string | undefined
  /** Closes it with 4003: the client does not come back by itself. */
  disconnect(reason?: string): void
  /**
   * Calls to this client, which serves `router` by `createClient({ serve })`: the same typed proxy, the other way round. What it answers is checked
   * by the schemas. Ends `CONNECTION_LOST` when the client goes for good; a break in between is not noticed.
   */
  client<Router extends RouterRecord>(router: Router): RouterClient<Router>
}

/** Those that have been welcomed. */
export interface ServerConnections extends Iterable<Connection> {
  /** Those of one principal. */
  of(principal: string): readonly Connection[]
}

/** An open subscription, as `reauthorize` sees it. */
export interface StreamCall {
  /** `rooms.messages` */
  readonly path: string
  readonly kind: ProcedureKind
  /** The procedure's `meta` in the contract. */
  readonly meta: ProcedureMeta
  /** The validated input. */
  readonly input: unknown
}

/** `errors.CODE(data)`, for each error the contract declares: code → data. */
export type ErrorConstructors<Data> = {
  readonly [Code in keyof Data]: (
    ...data: undefined extends Data[Code] ? [data?: Data[Code], message?: string] : [data: Data[Code], message?: string]
  ) => RpcError<Code & string, Data[Code]>
}

/** The one argument of a handler: what it gets, who it is for, and the data of the errors it may throw. */
export interface HandlerArgument<Input, Context, ErrorData> {
  /** The validated input. */
  readonly input: Input
  /** What `authenticate` gave for this connection, and what middleware added. */
  readonly context: Context
  /** Aborts when the caller cancels, at the deadline, and when the connection is gone. Made when first read. */
  readonly signal: AbortSignal
  /** The contract's errors: `throw errors.ROOM_CLOSED({ since })`. */
  readonly errors: ErrorConstructors<ErrorData>
  /** The connection the call came on. */
  readonly connection: Connection
  /** Of a subscription that is resumed: continue after this event. A handler that reads it vouches that it does. */
  readonly lastEventId: string | undefined
  /** The caller's `meta`. Comes from the client: don't trust it. */
  readonly meta: Readonly<Record<string, unknown>>
}

// The two below are conditional although nothing else can come in: an editor and a compile error then show the function with the
// user's own types in it, and not the name of an alias around the procedure's schemas.

/** Answers a query or mutation. */
export type CallHandler<Node, Context> = Node extends AnyProcedure
  ? (
      argument: HandlerArgument<
        InferOutput<Node['input']>,
        Context,
        { [Code in keyof Node['errors']]: InferInput<Node['errors'][Code]> }
      >,
    ) => InferInput<Node['output']> | Promise<InferInput<Node['output']>>
  : never

/** Answers a subscription: an async generator, or a publisher's `subscribe(…)` returned as it is. */
export type SubscriptionHandler<Node, Context> = Node extends AnyProcedure
  ? (
      argument: HandlerArgument<
        InferOutput<Node['input']>,
        Context,
        { [Code in keyof Node['errors']]: InferInput<Node['errors'][Code]> }
      >,
    ) => ItemSource<InferInput<Node['output']>> | Promise<ItemSource<InferInput<Node['output']>>>
  : never

/** What a handler of an upload or duplex call gets besides. */
export interface TakenItems<Item> {
  /** What the caller pushes, each validated when it is read; ends when the caller ends it, throws when the caller is gone. */
  readonly items: AsyncIterable<Item>
}

/** Answers an upload: once, whenever it likes; the caller's source is stopped then. */
export type UploadHandler<Node, Context> = Node extends AnyProcedure
  ? (
      argument: HandlerArgument<
        InferOutput<Node['input']>,
        Context,
        { [Code in keyof Node['errors']]: InferInput<Node['errors'][Code]> }
      > &
        TakenItems<InferOutput<Node['send']>>,
    ) => InferInput<Node['output']> | Promise<InferInput<Node['output']>>
  : never

/** Answers a duplex call: an async generator that reads `items` as it likes. */
export type DuplexHandler<Node, Context> = Node extends AnyProcedure
  ? (
      argument: HandlerArgument<
        InferOutput<Node['input']>,
        Context,
        { [Code in keyof Node['errors']]: InferInput<Node['errors'][Code]> }
      > &
        TakenItems<InferOutput<Node['send']>>,
    ) => ItemSource<InferInput<Node['output']>> | Promise<ItemSource<InferInput<Node['output']>>>
  : never

/** Items, bare or as `event(value, { id })`. */
export type ItemSource<Value> = AsyncIterable<Value | StreamEvent<Value>>

type HandlerNode<Node, Context> = Node extends AnyProcedure
  ? Node['kind'] extends 'query' | 'mutation'
    ? CallHandler<Node, Context>
    : Node['kind'] extends 'subscription'
      ? SubscriptionHandler<Node, Context>
      : Node['kind'] extends 'upload'
        ? UploadHandler<Node, Context>
        : DuplexHandler<Node, Context>
  : RouterHandlers<Node, Context>

/** One handler for each procedure of a router, under the same names. */
export type RouterHandlers<Router, Context> = {
  readonly [Name in keyof Router]: HandlerNode<Router[Name], Context>
}

declare const addedContext: unique symbol

/** What `next()` gave: the output, or a stream's iterable. Return it, or something made of it. */
export interface Passed<Added> {
  readonly [addedContext]?: Added
}

/** What a middleware gets. */
export interface MiddlewareArgument<Context> {
  /** `rooms.post` */
  readonly path: string
  /** `query`, `mutation`, `subscription`, `upload` or `duplex`. */
  readonly kind: ProcedureKind
  /** The procedure's `meta` in the contract. */
  readonly meta: ProcedureMeta
  /** The call's: `call.meta` is the caller's. */
  readonly call: { readonly meta: Readonly<Record<string, unknown>> }
  /** The context so far. */
  readonly context: Context
  /** Aborts as that of the handler does. */
  readonly signal: AbortSignal
  /**
   * Goes on, with more context if you like. Gives the output, or for a stream its iterable of items; throws what the handler throws.
   * Once a call. The types of later handlers know what was added when the middleware returns what this gives.
   */
  readonly next: NextMiddleware
}

export interface NextMiddleware {
  (): Promise<Passed<object>>
  <Added extends object>(options: { context: Added }): Promise<Passed<Added>>
}

/** Runs around handlers: extend the context, refuse by throwing an RpcError, watch, wrap. What it returns is the answer. */
export type Middleware<Context, Added extends object = object> = (
  argument: MiddlewareArgument<Context>,
) => Promise<Passed<Added>>
