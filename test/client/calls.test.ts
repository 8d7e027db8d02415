import { query, router, subscription, type as unchecked } from 'trunkline'
import { implement, memoryPublisher } from 'trunkline/server'
import { createPair, type Pair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const contract = router({
  echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  gate: query({ input: unchecked<number>(), output: unchecked<number>() }),
  feed: subscription({ output: unchecked<number>() }),
})
const bus = memoryPublisher()
let waiting: (() => void)[] = []
const app = implement(contract)
  .context<{ name: string }>()
  .handlers({
    echo: ({ input }) => input,
    gate: ({ input }) => new Promise((resolve) => waiting.push(() => resolve(input))),
    feed: () => bus.subscribe('feed') as AsyncIterable<number>,
  })

let admit: () => void = () => {}
let pair: Pair<typeof contract>

function start(limits: object = {}, authenticate: () => unknown = () => ({ name: 'ada' })) {
  pair = createPair(app, { authenticate: authenticate as never, limits })
  return pair.createClient()
}

/** Answers nobody until `admit()`. */
const slowly = () =>
  new Promise((resolve) => {
    admit = () => resolve({ name: 'ada' })
  })

const messages = (from: 'client' | 'server', type: number): unknown[][] =>
  pair.frames
    .filter((frame) => frame.from === from)
    .flatMap(({ text }) => (text[1] === '[' ? JSON.parse(text) : [JSON.parse(text)]))
    .filter((message) => message[0] === type)

const opens = () => messages('client', 2)

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  waiting = []
})

afterEach(async () => {
  vi.restoreAllMocks()
  await pair.close()
  vi.useRealTimers()
})

