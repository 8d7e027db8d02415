import { query, RpcError, router, subscription, type as unchecked } from 'trunkline'
import { authorize, createCaller, implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'

interface User {
  roles: readonly string[]
}

const contract = router({
  open: query({ output: unchecked<string>() }),
  admin: query({ input: z.number(), output: unchecked<string>(), meta: { role: 'admin' } }),
  feed: subscription({ output: unchecked<number>(), meta: { role: 'admin' } }),
})

let runs: string[] = []

function pairWith(rule: Parameters<typeof authorize<User>>[0], roles: readonly string[] = []) {
  const app = implement(contract)
    .context<User>()
    .use(authorize(rule))
    .handlers({
      open: () => {
        runs.push('open')
        return 'open'
      },
      admin: () => {
        runs.push('admin')
        return 'admin'
      },
      feed: async function* () {
        runs.push('feed')
        yield 1
      },
    })
  const reports: unknown[] = []
  const pair = createPair(app, { authenticate: () => ({ roles }), onError: ({ error }) => void reports.push(error) })
  return { pair, app, reports, api: pair.createClient().api }
}

beforeEach(() => {
  vi.useFakeTimers()
  runs = []
})

afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
})

const byRole: Parameters<typeof authorize<User>>[0] = ({ meta, context }) =>
  !meta.role || context.roles.includes(String(meta.role))

describe('authorize', () => {
  it('lets pass what its rule allows, and answers the rest with FORBIDDEN, not-run', async () => {
    const { pair, api } = pairWith(byRole)
    expect(await api.open()).toBe('open')
    await expect(api.admin(1)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      delivery: 'not-run',
      message: '"admin" is not allowed',
    })
    await expect(api.feed()).rejects.toMatchObject({ code: 'FORBIDDEN', delivery: 'not-run' })
    expect(runs).toEqual(['open'])
    await pair.close()
  })

  it('gives the role what it is for', async () => {
    const { pair, api } = pairWith(byRole, ['admin'])
    expect(await api.admin(1)).toBe('admin')
    for await (const item of api.feed()) expect(item).toBe(1)
    expect(runs).toEqual(['admin', 'feed'])
    await pair.close()
  })

  it('refuses before the input is looked at', async () => {
    const { pair, api } = pairWith(byRole)
    await expect(api.admin('no number' as never)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await pair.close()
  })

  it.each([
    ['a promise of true', async () => true, undefined],
    ['a promise of false', async () => false, 'FORBIDDEN'],
    [
      'an RpcError',
      () => {
        throw new RpcError('UPGRADE_PLAN', { message: 'only for customers' })
      },
      'UPGRADE_PLAN',
    ],
    ['a rejection', () => Promise.reject(new Error('no table')), 'INTERNAL'],
    ['nothing at all', () => undefined as never, 'FORBIDDEN'],
  ])('of a rule that gives %s', async (_what, rule, code) => {
    const { pair, api, reports } = pairWith(rule)
    if (code === undefined) expect(await api.open()).toBe('open')
    else await expect(api.open()).rejects.toMatchObject({ code, delivery: 'not-run' })
    expect(runs).toHaveLength(code === undefined ? 1 : 0)
    expect(reports).toHaveLength(code === 'INTERNAL' ? 1 : 0)
    await pair.close()
  })

  it('works without a socket', async () => {
    const { app } = pairWith(byRole)
    await expect(createCaller(app, { context: { roles: [] } }).admin(1)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect(await createCaller(app, { context: { roles: ['admin'] } }).admin(1)).toBe('admin')
  })

  it.each([undefined, null, true, 'admin'])('takes %j for a mistake', (rule) => {
    expect(() => authorize(rule as never)).toThrow(TypeError)
  })
})
