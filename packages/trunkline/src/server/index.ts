// The door `trunkline/server`: everything that answers, on any runtime.
export { type App, type HandlerWrapper, type Implementer, implement } from './app.ts'
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
  ErrorConstructors,
  HandlerArgument,
  ItemSource,
  Middleware,
  MiddlewareArgument,
  NextMiddleware,
  Passed,
  RouterHandlers,
  StreamCall,
  SubscriptionHandler,
} from './handler.ts'
export { type MemoryResultStoreOptions, memoryResultStore, type ResultStore } from './idempotency.ts'
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
