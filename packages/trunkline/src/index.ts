// The door `trunkline`: what both ends share. No server, no client, no runtime.
export type {
  Call,
  CallError,
  CallOptions,
  CallProcedure,
  Gap,
  PendingSubscription,
  RouterClient,
  RouterErrors,
  RouterInputs,
  RouterOutputs,
  SubscribeOptions,
  SubscribeProcedure,
  Subscription,
} from './contract/client-types.ts'
export { event, type StreamEvent } from './contract/event.ts'
export {
  type ErrorSchemas,
  type MutationDefinition,
  mutation,
  type Procedure,
  type ProcedureDefinition,
  type ProcedureKind,
  type ProcedureMeta,
  query,
  subscription,
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
