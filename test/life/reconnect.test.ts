import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { event, type Gap, mutation, query, router, subscription, type as unchecked } from 'trunkline'
import { createClient } from 'trunkline/client'
import { attach } from 'trunkline/node'
import { implement, memoryPublisher, type Publisher } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const contract = router({
  gate: query({ input: unchecked<string>(), output: unchecked<string>() }),
  echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  act: mutation({ input: unchecked<string>(), output: unchecked<string>() }),
  quick: mutation({ input: unchecked<string>(), output: unchecked<string>() }),
  idempotent: mutation({ input: unchecked<string>(), output: unchecked<string>(), idempotent: true }),
  feed: subscription({ input: unchecked<string>(), output: unchecked<number>() }),
  numbered: subscription({ output: unchecked<number>() }),
  bare: subscription({ output: unchecked<number>() }),
})

interface World {
  runs: string[]
  gates: (() => void)[]
  bus: Publisher
  params: unknown[]
}

function makeWorld(): World & { app: ReturnType<typeof appOf> } {
  const world: World = { runs: [], gates: [], bus: memoryPublisher(), params: [] }
  return { ...world, app: appOf(world) }
}

function appOf({ runs, gates, bus }: World) {
  const held = ({ input }: { input: string }) =>
    new Promise<string>((resolve) => {
      runs.push(input)
      gates.push(() => resolve(`${input} done`))
    })
  return implement(contract)
    .context<{ user: string }>()
    .handlers({
      gate: held,
      echo: ({ input }) => input,
      act: held,
      quick: ({ input }) => {
        runs.push(input)
        return `${input} done`
      },
      idempotent: held,
      feed: ({ input, signal, lastEventId }) => bus.subscribe(input, { signal, lastEventId }) as AsyncIterable<number>,
      numbered: async function* ({ lastEventId, signal }) {
        for (let at = Number(lastEventId ?? 0) + 1; !signal.aborted; at++) {
          yield event(at, { id: String(at) })
          if (at % 5 === 0) await new Promise((resolve) => signal.addEventListener('abort', resolve))
        }
      },
      bare: async function* ({ signal }) {
        yield 1
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      },
    })
}

const authenticate = () => ({ user: 'ada' })
const settle = () => vi.advanceTimersByTimeAsync(0)

async function take<Item>(iterator: AsyncIterator<Item>, count: number): Promise<Item[]> {
  const items: Item[] = []
  while (items.length < count) items.push((await iterator.next()).value)
  return items
}

