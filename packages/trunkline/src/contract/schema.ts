// Schemas: what may stand as input, output or error data, and the types inferred from it. Does not run them.

/**
 * Any Standard Schema: zod 4, valibot, arktype, or `type<T>()`. Constrained shallowly: were
 * `~standard` anything but unknown, TypeScript would evaluate a schema's types to compare it, in contracts that need none of them.
 */
export interface Schema {
  readonly '~standard': unknown
}

/** A named interface, since TypeScript instantiates a type literal anew for each schema. */
interface ZodSchema {
  readonly _zod: { readonly input: unknown; readonly output: unknown }
}

/** What a schema takes: the caller's side of an input, the handler's side of an output. `void` for no schema. */
export type InferInput<Target> = Target extends ZodSchema
  ? Target['_zod']['input']
  : Target extends { readonly '~standard': { readonly types?: infer Types } }
    ? NonNullable<Types> extends { readonly input: infer Input }
      ? Input
      : unknown
    : void

/** What a schema gives: the handler's side of an input, the caller's side of an output. `void` for no schema. */
export type InferOutput<Target> = Target extends ZodSchema
  ? Target['_zod']['output']
  : Target extends { readonly '~standard': { readonly types?: infer Types } }
    ? NonNullable<Types> extends { readonly output: infer Output }
      ? Output
      : unknown
    : void

/** An unchecked type: the value passes as it is. The compiler is the only one who looks. */
export interface UncheckedType<Value> {
  /** What Standard Schema asks of a schema, written out: the published types then need no package for it. */
  readonly '~standard': {
    readonly version: 1
    readonly vendor: 'trunkline'
    readonly validate: (value: unknown) => { readonly value: Value; readonly issues?: undefined }
    readonly types?: { readonly input: Value; readonly output: Value } | undefined
  }
}

/** Declares a type without a check at run time: `output: type<Report>()`. */
export function type<Value>(): UncheckedType<Value> {
  return { '~standard': { version: 1, vendor: 'trunkline', validate: (value) => ({ value: value as Value }) } }
}
