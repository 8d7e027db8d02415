// Calls of a server to its clients: typed by the page's contract, and what does not compile.
import {
  type Call,
  type DuplexCall,
  duplex,
  type PendingSubscription,
  query,
  type RouterClient,
  type RouterErrors,
  router,
  subscription,
  type UploadCall,
  upload,
} from 'trunkline'
import { createClient, safe } from 'trunkline/client'
import { type Connection, createServer, implement } from 'trunkline/server'
import { z } from 'zod'
import { assert, type Equal } from './assert.ts'

const page = router({
  confirm: query({ input: z.string(), output: z.boolean(), errors: { BUSY: z.object({ until: z.date() }) } }),
  moves: subscription({ output: z.object({ x: z.number() }) }),
  paste: upload({ send: z.string(), output: z.number() }),
  shell: duplex({ send: z.string(), output: z.date() }),
  nested: { title: query({ output: z.string() }) },
})
type Page = typeof page
type Errors = RouterErrors<Page>

const desk = router({ publish: query({ output: z.boolean() }) })

const app = implement(desk).handlers({
  publish: async ({ connection }) => {
    const client = connection.client(page)
    assert<Equal<typeof client, RouterClient<Page>>>()
    const call = client.confirm('sure?')
    assert<Equal<typeof call, Call<boolean, Errors['confirm']>>>()
    const outcome = await safe(call)
    if (outcome.ok) assert<Equal<typeof outcome.value, boolean>>()
    else if (outcome.error.code === 'BUSY') assert<Equal<typeof outcome.error.data, { until: Date }>>()
    return call
  },
})

const server = createServer(app)
assert<Equal<ReturnType<typeof server.connections.of>, readonly Connection[]>>()
// @ts-expect-error: a principal is a text.
server.connections.of(7)

export async function calls(connection: Connection): Promise<void> {
  const client = connection.client(page)
  const moves = client.moves()
  assert<Equal<typeof moves, PendingSubscription<{ x: number }, Errors['moves']>>>()
  const paste = client.paste(undefined, { send: ['a'] })
  assert<Equal<typeof paste, UploadCall<number, string, Errors['paste']>>>()
  const shell = client.shell()
  assert<Equal<typeof shell, DuplexCall<Date, string, Errors['shell']>>>()
  const title = await client.nested.title()
  assert<Equal<typeof title, string>>()
  // @ts-expect-error: an input has its type.
  await client.confirm(7)
  // @ts-expect-error: there is no such procedure.
  await client.publish()
  // @ts-expect-error: what is pushed has its type.
  await shell.send(7)
  // @ts-expect-error: a router, not an app.
  connection.client(implement(page))
  // @ts-expect-error: a router, not a name.
  connection.client('page')
}

const pageApp = implement(page).handlers({
  confirm: () => true,
  moves: async function* () {},
  paste: () => 1,
  shell: async function* () {},
  nested: { title: () => 'title' },
})

createClient<typeof desk>({ url: 'ws://localhost', serve: pageApp, limits: { calls: 1, streams: 1 } })
// @ts-expect-error: an app, not a router.
createClient<typeof desk>({ url: 'ws://localhost', serve: page })
// @ts-expect-error: an app, not handlers alone.
createClient<typeof desk>({ url: 'ws://localhost', serve: { confirm: () => true } })
// @ts-expect-error: nor what has no handlers yet.
createClient<typeof desk>({ url: 'ws://localhost', serve: implement(page) })
// @ts-expect-error: a limit has a name that is known.
createClient<typeof desk>({ url: 'ws://localhost', serve: pageApp, limits: { connections: 1 } })
