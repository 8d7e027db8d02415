import { mutation, query, RpcError, router, subscription, type as unchecked } from 'trunkline'
import { type ClientMiddleware, isRpcError } from 'trunkline/client'
import { implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'

const contract = router({
  meta: query({ output: unchecked<object>() }),
  post: mutation({ input: unchecked<string>(), output: unchecked<string>() }),
  flaky: mutation({ output: unchecked<number>() }),
  count: subscription({ input: unchecked<number>(), output: unchecked<number>() }),
  hang: query(),
})

let runs = 0
let cleanups = 0
const app = implement(contract).handlers({
  meta: ({ meta }) => meta,
  post: ({ input }) => input,
  flaky: () => {
    runs++
    if (runs === 1) throw new RpcError('RATE_LIMITED')
    return runs
  },
  count: async function* ({ input }) {
    try {
      for (let at = 1; at <= input; at++) yield at
    } finally {
      cleanups++
    }
  },
  hang: () => new Promise<void>(() => {}),
})
const refusing = implement(contract)
  .use(async ({ kind, next }) => {
    if (kind === 'subscription') throw new RpcError('FORBIDDEN', { message: 'not you' })
    return next()
  })
  .handlers(app.handlers as never)

let pair = createPair(app)

beforeEach(() => {
  runs = cleanups = 0
  pair = createPair(app, { onError: () => {} })
})

afterEach(() => pair.close())

const clientWith = (...use: ClientMiddleware[]) => pair.createClient({ use })

it('runs in order, the first outermost', async () => {
  const log: string[] = []
  const named =
    (name: string): ClientMiddleware =>
    async ({ next }) => {
      log.push(`${name} in`)
      const output = await next()
      log.push(`${name} out`)
      return output
    }
  await clientWith(named('a'), named('b')).api.post('x')
  expect(log).toEqual(['a in', 'b in', 'b out', 'a out'])
})

it('sees path, input, meta and signal of the call', async () => {
  const { signal } = new AbortController()
  let seen: object = {}
  const look: ClientMiddleware = ({ path, input, call, signal, next }) => {
    seen = { path, input, meta: call.meta, signal }
    return next()
  }
  await clientWith(look).api.post('x', { meta: { trace: 1 }, signal })
  expect(seen).toEqual({ path: 'post', input: 'x', meta: { trace: 1 }, signal })
})

it('sends its metadata to the server with that of the call and of the layers around it', async () => {
  const outer: ClientMiddleware = ({ next }) => next({ meta: { outer: 1, both: 'outer' } })
  const inner: ClientMiddleware = ({ next }) => next({ meta: { both: 'inner' } })
  const { api } = clientWith(outer, inner)
  expect(await api.meta(undefined, { meta: { call: true } })).toEqual({ call: true, outer: 1, both: 'inner' })
})

it('gives its caller what it returns', async () => {
  expect(await clientWith(async ({ next }) => `${await next()}!`).api.post('x')).toBe('x!')
})

it('may answer without a call', async () => {
  expect(await clientWith(async () => 'cached').api.post('x')).toBe('cached')
  expect(pair.frames).toEqual([])
})

it('may throw', async () => {
  const refuse: ClientMiddleware = async () => {
    throw new RpcError('UNAUTHORIZED', { delivery: 'not-run' })
  }
  await expect(clientWith(refuse).api.post('x')).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
})

it('makes the call again when it calls next twice', async () => {
  const retry: ClientMiddleware = ({ next }) =>
    next().catch((error) => (isRpcError(error) && error.code === 'RATE_LIMITED' ? next() : Promise.reject(error)))
  expect(await clientWith(retry).api.flaky()).toBe(2)
  expect(runs).toBe(2)
})

it('leaves a subscription iterable at once', async () => {
  const got: number[] = []
  for await (const at of clientWith(({ next }) => next()).api.count(3)) got.push(at)
  expect(got).toEqual([1, 2, 3])
})

it('leaves a subscription that can be left', async () => {
  const { api } = clientWith(({ next }) => next())
  for await (const at of api.count(1_000_000)) if (at === 3) break
  await api.post('behind')
  expect(cleanups).toBe(1)
  expect(pair.server.stats().streams).toBe(0)
})

it('leaves a refused subscription its error, and nothing unhandled', async () => {
  const others = process.listeners('unhandledRejection')
  const unhandled: unknown[] = []
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (error) => unhandled.push(error))
  try {
    const refused = createPair(refusing)
    const pass: ClientMiddleware = ({ next }) => next()
    const { api } = refused.createClient({ use: [pass, pass] })
    const pending = api.count(3)
    await api.post('behind')
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(unhandled).toEqual([])
    await expect(pending[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: 'not you',
    })
    await refused.close()
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const listener of others) process.on('unhandledRejection', listener)
  }
})

it('is aborted with the signal of the call', async () => {
  const controller = new AbortController()
  const { api } = clientWith(({ next }) => next())
  const call = api.hang(undefined, { signal: controller.signal })
  await api.post('x')
  controller.abort()
  await expect(call).rejects.toMatchObject({ code: 'CANCELLED' })
  await api.post('x')
  expect(pair.server.stats().calls).toBe(0)
})
