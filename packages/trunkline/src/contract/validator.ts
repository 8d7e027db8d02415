// Runs a schema, on the fastest lane that is right for it. Decided once, at definition. Does not know inputs from outputs.
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Issue } from '../protocol/error.ts'
import { inspectZod, isZod } from './zod-lane.ts'

/** A value that its schema refuses. */
export class SchemaFailure extends Error {
  readonly issues: readonly Issue[]

  constructor(issues: readonly Issue[], cause?: unknown, message = issues[0]?.message ?? 'invalid') {
    super(message, cause === undefined ? undefined : { cause })
    this.issues = issues
  }
}

/** Issues as one line: `id: expected string, received number; …`; a stranger's are cut after the first. */
export function describeIssues(issues: readonly Issue[], most = issues.length): string {
  if (issues.length === 0) return 'refused by its schema'
  // zod begins with what was said already.
  const lines = issues.slice(0, most).map(({ message, path }) => {
    return (path.length ? `${path.join('.')}: ` : '') + message.replace(/^Invalid input: /, '')
  })
  return lines.join('; ') + (issues.length > most ? ` (and ${issues.length - most} more)` : '')
}

export interface Validator {
  /** False: `check` may give a promise. True: what it gives is the value, whatever that is. */
  readonly sync: boolean
  /** True: what it gives is fresh data that JSON.stringify carries whole, so nobody needs to walk it. */
  readonly plain: boolean
  /** Gives the schema's output; throws or rejects with a SchemaFailure. */
  readonly check: (value: unknown) => unknown
}

interface ParseResult {
  success: boolean
  data?: unknown
  error?: { issues: readonly StandardSchemaV1.Issue[] }
}

interface ZodLike {
  safeParse(value: unknown): ParseResult
  safeParseAsync(value: unknown): Promise<ParseResult>
}

/**
 * Compiles a schema. zod's `~standard.validate` tries the synchronous way first and the asynchronous after, which runs an
 * asynchronous refinement twice; so its lane is decided here, from the schema's own definition, and each check runs once.
 */
export function compileSchema(schema: unknown): Validator {
  if (!isZod(schema)) return { sync: false, plain: false, check: checkStandard(schema as StandardSchemaV1) }
  const { sync, plain } = inspectZod(schema)
  const zod = schema as unknown as ZodLike
  if (!sync) return { sync, plain, check: (value) => checkAsync(zod, value) }
  return {
    sync,
    plain,
    check(value) {
      const result = zod.safeParse(value)
      if (result.success) return result.data
      throw new SchemaFailure(toIssues(result.error?.issues ?? []))
    },
  }
}

async function checkAsync(zod: ZodLike, value: unknown): Promise<unknown> {
  let result: ParseResult
  try {
    result = await zod.safeParseAsync(value)
  } catch (error) {
    throw brokenCheck(error)
  }
  if (result.success) return result.data
  throw new SchemaFailure(toIssues(result.error?.issues ?? []))
}

function checkStandard(schema: StandardSchemaV1): Validator['check'] {
  return async (value) => {
    let result: StandardSchemaV1.Result<unknown>
    try {
      result = await schema['~standard'].validate(value)
    } catch (error) {
      throw brokenCheck(error)
    }
    if (result.issues) throw new SchemaFailure(toIssues(result.issues))
    return result.value
  }
}

/** A check that throws has not passed the value; what it threw stays on this side, as the cause. */
function brokenCheck(error: unknown): SchemaFailure {
  return new SchemaFailure([{ message: 'The value could not be checked', path: [] }], error)
}

/** A caller mends the first few; a stranger could ask for a hundred thousand, each many times as long as what it cost. */
const maxIssues = 32

function toIssues(issues: readonly StandardSchemaV1.Issue[]): Issue[] {
  return issues.slice(0, maxIssues).map(({ message, path = [] }) => ({ message, path: path.map(toKey) }))
}

function toKey(segment: PropertyKey | StandardSchemaV1.PathSegment): string | number {
  const key = typeof segment === 'object' ? segment.key : segment
  return typeof key === 'number' ? key : String(key)
}
