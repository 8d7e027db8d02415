import { RpcError } from 'trunkline'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ReadHello } from '../../packages/trunkline/src/protocol/read-at-server.ts'
import { Opening } from '../../packages/trunkline/src/server/opening.ts'
import { type CommonServerOptions, resolveOptions } from '../../packages/trunkline/src/server/options.ts'

const hello = { session: 's', attempt: 1, params: { token: 't' } } as unknown as ReadHello
const request = { url: '/', headers: new Headers(), remoteAddress: '127.0.0.1' }

function open(options: CommonServerOptions<never> & { authenticate?: unknown } = {}) {
  const log: unknown[][] = []
  const opening = new Opening(
    {
      admit: (_hello, { context, name }, held) => void log.push(['admit', context, name, [...held]]),
      close: (code) => void log.push(['close', code]),
      report: (error) => void log.push(['report', (error as Error).message]),
    },
    resolveOptions(options),
  )
  return { opening, log }
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
})

describe('an opening', () => {
  it('closes with 4108 when no hello comes', () => {
    const { log } = open({ helloTimeoutMs: 50 })
    vi.advanceTimersByTime(49)
    expect(log).toEqual([])
    vi.advanceTimersByTime(1)
    expect(log).toEqual([['close', 4108]])
  })

  it('waits for the verdict as long as authTimeoutMs, and no more for hello', () => {
    const { opening, log } = open({ helloTimeoutMs: 50, authTimeoutMs: 500, authenticate: () => new Promise(() => {}) })
    opening.hello(hello, request)
    vi.advanceTimersByTime(499)
    expect(log).toEqual([])
    vi.advanceTimersByTime(1)
    expect(log).toEqual([['close', 1013]])
  })

  it('admits at once where nobody authenticates', () => {
    const { opening, log } = open()
    opening.hello(hello, request)
    expect(log).toEqual([['admit', {}, undefined, []]])
    vi.advanceTimersByTime(60_000)
    expect(log).toHaveLength(1)
  })

  it('hands over what came behind hello, in order', async () => {
    const { opening, log } = open({ authenticate: async () => ({ user: 'ada' }) })
    expect(opening.isHolding).toBe(false)
    opening.hello(hello, request)
    expect(opening.isHolding).toBe(true)
    opening.hold('one')
    opening.hold('two')
    await vi.advanceTimersByTimeAsync(0)
    expect(log).toEqual([['admit', { user: 'ada' }, undefined, ['one', 'two']]])
  })

  it.each([
    ['UNAUTHORIZED', new RpcError('UNAUTHORIZED'), [['close', 4001]]],
    ['FORBIDDEN', new RpcError('FORBIDDEN'), [['close', 4003]]],
    [
      'another code',
      new RpcError('OVERLOADED', { message: 'no room' }),
      [
        ['report', 'no room'],
        ['close', 1013],
      ],
    ],
    [
      'a mistake',
      new Error('no table'),
      [
        ['report', 'no table'],
        ['close', 1013],
      ],
    ],
  ])('that throws %s is closed so', async (_what, error, expected) => {
    const authenticate = () => Promise.reject(error)
    const { opening, log } = open({ authenticate })
    opening.hello(hello, request)
    await vi.advanceTimersByTimeAsync(0)
    expect(log).toEqual(expected)
  })

  it.each([undefined, null, 'ada', 0, false])('whose context is %j has failed', async (context) => {
    const { opening, log } = open({ authenticate: async () => context })
    opening.hello(hello, request)
    await vi.advanceTimersByTimeAsync(0)
    expect(log).toEqual([
      ['report', expect.stringContaining('authenticate: expected a context')],
      ['close', 1013],
    ])
  })

  it('takes as many units as limits.unauthenticatedBytes, hello among them', () => {
    const { opening, log } = open({ limits: { unauthenticatedBytes: 100 } })
    expect(opening.mayTake('x'.repeat(60))).toBe(true)
    expect(opening.mayTake('x'.repeat(40))).toBe(true)
    expect(log).toEqual([])
    expect(opening.mayTake('x')).toBe(false)
    expect(log).toEqual([['close', 4000]])
  })

  it('takes one hello', () => {
    const { opening } = open({ authenticate: () => new Promise(() => {}) })
    opening.hello(hello, request)
    expect(() => opening.hello(hello, request)).toThrow(expect.objectContaining({ code: 4000 }))
  })

  it('says nothing once it was stopped, twice too', async () => {
    let signal: AbortSignal | undefined
    const { opening, log } = open({
      authenticate: (argument: { signal: AbortSignal }) => {
        signal = argument.signal
        return new Promise((resolve) => setTimeout(() => resolve({}), 100))
      },
    })
    opening.hello(hello, request)
    opening.stop()
    opening.stop()
    expect(signal?.aborted).toBe(true)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(log).toEqual([])
  })
})
