// Types of one's own, as they are given: `types: [{ name, is, encode, decode }]`. Does not know what uses them.
import { isRecord } from './decode.ts'
import type { ValueType, ValueTypes } from './values.ts'

const nameForm = /^[\w.-]{1,64}$/

/** @throws TypeError naming the entry that can't work. */
export function requireTypes(types: readonly ValueType[] | undefined): ValueTypes | undefined {
  if (types === undefined || types.length === 0) return undefined
  const byTag = new Map<string, ValueType>()
  for (const [index, type] of types.entries()) {
    const where = `types[${index}]`
    if (!isRecord(type) || typeof type.name !== 'string' || !nameForm.test(type.name))
      throw new TypeError(`${where}.name: expected 1 to 64 of A–Z a–z 0–9 _ . -, got ${String(type?.name)}`)
    for (const part of ['is', 'encode', 'decode'] as const)
      if (typeof type[part] !== 'function')
        throw new TypeError(`${where}.${part} ("${type.name}"): expected a function`)
    if (byTag.has(`:${type.name}`)) throw new TypeError(`${where}: there are two types named "${type.name}"`)
    byTag.set(`:${type.name}`, type)
  }
  return byTag
}
