import { duplex, type RpcError, router, type as unchecked, upload } from 'trunkline'
import { createCaller, implement } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'

const contract = router({
  sum: upload({ input: z.object({ from: z.number() }), send: z.number(), output: z.number() }),
  first: upload({ send: z.coerce.number(), output: z.number() }),
  store: upload({ send: unchecked<unknown>(), output: unchecked<string>() }),
  pairs: upload({ send: z.number(), output: unchecked<unknown>() }),
  wrong: upload({ send: z.number(), output: z.number() }),
  echo: duplex({ send: z.number(), output: z.number(), errors: { FULL: z.object({ at: z.number() }) } }),
})

let log: unknown[] = []
const app = implement(contract).handlers({
  sum: async ({ input, items }) => {
    let sum = input.from
    for await (const item of items) sum += item
    return sum
  },
  first: async ({ items }) => {
    for await (const item of items) return item
    return -1
  },
  store: async ({ items, signal }) => {
    signal.addEventListener('abort', () => log.push('aborted'))
    try {
      for await (const item of items) log.push(item)
    } catch (error) {
      log.push((error as RpcError).code)
      throw error
    }
    log.push('committed')
    return 'stored'
  },
  pairs: ({ items }) => {
    const iterator = items[Symbol.asyncIterator]()
    return Promise.all([iterator.next(), iterator.next(), iterator.next()])
  },
  wrong: () => 'not a number' as never,
  echo: async function* ({ items, errors }) {
    try {
      for await (const item of items) {
        if (item === 3) throw errors.FULL({ at: item })
        yield item
      }
      log.push('ended')
    } catch (error) {
      log.push((error as RpcError).code)
      throw error
    } finally {
      log.push('finally')
    }
  },
})
const api = createCaller(app)

beforeEach(() => {
  log = []
})
afterEach(() => vi.useRealTimers())

const settle = () => new Promise((resolve) => setImmediate(resolve))

/** Gives numbers from 1 on for ever, and logs when it is stopped. */
async function* endless(): AsyncGenerator<number> {
  try {
    for (let number = 1; ; number++) yield number
  } finally {
    log.push('source stopped')
  }
}

describe('an upload in process', () => {
  it('takes an iterable', async () => {
    expect(await api.sum({ from: 1 }, { send: [1, 2, 3] })).toBe(7)
  })

  it('is written by hand, each item resolved when the handler takes it', async () => {
    const call = api.sum({ from: 1 })
    await call.send(1)
    await call.send(2)
    call.end()
    await expect(call.send(3)).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await call).toBe(4)
  })

  it('hands over what the schema made of an item', async () => {
    expect(await api.first(undefined, { send: ['12'] })).toBe(12)
  })

  it('stops the source when the handler has answered', async () => {
    expect(await api.first(undefined, { send: endless() })).toBe(1)
    await settle()
    expect(log).toEqual(['source stopped'])
  })

  it('lets a handler ask several times at once', async () => {
    const call = api.pairs()
    await Promise.all([call.send(1), call.send(2)])
    call.end()
    expect(await call).toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
      { done: true, value: undefined },
    ])
  })

  it('fails with BAD_REQUEST for an item that the contract refuses', async () => {
    await expect(api.sum({ from: 0 }, { send: ['one' as never] })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      data: { issues: [expect.anything()] },
    })
  })

  it('fails with what the source throws', async () => {
    const source = async function* () {
      yield 1
      throw new RangeError('disk on fire')
    }
    await expect(api.sum({ from: 0 }, { send: source() })).rejects.toThrow('disk on fire')
  })

  it('has its answer checked', async () => {
    await expect(api.wrong()).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  it('is aborted: the handler hears so, and not that all has come', async () => {
    const controller = new AbortController()
    const call = api.store(undefined, { signal: controller.signal })
    call.catch(() => {})
    await call.send('a')
    const late = call.send('b')
    await late
    const never = api.store(undefined, { signal: AbortSignal.abort() })
    await expect(never).rejects.toMatchObject({ code: 'CANCELLED', delivery: 'not-run' })
    controller.abort()
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED' })
    await settle()
    expect(log).toEqual(['a', 'b', 'aborted', 'CANCELLED'])
    await expect(call.send('c')).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it('is aborted although its source hangs', async () => {
    const controller = new AbortController()
    const hanging = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }
    const call = api.store(undefined, { signal: controller.signal, send: hanging })
    call.catch(() => {})
    await settle()
    controller.abort()
    await settle()
    expect(log).toEqual(['aborted', 'CANCELLED'])
  })

  it('has no deadline once it runs, as over a socket', async () => {
    vi.useFakeTimers()
    const call = api.sum({ from: 0 }, { timeoutMs: 10 })
    await vi.advanceTimersByTimeAsync(1_000)
    const sent = call.send(4)
    call.end()
    await sent
    expect(await call).toBe(4)
  })

  it('says at once that its source is none', () => {
    expect(() => api.sum({ from: 0 }, { send: 7 as never })).toThrow(TypeError)
  })
})

describe('a duplex call in process', () => {
  it('echoes, and ends when the caller has ended', async () => {
    const seen: number[] = []
    for await (const item of api.echo(undefined, { send: [1, 2] })) seen.push(item)
    expect(seen).toEqual([1, 2])
    expect(log).toEqual(['ended', 'finally'])
  })

  it('is written by hand while it is read', async () => {
    const call = api.echo()
    const sent = call.send(10)
    const seen: number[] = []
    for await (const item of call) {
      seen.push(item)
      if (item === 12) call.end()
      else call.send(item + 1)
    }
    await sent
    expect(seen).toEqual([10, 11, 12])
  })

  it('stops the source when the caller leaves', async () => {
    for await (const item of api.echo(undefined, { send: endless() })) if (item === 2) break
    await settle()
    expect(log).toContain('source stopped')
    expect(log).toContain('finally')
    expect(log).not.toContain('ended')
  })

  it('fails with an error of the contract', async () => {
    const reading = (async () => {
      for await (const _ of api.echo(undefined, { send: [1, 2, 3] }));
    })()
    await expect(reading).rejects.toMatchObject({ code: 'FULL', data: { at: 3 } })
  })
})
