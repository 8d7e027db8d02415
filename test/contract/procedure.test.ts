import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import {
  isProcedure,
  mutation,
  type Procedure,
  query,
  subscription,
} from '../../packages/trunkline/src/contract/procedure.ts'
import { type RouterRecord, router, walkRouter } from '../../packages/trunkline/src/contract/router.ts'

describe('a procedure', () => {
  it.each([
    ['query', query()],
    ['mutation', mutation()],
    ['subscription', subscription()],
  ])('of kind %s has every field, with its default', (kind, procedure) => {
    expect({ ...procedure }).toEqual({
      kind,
      input: undefined,
      output: undefined,
      errors: {},
      meta: {},
      idempotent: false,
      validateOutput: undefined,
      cost: 1,
    })
  })

  it('keeps what it was defined with', () => {
    const input = z.string()
    const output = z.number()
    const errors = { CLOSED: z.object({}) }
    const meta = { role: 'admin' }
    const procedure = mutation({ input, output, errors, meta, idempotent: true, validateOutput: false })
    expect(procedure.input).toBe(input)
    expect(procedure.output).toBe(output)
    expect(procedure.errors).toBe(errors)
    expect(procedure.meta).toBe(meta)
    expect(procedure).toMatchObject({ idempotent: true, validateOutput: false })
  })

  it('is frozen', () => {
    expect(Object.isFrozen(query())).toBe(true)
  })

  it('has a brand that its keys do not show', () => {
    expect(Object.keys(query())).not.toContain('trunkline.procedure')
    expect(Object.getOwnPropertySymbols({ ...query() })).toEqual([])
  })
})

describe('isProcedure', () => {
  it.each([
    ['a plain object with the same keys', { ...query() }],
    ['a record', {}],
    ['a schema', z.string()],
    ['null', null],
    ['undefined', undefined],
    ['a function', () => {}],
    ['text', 'query'],
  ])('%s is none', (_name, value) => {
    expect(isProcedure(value)).toBe(false)
  })

  it('knows a procedure of another copy of this file', async () => {
    vi.resetModules()
    const copy = await import('../../packages/trunkline/src/contract/procedure.ts')
    expect(copy.query).not.toBe(query)
    const foreign: Procedure = copy.query({ output: z.string() })
    expect(isProcedure(foreign)).toBe(true)
    expect(copy.isProcedure(query())).toBe(true)
    expect([...walkRouter(router({ foreign } as RouterRecord))]).toEqual([['foreign', foreign]])
  })
})

it('refuses idempotent where it means nothing, and says why', () => {
  const definition = { idempotent: true } as never
  expect(() => query(definition)).toThrow('query({ idempotent }): it can be repeated')
  expect(() => subscription(definition)).toThrow('subscription({ idempotent })')
})
