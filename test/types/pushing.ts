// Uploads and duplex calls: what is pushed, what comes back, and what does not compile.
import {
  type CallError,
  type DuplexCall,
  duplex,
  query,
  type RouterErrors,
  type RouterInputs,
  type RouterOutputs,
  router,
  type UploadCall,
  upload,
} from 'trunkline'
import { createClient, safe } from 'trunkline/client'
import { createCaller, implement } from 'trunkline/server'
import { z } from 'zod'
import { assert, type Equal } from './assert.ts'

const contract = router({
  load: upload({
    input: z.object({ file: z.string() }),
    send: z.object({ at: z.string().transform(Number) }),
    output: z.number(),
    errors: { FULL: z.object({ limit: z.number() }) },
  }),
  echo: duplex({ send: z.string(), output: z.date() }),
  list: query({ output: z.array(z.string()) }),
})
type Contract = typeof contract

assert<Equal<RouterInputs<Contract>['load'], { file: string }>>()
assert<Equal<RouterOutputs<Contract>['load'], number>>()
assert<Equal<RouterOutputs<Contract>['echo'], Date>>()
assert<Equal<RouterErrors<Contract>['load'], CallError<{ FULL: { limit: number } }>>>()

// @ts-expect-error: an upload says what is sent.
upload({ output: z.number() })
// @ts-expect-error: and so does a duplex call.
duplex({ output: z.number() })
// @ts-expect-error: nothing is sent to a query.
query({ send: z.number() })
// @ts-expect-error: what was pushed is gone, so an upload can't be repeated.
upload({ send: z.number(), idempotent: true })

const { api } = createClient<Contract>({ url: 'ws://localhost' })

export async function calls(): Promise<void> {
  const call = api.load({ file: 'a' })
  assert<Equal<typeof call, UploadCall<number, { at: string }, RouterErrors<Contract>['load']>>>()
  // The caller sends what the schema takes.
  await call.send({ at: '1' })
  // @ts-expect-error: an item has its type.
  await call.send({ at: 1 })
  call.end()
  assert<Equal<Awaited<typeof call>, number>>()
  const outcome = await safe(call)
  if (!outcome.ok && outcome.error.code === 'FULL') assert<Equal<typeof outcome.error.data, { limit: number }>>()

  const talk = api.echo(undefined, { send: ['a'] })
  assert<Equal<typeof talk, DuplexCall<Date, string, RouterErrors<Contract>['echo']>>>()
  for await (const item of talk) assert<Equal<typeof item, Date>>()
  // @ts-expect-error: an iterable gives items of their type.
  api.echo(undefined, { send: [1] })
  // @ts-expect-error: a duplex call is not resumed by event id.
  api.echo(undefined, { lastEventId: 'a' })
  // @ts-expect-error: a query is sent nothing.
  api.list().send('a')
  // @ts-expect-error: nor given anything to send.
  api.list(undefined, { send: ['a'] })
}

export const app = implement(contract).handlers({
  load: async ({ input, items, errors }) => {
    assert<Equal<typeof input, { file: string }>>()
    for await (const item of items) {
      // The handler gets what the schema gives.
      assert<Equal<typeof item, { at: number }>>()
      if (item.at > 10) throw errors.FULL({ limit: 10 })
    }
    return 1
  },
  echo: async function* ({ items }) {
    for await (const item of items) yield new Date(item)
  },
  // @ts-expect-error: a query's handler is sent nothing.
  list: async ({ items }) => [String(items)],
})

const local = createCaller(app)
assert<Equal<typeof local.load, typeof api.load>>()
assert<Equal<typeof local.echo, typeof api.echo>>()