describe('while there is no connection', () => {
  it('10 000 calls wait, and the next is OVERLOADED and not run', async () => {
    const { api, connection } = start()
    pair.isReachable = false
    const calls = Array.from({ length: 10_000 }, (_, at) => api.echo(at))
    const surplus = api.echo('surplus')
    await expect(surplus).rejects.toMatchObject({ code: 'OVERLOADED', delivery: 'not-run' })
    expect(connection.stats().waiting).toBe(10_000)
    pair.isReachable = true
    await vi.advanceTimersByTimeAsync(1_000)
    expect((await Promise.all(calls)).at(-1)).toBe(9_999)
    expect(opens()).toHaveLength(10_000)
  })

  it('8 MiB of input wait, and the next is OVERLOADED and not run', async () => {
    const { api, connection } = start()
    pair.isReachable = false
    const megabyte = 'x'.repeat(1_000_000)
    const calls = Array.from({ length: 8 }, () => api.echo(megabyte))
    const surplus = api.echo(megabyte)
    await expect(surplus).rejects.toMatchObject({ code: 'OVERLOADED', delivery: 'not-run' })
    const small = api.echo('small')
    expect(connection.stats().waiting).toBe(9)
    pair.isReachable = true
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await small).toBe('small')
    expect(await Promise.all(calls)).toHaveLength(8)
  })

  it('room comes back when a call settles there', async () => {
    const { api } = start()
    pair.isReachable = false
    const megabyte = 'x'.repeat(1_000_000)
    for (let round = 0; round < 20; round++) {
      await expect(api.echo(megabyte, { timeoutMs: 50 + round, signal: AbortSignal.abort() })).rejects.toThrow()
      const call = expect(api.echo(megabyte, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' })
      await vi.advanceTimersByTimeAsync(100)
      await call
    }
  })

  it('a call that times out is not run and never written', async () => {
    const { api, connection } = start()
    pair.isReachable = false
    const late = expect(api.echo('late', { timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      delivery: 'not-run',
    })
    await vi.advanceTimersByTimeAsync(1_100)
    await late
    pair.isReachable = true
    await connection.connect()
    await api.echo('next')
    expect(opens().map(([, , , input]) => input)).toEqual(['next'])
  })

  it('a call is written once when there is one', async () => {
    const { api } = start()
    pair.isReachable = false
    const call = api.echo('once')
    await vi.advanceTimersByTimeAsync(5_000)
    pair.isReachable = true
    await vi.advanceTimersByTimeAsync(20_000)
    expect(await call).toBe('once')
    expect(opens()).toHaveLength(1)
  })
})

describe('before welcome', () => {
  it('at most 16 KiB are written, the rest behind it, in order', async () => {
    const { api } = start({}, slowly)
    const calls = Array.from({ length: 10 }, (_, at) => api.echo(`${at}`.padEnd(5_000)))
    await vi.advanceTimersByTimeAsync(0)
    const early = pair.frames.filter(({ from, text }) => from === 'client' && !text.startsWith('[0,'))
    const bytes = early.reduce((sum, { text }) => sum + text.length, 0)
    expect(bytes).toBeGreaterThan(0)
    expect(bytes).toBeLessThanOrEqual(16 * 1024)
    admit()
    await Promise.all(calls)
    expect(opens().map(([, , , input]) => Number.parseInt(input as string, 10))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('a call behind a large one waits for it', async () => {
    const { api } = start({}, slowly)
    const calls = [api.echo('x'.repeat(20_000)), api.echo('small')]
    await vi.advanceTimersByTimeAsync(0)
    expect(opens()).toHaveLength(0)
    admit()
    await Promise.all(calls)
    expect(opens().map(([, id]) => id)).toEqual([1, 3])
  })

  it('metadata counts towards the 16 KiB too', async () => {
    const { api } = start({}, slowly)
    const call = api.echo(1, { meta: { trace: 'x'.repeat(70_000) } })
    call.catch(() => {})
    await vi.advanceTimersByTimeAsync(0)
    const early = pair.frames.filter(({ from }) => from === 'client').reduce((sum, { text }) => sum + text.length, 0)
    expect(early).toBeLessThan(17 * 1024)
  })
})

describe('over the concurrency the server advertises', () => {
  it('calls wait for an answer, in order, and none is refused', async () => {
    const { api, connection } = start({ calls: 2 })
    await connection.connect()
    const calls = [0, 1, 2, 3, 4].map((at) => api.gate(at))
    await vi.advanceTimersByTimeAsync(0)
    expect(opens()).toHaveLength(2)
    expect(connection.stats()).toMatchObject({ calls: 2, waiting: 3 })
    const sizes: number[] = []
    while (waiting.length) {
      sizes.push(waiting.length)
      for (const answer of waiting.splice(0)) answer()
      await vi.advanceTimersByTimeAsync(0)
    }
    expect(sizes).toEqual([2, 2, 1])
    expect(await Promise.all(calls)).toEqual([0, 1, 2, 3, 4])
  })

  it('a cancelled call makes room', async () => {
    const { api, connection } = start({ calls: 1 })
    await connection.connect()
    const controller = new AbortController()
    api.gate(0, { signal: controller.signal }).catch(() => {})
    const next = api.echo('next')
    await vi.advanceTimersByTimeAsync(0)
    controller.abort()
    expect(await next).toBe('next')
  })

  it('an accepted subscription takes no room', async () => {
    const { api } = start({ calls: 1 })
    const streams = [await api.feed(), await api.feed(), await api.feed()]
    expect(await api.echo(1)).toBe(1)
    expect(streams).toHaveLength(3)
  })

  it('a call that times out in the queue is not run', async () => {
    const { api, connection } = start({ calls: 1 })
    await connection.connect()
    api.gate(0).catch(() => {})
    const late = expect(api.echo('late', { timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      delivery: 'not-run',
    })
    await vi.advanceTimersByTimeAsync(1_100)
    await late
    expect(opens()).toHaveLength(1)
  })
})

describe('a deadline', () => {
  it('is not sent when it is the usual one', async () => {
    const { api } = start()
    await api.echo(1)
    expect(opens()).toEqual([[2, 1, 'echo', 1]])
    expect(messages('client', 0)[0]?.[1]).toMatchObject({ timeoutMs: 30_000 })
  })

  it('travels when it is another, as what is left', async () => {
    const { api } = start()
    pair.isReachable = false
    const call = api.echo(1, { timeoutMs: 5_000 })
    await vi.advanceTimersByTimeAsync(50)
    vi.spyOn(Math, 'random').mockReturnValue(0)
    pair.isReachable = true
    await vi.advanceTimersByTimeAsync(2_000)
    await call
    const [[, , , , options] = []] = opens()
    const { timeoutMs: left } = options as { timeoutMs: number }
    expect(left).toBeGreaterThan(2_900)
    expect(left).toBeLessThan(5_000)
  })

  it('of the client travels in hello', async () => {
    pair = createPair(app, { authenticate: () => ({ name: 'ada' }) })
    await pair.createClient({ timeoutMs: 7_000 }).api.echo(1)
    expect(messages('client', 0)[0]?.[1]).toMatchObject({ timeoutMs: 7_000 })
    expect(opens()[0]).toHaveLength(4)
  })

  it.each([2 ** 31, 1e12, Number.POSITIVE_INFINITY])('of %s ms is clamped, not zero', async (timeoutMs) => {
    const { api } = start({ timeoutMs: 2 ** 31 - 1 })
    const call = api.gate(1, { timeoutMs })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(waiting).toHaveLength(1)
    waiting[0]?.()
    expect(await call).toBe(1)
  })

  it('runs on through breaks', async () => {
    const { api } = start()
    const late = expect(api.gate(1, { timeoutMs: 10_000 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    for (let second = 0; second < 10; second++) {
      await vi.advanceTimersByTimeAsync(950)
      pair.cut()
    }
    await vi.advanceTimersByTimeAsync(600)
    await late
  })

  it('says why there was no connection', async () => {
    const { api } = start()
    pair.isReachable = false
    const late = expect(api.echo(1, { timeoutMs: 3_000 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringMatching(/^No connection for "echo" in time: \w/),
      delivery: 'not-run',
    })
    await vi.advanceTimersByTimeAsync(3_100)
    await late
  })

  it('ends a call though the server never answers', async () => {
    const { api, connection } = start()
    await connection.connect()
    pair.isSilent = true
    const late = expect(api.echo(1, { timeoutMs: 3_000 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      delivery: 'unknown',
    })
    await vi.advanceTimersByTimeAsync(3_100)
    await late
    expect(connection.stats().calls).toBe(0)
  })

  it('of a subscription ends with its accept', async () => {
    const { api } = start()
    const live = await api.feed(undefined, { timeoutMs: 1_000 })
    await vi.advanceTimersByTimeAsync(200_000)
    const next = live[Symbol.asyncIterator]().next()
    await bus.publish('feed', 7)
    expect(await next).toEqual({ done: false, value: 7 })
  })

  it('of one call leaves the others theirs', async () => {
    const { api } = start()
    const short = expect(api.gate(1, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    const long = api.gate(2)
    await vi.advanceTimersByTimeAsync(5_000)
    await short
    for (const answer of waiting) answer()
    expect(await long).toBe(2)
  })
})

describe('ids', () => {
  it('are odd and rise over connections', async () => {
    const { api } = start()
    await api.echo(1)
    await api.echo(2)
    pair.cut()
    await vi.advanceTimersByTimeAsync(1_000)
    await api.echo(3)
    expect(opens().map(([, id]) => id)).toEqual([1, 3, 5])
  })
})
