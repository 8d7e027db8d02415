import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { mutation, query, router, subscription, type } from 'trunkline'
import { createClient } from 'trunkline/client'
import { serve } from 'trunkline/node'
import { implement, memoryPublisher } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { compile } from '../types/program.ts'
import { renderPage, sections } from './mistakes.ts'

// Makes every mistake of docs/mistakes.md for real and compares what is said with the page.

const page = fileURLToPath(new URL('../../docs/mistakes.md', import.meta.url))
const source = fileURLToPath(new URL('../../packages/trunkline/src', import.meta.url))
const all = sections.flatMap(({ mistakes }) => mistakes)

const contractText = `
  whoami: query({ output: z.string() }),
  post: mutation({ input: z.object({ text: z.string() }), output: z.object({ id: z.string() }), errors: { ROOM_CLOSED: z.object({ since: z.date() }) } }),
  messages: subscription({ output: z.string() }),
`
const chat = router({
  whoami: query({ output: z.string() }),
  post: mutation({
    input: z.object({ text: z.string() }),
    output: z.object({ id: z.string() }),
    errors: { ROOM_CLOSED: z.object({ since: z.date() }) },
  }),
  messages: subscription({ output: z.string() }),
  anything: query({ input: type<unknown>(), output: type<unknown>() }),
})
const handlers = {
  whoami: () => 'ada',
  post: () => ({ id: '1' }),
  messages: async function* () {},
  anything: () => 1,
}
const app = implement(chat).handlers(handlers)

/** As JavaScript sees it: the compiler would not let these mistakes through. */
// biome-ignore lint/suspicious/noExplicitAny: see above.
const untyped = (value: unknown): any => value

class User {
  name = 'ada'
}

async function thrownBy(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    if (error instanceof Error) return String(error)
  }
  throw new Error('nothing was thrown')
}

/** What `onError` gets of a call, whose caller is to see INTERNAL, or the code that its handler threw. */
async function reported(
  changed: Partial<Record<keyof typeof handlers, unknown>>,
  call: (api: ReturnType<typeof untyped>) => unknown,
  use?: (argument: { next: () => Promise<object> }) => Promise<unknown>,
): Promise<string> {
  const errors: unknown[] = []
  const begun = use ? untyped(implement(chat)).use(use) : implement(chat)
  const pair = createPair(untyped(begun.handlers({ ...handlers, ...changed })), {
    onError: ({ error }: { error: unknown }) => errors.push(error),
  })
  try {
    const refused = await thrownBy(() => call(pair.createClient().api))
    expect(refused).toMatch(
      /^RpcError \[(INTERNAL\]: "\w+" failed at the server; its log says why|ROOM_CLOSED\]: ROOM_CLOSED)$/,
    )
  } finally {
    await pair.close()
  }
  expect(errors).toHaveLength(1)
  return (errors[0] as Error).message
}

async function rejected(call: (client: ReturnType<typeof untyped>) => unknown): Promise<string> {
  const pair = createPair(app)
  try {
    return await thrownBy(() => call(pair.createClient()))
  } finally {
    await pair.close()
  }
}

const iterate = async (items: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of items);
}

const bus = memoryPublisher<{ news: string }>()

