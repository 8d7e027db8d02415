// The server the bare client talks to: a small contract, and handlers that leave word of what they did; one for each test.
import { mutation, query, router, subscription } from 'trunkline'
import { type ServeOptions, serve } from 'trunkline/node'
import { implement, memoryPublisher } from 'trunkline/server'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { BareClient, WireError } from './bare-client.ts'
import { Mailbox } from './bare-client-mailbox.ts'

const Rich = z.object({
  nothings: z.array(z.number().optional()),
  numbers: z.array(z.unknown()),
  big: z.bigint(),
  at: z.date(),
  link: z.url().or(z.instanceof(URL)),
  table: z.map(z.date(), z.set(z.bigint())),
})

const contract = router({
  math: { add: query({ input: z.object({ a: z.number(), b: z.number() }), output: z.number() }) },
  echo: query({ input: z.unknown(), output: z.unknown() }),
  typed: query({ input: Rich, output: Rich }),
  slow: query({}),
  fail: query({}),
  rooms: {
    post: mutation({
      input: z.object({ room: z.string(), text: z.string().min(1) }),
      output: z.number(),
      errors: { ROOM_CLOSED: z.object({ since: z.date() }) },
    }),
    mark: mutation({ output: z.number(), idempotent: true }),
    messages: subscription({ input: z.object({ room: z.string() }), output: z.string() }),
  },
  numbers: subscription({ input: z.object({ to: z.number() }), output: z.number() }),
})

/** What the handlers did, for the tests to look at. */
function createWitness() {
  return { ran: [] as string[], pulled: 0, stopped: new Mailbox<string>(), aborted: new Mailbox<string>() }
}

function createApp() {
  const witness = createWitness()
  const bus = memoryPublisher()
  const app = implement(contract).handlers({
    math: {
      add: ({ input }) => {
        witness.ran.push('add')
        return input.a + input.b
      },
    },
    echo: ({ input }) => input,
    typed: ({ input }) => input,
    fail: () => {
      throw new Error('secret')
    },
    slow: ({ signal }) =>
      new Promise((_, reject) => {
        witness.ran.push('slow')
        signal.addEventListener('abort', () => {
          witness.aborted.put('slow')
          reject(signal.reason)
        })
      }),
    rooms: {
      post: async ({ input, errors }) => {
        witness.ran.push('post')
        if (input.room === 'old') throw errors.ROOM_CLOSED({ since: new Date(86_400_000) })
        await bus.publish(`room:${input.room}`, input.text)
        return input.text.length
      },
      mark: () => witness.ran.push('mark'),
      messages: ({ input, signal, lastEventId }) => bus.subscribe(`room:${input.room}`, { signal, lastEventId }),
    },
    numbers: async function* ({ input }) {
      try {
        for (let number = 1; number <= input.to; number += 1) {
          witness.pulled = number
          yield number
        }
      } finally {
        witness.stopped.put('numbers')
      }
    },
  })
  return { app, witness, bus }
}

export async function start(options: Partial<ServeOptions<object>> = {}) {
  const { app, witness, bus } = createApp()
  const server = await serve(app, { host: '127.0.0.1', port: 0, path: '/rpc', onError: () => {}, ...options })
  onTestFinished(() => server.close({ drainMs: 0 }))
  return { url: server.url, server, witness, bus }
}

/** A client whose socket is open and that has said nothing. */
export async function open(
  url: string,
  options: ConstructorParameters<typeof BareClient>[1] = {},
): Promise<BareClient> {
  const client = new BareClient(url, options)
  onTestFinished(() => client.close())
  await client.opened()
  return client
}

/** A client that was welcomed. */
export async function connect(url: string, options: { firstId?: number; attempt?: number } = {}): Promise<BareClient> {
  const client = await open(url, options)
  client.hello({ attempt: options.attempt ?? 1 })
  await client.welcome()
  return client
}

export async function startAndConnect(options: Partial<ServeOptions<object>> = {}) {
  const started = await start(options)
  return { ...started, client: await connect(started.url) }
}

export async function errorOf(call: Promise<unknown>): Promise<WireError> {
  const error = await call.then(
    (value) => new Error(`answered ${String(value)}`),
    (reason) => reason,
  )
  if (!(error instanceof WireError)) throw error
  return error
}

/** What was sent before it was worked off, and what it caused has come: two round trips of a call. */
export async function settleDown(client: BareClient): Promise<void> {
  await client.call('echo', 'once')
  await client.call('echo', 'twice')
}

export function gate() {
  let release = () => {}
  const passed = new Promise<void>((resolve) => {
    release = resolve
  })
  return { passed, release }
}

const utf8 = (text: string) => Buffer.byteLength(text)

/** An `open` of `echo` of exactly that many bytes. */
export function openOfBytes(id: number, bytes: number): string {
  const frame = (text: string) => JSON.stringify([2, id, 'echo', text])
  return frame('x'.repeat(bytes - utf8(frame(''))))
}
