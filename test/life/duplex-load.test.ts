// A duplex call under load, over real sockets: 100 000 items there and back while one end is slow. Memory is bounded by what is pulled ahead.
import { duplex, query, RpcError, router, type as unchecked } from 'trunkline'
import { createClient } from 'trunkline/client'
import { type NodeServer, serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

const contract = router({
  echo: duplex({ input: unchecked<{ slow: boolean }>(), send: unchecked<number>(), output: unchecked<number>() }),
  tally: duplex({ send: unchecked<number>(), output: unchecked<string>() }),
  fail: duplex({
    send: unchecked<number>(),
    output: unchecked<number>(),
    errors: { TIRED: unchecked<{ at: number }>() },
  }),
  ping: query({ input: unchecked<number>(), output: unchecked<number>() }),
})

/** Lets others have their turn, as slow work would. */
const turn = () => new Promise((resolve) => setImmediate(resolve))
const itemCount = 100_000
/** A window of 4 MiB each way, at 1 KiB an item: the most that is ever under way in one direction. */
const windowItems = 4_096

let log: string[] = []
/** Items that the server has read, and the most that it was ahead of its caller's loop. */
let read = 0
let consumed = 0
let aheadOfLoop = 0

const app = implement(contract).handlers({
  echo: async function* ({ input, items }) {
    for await (const item of items) {
      read++
      aheadOfLoop = Math.max(aheadOfLoop, read - consumed)
      if (input.slow && item % 16 === 0) await turn()
      yield item
    }
  },
  tally: async function* ({ items }) {
    let count = 0
    yield 'ready'
    for await (const _ of items) count++
    // Its caller has ended; this end has not.
    yield `${count} items`
    yield 'and goodbye'
  },
  fail: async function* ({ items, errors }) {
    try {
      for await (const item of items) {
        if (item === 1_000) throw errors.TIRED({ at: item })
        yield item
      }
    } catch (error) {
      log.push((error as RpcError).code)
      throw error
    }
  },
  ping: ({ input }) => input,
})

let server: NodeServer
let client: ReturnType<typeof createClient<typeof contract>>

beforeAll(async () => {
  server = await serve(app, { host: '127.0.0.1' })
  client = createClient<typeof contract>({ url: server.url })
})
beforeEach(() => {
  log = []
  read = consumed = aheadOfLoop = 0
})
afterAll(async () => {
  await client.connection.close()
  await server.close({ drainMs: 0 })
})

describe.each([
  ['a client that reads slowly', false],
  ['a server that reads slowly', true],
])('100 000 items against %s', (_what, slow) => {
  it('come back in order, none pulled far ahead, and calls beside them are answered', async () => {
    let pulled = 0
    let aheadOfServer = 0
    const source = function* () {
      for (; pulled < itemCount; pulled++) {
        aheadOfServer = Math.max(aheadOfServer, pulled - read)
        yield pulled
      }
    }
    const pings: number[] = []
    let isInOrder = true
    for await (const item of client.api.echo({ slow }, { send: source() })) {
      isInOrder &&= item === consumed
      consumed++
      if (!slow && item % 16 === 0) await turn()
      if (item % 10_000 === 0) pings.push(await client.api.ping(item))
    }
    expect(isInOrder).toBe(true)
    expect(consumed).toBe(itemCount)
    expect(pings).toEqual(Array.from({ length: 10 }, (_, index) => index * 10_000))
    // What is sent and not read, and one item in the hand of each end.
    expect(aheadOfServer).toBeLessThanOrEqual(windowItems + 2)
    expect(aheadOfLoop).toBeLessThanOrEqual(windowItems + 2)
  }, 60_000)
})

describe('the ends of a duplex call', () => {
  it('are two: the server goes on when the client has ended', async () => {
    const call = client.api.tally()
    const seen: string[] = []
    for await (const line of call) {
      if (line === 'ready') {
        for (let item = 0; item < 500; item++) await call.send(item)
        call.end()
      }
      seen.push(line)
    }
    expect(seen).toEqual(['ready', '500 items', 'and goodbye'])
  })

  it("see each other's failure: the server's reaches the loop and stops the source", async () => {
    let isStopped = false
    const source = function* () {
      try {
        for (let item = 0; ; item++) yield item
      } finally {
        isStopped = true
      }
    }
    let last = -1
    const reading = (async () => {
      for await (const item of client.api.fail(undefined, { send: source() })) last = item
    })()
    await expect(reading).rejects.toMatchObject({ code: 'TIRED', data: { at: 1_000 } })
    // Behind the items before.
    expect(last).toBe(999)
    expect(isStopped).toBe(true)
  })

  it("see each other's failure: the client's reaches the handler", async () => {
    const source = async function* () {
      for (let item = 0; item < 100; item++) yield item
      throw new RpcError('OUT_OF_PAPER')
    }
    const reading = (async () => {
      for await (const _ of client.api.fail(undefined, { send: source() }));
    })()
    await expect(reading).rejects.toMatchObject({ code: 'OUT_OF_PAPER' })
    await expect.poll(() => log).toEqual(['CANCELLED'])
  })
})

it('leaves nothing open', async () => {
  await expect.poll(() => server.stats()).toMatchObject({ calls: 0, streams: 0 })
  expect(client.connection.stats()).toMatchObject({ calls: 0, streams: 0, waiting: 0 })
})
