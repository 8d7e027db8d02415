// The client a router gives, as types: structural, without a class, so that both doors can share it. Nothing here runs.
import type { BuiltinCode, Issue, RpcError } from '../protocol/error.ts'
import type { ProcedureKind } from './procedure.ts'
import type { InferInput, InferOutput } from './schema.ts'

/** What a call carries beside its input. */
export interface CallOptions {
  /** Aborting it ends the call with `CANCELLED` and tells the server. */
  signal?: AbortSignal | undefined
  /** Milliseconds until `TIMEOUT`; for a subscription, until it is accepted. @default the client's `timeoutMs` */
  timeoutMs?: number | undefined
  /** JSON for middleware on both ends: `call.meta`. */
  meta?: Readonly<Record<string, unknown>> | undefined
  /** Names this very act, across page loads too: an `idempotent` mutation is answered once for it, and the same to all who ask again. At most 128 characters. @default the call's own id */
  idempotencyKey?: string | undefined
}

export interface SubscribeOptions extends CallOptions {
  /** Continue after this event. */
  lastEventId?: string | undefined
  /** Told when events are missing; `'error'` ends the subscription with `GAP` instead. */
  onGap?: ((gap: Gap) => void) | 'error' | undefined
  /**
   * Items of 1 KiB that may be on their way or wait for the loop, fewer of larger ones. With a few, and a source that keeps the
   * newest (`policy: 'latest'`), nothing is old when it comes, however slow the line. @default 256, and more while the loop keeps up
   */
  credit?: number | undefined
}

/** Events that the consumer will not see. */
export interface Gap {
  /** The procedure: `rooms.messages`. */
  readonly path: string
  /** `history`: the source no longer has them; `dropped`: the consumer was too slow; `source`: the source can't continue. */
  readonly reason: 'history' | 'dropped' | 'source'
  /** The last event received before the gap. */
  readonly lastEventId: string | undefined
}

/** Every error a call can end with: those of the contract (code → data), then the built-in ones. */
export type CallError<Data> =
  | { [Code in keyof Data & string]: RpcError<Code, Data[Code]> }[keyof Data & string]
  | RpcError<'BAD_REQUEST', { readonly issues: readonly Issue[] } | undefined>
  | RpcError<Exclude<BuiltinCode, 'BAD_REQUEST'>, undefined>

declare const errorType: unique symbol

/** A query or mutation under way: a promise that knows the type of its errors (see `safe`). */
export interface Call<Output, Failure = RpcError> extends Promise<Output> {
  readonly [errorType]?: Failure
}

/** A subscription the server has accepted. Iterate it once; `break`, `return` and `throw` unsubscribe. */
export interface Subscription<Item> extends AsyncIterable<Item, void, undefined>, AsyncDisposable {
  /** Id of the last event the loop has finished with; persist it to continue after a page load. */
  readonly processedId: string | undefined
}

/** A subscription under way: iterate it at once, or `await` it until the server has accepted. */
export interface PendingSubscription<Item, Failure = RpcError>
  extends AsyncIterable<Item, void, undefined>,
    AsyncDisposable,
    PromiseLike<Subscription<Item>> {
  readonly [errorType]?: Failure
}

export interface SendOptions<Item> extends CallOptions {
  /** What to push; pulled as the server has room for it. Without it, write by hand: `await call.send(item)`, `call.end()`. */
  send?: AsyncIterable<Item> | Iterable<Item> | undefined
}

/** Pushes by hand, where the call was given no iterable. */
export interface Sending<Item> {
  /** Resolves when the item is on its way: await each, and memory stays bounded. Rejects when the call is over. */
  send(item: Item): Promise<void>
  /** Nothing more comes; the answer still does. */
  end(): void
}

/** An upload under way: the promise of its answer, and what it is sent meanwhile. */
export interface UploadCall<Output, Item, Failure = RpcError> extends Call<Output, Failure>, Sending<Item> {}

/** A duplex call under way: iterate what the server pushes, send what this side pushes. */
export interface DuplexCall<Output, Item, Failure = RpcError>
  extends PendingSubscription<Output, Failure>,
    Sending<Item> {}

interface AnyProcedure {
  readonly kind: ProcedureKind
  readonly input: unknown
  readonly send: unknown
  readonly output: unknown
  readonly errors: unknown
}

// The four shapes below are spelled out, data of errors included, because an editor shows them as they stand here.
// `undefined & Input` is `never` for most inputs: TypeScript instantiates what a condition compares, and that spares it the input.