describe('after a cut that no session survives', () => {
  let world = makeWorld()
  let pair = createPair(world.app, { authenticate, resume: false })
  let { api, connection } = pair.createClient()
  let gaps: Gap[] = []

  beforeEach(() => {
    vi.useFakeTimers()
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    world = makeWorld()
    pair = createPair(world.app, { authenticate, resume: false })
    const client = pair.createClient()
    api = client.api
    connection = client.connection
    gaps = []
    connection.on('gap', (gap) => gaps.push(gap))
  })

  afterEach(async () => {
    vi.restoreAllMocks()
    await pair.close()
    vi.useRealTimers()
  })

  async function breakLink(): Promise<void> {
    pair.cut()
    await vi.advanceTimersByTimeAsync(60_000)
  }

  it('a query in flight is repeated and answers', async () => {
    const call = api.gate('q', { timeoutMs: 200_000 })
    await settle()
    await breakLink()
    expect(world.runs).toEqual(['q', 'q'])
    world.gates[1]?.()
    expect(await call).toBe('q done')
  })

  it('a mutation in flight fails CONNECTION_LOST, unknown, and its handler has run once', async () => {
    const call = expect(api.act('m')).rejects.toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' })
    await settle()
    await breakLink()
    await call
    expect(world.runs).toEqual(['m'])
  })

  it('an idempotent mutation in flight is repeated, joins the one that still runs and answers', async () => {
    const call = api.idempotent('i', { timeoutMs: 200_000 })
    await settle()
    await breakLink()
    expect(world.runs).toEqual(['i'])
    world.gates[0]?.()
    expect(await call).toBe('i done')
  })

  it('a mutation that was never written runs once', async () => {
    await connection.connect()
    pair.isReachable = false
    pair.cut()
    const call = api.quick('new')
    await vi.advanceTimersByTimeAsync(3_000)
    pair.isReachable = true
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await call).toBe('new done')
    expect(world.runs).toEqual(['new'])
  })

  it('calls go out in their order: those written before, then the new ones', async () => {
    const written = ['a', 'b', 'c'].map((name) => api.gate(name, { timeoutMs: 200_000 }))
    await settle()
    pair.cut()
    const fresh = ['d', 'e'].map((name) => api.gate(name, { timeoutMs: 200_000 }))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(world.runs).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'd', 'e'])
    for (const open of world.gates) open()
    expect(await Promise.all([...written, ...fresh])).toHaveLength(5)
  })

  it('several times in a row a query still answers, and a mutation has still run once', async () => {
    const call = api.gate('q', { timeoutMs: 200_000 })
    const lost = expect(api.act('m')).rejects.toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' })
    await settle()
    for (let round = 0; round < 6; round++) {
      pair.cut()
      await vi.advanceTimersByTimeAsync(21_000)
    }
    await lost
    world.gates.at(-1)?.()
    expect(await call).toBe('q done')
    expect(world.runs.filter((name) => name === 'm')).toHaveLength(1)
  })

  it('a call cancelled while away is not sent again', async () => {
    const controller = new AbortController()
    const call = api.gate('q', { signal: controller.signal })
    call.catch(() => {})
    await settle()
    pair.cut()
    controller.abort()
    await vi.advanceTimersByTimeAsync(10_000)
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED', delivery: 'unknown' })
    expect(world.runs).toEqual(['q'])
  })

  it('a feed goes on without loss or doubling, several times in a row', async () => {
    const iterator = (await api.feed('t'))[Symbol.asyncIterator]()
    let at = 0
    const publish = (count: number) => {
      for (let round = 0; round < count; round++) void world.bus.publish('t', at++)
    }
    publish(3)
    await settle()
    for (let round = 0; round < 5; round++) {
      pair.cut()
      publish(4)
      await vi.advanceTimersByTimeAsync(21_000)
      if (round % 2) publish(2)
      await settle()
    }
    expect(await take(iterator, at)).toEqual(Array.from({ length: at }, (_, index) => index))
    expect(gaps).toEqual([])
    expect(pair.server.stats().streams).toBe(1)
  })

  it('a feed that had no event yet misses nothing, several times in a row', async () => {
    const iterator = (await api.feed('t'))[Symbol.asyncIterator]()
    for (let round = 0; round < 4; round++) await breakLink()
    pair.cut()
    void world.bus.publish('t', 7)
    await vi.advanceTimersByTimeAsync(21_000)
    expect(await take(iterator, 1)).toEqual([7])
    expect(gaps).toEqual([])
  })

  it('a feed keeps what the client had received and not read', async () => {
    const iterator = (await api.feed('t'))[Symbol.asyncIterator]()
    for (let at = 0; at < 10; at++) void world.bus.publish('t', at)
    await settle()
    await breakLink()
    void world.bus.publish('t', 10)
    expect(await take(iterator, 11)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  it('a feed that was away too long is told of one gap', async () => {
    const iterator = (await api.feed('t'))[Symbol.asyncIterator]()
    void world.bus.publish('t', 0)
    await take(iterator, 1)
    pair.cut()
    for (let at = 1; at <= 1_000; at++) void world.bus.publish('t', at)
    await vi.advanceTimersByTimeAsync(21_000)
    void world.bus.publish('t', 1_001)
    const seen: number[] = []
    while (seen.at(-1) !== 1_001) seen.push((await iterator.next()).value as number)
    expect(gaps).toMatchObject([{ path: 'feed', reason: 'history' }])
  })

  it('a generator with ids goes on behind the last one received', async () => {
    const iterator = (await api.numbered())[Symbol.asyncIterator]()
    expect(await take(iterator, 5)).toEqual([1, 2, 3, 4, 5])
    await breakLink()
    await breakLink()
    expect(await take(iterator, 10)).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    expect(gaps).toEqual([])
  })

  it('a generator without ids starts anew and reports a gap each time', async () => {
    const iterator = (await api.bare())[Symbol.asyncIterator]()
    expect(await take(iterator, 1)).toEqual([1])
    await breakLink()
    expect(await take(iterator, 1)).toEqual([1])
    await breakLink()
    expect(await take(iterator, 1)).toEqual([1])
    expect(gaps).toMatchObject([
      { path: 'bare', reason: 'source' },
      { path: 'bare', reason: 'source' },
    ])
  })

  it("a gap ends the loop with GAP when onGap is 'error'", async () => {
    const iterator = api.bare(undefined, { onGap: 'error' })[Symbol.asyncIterator]()
    expect(await take(iterator, 1)).toEqual([1])
    await breakLink()
    await expect(iterator.next()).rejects.toMatchObject({ code: 'GAP' })
    await settle()
    expect(pair.server.stats().streams).toBe(0)
  })

  it('a subscription left while away is not opened again', async () => {
    const iterator = (await api.feed('t'))[Symbol.asyncIterator]()
    pair.cut()
    await iterator.return?.()
    await vi.advanceTimersByTimeAsync(21_000)
    expect(pair.server.stats()).toMatchObject({ connections: 1, streams: 0 })
  })

  it('nothing is left behind at the server by fifty of them', async () => {
    const iterators = [await api.feed('a'), await api.feed('b'), await api.numbered()].map((live) =>
      live[Symbol.asyncIterator](),
    )
    for (let round = 0; round < 50; round++) {
      pair.cut()
      await vi.advanceTimersByTimeAsync(21_000)
    }
    expect(pair.server.stats()).toMatchObject({ connections: 1, calls: 0, streams: 3 })
    await Promise.all(iterators.map((iterator) => iterator.return?.()))
    await settle()
    expect(pair.server.stats()).toMatchObject({ calls: 0, streams: 0 })
  })
})

describe('a cut at any frame of a dialogue', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.spyOn(Math, 'random').mockReturnValue(0.1)
  })
  afterEach(() => {
    vi.restoreAllMocks()
    vi.useRealTimers()
  })

  it.each([
    ['that is lost', 'runs all once, answers all and loses nothing', undefined],
    ['that still arrives', 'runs all once, answers all and loses nothing', undefined],
    ['that is lost', 'without resume tells the truth and loses nothing', false as const],
    ['that still arrives', 'without resume tells the truth and loses nothing', false as const],
  ])('%s %s', async (how, _what, resume) => {
    for (let cutAt = 1; cutAt <= 40; cutAt++) {
      const world = makeWorld()
      const pair = createPair(world.app, { authenticate, ...(resume === false ? { resume } : {}) })
      const frames = pair.frames as { from: 'client' | 'server'; text: string }[]
      frames.push = (...more) => {
        const count = Array.prototype.push.apply(frames, more)
        if (count !== cutAt) return count
        if (how === 'that is lost') pair.cut()
        else queueMicrotask(() => queueMicrotask(() => pair.cut()))
        return count
      }
      const { api, connection } = pair.createClient()
      const gaps: Gap[] = []
      connection.on('gap', (gap) => gaps.push(gap))
      const seen: number[] = []
      const outcomes = new Map<string, unknown>()
      const script = async () => {
        const live = await api.feed('t')
        const reading = (async () => {
          for await (const at of live) if (seen.push(at) === 20) break
        })()
        for (let at = 0; at < 20; at++) {
          void world.bus.publish('t', at)
          expect(await api.echo(at)).toBe(at)
          const outcome = await api.quick(`m${at}`).catch((error) => error)
          outcomes.set(`m${at}`, outcome)
        }
        await reading
      }
      const done = script()
      await vi.advanceTimersByTimeAsync(30_000)
      await done
      expect(seen, `cut at ${cutAt}`).toEqual(Array.from({ length: 20 }, (_, at) => at))
      expect(gaps).toEqual([])
      for (const [name, outcome] of outcomes) {
        const runs = world.runs.filter((run) => run === name).length
        if (resume !== false || outcome === `${name} done`) expect([outcome, runs]).toEqual([`${name} done`, 1])
        if (outcome === `${name} done`) expect(runs, `${name}, cut at ${cutAt}`).toBe(1)
        else {
          expect(outcome).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' })
          expect(runs, `${name}, cut at ${cutAt}`).toBeLessThanOrEqual(1)
        }
      }
      await settle()
      expect(pair.server.stats()).toMatchObject({ calls: 0, streams: 0 })
      await pair.close()
    }
  })
})

