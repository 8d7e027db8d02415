import { mutation, query, RpcError, router, subscription, type as unchecked } from 'trunkline'
import { safe } from 'trunkline/client'
import { implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { expect, it } from 'vitest'

const contract = router({
  add: query({ input: unchecked<number>(), output: unchecked<number>() }),
  post: mutation({ input: unchecked<string>(), errors: { ROOM_CLOSED: unchecked<{ since: Date }>() } }),
  ticks: subscription({ input: unchecked<boolean>(), output: unchecked<number>() }),
})
const since = new Date(0)
const app = implement(contract).handlers({
  add: ({ input }) => input + 1,
  post: ({ errors }) => {
    throw errors.ROOM_CLOSED({ since })
  },
  ticks: async function* ({ input }) {
    if (!input) throw new Error('never seen before accept')
    yield 1
  },
})
const { api } = createPair(app, { onError: () => {} }).createClient()

it('gives the value of a call that went well', async () => {
  expect(await safe(api.add(1))).toEqual({ ok: true, value: 2 })
})

it('gives the error of the contract with its data', async () => {
  const outcome = await safe(api.post('old'))
  expect(outcome.ok).toBe(false)
  if (outcome.ok || outcome.error.code !== 'ROOM_CLOSED') throw new Error('not refused')
  expect(outcome.error.data.since).toEqual(since)
})

it('gives the accepted subscription of a stream', async () => {
  const outcome = await safe(api.ticks(true))
  if (!outcome.ok) throw outcome.error
  for await (const tick of outcome.value) expect(tick).toBe(1)
})

it('throws what is no RpcError', async () => {
  const mistake = new TypeError('a mistake in this program')
  await expect(safe(Promise.reject(mistake) as ReturnType<typeof api.add>)).rejects.toBe(mistake)
})

it('knows an RpcError by its brand, not its class', async () => {
  const error = new RpcError('TIMEOUT')
  const foreign = Object.create(Object.getPrototypeOf(error), { code: { value: 'TIMEOUT' } })
  expect(await safe(Promise.reject(foreign) as ReturnType<typeof api.add>)).toEqual({ ok: false, error: foreign })
})
