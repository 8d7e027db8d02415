import { query, router, subscription, type as unchecked } from 'trunkline'
import { implement, memoryPublisher } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'

const contract = router({
  echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  strict: query({ input: z.string(), output: z.string() }),
  hang: query(),
  feed: subscription({ input: z.string(), output: z.string() }),
  slow: subscription({ output: z.string() }),
})
const bus = memoryPublisher()
const app = implement(contract).handlers({
  echo: ({ input }) => input,
  strict: ({ input }) => input,
  hang: () => new Promise<void>(() => {}),
  feed: ({ input }) => bus.subscribe(input) as AsyncIterable<string>,
  slow: () => new Promise<AsyncIterable<string>>(() => {}),
})

/** What nobody handled while `act` ran. The runner's own listeners would call it a failure of the test. */
async function unhandledDuring(act: () => unknown): Promise<unknown[]> {
  const others = process.listeners('unhandledRejection')
  const seen: unknown[] = []
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (error) => seen.push(error))
  try {
    await act()
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const listener of others) process.on('unhandledRejection', listener)
  }
  return seen
}

let pair = createPair(app, { onError: () => {} })
let client = pair.createClient()

beforeEach(() => {
  pair = createPair(app, { onError: () => {} })
  client = pair.createClient()
})

afterEach(() => pair.close())

const opens = () => pair.frames.filter(({ text }) => /^\[?\[2,/.test(text))

describe('a query', () => {
  it('is a native promise', async () => {
    const call = client.api.echo(1)
    expect(call).toBeInstanceOf(Promise)
    expect(Object.getPrototypeOf(call)).toBe(Promise.prototype)
    expect(await call.finally(() => {})).toBe(1)
  })

  it('can be awaited twice and is sent once', async () => {
    const call = client.api.echo(1)
    expect(await call).toBe(1)
    expect(await call).toBe(1)
    expect(opens()).toHaveLength(1)
  })

  it('is sent when nobody awaits it', async () => {
    void client.api.echo('unseen')
    await client.api.echo('seen')
    expect(pair.frames.some(({ text }) => text.includes('unseen'))).toBe(true)
  })

  it('that fails surfaces as an unhandled rejection when nobody attached', async () => {
    const seen = await unhandledDuring(async () => {
      void client.api.strict(1 as unknown as string)
      await client.api.echo(1)
    })
    expect(seen).toMatchObject([{ code: 'BAD_REQUEST' }])
  })

  it('that fails surfaces nowhere else when somebody attached', async () => {
    const seen = await unhandledDuring(() =>
      expect(client.api.strict(1 as unknown as string)).rejects.toMatchObject({ code: 'BAD_REQUEST' }),
    )
    expect(seen).toEqual([])
  })

  it('says so when it is iterated', async () => {
    const call = client.api.echo(1) as unknown as AsyncIterable<unknown>
    const iterator = call[Symbol.asyncIterator]()
    await expect(iterator.next()).rejects.toThrow(/not a subscription/)
  })
})

describe('a subscription', () => {
  it('that is refused does not crash when nobody iterates it', async () => {
    const seen = await unhandledDuring(async () => {
      void client.api.feed(1 as unknown as string)
      await client.api.echo(1)
    })
    expect(seen).toEqual([])
  })

  it('that is refused keeps its error for whoever iterates it later', async () => {
    const pending = client.api.feed(1 as unknown as string)
    await client.api.echo(1)
    const iterator = pending[Symbol.asyncIterator]()
    await expect(iterator.next()).rejects.toMatchObject({ code: 'BAD_REQUEST', delivery: 'not-run' })
  })

  it('settles with an iterable that is not thenable', async () => {
    const live = await client.api.feed('a')
    expect('then' in live).toBe(false)
    expect(typeof live[Symbol.asyncIterator]).toBe('function')
  })

  it('is cancelled by a return() before it was accepted', async () => {
    const pending = client.api.slow()
    await client.connection.connect()
    await pending[Symbol.asyncIterator]().return?.()
    await expect(pending).rejects.toMatchObject({ code: 'CANCELLED' })
    await client.api.echo(1)
    expect(pair.server.stats().calls).toBe(0)
  })

  it('is left by an await using', async () => {
    {
      await using live = await client.api.feed('a')
      expect(live.processedId).toBeUndefined()
      expect(pair.server.stats().streams).toBe(1)
    }
    await client.api.echo(1)
    expect(pair.server.stats().streams).toBe(0)
  })
})

describe('a call that can not be made', () => {
  class Money {}

  it('fails with BAD_REQUEST and the path of the value, and was not run', async () => {
    const call = client.api.echo({ price: [new Money()] })
    await expect(call).rejects.toMatchObject({ code: 'BAD_REQUEST', delivery: 'not-run' })
    await expect(call).rejects.toThrow(/price/)
  })

  it('leaves the others alone', async () => {
    const before = client.api.echo('before')
    const broken = client.api.echo(new Money())
    const behind = client.api.echo('behind')
    await expect(broken).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(await Promise.all([before, behind])).toEqual(['before', 'behind'])
  })

  it.each([0, -1, Number.NaN])('throws a TypeError for timeoutMs %s', (timeoutMs) => {
    expect(() => client.api.echo(1, { timeoutMs })).toThrow(TypeError)
  })

  it('fails alone when its input is larger than the server takes', async () => {
    const large = client.api.echo('x'.repeat(1_100_000))
    await expect(large).rejects.toMatchObject({ code: 'TOO_LARGE', delivery: 'not-run' })
    expect(await client.api.echo(1)).toBe(1)
    expect(client.connection.state.status).toBe('open')
  })

  it('fails alone when its meta is no JSON', async () => {
    const crashes: unknown[] = []
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => crashes.push(error))
    try {
      const outcomes: unknown[] = []
      client.api.echo(1, { meta: { size: 1n } as never }).catch((error) => outcomes.push(error.code, error.delivery))
      client.api.echo(2).then((output) => outcomes.push(output))
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
      expect(outcomes).toEqual(['BAD_REQUEST', 'not-run', 2])
      expect(crashes).toEqual([])
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of others) process.on('uncaughtException', listener)
    }
  })

  it.each([
    ['idempotencyKey', { idempotencyKey: 'k'.repeat(129) }],
    ['lastEventId', { lastEventId: 'e'.repeat(513) }],
  ])('is refused at once when its %s is longer than the protocol takes', (name, options) => {
    expect(() => client.api.echo(1, options as object)).toThrow(new RegExp(`^${name}.length: expected at most`))
  })
})

