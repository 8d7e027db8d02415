// Reads a zod 4 schema's definition: can it run synchronously, and does it give plain JSON? Imports nothing of zod.

interface Definition {
  readonly type: string
  readonly checks?: readonly { readonly _zod: { readonly def: CheckDefinition } }[]
  readonly [key: string]: unknown
}

interface CheckDefinition {
  readonly check: string
  readonly [key: string]: unknown
}

export interface ZodSchema {
  readonly _zod: { readonly def: Definition }
}

/** What is known of a schema. In doubt both are false, which is slower and right. */
export interface Lane {
  /** No function of a user can run, so none can give a promise. */
  readonly sync: boolean
  /** What it gives holds only what JSON can: no dates, no NaN, no undefined in arrays, no unknown keys. */
  readonly plain: boolean
}

export function isZod(schema: unknown): schema is ZodSchema {
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null || !('_zod' in schema))
    return false
  return 'safeParse' in schema && 'safeParseAsync' in schema
}

const neither: Lane = { sync: false, plain: false }
const both: Lane = { sync: true, plain: true }
const syncOnly: Lane = { sync: true, plain: false }

/** Checks that zod brings itself. All others, `custom` above all, run a user's function. */
const builtinChecks = new Set([
  'less_than',
  'greater_than',
  'multiple_of',
  'number_format',
  'bigint_format',
  'max_size',
  'min_size',
  'size_equals',
  'max_length',
  'min_length',
  'length_equals',
  'string_format',
  'mime_type',
  // trim, toLowerCase and the like; a user's overwrite is synchronous by zod's own rule.
  'overwrite',
])

/** Types without parts. */
const leaves: Readonly<Record<string, Lane>> = {
  string: both,
  number: both,
  int: both,
  boolean: both,
  null: both,
  enum: both,
  template_literal: both,
  never: both,
  bigint: syncOnly,
  date: syncOnly,
  nan: syncOnly,
  undefined: syncOnly,
  void: syncOnly,
  any: syncOnly,
  unknown: syncOnly,
  symbol: syncOnly,
  file: syncOnly,
}

export function inspectZod(schema: ZodSchema): Lane {
  return inspect(schema, new Map())
}

/** `seen` ends recursion: a schema inside itself adds nothing that its first visit does not find. */
function inspect(schema: unknown, seen: Map<unknown, Lane>): Lane {
  if (!isObject(schema) || !('_zod' in schema)) return neither
  const known = seen.get(schema)
  if (known) return known
  seen.set(schema, both)
  const definition = (schema as unknown as ZodSchema)._zod.def
  const lane = runsUserCheck(definition) ? neither : inspectType(definition, seen)
  seen.set(schema, lane)
  return lane
}

function runsUserCheck(definition: Definition): boolean {
  if (typeof definition.fn === 'function') return true
  // A string format made as a type of its own (z.email()) is its own check.
  if (typeof definition.check === 'string' && !builtinChecks.has(definition.check)) return true
  return (definition.checks ?? []).some(
    ({ _zod: { def } }) => !builtinChecks.has(def.check) || typeof def.fn === 'function',
  )
}

function inspectType(definition: Definition, seen: Map<unknown, Lane>): Lane {
  const leaf = Object.hasOwn(leaves, definition.type) ? leaves[definition.type] : undefined
  if (leaf) return leaf
  switch (definition.type) {
    case 'literal':
      return (definition.values as unknown[]).every(isPlain) ? both : syncOnly
    case 'object':
      return inspectObject(definition, seen)
    case 'array':
      return inspect(definition.element, seen)
    case 'tuple':
      return all([...(definition.items as unknown[]), ...(definition.rest ? [definition.rest] : [])], seen)
    case 'record':
      return all([definition.keyType, definition.valueType], seen)
    case 'union':
      return all(definition.options as unknown[], seen)
    case 'intersection':
      return all([definition.left, definition.right], seen)
    case 'map':
      return { ...all([definition.keyType, definition.valueType], seen), plain: false }
    case 'set':
      return { ...inspect(definition.valueType, seen), plain: false }
    case 'nullable':
    case 'readonly':
      return inspect(definition.innerType, seen)
    // A default may be a function and its value anything, but zod takes it as it comes: nothing is awaited.
    case 'default':
    case 'prefault':
    case 'catch':
    case 'optional':
    case 'nonoptional':
      return { ...inspect(definition.innerType, seen), plain: false }
    case 'pipe':
      return inspectPipe(definition, seen)
    case 'lazy':
      return inspect((definition.getter as () => unknown)(), seen)
    default:
      // transform and custom run a function of the user's; the rest is not known here.
      return neither
  }
}

function inspectObject(definition: Definition, seen: Map<unknown, Lane>): Lane {
  const catchall = definition.catchall ? inspect(definition.catchall, seen) : both
  const parts = Object.values(definition.shape as Record<string, unknown>).map((part) => inspectProperty(part, seen))
  return combine([...parts, catchall])
}

/** An optional property that is undefined is left out by JSON, as it should be; in an array it would turn into null. */
function inspectProperty(schema: unknown, seen: Map<unknown, Lane>): Lane {
  const definition = isObject(schema) && '_zod' in schema ? (schema as unknown as ZodSchema)._zod.def : undefined
  if (definition?.type !== 'optional' || runsUserCheck(definition)) return inspect(schema, seen)
  return inspectProperty(definition.innerType, seen)
}

function inspectPipe(definition: Definition, seen: Map<unknown, Lane>): Lane {
  if (typeof definition.transform === 'function') return neither
  const first = inspect(definition.in, seen)
  const second = inspect(definition.out, seen)
  return { sync: first.sync && second.sync, plain: second.plain }
}

const all = (schemas: readonly unknown[], seen: Map<unknown, Lane>): Lane =>
  combine(schemas.map((part) => inspect(part, seen)))

function combine(lanes: readonly Lane[]): Lane {
  return { sync: lanes.every((lane) => lane.sync), plain: lanes.every((lane) => lane.plain) }
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}

const isObject = (value: unknown): value is object =>
  (typeof value === 'object' || typeof value === 'function') && value !== null