const atRunTime: Record<string, () => string | Promise<string>> = {
  // biome-ignore lint/suspicious/noThenProperty: it is the mistake.
  'A name that a proxy cannot carry': () => thrownBy(() => router({ rooms: { then: query() } })),
  'A dot in a name': () => thrownBy(() => router({ 'rooms.list': query() })),
  'A bare schema': () => thrownBy(() => query(untyped(z.string()))),
  'Something else than a schema': () =>
    thrownBy(() => router({ whoami: query({ output: untyped({ name: String }) }) })),
  'A built-in code for an error of your own': () =>
    thrownBy(() => router({ whoami: query({ errors: { NOT_FOUND: z.string() } }) })),
  'A handler is misspelt': () => {
    const { post, ...others } = handlers
    return thrownBy(() => implement(chat).handlers(untyped({ ...others, pots: post })))
  },
  'An output that its schema refuses': () =>
    reported({ post: ({ input }: { input: { text: string } }) => ({ id: input.text.length }) }, (api) =>
      api.post({ text: 'hi' }),
    ),
  'A handler or middleware that forgets to return': () =>
    reported(
      {},
      (api) => api.whoami(),
      async ({ next }) => {
        await next()
      },
    ),
  'A class instance in an output': () => reported({ anything: () => ({ user: new User() }) }, (api) => api.anything()),
  'Error data that its schema refuses': () =>
    reported(
      {
        post: ({ errors }: ReturnType<typeof untyped>) => {
          throw errors.ROOM_CLOSED({ since: 'now' })
        },
      },
      (api) => api.post({ text: 'hi' }),
    ),
  'A context, and nobody who makes it': () =>
    thrownBy(() => serve(untyped(implement(chat).context<{ user: string }>().handlers(handlers)))),
  'Calling next twice': () =>
    reported(
      {},
      (api) => api.whoami(),
      async ({ next }) => {
        await next()
        return next()
      },
    ),
  'A subscription that returns an array': () => reported({ messages: async () => ['hi'] }, (api) => api.messages()),
  'One feed for several subscribers': () => {
    const feed = bus.subscribe('news')
    return reported({ messages: () => feed }, async (api) => {
      await api.messages()
      await iterate(api.messages())
    })
  },
  'The router in place of the app': () => thrownBy(() => serve(untyped(chat))),
  'A context that is not there': async () => {
    const errors: Error[] = []
    const pair = createPair(app, {
      authenticate: untyped(() => {}),
      onError: ({ error }) => errors.push(error as Error),
    })
    const { connection } = pair.createClient()
    try {
      const refused = new Promise<void>((resolve) => connection.on('change', ({ reason }) => reason && resolve()))
      connection.connect().catch(() => {})
      await refused
    } finally {
      await pair.close()
    }
    return errors[0]?.message ?? ''
  },
  'An option that there is not': () => thrownBy(() => serve(app, untyped({ prot: 3000 }))),
  'A port that is in use': async () => {
    const first = await serve(app, { host: '127.0.0.1' })
    const { port } = new URL(first.url)
    try {
      const said = await thrownBy(() => serve(app, { host: '127.0.0.1', port: Number(port) }))
      return said.replaceAll(port, '3000')
    } finally {
      await first.close()
    }
  },
  // The address is one of those kept for documentation: no machine has it.
  'A host that is not this machine': () => thrownBy(() => serve(app, { port: 3000, host: '192.0.2.1' })),
  'A wrong path': async () => {
    const server = await serve(app, { host: '127.0.0.1' })
    const { api, connection } = createClient<typeof chat>({ url: `${server.url}rpc`, reconnect: {} })
    try {
      const waiting = new Promise<string>((resolve) => {
        connection.on('change', ({ status, reason }) => {
          if (status === 'waiting') resolve(reason ?? '')
        })
      })
      api.whoami().catch(() => {})
      return await waiting
    } finally {
      await connection.close()
      await server.close()
    }
  },
  'A page of another origin': async () => {
    const server = await serve(app, { host: '127.0.0.1' })
    const socket = new WebSocket(server.url, 'trunkline.v1', { origin: 'https://app.example' })
    try {
      return await new Promise<string>((resolve) => {
        socket.on('unexpected-response', (_request, response) => {
          let text = ''
          response.on('data', (chunk) => {
            text += chunk
          })
          response.on('end', () => resolve(`${response.statusCode} ${response.statusMessage}: ${text}`))
        })
      })
    } finally {
      socket.on('error', () => {})
      socket.terminate()
      await server.close()
    }
  },
  'An address that is none': () => thrownBy(() => createClient({ url: '/rpc' })),
  'An input that its schema refuses': () => rejected(({ api }) => api.post({ text: 1 })),
  'A forgotten await': () =>
    rejected(({ api }) => {
      const name = api.whoami()
      name.catch(() => {})
      return api.anything({ name })
    }),
  'A procedure that this server does not have': () => rejected(({ api }) => api.rooms.list()),
  'A call without a server': async () => {
    const pair = createPair(app)
    pair.isReachable = false
    const { api, connection } = pair.createClient()
    try {
      const failed = new Promise<void>((resolve) => connection.on('change', ({ reason }) => reason && resolve()))
      connection.connect().catch(() => {})
      await failed
      return await thrownBy(() => api.whoami(undefined, { timeoutMs: 1 }))
    } finally {
      await pair.close()
    }
  },
  'A call after close': () =>
    rejected(async ({ api, connection }) => {
      await connection.close()
      await api.whoami()
    }),
}

/** The router's type is long and everybody's own. */
const shorten = (message: string): string =>
  message.replace(/(RouterHandlers|RouterClient)<\{.*?\}(?:, \w+)?>(?=')/g, '$1<…>')

function compileMistakes(): Map<string, string> {
  const snippets = all.filter(({ said }) => said === 'the compiler says')
  const head = `
import { mutation, query, router, subscription } from 'trunkline'
import { createClient } from 'trunkline/client'
import { implement } from 'trunkline/server'
import { z } from 'zod'
const chat = router({${contractText}})
const whoami = () => 'ada'
const post = () => ({ id: '1' })
const messages = async function* () {}
const { api } = createClient<typeof chat>({ url: 'ws://localhost' })
export { api, chat, implement, messages, post, whoami }
`
  const fileOf = (title: string): string => `mistake-${snippets.findIndex((one) => one.title === title)}.ts`
  const compiled = compile(Object.fromEntries(snippets.map(({ title, code }) => [fileOf(title), head + code])))
  return new Map(
    snippets.map(({ title }) => [title, compiled.messagesOf(fileOf(title)).map(shorten).join('\n')] as const),
  )
}

describe('docs/mistakes.md', () => {
  const messages = new Map<string, string>()

  beforeAll(async () => {
    for (const [title, message] of compileMistakes()) messages.set(title, message)
    for (const [title, make] of Object.entries(atRunTime)) messages.set(title, await make())
    if (process.env.UPDATE_MISTAKES) writeFileSync(page, renderPage(messages))
  })

  it('has at least 25 mistakes, each made here', () => {
    expect(all.length).toBeGreaterThanOrEqual(25)
    expect([...messages.keys()].sort()).toEqual(all.map(({ title }) => title).sort())
  })

  it.each(all)('says what $title says', ({ title }) => {
    const message = messages.get(title)
    expect(message).toBeTruthy()
    expect(readFileSync(page, 'utf8')).toContain(`\`\`\`text\n${message}\n\`\`\``)
  })

  it('is what the list in mistakes.ts gives', () => {
    expect(readFileSync(page, 'utf8')).toBe(renderPage(messages))
  })

  it("has a heading for each link in a message, and a link for each heading but the client's", () => {
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
    const text = files.map((name) => readFileSync(`${source}/${name}`, 'utf8')).join('\n')
    const linked = new Set([...text.matchAll(/(?:see\(|, |^\s+)'(\w+)',?\s*\)/gm)].map(([, anchor]) => anchor))
    const anchors = sections.map(({ anchor }) => anchor)
    expect([...linked].filter((one) => anchors.includes(one ?? '')).sort()).toEqual(
      anchors.filter((one) => one !== 'calls').sort(),
    )
    for (const anchor of anchors) expect(readFileSync(page, 'utf8').toLowerCase()).toContain(`\n## ${anchor}\n`)
  })
})
