// Parts larger than a piece, over real sockets: they arrive whole, and nothing small waits for them.
import { mutation, query, router, subscription } from 'trunkline'
import { createClient, safe, type WebSocketConstructor } from 'trunkline/client'
import { type NodeServer, serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'

const size = 10_000_000
const contract = router({
  get: query({ input: z.number(), output: z.instanceof(Uint8Array) }),
  put: mutation({ input: z.object({ name: z.string(), data: z.instanceof(Uint8Array) }), output: z.number() }),
  ping: query({ input: z.number(), output: z.number() }),
  mixed: subscription({ output: z.object({ at: z.number(), data: z.instanceof(Uint8Array) }) }),
})

/** Different at every place, so that a piece in a wrong one is seen. */
const pattern = (length: number): Uint8Array<ArrayBuffer> => {
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let index = 0; index < words.length; index++) words[index] = Math.imul(index, 2_654_435_761)
  return new Uint8Array(words.buffer, 0, length)
}

const names: string[] = []
const app = implement(contract).handlers({
  get: ({ input }) => pattern(input),
  put: ({ input }) => {
    names.push(input.name)
    return Buffer.compare(input.data, pattern(input.data.length)) === 0 ? input.data.length : -1
  },
  ping: ({ input }) => input,
  mixed: async function* () {
    for (let at = 0; at < 20; at++) yield { at, data: pattern(at % 3 === 0 ? 300_000 : 10) }
  },
})

const sockets = new Set<WebSocket>()
class KnownSocket extends WebSocket {
  constructor(url: string, protocol: string) {
    super(url, protocol)
    sockets.add(this)
    this.on('close', () => sockets.delete(this))
  }
}

let server: NodeServer
let client: ReturnType<typeof createClient<typeof contract>>
beforeAll(async () => {
  server = await serve(app, { host: '127.0.0.1', limits: { messageBytes: 16 * 1024 * 1024 } })
  client = createClient<typeof contract>({
    url: server.url,
    reconnect: { minMs: 1, baseMs: 1, maxMs: 1 },
    WebSocket: KnownSocket as unknown as WebSocketConstructor,
  })
  await client.connection.connect()
})
afterAll(async () => {
  await client.connection.close()
  await server.close({ drainMs: 0 })
})

const isPattern = (data: Uint8Array): boolean => Buffer.compare(data, pattern(data.length)) === 0

describe('a part of 10 MB', () => {
  it('arrives whole, down and up', async () => {
    const data = await client.api.get(size)
    expect(data.length).toBe(size)
    expect(isPattern(data)).toBe(true)
    expect(await client.api.put({ name: 'up', data: pattern(size) })).toBe(size)
  })

  it.each(['down', 'up'])('holds up no small call, %s', async (way) => {
    let isDone = false
    const large = way === 'down' ? client.api.get(size) : client.api.put({ name: way, data: pattern(size) })
    const done = Promise.resolve(large).finally(() => {
      isDone = true
    })
    let answered = 0
    while (!isDone) {
      expect(await client.api.ping(answered)).toBe(answered)
      answered++
    }
    await done
    // The first of them would wait for all of it, if it went in one piece.
    expect(answered).toBeGreaterThan(10)
  })

  it('survives broken lines, and runs once', async () => {
    names.length = 0
    const large = Promise.all([
      client.api.get(size),
      client.api.put({ name: 'one', data: pattern(size) }),
      client.api.put({ name: 'two', data: pattern(size) }),
    ])
    let isDone = false
    large.finally(() => {
      isDone = true
    })
    for (let call = 0; !isDone; call++) {
      await client.api.ping(call)
      if (call % 20 === 0) for (const socket of sockets) socket.terminate()
    }
    const [data, one, two] = await large
    expect(isPattern(data)).toBe(true)
    expect([one, two]).toEqual([size, size])
    expect(names).toEqual(['one', 'two'])
    expect(client.connection.stats().resumes).toBeGreaterThan(0)
  })

  it('is not run when it was cancelled on its way', async () => {
    names.length = 0
    const controller = new AbortController()
    const outcome = safe(client.api.put({ name: 'cancelled', data: pattern(size) }, { signal: controller.signal }))
    controller.abort()
    expect(await outcome).toMatchObject({ ok: false, error: { code: 'CANCELLED' } })
    await client.api.put({ name: 'after', data: pattern(1) })
    expect(names).toEqual(['after'])
  })
})

it('keeps the order of a stream, large and small', async () => {
  const seen: number[] = []
  for await (const { at, data } of client.api.mixed()) {
    expect(isPattern(data)).toBe(true)
    seen.push(at)
  }
  expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index))
})

it('refuses what is larger than a message may be', async () => {
  const outcome = await safe(client.api.put({ name: 'huge', data: new Uint8Array(17 * 1024 * 1024) }))
  expect(outcome).toMatchObject({ ok: false, error: { code: 'TOO_LARGE', delivery: 'not-run' } })
})
