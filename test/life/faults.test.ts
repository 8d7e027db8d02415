// A part of each fault of test/faults that is quick enough for every run: fewer offsets, fewer messages, clocks that are turned by hand.
import { query, router, subscription, type as unchecked } from 'trunkline'
import { createClient, safe } from 'trunkline/client'
import { serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { createChaos, createFaultProxy, createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { cutEverywhere, directions, manners } from '../faults/cuts.ts'
import { holdDialogue } from '../faults/dialogue.ts'
import { fuzzClient, fuzzServer } from '../faults/fuzz-ends.ts'
import { type contract, Ledger } from '../faults/ledger.ts'
import { LedgerServer } from '../faults/processes.ts'
import { holdAgainst, storm } from '../faults/storm.ts'

const cases = directions.flatMap((direction) => manners.map((manner) => ({ direction, manner })))

describe('a link that is cut', () => {
  it.each(cases)('after the first welcome, at some byte $direction, $manner: exactly once', async (cut) => {
    const { cuts, wrong } = await cutEverywhere({ ...cut, at: 'dialogue' }, { step: 41, first: 7 })
    expect(wrong).toEqual([])
    expect(cuts).toBeGreaterThan(10)
  })

  it.each(cases)('before it, or in a first flight, at some byte $direction, $manner: at most once', async (cut) => {
    const { cuts, wrong } = await cutEverywhere({ ...cut, at: 'first-flight' }, { step: 53, first: 11 })
    expect(wrong).toEqual([])
    expect(cuts).toBeGreaterThan(10)
  })

  it('is no different in 1-byte segments', async () => {
    const never = { direction: 'up', manner: 'rst', bytes: 10 ** 6, at: 'dialogue' } as const
    expect(await holdDialogue(never, (proxy) => proxy.split(1))).toEqual({ wasCut: false, wrong: [], resumes: 0 })
  })

  it('again and again, while calls and subscriptions go on: nothing lost, nothing doubled', async () => {
    const ledger = new Ledger()
    const server = await serve(ledger.app, { host: '127.0.0.1' })
    const proxy = await createFaultProxy({ target: server.url })
    const stop = createChaos({ bytes: [2_000, 60_000], from: 'upgrade' }).run(proxy)
    const client = createClient<typeof contract>({ url: proxy.url(), reconnect: { minMs: 1, baseMs: 1, maxMs: 20 } })
    const report = await storm(client, () => client.connection.stats().resumes >= 20)
    stop()
    expect(holdAgainst(ledger.acts, report)).toEqual([])
    expect([...report.failed]).toEqual([])
    expect(report.gaps).toEqual([])
    await client.connection.close()
    await proxy.close()
    await server.close()
  })
})

describe('a black hole', () => {
  const app = implement(
    router({
      hang: query(),
      ask: query({ output: unchecked<number>() }),
      feed: subscription({ output: unchecked<number>() }),
    }),
  ).handlers({
    hang: ({ signal }) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ask: () => 1,
    feed: async function* ({ signal }) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      yield 0
    },
  })

  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it.each([
    ['with a call open', 10_000, true],
    ['idle', 35_000, false],
  ])('%s is found within %i ms, and calls go on', async (_name, withinMs, isCalling) => {
    const pair = createPair(app)
    const { api, connection } = pair.createClient({ timeoutMs: 100_000 })
    await connection.connect()
    if (isCalling) api.hang().catch(() => {})
    else await api.feed()
    // A frame of each end has come; then nothing does.
    await api.ask()
    await vi.advanceTimersByTimeAsync(7_300)
    const [link] = pair.links
    if (!link) throw new Error('no link')
    const seen = new Set<string>()
    connection.on('change', ({ status }) => seen.add(status))
    link.isSilent = true
    await vi.advanceTimersByTimeAsync(withinMs)
    expect(seen).toContain('waiting')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await api.ask()).toBe(1)
    expect(connection.stats().resumes).toBe(1)
    await pair.close()
  })
})

describe('a server', () => {
  let server: LedgerServer
  beforeEach(async () => {
    server = await LedgerServer.start()
  })
  afterEach(() => server.dispose())

  it('that is killed has run each mutation once at most, and each caller is told the truth', async () => {
    const client = createClient<typeof contract>({ url: server.url, reconnect: { minMs: 1, baseMs: 20, maxMs: 50 } })
    let kills = 0
    const storming = storm(client, () => kills === 2)
    while (kills < 2) {
      while ((await server.acts()).length < 500 * (kills + 1)) await client.api.ask({ id: 0 })
      await server.end('SIGKILL')
      await server.start()
      kills++
    }
    const report = await storming
    expect(holdAgainst(await server.acts(), report)).toEqual([])
    expect(report.failed.size).toBeGreaterThan(0)
    await client.connection.close()
  })

  it('that is asked to end lets calls finish and ends by itself', async () => {
    const { api, connection } = createClient<typeof contract>({ url: server.url })
    const journals = await Promise.all(Array.from({ length: 50 }, () => api.journal()))
    const running = Array.from({ length: 50 }, (_, id) => safe(api.act({ id, waitMs: 300 })))
    await api.ask({ id: 0 })
    expect(await server.end('SIGTERM')).toBe(0)
    expect(await Promise.all(running)).toEqual(running.map((_, value) => ({ ok: true, value })))
    expect(await server.acts()).toHaveLength(50)
    const [first] = journals
    expect(await first?.[Symbol.asyncIterator]().next()).toEqual({ done: false, value: 0 })
    await connection.close()
  })
})

describe('fuzzed messages', () => {
  it.each([
    ['server', fuzzServer],
    ['client', fuzzClient],
  ])('never bring an exception out of the %s', async (_name, fuzz) => {
    const { thrown, closed } = await fuzz(createChaos(), 2_000)
    expect(thrown).toEqual([])
    expect(closed).toBeGreaterThan(100)
  })
})
