import * as fc from 'fast-check'
import { duplex, mutation, query, type RpcError, router, subscription, type as unchecked, upload } from 'trunkline'
import { type Connection, implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { anyValueWithBlobs, contentOf } from '../protocol/any-value.ts'

// Any value, in every place of every kind, in both directions: the same app answers at the server and on the client.

const any = unchecked<unknown>()
const contract = router({
  ask: query({ input: any, output: any, errors: { BROKEN: any } }),
  put: mutation({ input: any, output: any }),
  fail: query({ input: any, errors: { BROKEN: any } }),
  watch: subscription({ input: any, output: any }),
  load: upload({ input: any, send: any, output: any }),
  talk: duplex({ input: any, send: any, output: any }),
})

const app = implement(contract).handlers({
  ask: ({ input }) => input,
  put: ({ input }) => input,
  fail: ({ input, errors }) => {
    throw errors.BROKEN(input)
  },
  watch: async function* ({ input }) {
    yield input
    yield [input]
  },
  load: async ({ input, items }) => {
    const all = [input]
    for await (const item of items) all.push(item)
    return all
  },
  talk: async function* ({ input, items }) {
    yield input
    yield* items
  },
})

let pair = createPair(app)
beforeEach(() => {
  pair = createPair(app)
})
afterEach(() => pair.close())

async function readAll(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const items: unknown[] = []
  for await (const item of stream) items.push(item)
  return items
}

const sides = {
  'a client’s calls': async () => pair.createClient().api,
  'a server’s calls': async () => {
    await pair.createClient({ serve: app }).connection.connect()
    return ([...pair.server.connections][0] as Connection).client(contract)
  },
}

describe.each(Object.entries(sides))('any value in %s', (_name, open) => {
  it('arrives as input, output, data of an error, and item both ways', async () => {
    const api = await open()
    await fc.assert(
      fc.asyncProperty(anyValueWithBlobs, fc.array(anyValueWithBlobs, { maxLength: 3 }), async (value, items) => {
        const expected = await contentOf(value)
        const expectedItems = (await contentOf(items)) as unknown[]
        const [asked, put, failed, watched, loaded, talked] = await Promise.all([
          api.ask(value),
          api.put(value),
          api.fail(value).then(
            () => expect.fail('it did not fail'),
            (error: RpcError) => error,
          ),
          readAll(api.watch(value)),
          api.load(value, { send: items }),
          readAll(api.talk(value, { send: items })),
        ])
        expect(await contentOf(asked)).toStrictEqual(expected)
        expect(await contentOf(put)).toStrictEqual(expected)
        expect([failed.code, await contentOf(failed.data)]).toStrictEqual(['BROKEN', expected])
        expect(await contentOf(watched)).toStrictEqual([expected, [expected]])
        expect(await contentOf(loaded)).toStrictEqual([expected, ...expectedItems])
        expect(await contentOf(talked)).toStrictEqual([expected, ...expectedItems])
      }),
      { numRuns: 200 },
    )
  }, 60_000)
})
