// The door `trunkline`: what both ends share. No server, no client, no runtime.
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
} from './contract/client-types.ts'
export { event, type StreamEvent } from './contract/event.ts'
export {
  duplex,
  type ErrorSchemas,
  type MutationDefinition,
  mutation,
  type Procedure,
  type ProcedureDefinition,
  type ProcedureKind,
  type ProcedureMeta,
  query,
  type SendingDefinition,
  subscription,
  upload,
} from './contract/procedure.ts'
export { type RouterRecord, router } from './contract/router.ts'
export { type InferInput, type InferOutput, type Schema, type, type UncheckedType } from './contract/schema.ts'
export {
  type BuiltinCode,
  type Delivery,
  type Issue,
  isRpcError,
  RpcError,
  type RpcErrorOptions,
} from './protocol/error.ts'
export type { ValueType } from './protocol/values.ts'
