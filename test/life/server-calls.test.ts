// A server calls its clients, over real sockets: every kind, their limits and failures, and what becomes of calls when a client goes.
import { duplex, mutation, query, type RpcError, router, subscription, upload } from 'trunkline'
import { createClient, safe, type WebSocketConstructor } from 'trunkline/client'
import { type NodeServer, serve } from 'trunkline/node'
import { type Connection, implement } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'

const pageApi = router({
  title: query({ output: z.string() }),
  ask: query({ input: z.string(), output: z.string() }),
  tell: mutation({ input: z.object({ at: z.date(), bytes: z.instanceof(Uint8Array) }), output: z.number() }),
  refuse: mutation({ errors: { BUSY: z.object({ until: z.date() }) } }),
  hang: query(),
  moves: subscription({ input: z.number(), output: z.number() }),
  paste: upload({ send: z.string(), output: z.string() }),
  talk: duplex({ send: z.number(), output: z.number() }),
  nested: { deep: query({ output: z.bigint() }) },
})

const contract = router({ who: query({ output: z.string() }), hello: mutation({ input: z.string() }) })

let aborted = 0
let told: unknown[] = []
const page = (name: string) =>
  implement(pageApi).handlers({
    title: () => name,
    ask: ({ input }) => `${input}? ${name}`,
    tell: ({ input }) => {
      told.push(input)
      return input.bytes.length
    },
    refuse: ({ errors }) => {
      throw errors.BUSY({ until: new Date(5) })
    },
    hang: ({ signal }) =>
      new Promise<void>(() => {
        signal.addEventListener('abort', () => aborted++)
      }),
    moves: async function* ({ input }) {
      for (let number = 0; number < input; number++) yield number
    },
    paste: async ({ items }) => {
      let text = ''
      for await (const item of items) text += item
      return text
    },
    talk: async function* ({ items }) {
      for await (const item of items) yield item * 2
    },
    nested: { deep: () => 2n ** 70n },
  })

const app = implement(contract)
  .context<{ name: string }>()
  .handlers({
    who: ({ context }) => context.name,
    // A handler may call back while its caller waits.
    hello: async ({ input, connection }) => {
      expect(await connection.client(pageApi).ask(input)).toBe(`${input}? ada`)
    },
  })

let server: NodeServer<{ name: string }>
const stops: (() => unknown)[] = []
const sockets = new Set<WebSocket>()
class KnownSocket extends WebSocket {
  constructor(url: string, protocol: string) {
    super(url, protocol)
    sockets.add(this)
    this.on('close', () => sockets.delete(this))
  }
}

beforeEach(async () => {
  aborted = 0
  told = []
  server = await serve(app, {
    host: '127.0.0.1',
    onError: () => {},
    authenticate: ({ params }) => ({ name: String(params.name) }),
    identify: ({ name }) => ({ principal: name }),
    resume: { keepMs: 60_000 },
  })
  stops.push(() => server.close({ drainMs: 0 }))
})
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function join(name: string, options: object = {}) {
  const client = createClient<typeof contract>({
    url: server.url,
    params: { name },
    serve: page(name),
    reconnect: { minMs: 1, baseMs: 1, maxMs: 1 },
    WebSocket: KnownSocket as unknown as WebSocketConstructor,
    ...options,
  })
  await client.connection.connect()
  stops.push(() => client.connection.close())
  return client
}

const of = (name: string): Connection => server.connections.of(name)[0] as Connection

