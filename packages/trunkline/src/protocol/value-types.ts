// Types of one's own, as they are given: `types: [{ name, is, encode, decode }]`. Does not know what uses them.
import { expect } from './expect.ts'
import type { ValueType, ValueTypes } from './values.ts'

const nameForm = /^[\w.-]{1,64}$/

/** @throws TypeError naming the entry that can't work. */
export function requireTypes(types: readonly ValueType[] = []): ValueTypes | undefined {
  const byTag = new Map<string, ValueType>()
  for (const [index, type] of types.entries()) {
    const where = `types[${index}]`
    const name: unknown = type?.name
    expect(typeof name === 'string' && nameForm.test(name), `${where}.name`, `a text like ${nameForm}`, name)
    for (const part of ['is', 'encode', 'decode'] as const)
      expect(typeof type[part] === 'function', `${where}.${part}`, 'a function', type[part])
    expect(!byTag.has(`:${name}`), where, 'a name of its own', name)
    byTag.set(`:${name}`, type)
  }
  return byTag.size ? byTag : undefined
}
