import { query, RpcError, router, subscription, type as unchecked } from 'trunkline'
import { implement, memoryPublisher } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { acceptOn, hello } from './accepted.ts'

interface User {
  user: string
  token?: unknown
  expiresAt?: unknown
}

const delayed = {
  '~standard': { version: 1, vendor: 'test', validate: async (value: unknown) => ({ value }) },
} as never as ReturnType<typeof unchecked<number>>

let bus = memoryPublisher<{ numbers: number }>()
/** Lets the generator of `pulled` go on. */
let pull: (value: number) => void = () => {}
let hangs: ((value: string) => void)[] = []

const app = implement(
  router({
    who: query({ output: unchecked<string>() }),
    token: query({ output: unchecked<unknown>() }),
    hang: query({ output: unchecked<string>() }),
    pulled: subscription({ output: unchecked<number>() }),
    fed: subscription({ output: unchecked<number>() }),
    checked: subscription({ output: delayed }),
    late: subscription({ output: unchecked<number>() }),
  }),
)
  .context<User>()
  .handlers({
    who: ({ context }) => context.user,
    token: ({ context }) => context.token,
    hang: () => new Promise<string>((resolve) => void hangs.push(resolve)),
    pulled: async function* () {
      for (;;) yield await new Promise<number>((resolve) => (pull = resolve))
    },
    fed: ({ signal }) => bus.subscribe('numbers', { signal }),
    checked: ({ signal }) => bus.subscribe('numbers', { signal }),
    late: async ({ signal }) => {
      await new Promise<string>((resolve) => void hangs.push(resolve))
      return bus.subscribe('numbers', { signal })
    },
  })

const authenticate = ({ params }: { params: Record<string, unknown> }): User => {
  if (params.refuse) throw new RpcError(String(params.refuse), { message: 'no more' })
  if (params.fail) throw new Error('database at 10.0.0.7 is down')
  return { user: String(params.user ?? 'ada'), token: params.token, expiresAt: params.expiresAt }
}
const identify = ({ user, expiresAt }: User) => ({ principal: user, expiresAt: expiresAt as number })
const settle = () => vi.advanceTimersByTimeAsync(1)

async function open(params: object = {}, options: object = {}) {
  const accepted = acceptOn(app as never, { authenticate, identify, ...options })
  const end = accepted.connect()
  end.say(hello(params))
  await settle()
  const types = () => end.sent.map(([type]) => type)
  /** What was sent since the last time. */
  let seen = 0
  const news = () => {
    const all = end.sent.slice(seen)
    seen = end.sent.length
    return all
  }
  return { ...accepted, ...end, end, types, news }
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.setSystemTime(1_800_000_000_000)
  bus = memoryPublisher()
  hangs = []
})

afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
})

describe('expiresAt', () => {
  it.each([
    ['a number', () => Date.now() + 60_000, 59_999],
    ['a Date', () => new Date(Date.now() + 60_000), 59_999],
    ['nothing', () => undefined, undefined],
    ['null', () => null, undefined],
    ['Infinity', () => Number.POSITIVE_INFINITY, undefined],
  ])('of %s is told in welcome as milliseconds', async (_what, make, expected) => {
    const { sent, closed } = await open({}, { identify: () => ({ principal: 'ada', expiresAt: make() }) })
    const { expiresInMs } = (sent[0] as [number, { expiresInMs?: number }])[1]
    if (expected === undefined) expect(expiresInMs).toBeUndefined()
    else expect(expiresInMs).toBeGreaterThanOrEqual(expected)
    expect(closed).toEqual([])
  })

  it.each([
    ['the past', () => Date.now() - 1],
    ['now', () => Date.now()],
    ['seconds since 1970, as in a JWT', () => Math.floor(Date.now() / 1000) + 3600],
    ['a Date of the past', () => new Date(0)],
  ])('of %s is refused with 4001', async (_what, make) => {
    const { sent, closed } = await open({}, { identify: () => ({ principal: 'ada', expiresAt: make() }) })
    expect(closed).toEqual([{ code: 4001, reason: 'expired credentials' }])
    expect(sent).toEqual([])
  })

  it.each([
    ['NaN', Number.NaN],
    ['an invalid Date', new Date(Number.NaN)],
    ['words', 'tomorrow'],
  ])('of %s is a mistake: 1013, and onError says what is wrong', async (_what, expiresAt) => {
    const { closed, reports } = await open({}, { identify: () => ({ principal: 'ada', expiresAt }) })
    expect(closed[0]?.code).toBe(1013)
    expect(String(reports[0]?.error)).toContain('identify: expected expiresAt to be a date')
  })

  it.each([undefined, null, {}, { principal: '' }, { principal: 7 }, 'ada'])(
    'and an identity of %j is a mistake too',
    async (identity) => {
      const { closed, reports } = await open({}, { identify: () => identity })
      expect(closed[0]?.code).toBe(1013)
      expect(String(reports[0]?.error)).toContain('identify: expected { principal: string }')
    },
  )

  it('closes with 4101, 25 s after it, and not before', async () => {
    const { closed, say, news } = await open({ expiresAt: Date.now() + 60_000 }, { keepAlive: { intervalMs: 300_000 } })
    await vi.advanceTimersByTimeAsync(84_000)
    expect(closed).toEqual([])
    news()
    say([2, 1, 'who'])
    await settle()
    expect(news()).toEqual([[3, 1, 'ada']])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(closed).toEqual([{ code: 4101, reason: 'the credentials have expired' }])
  })

  it('that was renewed in time closes nothing', async () => {
    const { closed, say } = await open({ expiresAt: Date.now() + 60_000 }, { keepAlive: { intervalMs: 300_000 } })
    await vi.advanceTimersByTimeAsync(70_000)
    say([15, { params: { expiresAt: Date.now() + 60_000 } }])
    await vi.advanceTimersByTimeAsync(83_000)
    expect(closed).toEqual([])
    await vi.advanceTimersByTimeAsync(4_000)
    expect(closed[0]?.code).toBe(4101)
  })
})

