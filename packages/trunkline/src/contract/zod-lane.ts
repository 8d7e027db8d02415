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
  return inspect(schema, { lanes: new Map(), depth: 0 })
}

interface Visit {
  /** What is known of the schemas met so far; one inside itself is sync if the rest is, and is not taken for plain. */
  readonly lanes: Map<unknown, Lane>
  depth: number
}

/** No schema written by hand is nested like this; one whose `z.lazy` makes a new schema each time is. */
const maxDepth = 100
const maxSchemas = 2_000

function inspect(schema: unknown, visit: Visit): Lane {
  if (!isObject(schema) || !('_zod' in schema) || visit.depth > maxDepth || visit.lanes.size > maxSchemas)
    return neither
  const known = visit.lanes.get(schema)
  if (known) return known
  visit.lanes.set(schema, syncOnly)
  visit.depth++
  const definition = (schema as unknown as ZodSchema)._zod.def
  let lane = runsUserCheck(definition) ? neither : inspectType(definition, visit)
  // What overwrites anything but text may give anything.
  if (definition.type !== 'string' && hasOverwrite(definition)) lane = { ...lane, plain: false }
  visit.depth--
  visit.lanes.set(schema, lane)
  return lane
}

function hasOverwrite({ checks = [] }: Definition): boolean {
  return checks.some(({ _zod: { def } }) => def.check === 'overwrite')
}

function runsUserCheck(definition: Definition): boolean {
  if (typeof definition.fn === 'function') return true
  // A string format made as a type of its own (z.email()) is its own check.
  if (typeof definition.check === 'string' && !builtinChecks.has(definition.check)) return true
  return (definition.checks ?? []).some(
    ({ _zod: { def } }) => !builtinChecks.has(def.check) || typeof def.fn === 'function',
  )
}

function inspectType(definition: Definition, visit: Visit): Lane {
  const leaf = Object.hasOwn(leaves, definition.type) ? leaves[definition.type] : undefined
  if (leaf) return leaf
  switch (definition.type) {
    case 'literal':
      return (definition.values as unknown[]).every(isPlain) ? both : syncOnly
    case 'object':
      return inspectObject(definition, visit)
    case 'array':
      return inspect(definition.element, visit)
    case 'tuple':
      return all([...(definition.items as unknown[]), ...(definition.rest ? [definition.rest] : [])], visit)
    case 'record':
      return inspectRecord(definition, visit)
    case 'union':
      return all(definition.options as unknown[], visit)
    case 'intersection':
      return all([definition.left, definition.right], visit)
    case 'map':
      return { ...all([definition.keyType, definition.valueType], visit), plain: false }
    case 'set':
      return { ...inspect(definition.valueType, visit), plain: false }
    case 'nullable':
    case 'readonly':
      return inspect(definition.innerType, visit)
    // A default may be a function and its value anything, but zod takes it as it comes: nothing is awaited.
    case 'default':
    case 'prefault':
    case 'catch':
    case 'optional':
    case 'nonoptional':
      return { ...inspect(definition.innerType, visit), plain: false }
    case 'pipe':
      return inspectPipe(definition, visit)
    case 'lazy':
      return inspect((definition.getter as () => unknown)(), visit)
    default:
      // transform and custom run a function of the user's; the rest is not known here.
      return neither
  }
}

/** A loose record lets values pass whose key does not match. */
function inspectRecord(definition: Definition, visit: Visit): Lane {
  const { sync, plain } = all([definition.keyType, definition.valueType], visit)
  return { sync, plain: plain && definition.mode !== 'loose' }
}

function inspectObject(definition: Definition, visit: Visit): Lane {
  const catchall = definition.catchall ? inspect(definition.catchall, visit) : both
  const parts = Object.values(definition.shape as Record<string, unknown>).map((part) => inspectProperty(part, visit))
  return combine([...parts, catchall])
}

/** An optional property that is undefined is left out by JSON, as it should be; in an array it would turn into null. */
function inspectProperty(schema: unknown, visit: Visit): Lane {
  const definition = isObject(schema) && '_zod' in schema ? (schema as unknown as ZodSchema)._zod.def : undefined
  if (definition?.type !== 'optional' || runsUserCheck(definition)) return inspect(schema, visit)
  return inspectProperty(definition.innerType, visit)
}

function inspectPipe(definition: Definition, visit: Visit): Lane {
  if (typeof definition.transform === 'function') return neither
  const first = inspect(definition.in, visit)
  const second = inspect(definition.out, visit)
  return { sync: first.sync && second.sync, plain: second.plain }
}

const all = (schemas: readonly unknown[], visit: Visit): Lane => combine(schemas.map((part) => inspect(part, visit)))

function combine(lanes: readonly Lane[]): Lane {
  return { sync: lanes.every((lane) => lane.sync), plain: lanes.every((lane) => lane.plain) }
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}

const isObject = (value: unknown): value is object =>
  (typeof value === 'object' || typeof value === 'function') && value !== null
