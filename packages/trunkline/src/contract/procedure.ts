// A procedure of the contract: its kind and its schemas, as data. Does not know its path, its handler or the network.
import { describe, mistake } from './mistake.ts'
import type { Schema } from './schema.ts'

export type ProcedureKind = 'query' | 'mutation' | 'subscription' | 'upload' | 'duplex'

/** The handler gives a stream of items. */
export const givesItems = (kind: ProcedureKind): boolean => kind === 'subscription' || kind === 'duplex'

/** The caller pushes items. */
export const takesItems = (kind: ProcedureKind): boolean => kind === 'upload' || kind === 'duplex'

/** Free data on a procedure, for middleware of both ends: `meta: { role: 'admin' }`. */
export type ProcedureMeta = Readonly<Record<string, unknown>>

/** Errors of the contract: code → schema of the data. */
export type ErrorSchemas = Readonly<Record<string, Schema>>

/** A finished procedure: flat, and nothing but data. */
export interface Procedure<Kind = ProcedureKind, Input = unknown, Output = unknown, Errors = unknown, Send = unknown> {
  readonly kind: Kind
  readonly input: Input
  readonly output: Output
  readonly errors: Errors
  /** Of what the caller pushes. */
  readonly send: Send
  readonly meta: ProcedureMeta
  readonly idempotent: boolean
  readonly validateOutput: boolean | undefined
  readonly cost: number
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
  /** What a call takes from the server's `rateLimit`. @default 1 */
  cost?: number
}

export interface MutationDefinition<Input, Output, Errors> extends ProcedureDefinition<Input, Output, Errors> {
  /** True: running it twice is as good as once, so a lost call may be repeated. @default false */
  idempotent?: boolean
}

export interface SendingDefinition<Input, Send, Output, Errors> extends ProcedureDefinition<Input, Output, Errors> {
  /** Schema of each item that the caller pushes. */
  send: Send
}

type MaybeSchema = Schema | undefined

const brand = Symbol.for('trunkline.procedure')

export function isProcedure(value: unknown): value is Procedure {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, brand)
}

/** Safe to repeat, and repeated by itself when a connection is lost. */
export function query<
  Input extends MaybeSchema = undefined,
  Output extends MaybeSchema = undefined,
  Errors extends ErrorSchemas = Record<never, never>,
>(definition: ProcedureDefinition<Input, Output, Errors> = {}): Procedure<'query', Input, Output, Errors, undefined> {
  return define('query', definition)
}

/** Changes something: never run twice by the framework, unless it is `idempotent`. */
export function mutation<
  Input extends MaybeSchema = undefined,
  Output extends MaybeSchema = undefined,
  Errors extends ErrorSchemas = Record<never, never>,
>(definition: MutationDefinition<Input, Output, Errors> = {}): Procedure<'mutation', Input, Output, Errors, undefined> {
  return define('mutation', definition)
}

/** The server pushes items of type `output` until either side ends it. */
export function subscription<
  Input extends MaybeSchema = undefined,
  Output extends MaybeSchema = undefined,
  Errors extends ErrorSchemas = Record<never, never>,
>(
  definition: ProcedureDefinition<Input, Output, Errors> = {},
): Procedure<'subscription', Input, Output, Errors, undefined> {
  return define('subscription', definition)
}

/** The client pushes items of type `send`; the server answers once, with an `output`. */
export function upload<
  Send extends Schema,
  Input extends MaybeSchema = undefined,
  Output extends MaybeSchema = undefined,
  Errors extends ErrorSchemas = Record<never, never>,
>(definition: SendingDefinition<Input, Send, Output, Errors>): Procedure<'upload', Input, Output, Errors, Send> {
  return define('upload', definition)
}

/** Both push, until either side ends it: the client items of type `send`, the server items of type `output`. */
export function duplex<
  Send extends Schema,
  Input extends MaybeSchema = undefined,
  Output extends MaybeSchema = undefined,
  Errors extends ErrorSchemas = Record<never, never>,
>(definition: SendingDefinition<Input, Send, Output, Errors>): Procedure<'duplex', Input, Output, Errors, Send> {
  return define('duplex', definition)
}

function requireCost(kind: ProcedureKind, cost: number): number {
  if (Number.isFinite(cost) && cost >= 0) return cost
  throw mistake(`${kind}({ cost }): expected a number from 0, got ${String(cost)}`, 'contract')
}

const knownKeys = new Set(['input', 'output', 'errors', 'meta', 'idempotent', 'validateOutput', 'cost'])

/** An editor says so first; but not of a definition that comes from a variable, nor in JavaScript. */
function checkDefinition(kind: ProcedureKind, definition: unknown): void {
  if (typeof definition !== 'object' || definition === null) {
    throw mistake(`${kind}(definition): expected { input, output, errors }, got ${describe(definition)}`, 'contract')
  }
  if ('~standard' in definition) {
    throw mistake(`${kind}(definition): got a schema; say what it is for: ${kind}({ output: schema })`, 'contract')
  }
  if (takesItems(kind) && !('send' in definition && definition.send)) {
    throw mistake(`${kind}({ send }): expected the schema of what the caller pushes, got nothing`, 'contract')
  }
  if (kind !== 'mutation' && 'idempotent' in definition) {
    const why = takesItems(kind) ? 'what was pushed is gone' : 'it can be repeated'
    throw mistake(`${kind}({ idempotent }): ${why}; leave it out`, 'contract')
  }
  for (const key of Object.keys(definition)) {
    if (knownKeys.has(key) || (key === 'send' && takesItems(kind))) continue
    const known = [...knownKeys, ...(takesItems(kind) ? ['send'] : [])].join(', ')
    throw mistake(`${kind}({ ${key} }): expected only ${known}; data of your own goes into meta`, 'contract')
  }
}

function define<Kind extends ProcedureKind, Input, Output, Errors, Send = undefined>(
  kind: Kind,
  definition: MutationDefinition<Input, Output, Errors> & { send?: Send },
): Procedure<Kind, Input, Output, Errors, Send> {
  checkDefinition(kind, definition)
  const procedure = {
    kind,
    input: definition.input,
    output: definition.output,
    errors: definition.errors ?? {},
    send: definition.send,
    meta: definition.meta ?? {},
    idempotent: definition.idempotent ?? false,
    validateOutput: definition.validateOutput,
    cost: requireCost(kind, definition.cost ?? 1),
  }
  Object.defineProperty(procedure, brand, { value: true })
  // An absent schema is `undefined`, which is what its type parameter then defaults to.
  return Object.freeze(procedure) as Procedure<Kind, Input, Output, Errors, Send>
}
