import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { compileSchema, SchemaFailure } from '../../packages/trunkline/src/contract/validator.ts'

async function failureOf(run: () => unknown): Promise<SchemaFailure> {
  try {
    await run()
  } catch (error) {
    expect(error).toBeInstanceOf(SchemaFailure)
    return error as SchemaFailure
  }
  throw new Error('it passed')
}

describe('the synchronous lane', () => {
  const { check, sync } = compileSchema(z.object({ name: z.string(), tags: z.array(z.string()) }))

  it('gives the value itself, not a promise, without unknown keys', () => {
    expect(sync).toBe(true)
    expect(check({ name: 'a', tags: [], secret: 1 })).toEqual({ name: 'a', tags: [] })
  })

  it('throws at once, with every issue and its path', () => {
    let failure: unknown
    try {
      check({ name: 1, tags: ['a', 2] })
    } catch (error) {
      failure = error
    }
    expect(failure).toBeInstanceOf(SchemaFailure)
    const { issues, message } = failure as SchemaFailure
    expect(issues.map(({ path }) => path)).toEqual([['name'], ['tags', 1]])
    expect(message).toBe(issues[0]?.message)
  })

  it('gives an issue at the top an empty path', async () => {
    const { issues } = await failureOf(() => compileSchema(z.string()).check(1))
    expect(issues.map(({ path }) => path)).toEqual([[]])
  })

  it('gives issues of message and path only', async () => {
    const { issues } = await failureOf(() => check({ name: 1, tags: [] }))
    expect(Object.keys(issues[0] as object).sort()).toEqual(['message', 'path'])
  })
})

describe('the asynchronous lane', () => {
  it('runs an async refine once where it passes', async () => {
    let runs = 0
    const schema = z.string().refine(async () => {
      runs++
      return true
    })
    expect(await compileSchema(schema).check('x')).toBe('x')
    expect(runs).toBe(1)
  })

  it('runs an async refine once where it refuses', async () => {
    let runs = 0
    const schema = z.string().refine(
      async () => {
        runs++
        return false
      },
      { message: 'taken' },
    )
    const failure = await failureOf(() => compileSchema(schema).check('x'))
    expect(failure.issues).toEqual([{ message: 'taken', path: [] }])
    expect(runs).toBe(1)
  })

  it('runs a refine that rejects once, fails, and leaves no rejection behind', async () => {
    let runs = 0
    const unhandled: unknown[] = []
    const listen = (reason: unknown): number => unhandled.push(reason)
    process.on('unhandledRejection', listen)
    const lost = new Error('the database is down')
    const schema = z.string().refine(async () => {
      runs++
      throw lost
    })
    const failure = await failureOf(() => compileSchema(schema).check('x'))
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', listen)
    expect(runs).toBe(1)
    expect(unhandled).toEqual([])
    expect(failure.cause).toBe(lost)
    expect(JSON.stringify(failure.issues)).not.toContain('database')
  })

  it('turns a refine that throws into a failure with its cause', async () => {
    const thrown = new Error('secret')
    const schema = z.string().refine(() => {
      throw thrown
    })
    const failure = await failureOf(() => compileSchema(schema).check('x'))
    expect(failure.cause).toBe(thrown)
    expect(failure.message).not.toContain('secret')
  })

  it('never throws synchronously', () => {
    const { check } = compileSchema(z.string().refine(() => false))
    const outcome = check(1)
    expect(outcome).toBeInstanceOf(Promise)
    return expect(outcome).rejects.toBeInstanceOf(SchemaFailure)
  })
})

describe('schemas of other vendors', () => {
  const schema = v.object({ name: v.pipe(v.string(), v.minLength(2)), age: v.optional(v.number(), 7) })

  it('a valibot schema gives its output', async () => {
    const { check, sync, plain } = compileSchema(schema)
    expect({ sync, plain }).toEqual({ sync: false, plain: false })
    expect(await check({ name: 'ab', more: 1 })).toEqual({ name: 'ab', age: 7 })
  })

  it('a valibot schema fails with issues whose paths are keys', async () => {
    const { issues } = await failureOf(() => compileSchema(schema).check({ name: 'a' }))
    expect(issues.map(({ path }) => path)).toEqual([['name']])
    expect(issues[0]?.message).toMatch(/length/i)
  })

  it('validate is called once', async () => {
    let runs = 0
    const counted = {
      '~standard': {
        version: 1,
        vendor: 'counting',
        validate: async (value: unknown) => {
          runs++
          return { value }
        },
      },
    }
    expect(await compileSchema(counted).check(5)).toBe(5)
    expect(runs).toBe(1)
  })

  it('a validate that throws is a failure with its cause', async () => {
    const thrown = new Error('secret')
    const broken = {
      '~standard': {
        version: 1,
        vendor: 'x',
        validate: () => {
          throw thrown
        },
      },
    }
    const failure = await failureOf(() => compileSchema(broken).check(5))
    expect(failure.cause).toBe(thrown)
    expect(failure.message).not.toContain('secret')
  })

  it('path segments that are objects or symbols become keys', async () => {
    const odd = {
      '~standard': {
        version: 1,
        vendor: 'x',
        validate: () => ({ issues: [{ message: 'no', path: [{ key: 'a' }, 1, Symbol('s')] }] }),
      },
    }
    const { issues } = await failureOf(() => compileSchema(odd).check(5))
    expect(issues).toEqual([{ message: 'no', path: ['a', 1, 'Symbol(s)'] }])
  })
})
