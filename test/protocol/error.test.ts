import { describe, expect, it, vi } from 'vitest'
import { builtinCodes, isRpcError, RpcError } from '../../packages/trunkline/src/protocol/error.ts'

describe('RpcError', () => {
  it('has a code, and by default its code as message, no data, and has run', () => {
    const error = new RpcError('FORBIDDEN')
    expect(error).toMatchObject({ code: 'FORBIDDEN', message: 'FORBIDDEN', data: undefined, delivery: 'ran' })
    expect('cause' in error).toBe(false)
  })

  it('takes message, data, cause and delivery', () => {
    const cause = new Error('x')
    const error = new RpcError('X', { message: 'no', data: { a: 1 }, cause, delivery: 'not-run' })
    expect(error).toMatchObject({ code: 'X', message: 'no', data: { a: 1 }, delivery: 'not-run' })
    expect(error.cause).toBe(cause)
  })

  it('says its code where the message is empty', () => {
    expect(new RpcError('X', { message: '' }).message).toBe('X')
  })

  it('is an Error with its code in its name, which is what a stack begins with', () => {
    const error = new RpcError('X', { message: 'no' })
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('RpcError [X]')
    expect(String(error)).toBe('RpcError [X]: no')
    expect(error.stack).toMatch(/^RpcError \[X\]: no\n/)
    expect(error.stack).toContain('error.test.ts')
    expect(RpcError.name).toBe('RpcError')
  })

  it('shows only its own fields as keys', () => {
    expect(Object.keys(new RpcError('X')).sort()).toEqual(['code', 'data', 'delivery'])
  })
})

describe('recognition', () => {
  it('instanceof and isRpcError agree', () => {
    for (const value of [new RpcError('X'), new Error('x'), null, undefined, 'X', { code: 'X' }, () => {}]) {
      expect(isRpcError(value)).toBe(value instanceof RpcError)
    }
    expect(isRpcError(new RpcError('X'))).toBe(true)
  })

  it('an error of another copy of this file is recognised, by brand and by instanceof', async () => {
    vi.resetModules()
    const copy = await import('../../packages/trunkline/src/protocol/error.ts')
    expect(copy.RpcError).not.toBe(RpcError)
    const foreign = new copy.RpcError('X')
    expect(isRpcError(foreign)).toBe(true)
    expect(foreign).toBeInstanceOf(RpcError)
    expect(new RpcError('X')).toBeInstanceOf(copy.RpcError)
  })

  it('an object with the same fields is no RpcError', () => {
    expect(isRpcError({ ...new RpcError('X'), name: 'RpcError', message: 'x' })).toBe(false)
  })
})

it('the built-in codes are those of PROTOCOL.md section 4', () => {
  expect(builtinCodes).toEqual([
    'BAD_REQUEST',
    'UNAUTHORIZED',
    'FORBIDDEN',
    'NOT_FOUND',
    'TIMEOUT',
    'CANCELLED',
    'CONNECTION_LOST',
    'RATE_LIMITED',
    'TOO_LARGE',
    'OVERLOADED',
    'SLOW_CONSUMER',
    'GAP',
    'SHUTTING_DOWN',
    'INTERNAL',
  ])
})