describe('a first flight', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
  })
  afterEach(() => {
    vi.restoreAllMocks()
    vi.useRealTimers()
  })

  it('that the server refused before welcome is sent again as new, and runs once', async () => {
    const world = makeWorld()
    let attempts = 0
    const pair = createPair(world.app, {
      authenticate: async () => {
        if (++attempts < 3) throw new Error('database is down')
        return { user: 'ada' }
      },
      onError: () => {},
    })
    const call = pair.createClient().api.quick('m')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await call).toBe('m done')
    expect(world.runs).toEqual(['m'])
    await pair.close()
  })

  it('that was cut before welcome never runs a mutation twice', async () => {
    const world = makeWorld()
    const pair = createPair(world.app, { authenticate: async () => ({ user: 'ada' }) })
    const call = pair
      .createClient()
      .api.quick('m')
      .catch((error) => error)
    while (pair.frames.length < 2) await null
    pair.cut()
    await vi.advanceTimersByTimeAsync(10_000)
    const outcome = await call
    if (outcome !== 'm done') expect(outcome).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' })
    expect(world.runs.length).toBeLessThanOrEqual(1)
    await pair.close()
  })

  it('whose welcome was lost on a silent link never runs a mutation twice', async () => {
    const world = makeWorld()
    let admit: () => void = () => {}
    let attempts = 0
    const pair = createPair(world.app, {
      authenticate: async () => {
        if (++attempts === 1) await new Promise<void>((resolve) => (admit = resolve))
        return { user: 'ada' }
      },
      authTimeoutMs: 60_000,
    })
    const call = pair
      .createClient()
      .api.quick('m')
      .catch((error) => error)
    await settle()
    pair.isSilent = true
    admit()
    await settle()
    expect(world.runs).toEqual(['m'])
    await vi.advanceTimersByTimeAsync(20_100)
    pair.isSilent = false
    await vi.advanceTimersByTimeAsync(25_000)
    await call
    const { runs } = world
    await pair.close()
    expect(runs).toEqual(['m'])
  })
})

