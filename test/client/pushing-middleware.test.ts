import { duplex, RpcError, router, type as unchecked, upload } from 'trunkline'
import type { ClientMiddleware } from 'trunkline/client'
import { implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const contract = router({
  list: upload({ send: unchecked<number>(), output: unchecked<number[]>() }),
  flaky: upload({ send: unchecked<number>(), output: unchecked<number[]>() }),
  echo: duplex({ send: unchecked<number>(), output: unchecked<number>() }),
})

let runs = 0
const app = implement(contract).handlers({
  list: async ({ items }) => {
    const seen: number[] = []
    for await (const item of items) seen.push(item)
    return seen
  },
  flaky: async ({ items }) => {
    const seen: number[] = []
    for await (const item of items) {
      if (runs === 0) {
        runs++
        throw new RpcError('TRY_AGAIN')
      }
      seen.push(item)
    }
    return seen
  },
  echo: async function* ({ items }) {
    yield* items
  },
})

let pair = createPair(app)
const clientWith = (...use: ClientMiddleware[]) => pair.createClient({ use })
const passing: ClientMiddleware = async ({ next }) => {
  await Promise.resolve()
  return next()
}
const retrying: ClientMiddleware = async ({ next }) => {
  try {
    return await next()
  } catch {
    return next()
  }
}

beforeEach(() => {
  runs = 0
  pair = createPair(app)
})
afterEach(() => pair.close())

describe('client middleware', () => {
  it('lets an upload be written by hand before the call has been made', async () => {
    const call = clientWith(passing).api.list()
    const sent = [call.send(1), call.send(2)]
    call.end()
    expect(await call).toEqual([1, 2])
    await Promise.all(sent)
  })

  it('passes iterables, and duplex calls both ways', async () => {
    const { api } = clientWith(passing)
    expect(await api.list(undefined, { send: [1, 2] })).toEqual([1, 2])
    const call = api.echo()
    call.send(1)
    const seen: number[] = []
    for await (const item of call) {
      seen.push(item)
      if (item === 3) call.end()
      else call.send(item + 1)
    }
    expect(seen).toEqual([1, 2, 3])
  })

  it('that makes no call rejects what is written by hand', async () => {
    const call = clientWith(async () => [7]).api.list()
    await expect(call.send(1)).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await call).toEqual([7])
  })

  it('that refuses rejects what is written by hand with its refusal', async () => {
    const call = clientWith(async () => {
      throw new RpcError('FORBIDDEN')
    }).api.list()
    call.catch(() => {})
    await expect(call.send(1)).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })

  it('may make an upload anew from what can be read anew', async () => {
    expect(await clientWith(retrying).api.flaky(undefined, { send: [1, 2, 3] })).toEqual([1, 2, 3])
  })

  it('never makes an upload anew from the rest of what is read once', async () => {
    const source = (function* () {
      yield* [1, 2, 3]
    })()
    await expect(clientWith(retrying).api.flaky(undefined, { send: source })).rejects.toMatchObject({
      code: 'TRY_AGAIN',
    })
  })

  it('never makes an upload anew that was written by hand', async () => {
    const call = clientWith(retrying).api.flaky()
    call.send(1)
    await expect(call).rejects.toMatchObject({ code: 'TRY_AGAIN' })
  })
})
