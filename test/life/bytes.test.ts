// Every type that travels, over sockets of Node: with the client of Node, and with a WebSocket that was given.
import { createClient, type WebSocketConstructor } from 'trunkline/client'
import { type NodeServer, serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { describe as contentOf, contract, samples, types } from './bytes-samples.ts'

const app = implement(contract).handlers({
  give: ({ input }) => samples().get(input),
  take: ({ input }) => contentOf(input),
  echo: ({ input }) => input,
  all: async function* () {
    yield* samples()
  },
})

let server: NodeServer

beforeEach(async () => {
  server = await serve(app, { host: '127.0.0.1', path: '/rpc', types })
})

afterEach(() => server.close({ drainMs: 0 }))

describe.each<[string, object]>([
  ['the client of Node', {}],
  ['a WebSocket that was given', { WebSocket: WebSocket as unknown as WebSocketConstructor }],
])('%s', (_name, options) => {
  it('sends and receives every type as it was', async () => {
    const { api, connection } = createClient<typeof contract>({ url: server.url, types, ...options })
    for (const [name, value] of samples()) {
      const expected = await contentOf(value)
      expect(await contentOf(await api.give(name)), name).toBe(expected)
      expect(await api.take(value), name).toBe(expected)
      expect(await contentOf(await api.echo(value)), name).toBe(expected)
    }
    const items = new Map<string, unknown>()
    for await (const [name, value] of api.all()) items.set(name, value)
    expect(await contentOf(items)).toBe(await contentOf(samples()))
    await connection.close()
  })

  it.each([0, 1, 110, 125, 126, 1_000, 65_400, 65_536, 100_000, 1_000_000])(
    'sends and receives %i bytes, whatever the length of their frame',
    async (length) => {
      const { api, connection } = createClient<typeof contract>({ url: server.url, types, ...options })
      const bytes = Uint8Array.from({ length }, (_, index) => index * 7)
      const given = bytes.slice()
      const answer = api.echo(given)
      given.fill(0)
      expect(Buffer.compare((await answer) as Uint8Array, bytes)).toBe(0)
      await connection.close()
    },
  )
})