describe('an aborted call', () => {
  it('ends with CANCELLED and was not run when the signal was aborted before', async () => {
    const call = client.api.echo(1, { signal: AbortSignal.abort() })
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED', delivery: 'not-run' })
    expect(client.connection.state.status).toBe('idle')
  })

  it('that waits for a connection is not run and never written', async () => {
    pair.isReachable = false
    const controller = new AbortController()
    const call = client.api.echo('nothing', { signal: controller.signal })
    controller.abort()
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED', delivery: 'not-run' })
    pair.isReachable = true
    await client.connection.connect()
    await client.api.echo(1)
    expect(pair.frames.some(({ text }) => text.includes('nothing'))).toBe(false)
    expect(client.connection.stats().waiting).toBe(0)
  })

  it('that was written is unknown, and the server is told', async () => {
    await client.connection.connect()
    const controller = new AbortController()
    const call = client.api.hang(undefined, { signal: controller.signal })
    await client.api.echo(1)
    controller.abort()
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED', delivery: 'unknown' })
    await client.api.echo(1)
    expect(pair.server.stats().calls).toBe(0)
  })

  it('keeps its answer when it had settled before, though its caller had not heard of it yet', async () => {
    const controller = new AbortController()
    const call = client.api.echo(1, { signal: controller.signal })
    // Runs before the `await` below: it was there first.
    call.finally(() => controller.abort())
    await expect(call).resolves.toBe(1)
    const written = pair.frames.length
    await client.api.echo(2)
    const said = pair.frames.slice(written).filter(({ from }) => from === 'client')
    expect(said).toHaveLength(1)
  })

  it('leaves no listener on the signal once it has settled', async () => {
    const controller = new AbortController()
    const remove = vi.spyOn(controller.signal, 'removeEventListener')
    const add = vi.spyOn(controller.signal, 'addEventListener')
    await client.api.echo(1, { signal: controller.signal })
    expect(remove).toHaveBeenCalledTimes(add.mock.calls.length)
  })
})
