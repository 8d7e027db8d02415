// A procedure of the contract: its kind and its schemas, as data. Does not know its path, its handler or the network.
import type { Schema } from './schema.ts'

export type ProcedureKind = 'query' | 'mutation' | 'subscription'

/** Free data on a procedure, for middleware of both ends: `meta: { role: 'admin' }`. */
export type ProcedureMeta = Readonly<Record<string, unknown>>

/** Errors of the contract: code → schema of the data. */
export type ErrorSchemas = Readonly<Record<string, Schema>>

/** A finished procedure: flat, and nothing but data. */
export interface Procedure<Kind = ProcedureKind, Input = unknown, Output = unknown, Errors = unknown> {
  readonly kind: Kind
  readonly input: Input
  readonly output: Output
  readonly errors: Errors
  readonly meta: ProcedureMeta
  readonly idempotent: boolean
  readonly validateOutput: boolean | undefined
}

export interface ProcedureDefinition<Input, Output, Errors> {
  /** Schema of the input; without one the handler gets `undefined`. */
  input?: Input
  /** Schema of the output, or of each item of a subscription; without one the caller gets `undefined`. */
  output?: Output
  /** Typed errors: code → schema of `error.data`. */
  errors?: Errors
  /** Free data for middleware. */
  meta?: ProcedureMeta
  /** `false` sends what the handler gives unchecked, unknown keys and all. @default the server's `validateOutput` */
  validateOutput?: boolean
}

export interface MutationDefinition<Input, Output, Errors> extends ProcedureDefinition<Input, Output, Errors> {
  /** True: running it twice is as good as once, so a lost call may be repeated. @default false */
  idempotent?: boolean
}

type MaybeSchema = Schema | undefined

const brand = Symbol.for('trunkline.procedure')

export function isProcedure(value: unknown): value is Procedure {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, brand)
}

/** Keeps a router's own constraint from being inferred where a schema is left out: that is `undefined`, and no schema at all. */
type Finished<Kind, Input, Output, Errors> = Procedure<Kind, NoInfer<Input>, NoInfer<Output>, NoInfer<Errors>>

/** Safe to repeat, and repeated by itself when a connection is lost. */
export function query<
  Input extends MaybeSchema = undefined,
  Output extends MaybeSchema = undefined,
  Errors extends ErrorSchemas = Record<never, never>,
>(definition: ProcedureDefinition<Input, Output, Errors> = {}): Finished<'query', Input, Output, Errors> {
  return define('query', definition)
}

/** Changes something: never run twice by the framework, unless it is `idempotent`. */
export function mutation<
  Input extends MaybeSchema = undefined,
  Output extends MaybeSchema = undefined,
  Errors extends ErrorSchemas = Record<never, never>,
>(definition: MutationDefinition<Input, Output, Errors> = {}): Finished<'mutation', Input, Output, Errors> {
  return define('mutation', definition)
}

/** The server pushes items of type `output` until either side ends it. */
export function subscription<
  Input extends MaybeSchema = undefined,
  Output extends MaybeSchema = undefined,
  Errors extends ErrorSchemas = Record<never, never>,
>(definition: ProcedureDefinition<Input, Output, Errors> = {}): Finished<'subscription', Input, Output, Errors> {
  return define('subscription', definition)
}

function define<Kind, Input, Output, Errors>(
  kind: Kind,
  definition: MutationDefinition<Input, Output, Errors>,
): Procedure<Kind, Input, Output, Errors> {
  const procedure = {
    kind,
    input: definition.input,
    output: definition.output,
    errors: definition.errors ?? {},
    meta: definition.meta ?? {},
    idempotent: definition.idempotent ?? false,
    validateOutput: definition.validateOutput,
  }
  Object.defineProperty(procedure, brand, { value: true })
  // An absent schema is `undefined`, which is what its type parameter then defaults to.
  return Object.freeze(procedure) as Procedure<Kind, Input, Output, Errors>
}
