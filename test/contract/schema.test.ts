import { expect, it } from 'vitest'
import { type } from '../../packages/trunkline/src/contract/schema.ts'
import { compileSchema } from '../../packages/trunkline/src/contract/validator.ts'

it('type<T>() is a Standard Schema that passes the very value it gets', async () => {
  const value = { any: new Map() }
  const schema = type<{ any: Map<string, string> }>()
  expect(schema['~standard']).toMatchObject({ version: 1, vendor: 'trunkline' })
  expect(await schema['~standard'].validate(value)).toEqual({ value })
  expect(await compileSchema(schema).check(value)).toBe(value)
})

it('type<T>() is never taken for plain', () => {
  expect(compileSchema(type<Date>()).plain).toBe(false)
})