describe('authenticate on an open connection', () => {
  it('changes the context of what comes after, and says for how long', async () => {
    const { say, news } = await open({ token: 1 })
    news()
    say([2, 1, 'token'], [15, { params: { token: 2, expiresAt: Date.now() + 5_000 } }], [2, 3, 'token'])
    await settle()
    const answers = news()
    expect(answers).toContainEqual([16, { expiresInMs: 5_000 }])
    expect(answers.filter(([type]) => type === 3)).toEqual([
      [3, 1, 1],
      [3, 3, 2],
    ])
  })

  it('gets the upgrade request, with its cookies, each time', async () => {
    const cookies: unknown[] = []
    const { connect } = acceptOn(app as never, {
      authenticate: ({ request }: { request: { headers: Headers; url: string } }) => {
        cookies.push([request.headers.get('cookie'), request.url])
        return { user: 'ada' }
      },
    })
    const end = connect({ headers: new Headers({ Cookie: 'sid=1' }), url: '/rpc?x=1' })
    end.say(hello(), [15, { params: {} }])
    await settle()
    expect(cookies).toEqual([
      ['sid=1', '/rpc?x=1'],
      ['sid=1', '/rpc?x=1'],
    ])
  })

  it.each([
    [{ refuse: 'UNAUTHORIZED' }, { code: 'UNAUTHORIZED', message: 'no more' }, 0],
    [{ refuse: 'FORBIDDEN' }, { code: 'FORBIDDEN', message: 'no more' }, 0],
    [{ fail: true }, { code: 'INTERNAL', message: 'authentication is not possible at the moment' }, 1],
    [{ expiresAt: 1 }, { code: 'UNAUTHORIZED', message: 'expired credentials' }, 0],
  ])('that ends with %j keeps what stood', async (params, answer, defects) => {
    const { say, news, closed, reports } = await open({ token: 1 })
    news()
    say([15, { params: { token: 2, ...params } }], [2, 1, 'token'])
    await settle()
    expect(news()).toEqual([
      [16, answer],
      [3, 1, 1],
    ])
    expect(reports).toHaveLength(defects)
    expect(closed).toEqual([])
  })

  it('that hangs is answered after authTimeoutMs, and another may follow', async () => {
    let isHanging = false
    const options = {
      authTimeoutMs: 100,
      authenticate: () => (isHanging ? new Promise(() => {}) : { user: 'ada' }),
    }
    const { say, news } = await open({}, options)
    news()
    isHanging = true
    say([15, { params: {} }])
    await vi.advanceTimersByTimeAsync(101)
    expect(news()).toEqual([[16, { code: 'TIMEOUT', message: 'authentication took too long' }]])
    isHanging = false
    say([15, { params: {} }])
    await settle()
    expect(news()).toEqual([[16, {}]])
  })

  it('is one at a time', async () => {
    const { say, closed } = await open({}, { authenticate: async () => ({ user: 'ada' }) })
    say([15, { params: {} }], [15, { params: {} }])
    expect(closed[0]?.code).toBe(4000)
  })

  it.each([[[15]], [[15, []]], [[15, { params: 7 }]], [[15, { params: [] }]]])('%j is 4000', async (message) => {
    const { say, closed } = await open()
    say(message)
    expect(closed[0]?.code).toBe(4000)
  })

  it('before welcome is 4000', () => {
    const { connect } = acceptOn(app as never, { authenticate })
    const end = connect()
    end.say([15, { params: {} }])
    expect(end.closed[0]?.code).toBe(4000)
  })

  it('as somebody else closes with 4101 and says not a word more of the one before', async () => {
    const { say, news, closed } = await open({ user: 'ada' })
    say([2, 1, 'hang'], [2, 3, 'fed'])
    await settle()
    news()
    say([15, { params: { user: 'bob' } }], [2, 5, 'who'])
    hangs[0]?.('the secret of ada')
    await bus.publish('numbers', 1)
    await settle()
    expect(news()).toEqual([])
    expect(closed).toEqual([{ code: 4101, reason: 'the credentials are those of another principal' }])
  })

  it('aborts its signal when the connection goes', async () => {
    const signals: AbortSignal[] = []
    const { say, gone } = await open(
      {},
      {
        authenticate: ({ signal }: { signal: AbortSignal }) =>
          signals.push(signal) === 1 ? { user: 'ada' } : new Promise(() => {}),
      },
    )
    say([15, { params: {} }])
    gone()
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true])
  })
})

