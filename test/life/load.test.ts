// Many calls and streams over one socket with default options: each answer with its own caller.
import { setTimeout as wait } from 'node:timers/promises'
import { mutation, query, RpcError, router, subscription } from 'trunkline'
import { createClient, safe } from 'trunkline/client'
import { serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { expect, test } from 'vitest'
import { z } from 'zod'

const contract = router({
  double: query({ input: z.object({ n: z.number() }), output: z.object({ n: z.number(), twice: z.number() }) }),
  refuse: mutation({ input: z.number(), errors: { ODD: z.object({ n: z.number() }) } }),
  hang: query({ input: z.number(), output: z.number() }),
  count: subscription({ input: z.object({ from: z.number(), items: z.number() }), output: z.number() }),
})

const app = implement(contract).handlers({
  // Some answer at once, some later, so that answers overtake each other.
  double: ({ input: { n } }) => (n % 3 === 0 ? wait(n % 7, { n, twice: n * 2 }) : { n, twice: n * 2 }),
  refuse: ({ input, errors }) => {
    if (input % 2) throw errors.ODD({ n: input })
    throw new RpcError('FORBIDDEN', { message: `even ${input}` })
  },
  hang: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  count: async function* ({ input: { from, items } }) {
    for (let index = 0; index < items; index++) yield from + index
  },
})

test('10 000 calls and 1 000 subscriptions at once on one socket each get their own answers', async () => {
  const server = await serve(app, { host: '127.0.0.1' })
  const { api, connection } = createClient<typeof contract>({ url: server.url })
  await connection.connect()
  const outcomes: Promise<unknown>[] = []
  for (let n = 0; n < 10_000; n++) outcomes.push(oneCall(api, n))
  for (let index = 0; index < 1_000; index++) outcomes.push(oneSubscription(api, index))
  const wrong = (await Promise.all(outcomes)).filter((outcome) => outcome !== 'right')
  expect(wrong).toEqual([])
  expect(server.stats()).toMatchObject({ connections: 1, streams: 0 })
  const { replayBytes, roundTripMs: _, ...stats } = connection.stats()
  expect(stats).toEqual({ calls: 0, streams: 0, waiting: 0, resumes: 0 })
  // What the server has not acknowledged yet: it does at 256 KiB.
  expect(replayBytes).toBeLessThan(256 * 1024)
  await connection.close()
  await server.close()
})

type Api = ReturnType<typeof createClient<typeof contract>>['api']

/** Of ten calls: six answer, and one each fails, is invalid, is cancelled, times out. */
async function oneCall(api: Api, n: number): Promise<unknown> {
  switch (n % 10) {
    case 6: {
      const outcome = await safe(api.refuse(n / 2))
      const code = (n / 2) % 2 ? 'ODD' : 'FORBIDDEN'
      if (outcome.ok || outcome.error.code !== code) return outcome
      if (outcome.error.code === 'ODD') return outcome.error.data.n === n / 2 ? 'right' : outcome
      return outcome.error.message === `even ${n / 2}` ? 'right' : outcome
    }
    case 7: {
      const outcome = await safe(api.double({ n: String(n) as unknown as number }))
      return !outcome.ok && outcome.error.code === 'BAD_REQUEST' ? 'right' : outcome
    }
    case 8: {
      const controller = new AbortController()
      const call = safe(api.hang(n, { signal: controller.signal }))
      setImmediate(() => controller.abort())
      const outcome = await call
      return !outcome.ok && outcome.error.code === 'CANCELLED' ? 'right' : outcome
    }
    case 9: {
      const outcome = await safe(api.hang(n, { timeoutMs: 200 + (n % 50) }))
      return !outcome.ok && outcome.error.code === 'TIMEOUT' ? 'right' : outcome
    }
    default: {
      const outcome = await safe(api.double({ n }))
      return outcome.ok && outcome.value.n === n && outcome.value.twice === n * 2 ? 'right' : outcome
    }
  }
}

async function oneSubscription(api: Api, index: number): Promise<unknown> {
  const items = 1 + (index % 300)
  let expected = index * 1_000
  for await (const item of api.count({ from: expected, items }))
    if (item !== expected++) return { index, item, expected }
  return expected === index * 1_000 + items ? 'right' : { index, expected }
}