/** `api.path(input, options)`; the input may be left out where the schema takes `undefined`. */
export type CallProcedure<Node extends AnyProcedure> = undefined extends undefined & InferInput<Node['input']>
  ? (
      input?: Exclude<InferInput<Node['input']>, void>,
      options?: CallOptions,
    ) => Call<
      InferOutput<Node['output']>,
      CallError<{ [Code in keyof Node['errors']]: InferOutput<Node['errors'][Code]> }>
    >
  : (
      input: InferInput<Node['input']>,
      options?: CallOptions,
    ) => Call<
      InferOutput<Node['output']>,
      CallError<{ [Code in keyof Node['errors']]: InferOutput<Node['errors'][Code]> }>
    >

export type SubscribeProcedure<Node extends AnyProcedure> = undefined extends undefined & InferInput<Node['input']>
  ? (
      input?: Exclude<InferInput<Node['input']>, void>,
      options?: SubscribeOptions,
    ) => PendingSubscription<
      InferOutput<Node['output']>,
      CallError<{ [Code in keyof Node['errors']]: InferOutput<Node['errors'][Code]> }>
    >
  : (
      input: InferInput<Node['input']>,
      options?: SubscribeOptions,
    ) => PendingSubscription<
      InferOutput<Node['output']>,
      CallError<{ [Code in keyof Node['errors']]: InferOutput<Node['errors'][Code]> }>
    >

export type UploadProcedure<Node extends AnyProcedure> = undefined extends undefined & InferInput<Node['input']>
  ? (
      input?: Exclude<InferInput<Node['input']>, void>,
      options?: SendOptions<InferInput<Node['send']>>,
    ) => UploadCall<
      InferOutput<Node['output']>,
      InferInput<Node['send']>,
      CallError<{ [Code in keyof Node['errors']]: InferOutput<Node['errors'][Code]> }>
    >
  : (
      input: InferInput<Node['input']>,
      options?: SendOptions<InferInput<Node['send']>>,
    ) => UploadCall<
      InferOutput<Node['output']>,
      InferInput<Node['send']>,
      CallError<{ [Code in keyof Node['errors']]: InferOutput<Node['errors'][Code]> }>
    >

export type DuplexProcedure<Node extends AnyProcedure> = undefined extends undefined & InferInput<Node['input']>
  ? (
      input?: Exclude<InferInput<Node['input']>, void>,
      options?: SendOptions<InferInput<Node['send']>>,
    ) => DuplexCall<
      InferOutput<Node['output']>,
      InferInput<Node['send']>,
      CallError<{ [Code in keyof Node['errors']]: InferOutput<Node['errors'][Code]> }>
    >
  : (
      input: InferInput<Node['input']>,
      options?: SendOptions<InferInput<Node['send']>>,
    ) => DuplexCall<
      InferOutput<Node['output']>,
      InferInput<Node['send']>,
      CallError<{ [Code in keyof Node['errors']]: InferOutput<Node['errors'][Code]> }>
    >

type ClientNode<Node> = Node extends AnyProcedure
  ? Node['kind'] extends 'query' | 'mutation'
    ? CallProcedure<Node>
    : Node['kind'] extends 'subscription'
      ? SubscribeProcedure<Node>
      : Node['kind'] extends 'upload'
        ? UploadProcedure<Node>
        : DuplexProcedure<Node>
  : RouterClient<Node>

/** The typed proxy of a router: same keys, procedures as functions. */
export type RouterClient<Router> = { readonly [Name in keyof Router]: ClientNode<Router[Name]> }

/** What callers give, by name: `RouterInputs<typeof chat>['rooms']['post']`. */
export type RouterInputs<Router> = {
  readonly [Name in keyof Router]: Router[Name] extends AnyProcedure
    ? InferInput<Router[Name]['input']>
    : RouterInputs<Router[Name]>
}

/** What callers get, by name: a subscription's is the type of its items. */
export type RouterOutputs<Router> = {
  readonly [Name in keyof Router]: Router[Name] extends AnyProcedure
    ? InferOutput<Router[Name]['output']>
    : RouterOutputs<Router[Name]>
}

/** What calls fail with, by name: `RouterErrors<typeof chat>['rooms']['post']`. */
export type RouterErrors<Router> = {
  readonly [Name in keyof Router]: Router[Name] extends AnyProcedure
    ? CallError<{ [Code in keyof Router[Name]['errors']]: InferOutput<Router[Name]['errors'][Code]> }>
    : RouterErrors<Router[Name]>
}
