// Uploads and duplex calls while their connection breaks: nothing lost, doubled or out of order within the session, and the truth behind it.
import { duplex, query, router, type as unchecked, upload } from 'trunkline'
import { safe } from 'trunkline/client'
import { implement } from 'trunkline/server'
import { createChaos, createPair, type PairOptions } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const contract = router({
  list: upload({ send: unchecked<number>(), output: unchecked<number[]>() }),
  echo: duplex({ send: unchecked<number>(), output: unchecked<number>() }),
  ping: query({ output: unchecked<string>() }),
})

let log: string[] = []
/** Items that handlers have read. */
let read = 0
const app = implement(contract)
  .context<{ user?: unknown }>()
  .handlers({
    list: async ({ items }) => {
      const seen: number[] = []
      try {
        for await (const item of items) {
          read++
          seen.push(item)
        }
        log.push('committed')
      } catch (error) {
        log.push((error as { code: string }).code)
      }
      return seen
    },
    echo: async function* ({ items }) {
      try {
        for await (const item of items) {
          read++
          yield item
        }
        log.push('ended')
      } catch (error) {
        log.push((error as { code: string }).code)
      }
    },
    ping: () => 'pong',
  })

const options: PairOptions<{ user?: unknown }> = {
  authenticate: ({ params }) => ({ user: params.user }),
  identify: ({ user }) => ({ principal: String(user) }),
  onError: ({ error }) => void log.push(String(error)),
}
let pair = createPair(app, options)

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  log = []
  read = 0
  pair = createPair(app, options)
})
afterEach(async () => {
  vi.restoreAllMocks()
  const closing = pair.close()
  await vi.advanceTimersByTimeAsync(60_000)
  await closing
  vi.useRealTimers()
})

const numbers = (length: number): number[] => Array.from({ length }, (_, index) => index)

