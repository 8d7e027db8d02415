// The context: what middleware adds, and what `authenticate` has to give.
import { mutation, query, router } from 'trunkline'
import { serve } from 'trunkline/node'
import { type App, createCaller, createServer, implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { z } from 'zod'
import { assert, type Equal } from './assert.ts'

interface Context {
  user: string
}

const contract = router({ whoami: query({ output: z.string() }), reset: mutation({ input: z.number() }) })
const handlers = { whoami: () => 'x', reset: () => {} }

// ── Middleware ───────────────────────────────────────────────────────────────

const start = implement(contract).context<Context>()

const extended = start
  .use(({ context, next }) => {
    assert<Equal<typeof context, Context>>()
    return next({ context: { admin: context.user === 'ada' } })
  })
  .use(async ({ context: { admin, user }, next }) => {
    assert<Equal<typeof admin, boolean>>()
    assert<Equal<typeof user, string>>()
    return next({ context: { level: 1 as const } })
  })
  .use(({ next }) => next())

extended.handlers({
  whoami: ({ context: { user, admin, level } }) => {
    assert<Equal<typeof user, string>>()
    assert<Equal<typeof admin, boolean>>()
    assert<Equal<typeof level, 1>>()
    return user
  },
  // @ts-expect-error: nobody has added this.
  reset: ({ context }) => void context.session,
})

start.use(({ path, kind, meta, call, signal, next }) => {
  assert<Equal<typeof path, string>>()
  assert<Equal<typeof kind, 'query' | 'mutation' | 'subscription' | 'upload' | 'duplex'>>()
  assert<Equal<typeof meta, Readonly<Record<string, unknown>>>>()
  assert<Equal<typeof call.meta, Readonly<Record<string, unknown>>>>()
  assert<Equal<typeof signal, AbortSignal>>()
  return next()
})
// @ts-expect-error: the context is read only to begin with what authenticate gives.
start.use(({ context, next }) => next({ context: { twice: context.admin } }))
// @ts-expect-error: a middleware returns what next() gives.
start.use(() => 5)

const authed = start.middleware(({ context, next }) => next({ context: { userId: context.user.length } }))
const audited = start.middleware(({ next }) => next({ context: { audit: new Date() } }))

start.handlers({
  whoami: authed(({ context }) => {
    assert<Equal<typeof context.userId, number>>()
    assert<Equal<typeof context.user, string>>()
    return context.user
  }),
  reset: authed(({ context, input }) => {
    assert<Equal<typeof context.userId, number>>()
    assert<Equal<typeof input, number>>()
  }),
})
start.handlers({
  // Wrappers nest, and each adds its own.
  whoami: authed(
    audited(({ context }) => {
      assert<Equal<typeof context.audit, Date>>()
      return context.user
    }),
  ),
  // @ts-expect-error: a wrapper does not excuse a wrong input.
  reset: authed(({ input }) => void input.length),
})

// ── What an app asks of `authenticate` ───────────────────────────────────────

const open = implement(contract).handlers(handlers)
const closed = extended.handlers(handlers)

// Only what `context<…>()` said: what middleware adds nobody has to bring.
assert<Equal<typeof closed, App<typeof contract, Context>>>()

export async function servers(): Promise<void> {
  const authenticate = (): Context => ({ user: 'ada' })
  createServer(open)
  createServer(open, {})
  createServer(closed, { authenticate })
  createServer(closed, { authenticate: async ({ params }) => ({ user: String(params.token) }) })
  createServer(closed, { authenticate, identify: ({ user }) => ({ principal: user }) })
  await serve(open, { port: 0 })
  await serve(closed, { port: 0, authenticate })
  createPair(open)
  createPair(closed, { authenticate })

  // @ts-expect-error: authenticate is required.
  createServer(closed)
  // @ts-expect-error: authenticate is required.
  createServer(closed, {})
  // @ts-expect-error: authenticate is required.
  await serve(closed, { port: 0 })
  // @ts-expect-error: authenticate is required.
  createPair(closed)
  // @ts-expect-error: authenticate gives the wrong context.
  createServer(closed, { authenticate: () => ({ name: 'ada' }) })
  // @ts-expect-error: params are unknown until they were checked.
  createServer(closed, { authenticate: ({ params }) => ({ user: params.token }) })
  // @ts-expect-error: identify gives a principal.
  createServer(closed, { authenticate, identify: ({ user }) => user })
}

export async function callers(): Promise<void> {
  assert<Equal<Awaited<ReturnType<ReturnType<typeof createCaller<typeof contract, Context>>['whoami']>>, string>>()
  createCaller(open)
  createCaller(open, {})
  createCaller(closed, { context: { user: 'ada' } })
  // @ts-expect-error: the context is required.
  createCaller(closed)
  // @ts-expect-error: the context is the wrong one.
  createCaller(closed, { context: { name: 'ada' } })
  // @ts-expect-error: the input is the wrong one.
  createCaller(open).reset('x')
}
