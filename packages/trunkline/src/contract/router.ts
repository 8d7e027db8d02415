// The router: procedures by path. Refuses at definition what could not work later. Does not know handlers or sockets.
import { builtinCodes } from '../protocol/error.ts'
import { refusedNames } from '../protocol/names.ts'
import { isProcedure, type Procedure } from './procedure.ts'

/** A router as written: procedures, and further routers, by name. */
export interface RouterRecord {
  readonly [name: string]: Procedure | RouterRecord
}

/** A path travels with each call; 128 bytes is far above what people write and keeps a stranger's small. */
const maxPathBytes = 128

/**
 * Names the procedures of a contract. Nest records, or routers, as you like; the path of a procedure is its keys joined by dots.
 * @throws TypeError naming the path, when a name or a definition can't work.
 */
export function router<const Record extends RouterRecord>(record: Record): Record {
  checkRecord(record, '')
  return freezeDeep(record)
}

/** Every procedure of a router with its path, in order of definition. */
export function* walkRouter(record: RouterRecord, prefix = ''): Generator<[path: string, procedure: Procedure]> {
  for (const [name, node] of Object.entries(record)) {
    const path = prefix + name
    if (isProcedure(node)) yield [path, node]
    else yield* walkRouter(node, `${path}.`)
  }
}

function checkRecord(record: unknown, path: string): void {
  const where = path || 'the router'
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    throw new TypeError(`${where}: expected a procedure or a record of procedures, got ${describe(record)}`)
  }
  if ('~standard' in record) {
    throw new TypeError(
      `${where}: this is a schema. Say what it is for: query({ output: schema }), or mutation, or subscription`,
    )
  }
  const prototype = Object.getPrototypeOf(record)
  if (prototype !== null && prototype !== Object.prototype) {
    throw new TypeError(
      `${where}: a router is a plain object, this one has a prototype of its own (a class, or a key named __proto__)`,
    )
  }
  for (const [name, node] of Object.entries(record)) {
    const inner = path ? `${path}.${name}` : name
    checkName(name, inner)
    if (isProcedure(node)) checkProcedure(node, inner)
    else checkRecord(node, inner)
  }
}

function checkName(name: string, path: string): void {
  if (refusedNames.has(name)) {
    throw new TypeError(`${path}: the name "${name}" means something else to a JavaScript proxy; choose another one`)
  }
  if (name === '' || name.includes('.')) {
    throw new TypeError(
      `${path}: a name may not be empty or contain a dot; dots join the names of a path, so nest a record instead`,
    )
  }
  if (new TextEncoder().encode(path).length > maxPathBytes) {
    throw new TypeError(`${path}: the path is longer than ${maxPathBytes} bytes`)
  }
}

function checkProcedure(procedure: Procedure, path: string): void {
  checkSchema(procedure.input, `${path}: input`)
  checkSchema(procedure.output, `${path}: output`)
  for (const [code, schema] of Object.entries(procedure.errors as Record<string, unknown>)) {
    if ((builtinCodes as readonly string[]).includes(code)) {
      throw new TypeError(`${path}: ${code} is a built-in error code; give the contract's own error another one`)
    }
    if (schema === undefined)
      throw new TypeError(`${path}: errors.${code} has no schema; type<void>() stands for no data`)
    checkSchema(schema, `${path}: errors.${code}`)
  }
}

function checkSchema(schema: unknown, where: string): void {
  if (schema === undefined) return
  // Some libraries' schemas are functions that carry the interface.
  const isObject = (typeof schema === 'object' && schema !== null) || typeof schema === 'function'
  if (isObject && '~standard' in schema) return
  throw new TypeError(`${where}: expected a Standard Schema such as z.object({ … }), got ${describe(schema)}`)
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'function') return `a function${value.name ? ` (${value.name})` : ''}`
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'a plain object' : `a ${typeof value}`
}

function freezeDeep<Record extends RouterRecord>(record: Record): Record {
  for (const node of Object.values(record)) if (!isProcedure(node)) freezeDeep(node)
  return Object.freeze(record)
}
