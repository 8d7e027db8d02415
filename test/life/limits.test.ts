// Each limit of a server exceeded by a raw client: the right answer, and nobody else notices.
import { query, router, subscription } from 'trunkline'
import { createClient, safe } from 'trunkline/client'
import { type NodeServer, serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { limits, offences, whoIs } from '../faults/offences.ts'

const contract = router({
  echo: query({ input: z.object({ text: z.string() }), output: z.object({ text: z.string() }) }),
  /** What honest clients ask: as often as it is answered, since it takes nothing from the rate. */
  repeat: query({ input: z.number(), output: z.number(), cost: 0 }),
  hang: query(),
  numbers: subscription({ input: z.object({ items: z.number() }), output: z.number() }),
})
const app = implement(contract).handlers({
  echo: ({ input }) => input,
  repeat: ({ input }) => input,
  hang: () => new Promise<void>(() => {}),
  numbers: async function* ({ input }) {
    for (let number = 0; number < input.items; number++) yield number
  },
})

let server: NodeServer
const unhandled: unknown[] = []
const note = (error: unknown): unknown => unhandled.push(error)

beforeAll(async () => {
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
  server = await serve(app, { host: '127.0.0.1', onError: () => {}, ...limits, ...whoIs })
})

afterAll(async () => {
  await server.close({ drainMs: 0 })
  process.off('unhandledRejection', note)
  process.off('uncaughtException', note)
  expect(unhandled).toEqual([])
})

describe('a server answers', () => {
  it.each(offences)('$name with $answer', async ({ answer, run }) => {
    expect(await run(server.url)).toBe(answer)
  })

  it('more than limits.connections with 503', async () => {
    const full = await serve(app, { host: '127.0.0.1', limits: { connections: 1 } })
    const { connection } = createClient<typeof contract>({ url: full.url })
    await connection.connect()
    const second = createClient<typeof contract>({ url: full.url, reconnect: { maxMs: 1 } })
    second.connection.connect().catch(() => {})
    await new Promise<void>((resolve) => {
      second.connection.on('change', ({ status }) => status === 'waiting' && resolve())
    })
    expect(full.stats().connections).toBe(1)
    await connection.close()
    await second.connection.connect()
    await second.connection.close()
    await full.close({ drainMs: 0 })
  })
})

it('20 honest clients beside all of them see no error, and stay connected', async () => {
  const clients = Array.from({ length: 20 }, (_, index) =>
    createClient<typeof contract>({ url: server.url, params: { name: `honest ${index}` } }),
  )
  // One after the other: an address may have eight that are not known yet.
  for (const { connection } of clients) await connection.connect()
  const changes: unknown[] = []
  for (const { connection } of clients) connection.on('change', (state) => changes.push(state))
  let isOver = false
  const honest = clients.map(async ({ api }) => {
    const errors: unknown[] = []
    let calls = 0
    while (!isOver) {
      const outcome = await safe(api.repeat(calls))
      if (!outcome.ok || outcome.value !== calls) errors.push(outcome)
      calls++
    }
    return { errors, calls }
  })
  for (const { name, answer, run } of offences)
    expect({ name, answer: await run(server.url) }).toEqual({ name, answer })
  isOver = true
  const seen = await Promise.all(honest)
  expect(seen.flatMap(({ errors }) => errors)).toEqual([])
  expect(seen.every(({ calls }) => calls > 10)).toBe(true)
  expect(changes).toEqual([])
  await Promise.all(clients.map(({ connection }) => connection.close()))
})
