// What a client pushes, over real sockets: uploads and duplex calls, their credit, their ends and their failures.
import { duplex, RpcError, router, type as unchecked, upload } from 'trunkline'
import { createClient, safe } from 'trunkline/client'
import { type NodeServer, serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

const contract = router({
  sum: upload({ input: z.object({ from: z.number() }), send: z.number(), output: z.number() }),
  first: upload({ send: z.number(), output: z.number() }),
  broken: upload({ send: z.number(), output: z.number(), errors: { FULL: z.object({ at: z.number() }) } }),
  bytes: upload({ send: z.instanceof(Uint8Array), output: z.number() }),
  echo: duplex({ send: z.number(), output: z.number() }),
  never: duplex({ send: z.number(), output: z.number() }),
  count: duplex({ input: z.number(), send: unchecked<unknown>(), output: z.number() }),
})

let log: string[] = []
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
  broken: async ({ items, errors }) => {
    for await (const item of items) if (item === 3) throw errors.FULL({ at: item })
    return 0
  },
  bytes: async ({ items }) => {
    let length = 0
    for await (const item of items) length += item.length
    return length
  },
  echo: async function* ({ items }) {
    try {
      for await (const item of items) yield item
      log.push('ended')
    } catch (error) {
      log.push((error as RpcError).code)
      throw error
    } finally {
      log.push('finally')
    }
  },
  never: async function* ({ items, signal }) {
    signal.addEventListener('abort', () => log.push('aborted'))
    try {
      for await (const item of items) if (item < 0) yield item
    } catch (error) {
      log.push((error as RpcError).code)
    } finally {
      log.push('finally')
    }
  },
  count: async function* ({ input }) {
    for (let number = 0; number < input; number++) yield number
  },
})

let server: NodeServer
let client: ReturnType<typeof createClient<typeof contract>>

beforeAll(async () => {
  server = await serve(app, { host: '127.0.0.1', onError: ({ error }) => void log.push(String(error)) })
  client = createClient<typeof contract>({ url: server.url })
})
beforeEach(() => {
  log = []
})
afterAll(async () => {
  await client.connection.close()
  await server.close({ drainMs: 0 })
})

const numbers = (length: number): number[] => Array.from({ length }, (_, index) => index)

describe('an upload', () => {
  it('sends what an iterable gives, and gets one answer', async () => {
    expect(await client.api.sum({ from: 1 }, { send: numbers(10_000) })).toBe(49_995_001)
  })

  it('sends what an async generator gives, no faster than it is read', async () => {
    let pulled = 0
    const source = async function* () {
      for (let index = 0; index < 2_000; index++) {
        pulled++
        yield index
      }
    }
    expect(await client.api.first(undefined, { send: source() })).toBe(0)
    expect(pulled).toBeLessThan(600)
  })

  it('is written by hand', async () => {
    const call = client.api.sum({ from: 0 })
    for (const number of numbers(1_000)) await call.send(number)
    call.end()
    expect(await call).toBe(499_500)
    await expect(call.send(1)).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it('stops the source when the handler has answered before its end', async () => {
    let stopped = false
    const source = async function* () {
      try {
        for (let index = 7; ; index++) yield index
      } finally {
        stopped = true
      }
    }
    expect(await client.api.first(undefined, { send: source() })).toBe(7)
    await expect.poll(() => stopped).toBe(true)
  })

  it('fails with an error of the contract, and stops the source', async () => {
    const outcome = await safe(client.api.broken(undefined, { send: numbers(100_000) }))
    expect(outcome).toMatchObject({ ok: false, error: { code: 'FULL', data: { at: 3 } } })
  })

  it('fails with BAD_REQUEST for an item that the contract refuses', async () => {
    const outcome = await safe(client.api.sum({ from: 0 }, { send: [1, 2, 'three' as never] }))
    expect(outcome).toMatchObject({ ok: false, error: { code: 'BAD_REQUEST' } })
  })

  it('fails with what its source throws, and the handler hears that the caller has gone', async () => {
    const source = async function* () {
      yield 1
      throw new RangeError('disk on fire')
    }
    await expect(client.api.sum({ from: 0 }, { send: source() })).rejects.toThrow('disk on fire')
    await expect.poll(() => server.stats().calls).toBe(0)
  })

  it('is cancelled by its signal', async () => {
    const controller = new AbortController()
    const call = safe(client.api.sum({ from: 0 }, { signal: controller.signal }))
    controller.abort()
    expect(await call).toMatchObject({ ok: false, error: { code: 'CANCELLED' } })
  })

  it('carries bytes', async () => {
    const chunk = new Uint8Array(60_000)
    expect(await client.api.bytes(undefined, { send: Array.from({ length: 200 }, () => chunk) })).toBe(12_000_000)
  })

  it('refuses an item that is too large for a message, and says so', async () => {
    const outcome = await safe(client.api.bytes(undefined, { send: [new Uint8Array(2_000_000)] }))
    expect(outcome).toMatchObject({ ok: false, error: { code: 'TOO_LARGE' } })
  })
})

describe('a duplex call', () => {
  it('echoes 20 000 items in order, and ends when the client has ended', async () => {
    const seen: number[] = []
    for await (const item of client.api.echo(undefined, { send: numbers(20_000) })) seen.push(item)
    expect(seen).toEqual(numbers(20_000))
    expect(log).toEqual(['ended', 'finally'])
  })

  it('is written by hand while it is read', async () => {
    const call = client.api.echo()
    const seen: number[] = []
    await call.send(1)
    for await (const item of call) {
      seen.push(item)
      if (item === 5) call.end()
      else await call.send(item + 1)
    }
    expect(seen).toEqual([1, 2, 3, 4, 5])
  })

  it('tells the handler when the client leaves', async () => {
    const call = client.api.never()
    await call.send(1)
    await call
    await call[Symbol.asyncDispose]()
    await expect.poll(() => log).toEqual(['aborted', 'CANCELLED', 'finally'])
  })

  it('ends when the server ends it, and the source is stopped', async () => {
    let stopped = false
    const source = async function* () {
      try {
        while (true) yield 'more'
      } finally {
        stopped = true
      }
    }
    const seen: number[] = []
    for await (const item of client.api.count(3, { send: source() })) seen.push(item)
    expect(seen).toEqual([0, 1, 2])
    await expect.poll(() => stopped).toBe(true)
  })

  it('fails at both ends with an item that the contract refuses', async () => {
    const reading = (async () => {
      for await (const _ of client.api.echo(undefined, { send: [1, 'two' as never] }));
    })()
    await expect(reading).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(log).toEqual(['BAD_REQUEST', 'finally'])
  })

  it('fails at both ends when the source of the client fails', async () => {
    const source = async function* () {
      yield 1
      throw new RpcError('OUT_OF_INK')
    }
    const reading = (async () => {
      for await (const _ of client.api.echo(undefined, { send: source() }));
    })()
    await expect(reading).rejects.toMatchObject({ code: 'OUT_OF_INK' })
    // Whether it waits for an item then, and is thrown CANCELLED, or rests at its yield: it is over.
    await expect.poll(() => log.at(-1)).toBe('finally')
  })
})

it('leaves nothing open', async () => {
  await expect.poll(() => server.stats()).toMatchObject({ calls: 0, streams: 0 })
  expect(client.connection.stats()).toMatchObject({ calls: 0, streams: 0, waiting: 0 })
})
