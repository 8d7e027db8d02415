// The app of somebody who has never seen this repository: three files and a main, as ES modules and as CommonJS.

const contract = `import { mutation, query, type RouterInputs, type RouterOutputs, router, subscription } from 'trunkline'
import { z } from 'zod'

export const Message = z.object({ room: z.string(), text: z.string(), at: z.date() })

export const chat = router({
  rooms: { list: query({ output: z.array(z.string()) }) },
  post: mutation({
    input: z.object({ room: z.string(), text: z.string().min(1) }),
    output: Message,
    errors: { ROOM_CLOSED: z.object({ since: z.date() }) },
  }),
  count: subscription({ input: z.object({ to: z.number() }), output: z.number() }),
})

export type Inputs = RouterInputs<typeof chat>
export type Outputs = RouterOutputs<typeof chat>
`

const server = `import { serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { chat, type Outputs } from './contract.js'

const rooms: Outputs['rooms']['list'] = ['lobby', 'old']

export const start = implement(chat).context<{ user: string }>()
export const named = start.middleware(({ context, next }) => next({ context: { name: context.user.toUpperCase() } }))
export const app = start.handlers({
  rooms: { list: () => rooms },
  post: named(({ input, context, errors }) => {
    if (input.room === 'old') throw errors.ROOM_CLOSED({ since: new Date(0) })
    return { ...input, text: context.name + ': ' + input.text, at: new Date(1) }
  }),
  count: async function* ({ input }) {
    for (let n = 1; n <= input.to; n++) yield n
  },
})

export const listen = () => serve(app, { port: 0, host: '127.0.0.1', authenticate: () => ({ user: 'ann' }) })
`

const client = `import { createClient, safe } from 'trunkline/client'
import type { chat, Inputs, Outputs } from './contract.js'

export const connect = (url: string) => createClient<typeof chat>({ url })
export const client = connect('ws://127.0.0.1:1')
export const { api } = client

export async function converse(url: string): Promise<string> {
  const { api, connection } = connect(url)
  const input: Inputs['post'] = { room: 'lobby', text: 'hi' }
  const posted: Outputs['post'] = await api.post(input)
  const closed = await safe(api.post({ ...input, room: 'old' }))
  const since = !closed.ok && closed.error.code === 'ROOM_CLOSED' ? closed.error.data.since.getTime() : undefined
  const counted: number[] = []
  for await (const n of api.count({ to: 3 })) counted.push(n)
  await connection.close()
  return [posted.text, posted.at.getTime(), since, counted.join()].join(' | ')
}

// What does not fit does not compile, here as in the repository: the types are there, and are not any.
export async function mistakes(): Promise<void> {
  // @ts-expect-error: a misspelt key
  await api.rooms.lits()
  // @ts-expect-error: a wrong input
  await api.post({ room: 'lobby', text: 5 })
}
`

/** What running \`main\` prints. */
export const said = 'ANN: hi | 1 | 0 | 1,2,3\n'

const main = `import { createPair } from 'trunkline/testing'
import { converse } from './client.js'
import { app, listen } from './server.js'

async function main(): Promise<void> {
  const server = await listen()
  console.log(await converse(server.url))
  await server.close()
  const pair = createPair(app, { authenticate: () => ({ user: 'ann' }) })
  if ((await pair.createClient().api.rooms.list()).length !== 2) throw new Error('createPair')
  await pair.close()
}

void main()
`

const app = { 'contract.ts': contract, 'server.ts': server, 'client.ts': client, 'main.ts': main }

/** The same four files twice; what a file's `import` becomes is said by the package.json next to it. */
export const appFiles: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(app).map(([name, text]) => [`esm/${name}`, text])),
  ...Object.fromEntries(Object.entries(app).map(([name, text]) => [`cjs/${name}`, text])),
  'esm/package.json': '{ "type": "module" }',
  'cjs/package.json': '{ "type": "commonjs" }',
}