describe('a server', () => {
  it('calls a query, a mutation with rich values, and what is nested', async () => {
    await join('ada')
    const client = of('ada').client(pageApi)
    expect(await client.title()).toBe('ada')
    expect(await client.ask('well')).toBe('well? ada')
    expect(await client.nested.deep()).toBe(2n ** 70n)
    const input = { at: new Date(7), bytes: new Uint8Array([1, 2, 3]) }
    expect(await client.tell(input)).toBe(3)
    expect(told).toEqual([input])
  })

  it('subscribes, uploads and talks', async () => {
    await join('ada')
    const client = of('ada').client(pageApi)
    const moves: number[] = []
    for await (const move of client.moves(3_000)) moves.push(move)
    expect(moves).toEqual(Array.from({ length: 3_000 }, (_, index) => index))
    expect(await client.paste(undefined, { send: ['a', 'b', 'c'] })).toBe('abc')
    const talk = client.talk()
    await talk.send(21)
    const answers: number[] = []
    for await (const answer of talk) {
      answers.push(answer)
      if (answers.length === 3) talk.end()
      else await talk.send(answer)
    }
    expect(answers).toEqual([42, 84, 168])
  })

  it('gets errors of the contract, refusals and time-outs like anybody', async () => {
    await join('ada')
    const client = of('ada').client(pageApi)
    expect(await safe(client.refuse())).toMatchObject({
      ok: false,
      error: { code: 'BUSY', data: { until: new Date(5) } },
    })
    expect(await safe(client.ask(7 as never))).toMatchObject({
      ok: false,
      error: { code: 'BAD_REQUEST', delivery: 'not-run' },
    })
    expect(await safe(client.hang(undefined, { timeoutMs: 20 }))).toMatchObject({
      ok: false,
      error: { code: 'TIMEOUT' },
    })
    await expect.poll(() => aborted).toBe(1)
    const controller = new AbortController()
    const call = safe(client.hang(undefined, { signal: controller.signal }))
    await client.title()
    controller.abort()
    expect(await call).toMatchObject({ ok: false, error: { code: 'CANCELLED' } })
    await expect.poll(() => aborted).toBe(2)
  })

  it('calls back while a handler runs', async () => {
    const { api } = await join('ada')
    await api.hello('who')
  })

  it('is told at once by a client that serves nothing', async () => {
    await join('ada', { serve: undefined })
    const outcome = await safe(of('ada').client(pageApi).title())
    expect(outcome).toMatchObject({ ok: false, error: { code: 'NOT_FOUND', delivery: 'not-run' } })
  })

  it('waits for the limit of a client, which refuses nothing', async () => {
    let running = 0
    let most = 0
    const serves = implement(router({ work: query({ output: z.number() }) })).handlers({
      work: async () => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setImmediate(resolve))
        return running--
      },
    })
    await join('ada', { serve: serves, limits: { calls: 4 } })
    const client = of('ada').client(router({ work: query({ output: z.number() }) }))
    await Promise.all(Array.from({ length: 100 }, () => client.work()))
    expect(most).toBe(4)
  })

  it('goes on over a lost line, and each handler runs once', async () => {
    const { connection } = await join('ada')
    const client = of('ada').client(pageApi)
    const moves = client.moves(5_000)
    const seen: number[] = []
    const calls: Promise<number>[] = []
    for await (const move of moves) {
      seen.push(move)
      if (move % 500 === 0) {
        calls.push(client.tell({ at: new Date(move), bytes: new Uint8Array(8) }))
        for (const socket of sockets) socket.terminate()
      }
    }
    expect(seen).toEqual(Array.from({ length: 5_000 }, (_, index) => index))
    expect(await Promise.all(calls)).toEqual(calls.map(() => 8))
    expect(told).toHaveLength(calls.length)
    expect(connection.stats().resumes).toBeGreaterThan(3)
  })

  it('that drains hears what its clients were asked before', async () => {
    await join('ada')
    let answer: ((text: string) => void) | undefined
    const late = router({ ask: query({ output: z.string() }) })
    const { connection } = await join('bob', {
      serve: implement(late).handlers({
        ask: () =>
          new Promise<string>((resolve) => {
            answer = resolve
          }),
      }),
    })
    const left = new Promise((resolve) => connection.on('goaway', resolve))
    const asked = of('bob').client(late).ask()
    await expect.poll(() => answer).toBeTypeOf('function')
    const closed = server.close({ drainMs: 5_000 })
    await left
    answer?.('said before I go')
    expect(await asked).toBe('said before I go')
    await closed
  })

  it('hears CONNECTION_LOST when the client goes for good, and what it asks then is not run', async () => {
    const { connection } = await join('ada')
    const handle = of('ada')
    const call = safe(handle.client(pageApi).hang())
    await handle.client(pageApi).title()
    await connection.close()
    expect(await call).toMatchObject({ ok: false, error: { code: 'CONNECTION_LOST', delivery: 'unknown' } })
    expect(await safe(handle.client(pageApi).title())).toMatchObject({
      ok: false,
      error: { code: 'CONNECTION_LOST', delivery: 'not-run' },
    })
    expect(aborted).toBe(1)
  })

  it('calls 1 000 clients: one is gone, one is slow, one answers what it should not', async () => {
    const wrong = router({ title: query({ output: z.any() }) })
    for (let index = 0; index < 997; index++) await join(`client ${index}`)
    const gone = await join('gone')
    await join('slow', { serve: implement(wrong).handlers({ title: () => new Promise(() => {}) }) })
    await join('hostile', { serve: implement(wrong).handlers({ title: () => ({ $where: 'sleep(1)' }) }) })
    const handles = [...server.connections]
    expect(handles).toHaveLength(1_000)
    await gone.connection.close()
    const outcomes = await Promise.all(
      handles.map(async (connection) => {
        const title = connection.client(pageApi).title(undefined, { timeoutMs: 2_000 })
        return [connection.principal, await safe(title)] as const
      }),
    )
    const failed = outcomes.filter(([, { ok }]) => !ok)
    expect(
      failed.map(([principal, outcome]) => [principal, !outcome.ok && (outcome.error as RpcError).code]).sort(),
    ).toEqual([
      ['gone', 'CONNECTION_LOST'],
      ['hostile', 'INTERNAL'],
      ['slow', 'TIMEOUT'],
    ])
    for (const [principal, outcome] of outcomes) if (outcome.ok) expect(outcome.value).toBe(principal)
  }, 60_000)
})
