// The router: procedures by path. Refuses at definition what could not work later. Does not know handlers or sockets.
import { builtinCodes } from '../protocol/error.ts'
import { refusedNames } from '../protocol/names.ts'
import { describe, mistake } from './mistake.ts'
import { isProcedure, type Procedure, type ProcedureKind, type ProcedureMeta } from './procedure.ts'

/** Any procedure. It names no schemas: TypeScript would infer `unknown` from here for those that a definition leaves out. */
interface SomeProcedure {
  readonly kind: ProcedureKind
  readonly meta: ProcedureMeta
}

/** A router as written: procedures, and further routers, by name. */
export interface RouterRecord {
  readonly [name: string]: SomeProcedure | RouterRecord
}

/** The same, as it is walked: a procedure has all its parts. */
export interface RouterTree {
  readonly [name: string]: Procedure | RouterTree
}

/** A path travels with each call; 128 bytes is far above what people write and keeps a stranger's small. */
const maxPathBytes = 128

/**
 * Names the procedures of a contract. Nest records, or routers, as you like; the path of a procedure is its keys joined by dots.
 * @throws TypeError naming the path, when a name or a definition can't work.
 */
export function router<const Record extends RouterRecord>(record: Record): Record {
  checkRouter(record)
  freezeDeep(record as object as RouterTree)
  return record
}

/** Every procedure of a router with its path, in order of definition. */
export function* walkRouter(record: RouterRecord, prefix = ''): Generator<[path: string, procedure: Procedure]> {
  for (const [name, node] of Object.entries(record as object as RouterTree)) {
    const path = prefix + name
    if (isProcedure(node)) yield [path, node]
    else yield* walkRouter(node, `${path}.`)
  }
}

/** @throws TypeError naming the path of what could not work. */
export function checkRouter(record: unknown): void {
  checkRecord(record, '')
}

function checkRecord(record: unknown, path: string): void {
  const where = path || 'the router'
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    throw mistake(`${where}: expected a procedure or a record of procedures, got ${describe(record)}`, 'contract')
  }
  if ('~standard' in record) {
    throw mistake(
      `${where}: this is a schema. Say what it is for: query({ output: schema }), or mutation, or subscription`,
      'contract',
    )
  }
  const prototype = Object.getPrototypeOf(record)
  if (prototype !== null && prototype !== Object.prototype) {
    throw mistake(
      `${where}: a router is a plain object, this one has a prototype of its own (a class, or a key named __proto__)`,
      'contract',
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
    throw mistake(
      `${path}: the name "${name}" means something else to a JavaScript proxy; choose another one`,
      'contract',
    )
  }
  if (name === '' || name.includes('.')) {
    throw mistake(
      `${path || '""'}: a name may not be empty or contain a dot; dots join the names of a path, so nest a record instead`,
      'contract',
    )
  }
  const bytes = new TextEncoder().encode(path).length
  if (bytes > maxPathBytes) {
    throw mistake(
      `${path}: the path is longer than ${maxPathBytes} bytes, it has ${bytes}; shorten its names`,
      'contract',
    )
  }
}

function checkProcedure(procedure: Procedure, path: string): void {
  checkSchema(procedure.input, `${path}: input`)
  checkSchema(procedure.output, `${path}: output`)
  checkSchema(procedure.send, `${path}: send`)
  const { errors } = procedure
  if (typeof errors !== 'object' || errors === null || Array.isArray(errors)) {
    throw mistake(`${path}: errors: expected a record of schemas by code, got ${describe(errors)}`, 'contract')
  }
  for (const [code, schema] of Object.entries(errors)) {
    if ((builtinCodes as readonly string[]).includes(code)) {
      throw mistake(`${path}: ${code} is a built-in error code; give the contract's own error another one`, 'contract')
    }
    if (schema === undefined) {
      throw mistake(`${path}: errors.${code} has no schema; type<void>() stands for no data`, 'contract')
    }
    checkSchema(schema, `${path}: errors.${code}`)
  }
}

function checkSchema(schema: unknown, where: string): void {
  if (schema === undefined) return
  // Some libraries' schemas are functions that carry the interface.
  const isObject = (typeof schema === 'object' && schema !== null) || typeof schema === 'function'
  if (isObject && '~standard' in schema) return
  const got = isObject && '_def' in schema ? 'a schema that is none: use zod 4' : describe(schema)
  throw mistake(`${where}: expected a Standard Schema such as z.object({ … }), got ${got}`, 'contract')
}

function freezeDeep(record: RouterTree): void {
  for (const node of Object.values(record)) if (!isProcedure(node)) freezeDeep(node)
  Object.freeze(record)
}
