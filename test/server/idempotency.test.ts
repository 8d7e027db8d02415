import { mutation, RpcError, router, type as unchecked } from 'trunkline'
import { implement, memoryResultStore, type ResultStore, type ServerOptions } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { acceptOn, hello } from './accepted.ts'

interface User {
  user: string
}

const contract = router({
  pay: mutation({
    input: unchecked<string>(),
    output: unchecked<string>(),
    errors: { EMPTY: z.object({ left: z.number() }) },
    idempotent: true,
  }),
  once: mutation({ input: unchecked<string>(), output: unchecked<string>() }),
  count: mutation({ output: unchecked<string>(), idempotent: true }),
})

/** What each run does; by default it answers at once. */
let script: (input: string, signal: AbortSignal, run: number) => string | Promise<string>
let runs = 0
let reports: unknown[] = []

const app = implement(contract)
  .context<User>()
  .handlers({
    pay: ({ input, signal, errors }) => {
      const run = ++runs
      if (input === 'empty') throw errors.EMPTY({ left: run })
      if (input === 'defect') throw new Error('secret')
      if (input === 'own code') throw new RpcError('FORBIDDEN', { message: 'not you' })
      return script(input, signal, run)
    },
    once: ({ input }) => `${input} ${++runs}`,
    count: () => String(++runs),
  })

type Options = Partial<ServerOptions<User>>
const pairs: ReturnType<typeof make>[] = []

const make = (options: Options) =>
  createPair(app, {
    authenticate: ({ params }) => ({ user: String(params.user ?? 'ada') }),
    identify: ({ user }) => ({ principal: user }),
    onError: ({ error }) => void reports.push(error),
    ...options,
  })

function start(options: Options = {}) {
  const pair = make(options)
  pairs.push(pair)
  return { pair, client: (user = 'ada') => pair.createClient({ params: { user } }) }
}

const settle = () => vi.advanceTimersByTimeAsync(0)

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.1)
  script = (input, _signal, run) => `${input} ${run}`
  runs = 0
  reports = []
})