describe('revoke', () => {
  it('closes with 4003 and says nothing of what was about to be said', async () => {
    const { server, say, news, closed } = await open()
    say([2, 1, 'hang'], [2, 3, 'fed'])
    await settle()
    news()
    // Each would be sent at the end of this turn.
    await bus.publish('numbers', 1)
    say([2, 5, 'who'])
    hangs[0]?.('too late')
    expect(server.revoke('ada')).toBe(1)
    await settle()
    await bus.publish('numbers', 2)
    say([2, 7, 'who'], [12, 0, 0])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(news()).toEqual([])
    expect(closed).toEqual([{ code: 4003, reason: 'the access was revoked' }])
  })

  it('of a principal leaves others alone, and gives how many it closed', async () => {
    const { server, connect, closed } = await open({ user: 'ada' })
    const [other, second] = [connect(), connect()]
    other.say(hello({ user: 'bob' }))
    second.say(hello({ user: 'ada' }))
    await settle()
    expect(server.revoke('ada')).toBe(2)
    expect([closed, second.closed].map((all) => all[0]?.code)).toEqual([4003, 4003])
    expect(other.closed).toEqual([])
    expect(server.revoke('ada')).toBe(0)
    expect(server.revoke('nobody')).toBe(0)
  })

  it.each(['opening', 'renewing'])('refuses whoever is just being asked, %s', async (when) => {
    let pass: (user: User) => void = () => {}
    let isSlow = when === 'opening'
    const { server, say, news, closed } = await open(
      {},
      { authenticate: () => (isSlow ? new Promise<User>((resolve) => (pass = resolve)) : { user: 'ada' }) },
    )
    isSlow = true
    if (when === 'renewing') say([15, { params: {} }])
    news()
    await settle()
    server.revoke('ada')
    pass({ user: 'ada' })
    await settle()
    expect(closed).toEqual([{ code: 4003, reason: 'the access was revoked' }])
    expect(news()).toEqual([])
  })

  it('lets in who is asked after it', async () => {
    const { server, connect } = await open()
    server.revoke('ada')
    await settle()
    const again = connect()
    again.say(hello())
    await settle()
    expect(again.sent.map(([type]) => type)).toEqual([1])
  })
})