describe('a real server that is killed and restarted', () => {
  const stops: (() => unknown)[] = []

  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop()
  })

  /** A server whose process could be killed: `kill` tears every socket without a word. */
  async function start(port = 0, params: unknown[] = []) {
    const world = makeWorld()
    const http = createHttpServer()
    const sockets = new Set<Socket>()
    http.on('connection', (socket) => sockets.add(socket))
    attach(world.app, http, {
      path: '/rpc',
      authenticate: (argument) => {
        params.push(argument.params.token)
        return { user: 'ada' }
      },
    })
    http.listen(port, '127.0.0.1')
    await once(http, 'listening')
    const kill = async () => {
      for (const socket of sockets) socket.resetAndDestroy()
      if (!http.listening) return
      http.close()
      await once(http, 'close')
    }
    stops.push(kill)
    return { ...world, kill, port: (http.address() as AddressInfo).port }
  }

  function clientOf(port: number, options: object = {}) {
    const client = createClient<typeof contract>({
      url: `ws://127.0.0.1:${port}/rpc`,
      reconnect: { minMs: 1, baseMs: 20, maxMs: 20 },
      ...options,
    })
    stops.push(() => client.connection.close())
    return client
  }

  it('answers the queries that were in flight', async () => {
    const first = await start()
    const { api } = clientOf(first.port)
    const call = api.gate('q')
    await api.echo(1)
    expect(first.runs).toEqual(['q'])
    await first.kill()
    const second = await start(first.port)
    await api.echo(2)
    expect(second.runs).toEqual(['q'])
    second.gates[0]?.()
    expect(await call).toBe('q done')
  })

  it('has never run a mutation twice: what was in flight is CONNECTION_LOST, unknown', async () => {
    const first = await start()
    const { api } = clientOf(first.port)
    const lost = Array.from({ length: 20 }, (_, at) => api.act(`m${at}`).catch((error) => error))
    await api.echo(1)
    await first.kill()
    const second = await start(first.port)
    for (const error of await Promise.all(lost)) {
      expect(error).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' })
    }
    expect(first.runs).toHaveLength(20)
    expect(second.runs).toEqual([])
  })

  it('runs what was never written, once', async () => {
    const first = await start()
    const { api, connection } = clientOf(first.port)
    await api.echo(1)
    await first.kill()
    await vi.waitFor(() => expect(connection.state.status).not.toBe('open'))
    const call = api.quick('new')
    const second = await start(first.port)
    expect(await call).toBe('new done')
    expect(second.runs).toEqual(['new'])
  })

  it('continues generators with ids, and tells of a gap in a feed whose history is gone', async () => {
    const first = await start()
    const { api, connection } = clientOf(first.port)
    const gaps: Gap[] = []
    connection.on('gap', (gap) => gaps.push(gap))
    const numbered = (await api.numbered())[Symbol.asyncIterator]()
    const feed = (await api.feed('t'))[Symbol.asyncIterator]()
    expect(await take(numbered, 5)).toEqual([1, 2, 3, 4, 5])
    void first.bus.publish('t', 1)
    expect(await take(feed, 1)).toEqual([1])
    await first.kill()
    const second = await start(first.port)
    expect(await take(numbered, 2)).toEqual([6, 7])
    await api.echo(1)
    void second.bus.publish('t', 2)
    expect(await take(feed, 1)).toEqual([2])
    expect(gaps).toMatchObject([{ path: 'feed', reason: 'history' }])
  })

  it('asks for params and authenticates again each time', async () => {
    const params: unknown[] = []
    let token = 0
    const first = await start(0, params)
    const { api } = clientOf(first.port, { params: async () => ({ token: ++token }) })
    await api.echo(1)
    await first.kill()
    const second = await start(first.port, params)
    await api.echo(2)
    expect(params[0]).toBe(1)
    expect(params).toHaveLength(2)
    expect(params[1]).toBeGreaterThan(1)
    expect(second.runs).toEqual([])
  })

  it('gets back a hundred clients', async () => {
    const first = await start()
    const clients = Array.from({ length: 100 }, () => clientOf(first.port))
    await Promise.all(clients.map(({ api }) => api.echo(1)))
    await first.kill()
    await start(first.port)
    expect(await Promise.all(clients.map(({ api }, at) => api.echo(at)))).toEqual(clients.map((_, at) => at))
  })
})
