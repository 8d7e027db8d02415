// The door `trunkline/server`: everything that answers, on any runtime.

export type { ValueType } from '../protocol/values.ts'
export type { App } from './app.ts'
export { authorize } from './authorize.ts'
export { type CallerOptions, createCaller } from './caller.ts'
export type { ServerStats } from './core.ts'
export {
  type Feed,
  type FeedEntry,
  type FeedSink,
  type FeedSource,
  type LatestBy,
  latestBy,
  type SlowSubscriberPolicy,
} from './feed.ts'
export type {
  CallHandler,
  Connection,
  DuplexHandler,
  ErrorConstructors,
  HandlerArgument,
  ItemSource,
  Middleware,
  MiddlewareArgument,
  NextMiddleware,
  Passed,
  RouterHandlers,
  ServerConnections,
  StreamCall,
  SubscriptionHandler,
  TakenItems,
  UploadHandler,
} from './handler.ts'
export { type MemoryResultStoreOptions, memoryResultStore, type ResultStore } from './idempotency.ts'
export { type HandlerWrapper, type Implementer, implement } from './implement.ts'
export type {
  AuthenticateArgument,
  CloseOptions,
  CommonServerOptions,
  DisconnectOptions,
  ErrorReport,
  Identity,
  KeepAliveOptions,
  LimitOptions,
  RateLimitOptions,
  ResumeOptions,
  ServerOptions,
} from './options.ts'
export { type MemoryPublisherOptions, memoryPublisher, type Publisher, type SubscribeFeedOptions } from './publisher.ts'
export { createServer, type Server, type ServerArguments } from './server.ts'
export type { ServerSocket, SocketEvents, UpgradeRequest } from './socket.ts'