/** Numbers, so many in a turn: a cut may come between any two turns. */
async function* source(length: number, together = 4): AsyncGenerator<number> {
  try {
    for (let number = 0; number < length; number++) {
      if (number % together === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      yield number
    }
  } finally {
    log.push('source stopped')
  }
}

async function collect(stream: AsyncIterable<number>): Promise<{ items: number[]; error: unknown }> {
  const items: number[] = []
  try {
    for await (const item of stream) items.push(item)
  } catch (error) {
    return { items, error }
  }
  return { items, error: undefined }
}

/** Cuts, at places the seed decides, until `work` is done. */
async function withCuts<Value>(seed: number, work: Promise<Value>): Promise<{ value: Value; cuts: number }> {
  const chaos = createChaos({ seed, print: () => {} })
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  let cuts = 0
  while (!isDone) {
    const link = pair.links.at(-1)
    if (link?.isOpen && pair.links.length > cuts) {
      cuts = pair.links.length
      link.cutAfterFrames(chaos.integer(2, 9), chaos.integer(0, 1) === 0 ? 'up' : 'both')
    }
    // Nothing happens until the client comes back.
    await vi.advanceTimersByTimeAsync(link?.isOpen ? 2 : 100)
  }
  return { value: await done, cuts }
}

const welcomes = (kind: string): number =>
  pair.frames.filter(
    ({ from, text }) => from === 'server' && text.startsWith('[1,') && text.includes(`"session":"${kind}"`),
  ).length

describe.each([1, 2])('within the session, seed %i', (seed) => {
  it('an upload of 5 000 items arrives whole, once and in order', async () => {
    const { api } = pair.createClient()
    const { value } = await withCuts(seed, api.list(undefined, { send: source(5_000) }))
    expect(value).toEqual(numbers(5_000))
    expect(welcomes('resumed')).toBeGreaterThanOrEqual(100)
    expect(welcomes('new')).toBe(1)
    expect(log).toEqual(['source stopped', 'committed'])
  })

  it('a duplex call echoes 5 000 items whole, once and in order', async () => {
    const { api } = pair.createClient()
    const { value } = await withCuts(seed, collect(api.echo(undefined, { send: source(5_000, 1) })))
    expect(value).toEqual({ items: numbers(5_000), error: undefined })
    expect(welcomes('resumed')).toBeGreaterThanOrEqual(100)
    expect(welcomes('new')).toBe(1)
    expect(log).toEqual(['source stopped', 'ended'])
  })

  it('what is written by hand arrives whole too', async () => {
    const { api } = pair.createClient()
    const call = api.list()
    const writing = (async () => {
      for await (const number of source(2_000)) await call.send(number)
      call.end()
    })()
    const { value } = await withCuts(seed, call)
    await writing
    expect(value).toEqual(numbers(2_000))
    expect(welcomes('resumed')).toBeGreaterThan(40)
  })
})

/** Both kinds in the middle of their work: some items were read. */
async function underWay() {
  let user = 'ada'
  const client = pair.createClient({ params: () => ({ user }) })
  const become = (name: string) => {
    user = name
    return client.connection.authenticate()
  }
  const uploading = safe(client.api.list(undefined, { send: source(1_000_000) }))
  const echoing = collect(client.api.echo(undefined, { send: source(1_000_000) }))
  while (read < 200) await vi.advanceTimersByTimeAsync(1)
  return { client, uploading, echoing, become }
}

const lost = expect.objectContaining({ code: 'CONNECTION_LOST', delivery: 'unknown' })

describe('in the middle of both', () => {
  it('a server that was restarted says that it knows nothing of them; their sources are stopped', async () => {
    const { client, uploading, echoing } = await underWay()
    const restarted = pair.restart()
    await vi.advanceTimersByTimeAsync(30_000)
    await restarted
    expect(await uploading).toMatchObject({ ok: false, error: lost })
    const { items, error } = await echoing
    expect(error).toEqual(lost)
    expect(items).toEqual(numbers(items.length))
    expect(log.filter((line) => line === 'source stopped')).toHaveLength(2)
    expect(log.filter((line) => line === 'CANCELLED')).toHaveLength(2)
    expect(log).not.toContain('committed')
    expect(client.connection.stats()).toMatchObject({ calls: 0, streams: 0, waiting: 0 })
    expect(await client.api.ping()).toBe('pong')
  })

  it('a server that drains lets them finish on the old line', async () => {
    const client = pair.createClient({ params: { user: 'ada' } })
    const uploading = client.api.list(undefined, { send: source(2_000) })
    const echoing = collect(client.api.echo(undefined, { send: source(2_000) }))
    while (read < 200) await vi.advanceTimersByTimeAsync(1)
    const closing = pair.server.close({ drainMs: 20_000 })
    await vi.advanceTimersByTimeAsync(20_000)
    await closing
    expect(await uploading).toEqual(numbers(2_000))
    const { items, error } = await echoing
    expect(items).toEqual(numbers(items.length))
    // A stream may be told to go on elsewhere, which a duplex call can't: then it says so.
    if (error === undefined) expect(items).toHaveLength(2_000)
    else expect(error).toMatchObject({ delivery: 'unknown' })
  })

  it('a server that does not wait for them ends them, and that is known to be unknown', async () => {
    const { uploading, echoing } = await underWay()
    const closing = pair.server.close({ drainMs: 10 })
    pair.isReachable = false
    await vi.advanceTimersByTimeAsync(1_000)
    await closing
    await pair.restart()
    pair.isReachable = true
    await vi.advanceTimersByTimeAsync(60_000)
    expect(await uploading).toMatchObject({ ok: false, error: { delivery: 'unknown' } })
    expect((await echoing).error).toMatchObject({ delivery: 'unknown' })
    expect(log.filter((line) => line === 'source stopped')).toHaveLength(2)
    expect(log).not.toContain('committed')
  })

  it('close() of the client ends them at both ends', async () => {
    const { client, uploading, echoing } = await underWay()
    const closing = client.connection.close()
    await vi.advanceTimersByTimeAsync(10_000)
    await closing
    expect(await uploading).toMatchObject({ ok: false, error: { delivery: 'unknown' } })
    expect((await echoing).error).toMatchObject({ delivery: 'unknown' })
    expect(log.filter((line) => line === 'source stopped')).toHaveLength(2)
    expect(log.filter((line) => line === 'CANCELLED')).toHaveLength(2)
    expect(pair.server.stats()).toMatchObject({ calls: 0, streams: 0 })
  })

  it('who is somebody else now takes nothing of them along', async () => {
    const { client, uploading, echoing, become } = await underWay()
    const authenticating = Promise.allSettled([become('bob')])
    await vi.advanceTimersByTimeAsync(30_000)
    await authenticating
    expect(await uploading).toMatchObject({ ok: false, error: { code: 'UNAUTHORIZED' } })
    expect((await echoing).error).toMatchObject({ code: 'UNAUTHORIZED' })
    const before = read
    expect(log.filter((line) => line === 'source stopped')).toHaveLength(2)
    expect(log.filter((line) => line === 'CANCELLED')).toHaveLength(2)
    expect(await client.api.ping()).toBe('pong')
    expect(read).toBe(before)
  })

  it('a line that is silent holds them up, and no more is pulled than there is credit for', async () => {
    let pulled = 0
    const { api } = pair.createClient()
    const uploading = api.list(undefined, {
      send: (function* () {
        for (; pulled < 20_000; pulled++) yield pulled
      })(),
    })
    while (read < 1_000) await vi.advanceTimersByTimeAsync(1)
    pair.links.at(-1)?.hold()
    const [pulledBefore, readBefore] = [pulled, read]
    await vi.advanceTimersByTimeAsync(5_000)
    expect(read).toBe(readBefore)
    expect(pulled - pulledBefore).toBeLessThanOrEqual(4_096)
    pair.links.at(-1)?.release()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await uploading).toHaveLength(20_000)
  })
})