describe('reauthorize', () => {
  const renewal = [15, { params: { token: 2 } }]

  it.each([
    ['true', () => true, []],
    ['a promise of true', async () => true, []],
    ['false', () => false, ['FORBIDDEN']],
    ['a promise of false', async () => false, ['FORBIDDEN']],
    [
      'an RpcError',
      () => {
        throw new RpcError('PLAN_ENDED', { message: 'pay' })
      },
      ['PLAN_ENDED'],
    ],
    ['a rejection', () => Promise.reject(new Error('no table')), ['FORBIDDEN']],
    [
      'a throw',
      () => {
        throw new Error('no table')
      },
      ['FORBIDDEN'],
    ],
  ])('that gives %s', async (what, reauthorize, codes) => {
    const { say, news, reports } = await open({}, { reauthorize })
    say([2, 1, 'fed'])
    await settle()
    news()
    say(renewal)
    await settle()
    expect(
      news()
        .filter(([type]) => type === 4)
        .map(([, , code]) => code),
    ).toEqual(codes)
    expect(reports).toHaveLength(what === 'a rejection' || what === 'a throw' ? 1 : 0)
    await bus.publish('numbers', 7)
    await settle()
    expect(news().filter(([type]) => type === 6)).toHaveLength(codes.length === 0 ? 1 : 0)
  })

  it('is asked for each open stream, with its input and the new context', async () => {
    const asked: unknown[] = []
    const reauthorize = (call: { path: string; kind: string }, context: User) => {
      asked.push([call.path, call.kind, context.token])
      return true
    }
    const { say } = await open({ token: 1 }, { reauthorize })
    say([2, 1, 'fed'], [2, 3, 'pulled'], [2, 5, 'hang'])
    await settle()
    expect(asked).toEqual([])
    say(renewal)
    await settle()
    expect(asked).toEqual([
      ['fed', 'subscription', 2],
      ['pulled', 'subscription', 2],
    ])
  })

  it('is asked for a stream whose handler gave its source after the renewal', async () => {
    const asked: string[] = []
    const reauthorize = ({ path }: { path: string }) => {
      asked.push(path)
      return false
    }
    const { say, news } = await open({}, { reauthorize })
    say([2, 1, 'late'])
    await settle()
    say(renewal)
    await settle()
    news()
    hangs[0]?.('')
    await settle()
    await bus.publish('numbers', 1)
    await settle()
    expect(asked).toEqual(['late'])
    expect(news().map(([type]) => type)).toEqual([5, 4])
  })

  const sources: [path: string, make: (value: number) => unknown][] = [
    ['fed', (value) => bus.publish('numbers', value)],
    ['pulled', (value) => pull(value)],
    ['checked', (value) => bus.publish('numbers', value)],
  ]

  describe.each(sources)('of %s', (path, make) => {
    /** A stream with a question that is not answered, and an item that was on its way when it was asked. */
    async function ask() {
      let answer: (isAllowed: boolean) => void = () => {}
      const opened = await open(
        {},
        { reauthorize: () => new Promise<boolean>((resolve) => (answer = resolve)), authTimeoutMs: 1_000 },
      )
      opened.say([2, 1, path])
      await settle()
      opened.news()
      if (path === 'checked') make(1)
      opened.say(renewal)
      if (path !== 'checked') make(1)
      await settle()
      return { ...opened, answer: (isAllowed: boolean) => answer(isAllowed) }
    }

    it('lets no item through while it is asked, and all of them after', async () => {
      const { news, answer } = await ask()
      expect(news().map(([type]) => type)).toEqual([16])
      answer(true)
      await settle()
      make(2)
      await settle()
      expect(news().map(([type, , value]) => [type, value])).toEqual([
        [6, 1],
        [6, 2],
      ])
    })

    it('drops the item when it says no', async () => {
      const { news, answer } = await ask()
      news()
      answer(false)
      await settle()
      make(2)
      await settle()
      expect(news()).toEqual([[4, 1, 'FORBIDDEN', expect.stringContaining('no longer allowed')]])
    })

    it('lets nobody through because it takes too long', async () => {
      const { news, answer } = await ask()
      news()
      await vi.advanceTimersByTimeAsync(1_000)
      answer(true)
      make(2)
      await settle()
      expect(news().map(([type, , code]) => [type, code])).toEqual([[4, 'FORBIDDEN']])
    })
  })

  it('holds a stream until each of two questions is answered', async () => {
    const answers: ((isAllowed: boolean) => void)[] = []
    const reauthorize = () => new Promise<boolean>((resolve) => void answers.push(resolve))
    const { say, news } = await open({}, { reauthorize })
    say([2, 1, 'fed'])
    await settle()
    say(renewal)
    await settle()
    say(renewal)
    await settle()
    await bus.publish('numbers', 1)
    news()
    answers[1]?.(true)
    await settle()
    expect(news()).toEqual([])
    answers[0]?.(true)
    await settle()
    expect(news().map(([type]) => type)).toEqual([6])
  })
})