afterEach(async () => {
  await Promise.all(pairs.splice(0).map((pair) => pair.close()))
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** A gate for a run. */
function gated() {
  const open: ((value: string) => void)[] = []
  script = (_input, signal) =>
    new Promise((resolve, reject) => {
      open.push(resolve)
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  return open
}

describe('the same key', () => {
  const key = { idempotencyKey: 'k1' }

  it('gets the result of the first, from another client of the same principal too', async () => {
    const { client } = start()
    const { api } = client()
    expect(await api.pay('a', key)).toBe('a 1')
    expect(await api.pay('a', key)).toBe('a 1')
    expect(await client().api.pay('a', key)).toBe('a 1')
    expect(runs).toBe(1)
  })

  it('of another principal, or without it, or another key, runs', async () => {
    const { client } = start()
    const { api } = client()
    expect(await api.pay('a', key)).toBe('a 1')
    expect(await client('bob').api.pay('a', key)).toBe('a 2')
    expect(await api.pay('a')).toBe('a 3')
    expect(await api.pay('a', { idempotencyKey: 'k2' })).toBe('a 4')
  })

  it('of nobody is its session alone', async () => {
    const { client } = start({ identify: undefined as never })
    const { api } = client()
    expect(await api.pay('a', key)).toBe('a 1')
    expect(await api.pay('a', key)).toBe('a 1')
    expect(await client().api.pay('a', key)).toBe('a 2')
  })

  it('of a mutation that is not idempotent means nothing', async () => {
    const { api } = start().client()
    expect(await api.once('a', key as never)).toBe('a 1')
    expect(await api.once('a', key as never)).toBe('a 2')
  })

  it('gets an error of the contract again, with its data', async () => {
    const { client } = start()
    const errors = await Promise.all(
      [client(), client()].map(({ api }) => api.pay('empty', key).catch((error: unknown) => error)),
    )
    expect(errors).toMatchObject([
      { code: 'EMPTY', data: { left: 1 } },
      { code: 'EMPTY', data: { left: 1 } },
    ])
    expect(runs).toBe(1)
  })

  it.each(['defect', 'own code'])('runs again after a failure that is none of the contract: %s', async (input) => {
    const { api } = start().client()
    await expect(api.pay(input, key)).rejects.toBeInstanceOf(RpcError)
    await expect(api.pay(input, key)).rejects.toBeInstanceOf(RpcError)
    expect(runs).toBe(2)
  })

  it('joins a call that runs, and all get its result', async () => {
    const { client } = start()
    const open = gated()
    const calls = [client(), client(), client()].map(({ api }) => api.pay('a', key))
    await settle()
    expect(runs).toBe(1)
    open[0]?.('done')
    expect(await Promise.all(calls)).toEqual(['done', 'done', 'done'])
    expect(runs).toBe(1)
  })

  it('runs by the next when who ran it has left, and nobody waits for nothing', async () => {
    const { client, pair } = start()
    const open = gated()
    const controller = new AbortController()
    const first = client().api.pay('a', { ...key, signal: controller.signal })
    first.catch(() => {})
    await settle()
    const leaving = new AbortController()
    const second = client().api.pay('a', { ...key, signal: leaving.signal })
    second.catch(() => {})
    const third = client().api.pay('a', key)
    await settle()
    leaving.abort()
    controller.abort()
    await settle()
    expect(runs).toBe(2)
    open[1]?.('done')
    expect(await third).toBe('done')
    expect(pair.server.stats().calls).toBe(0)
  })

  it('times out for itself while it waits for another', async () => {
    const { client } = start()
    const open = gated()
    const first = client().api.pay('a', key)
    await settle()
    const second = client().api.pay('a', { ...key, timeoutMs: 1_000 })
    const timedOut = expect(second).rejects.toMatchObject({ code: 'TIMEOUT' })
    await vi.advanceTimersByTimeAsync(1_100)
    await timedOut
    open[0]?.('done')
    expect(await first).toBe('done')
  })

  it('runs again when the result is older than 120 s', async () => {
    const { api } = start().client()
    expect(await api.pay('a', key)).toBe('a 1')
    await vi.advanceTimersByTimeAsync(119_000)
    expect(await api.pay('a', key)).toBe('a 1')
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await api.pay('a', key)).toBe('a 2')
  })

  it('is forgotten when its principal is revoked, and kept of the others', async () => {
    const { client, pair } = start()
    await client().api.pay('a', key)
    await client('bob').api.pay('b', key)
    pair.server.revoke('ada')
    await vi.advanceTimersByTimeAsync(1)
    expect(await client().api.pay('a', key)).toBe('a 3')
    expect(await client('bob').api.pay('b', key)).toBe('b 2')
  })
})

describe('a repeat', () => {
  it('in a new session joins the call that still runs: the name of the session stays', async () => {
    const { client, pair } = start({ resume: false })
    const { api } = client()
    let open = (_value: string): void => {}
    script = () =>
      new Promise((resolve) => {
        open = resolve
      })
    const call = api.pay('a')
    await settle()
    pair.cut()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(runs).toBe(1)
    open('done')
    expect(await call).toBe('done')
  })

  it('in a new session runs again when the first run ended with its session', async () => {
    const { client, pair } = start({ resume: false })
    const { api } = client()
    const open = gated()
    const call = api.pay('a')
    await settle()
    pair.cut()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(runs).toBe(2)
    open[1]?.('again')
    expect(await call).toBe('again')
  })

  it.each([
    ['that a middleware refuses', 5, { meta: { refuse: true } }, 'FORBIDDEN'],
    ['whose input is refused', 'x', {}, 'BAD_REQUEST'],
    ['that comes to its deadline before it has run', 5, { meta: { wait: true }, timeoutMs: 50 }, 'TIMEOUT'],
  ])('%s does not say that the first has not run', async (_which, input, options, code) => {
    const checked = router({ pay: mutation({ input: z.number(), idempotent: true }) })
    const line = acceptOn(
      implement(checked)
        .use(async ({ call, next }) => {
          if (call.meta.refuse) throw new RpcError('FORBIDDEN')
          if (call.meta.wait) await new Promise(() => {})
          return next()
        })
        .handlers({ pay: () => {} }) as never,
    ).connect()
    line.say(hello())
    await settle()
    line.say([2, 1, 'pay', input, { ...options, repeat: true }], [2, 3, 'pay', input, options])
    await vi.advanceTimersByTimeAsync(100)
    const said = line.sent.slice(1).map(([type, id, said, , details]) => [type, id, said, details])
    expect(said).toEqual([
      [4, 1, code, expect.objectContaining({ delivery: 'unknown' })],
      [4, 3, code, expect.objectContaining({ delivery: 'not-run' })],
    ])
  })

  it('whose answer was lost on its way gets that answer', async () => {
    const { client, pair } = start({ resume: false })
    const { api, connection } = client()
    await connection.connect()
    pair.links[0]?.hold('down')
    const call = api.pay('a')
    await settle()
    pair.cut()
    pair.links[0]?.release()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await call).toBe('a 1')
    expect(runs).toBe(1)
  })
})

describe('a store', () => {
  const key = { idempotencyKey: 'k' }
  const storeOf = (store: Partial<ResultStore>): ResultStore => ({
    get: () => undefined,
    set: () => {},
    delete: () => {},
    ...store,
  })

  it('that others share gives their answers, and hears of ours', async () => {
    const kept = new Map<string, string>()
    const resultStore = storeOf({
      get: async (principal, name) => kept.get(`${principal}/${name}`),
      set: async (principal, name, answer) => void kept.set(`${principal}/${name}`, answer),
    })
    const [one, other] = [start({ resultStore }), start({ resultStore })]
    expect(await one.client().api.pay('a', key)).toBe('a 1')
    expect(await other.client().api.pay('a', key)).toBe('a 1')
    expect([...kept]).toEqual([['ada/pay k', expect.any(String)]])
  })

  it.each<[string, Partial<ResultStore>]>([
    ['throws', { get: fail, set: fail, delete: fail }],
    ['rejects', { get: async () => fail(), set: async () => fail(), delete: async () => fail() }],
  ])('that %s is reported, and stops no call', async (_how, store) => {
    const { client, pair } = start({ resultStore: storeOf(store) })
    expect(await client().api.pay('a', key)).toBe('a 1')
    expect(await client().api.pay('a', key)).toBe('a 2')
    pair.server.revoke('nobody')
    await settle()
    expect(reports.map(String)).toEqual(Array(5).fill('Error: the store is down'))
  })

  function fail(): never {
    throw new Error('the store is down')
  }

  it.each([
    ['cut off', '3,"a 1'],
    ['of another make', '{"value":"a 1"}'],
    ['another message', '5,7'],
    ['with broken parts', '3,0\n%'],
    ['no text', 7],
  ])('that gives an answer that is damaged (%s) is reported, and the call runs', async (_how, given) => {
    const get = async () => given as string
    const { client } = start({ resultStore: storeOf({ get }) })
    expect(await client().api.pay('a', key)).toBe('a 1')
    expect(reports.map(String)).toEqual(['Error: The result store gave what is no answer of "pay k"'])
  })

  it('that never answers costs the call its deadline, and the next ones theirs only', async () => {
    const { client, pair } = start({
      resultStore: storeOf({ get: () => new Promise(() => {}) }),
      limits: { timeoutMs: 500 },
    })
    const call = expect(client().api.pay('a', key)).rejects.toMatchObject({
      code: 'TIMEOUT',
      delivery: 'not-run',
    })
    await vi.advanceTimersByTimeAsync(600)
    await call
    expect(runs).toBe(0)
    expect(pair.server.stats().calls).toBe(0)
  })

  describe('that is still asked when the first of a key leaves', () => {
    async function asked() {
      const given: ((answer: string | undefined) => void)[] = []
      const get = () => new Promise<string | undefined>((resolve) => given.push(resolve))
      const { client, pair } = start({ resultStore: storeOf({ get }), resume: false })
      const { api } = client()
      const controller = new AbortController()
      const first = api.count(undefined, { ...key, signal: controller.signal }).catch(() => {})
      const second = api.count(undefined, key)
      second.catch(() => {})
      await settle()
      return { pair, controller, first, second, given }
    }

    it('answers the next', async () => {
      const { controller, first, second, given } = await asked()
      controller.abort()
      await first
      await settle()
      for (const give of given) give('3,"kept"]')
      expect(await second).toBe('kept')
      expect(runs).toBe(0)
    })

    it('has nobody run when all leave with their session', async () => {
      const { pair, given } = await asked()
      pair.isReachable = false
      pair.cut()
      await settle()
      expect(given).toHaveLength(1)
      expect(runs).toBe(0)
    })
  })

  it('that answers when the call is over does not run it', async () => {
    let answer: (value: undefined) => void = () => {}
    const { client } = start({
      resultStore: storeOf({
        get: () =>
          new Promise((resolve) => {
            answer = resolve
          }),
      }),
    })
    const controller = new AbortController()
    client()
      .api.pay('a', { ...key, signal: controller.signal })
      .catch(() => {})
    await settle()
    controller.abort()
    await settle()
    answer(undefined)
    await settle()
    expect(runs).toBe(0)
  })
})

describe('memoryResultStore()', () => {
  it('keeps so many answers of a principal, the newest', () => {
    const store = memoryResultStore({ entries: 2 })
    for (const key of ['a', 'b', 'c']) store.set('ada', key, key)
    store.set('bob', 'a', 'his')
    expect(['a', 'b', 'c'].map((key) => store.get('ada', key))).toEqual([undefined, 'b', 'c'])
    expect(store.get('bob', 'a')).toBe('his')
  })

  it('keeps so much text of a principal, and nothing that is larger alone', () => {
    const store = memoryResultStore({ length: 10 })
    store.set('ada', 'a', 'x'.repeat(6))
    store.set('ada', 'b', 'x'.repeat(4))
    expect(store.get('ada', 'a')).toBeDefined()
    store.set('ada', 'c', 'x')
    expect(['a', 'b', 'c'].map((key) => store.get('ada', key) !== undefined)).toEqual([false, true, true])
    store.set('ada', 'd', 'x'.repeat(11))
    expect(store.get('ada', 'd')).toBeUndefined()
  })

  it('an answer that is set again is the newest', () => {
    const store = memoryResultStore({ entries: 2 })
    for (const key of ['a', 'b', 'a', 'c']) store.set('ada', key, key)
    expect(['a', 'b', 'c'].map((key) => store.get('ada', key))).toEqual(['a', undefined, 'c'])
  })

  it('keeps 256 answers, 262 144 characters and 120 s by default', () => {
    const store = memoryResultStore()
    for (let at = 0; at < 257; at++) store.set('ada', String(at), 'x')
    expect([store.get('ada', '0'), store.get('ada', '1')]).toEqual([undefined, 'x'])
    store.set('bob', 'a', 'x'.repeat(262_144))
    expect(store.get('bob', 'a')).toHaveLength(262_144)
    store.set('bob', 'b', 'x')
    expect(store.get('bob', 'a')).toBeUndefined()
    vi.advanceTimersByTime(120_000)
    expect(store.get('bob', 'b')).toBeUndefined()
  })

  it.each([
    ['maxAgeMs', 0],
    ['entries', 1.5],
    ['length', Number.NaN],
  ])('refuses %s of %d', (name, value) => {
    expect(() => memoryResultStore({ [name]: value })).toThrow(TypeError)
  })
})
