import { mutation, query, router, type as unchecked } from 'trunkline'
import { createClient } from 'trunkline/client'
import { type NodeServer, serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { z } from 'zod'

const contract = router({
  echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  post: mutation({
    input: z.object({ text: z.string().min(1) }),
    output: z.object({ id: z.number(), at: z.date() }),
    errors: { CLOSED: z.object({ since: z.date() }) },
  }),
  large: query({ input: z.number(), output: z.string() }),
  fails: query(),
  wait: query({ input: z.string() }),
})

let log: string[] = []
const app = implement(contract).handlers({
  echo: ({ input }) => input,
  post: ({ input, errors }) => {
    if (input.text === 'closed') throw errors.CLOSED({ since: new Date(1) })
    return { id: 1, at: new Date(2), secret: 'kept' }
  },
  large: ({ input }) => 'x'.repeat(input),
  fails: () => {
    throw new Error('the password is hunter2')
  },
  wait: ({ input, signal }) =>
    new Promise<void>(() => {
      log.push(`begin ${input}`)
      signal.addEventListener('abort', () => log.push(`abort ${input}`))
    }),
})

let server: NodeServer
let client: ReturnType<typeof createClient<typeof contract>>

beforeAll(async () => {
  server = await serve(app, { host: '127.0.0.1', onError: () => {} })
})
afterAll(() => server.close({ drainMs: 0 }))
beforeEach(() => {
  log = []
  client = createClient<typeof contract>({ url: server.url })
})
afterEach(() => client.connection.close())

it('carries input and output as their schemas say', async () => {
  expect(await client.api.post({ text: 'hi' })).toEqual({ id: 1, at: new Date(2) })
})

it('carries rich values as themselves', async () => {
  const value = {
    date: new Date(5),
    big: 10n ** 30n,
    map: new Map<unknown, unknown>([['a', new Set([1, Number.NaN])]]),
    url: new URL('https://a.test/x'),
    list: [undefined, Number.POSITIVE_INFINITY, -0],
    text: '💬 "quoted" \u2028 \0',
  }
  expect(await client.api.echo(value)).toEqual({ ...value, list: [undefined, Number.POSITIVE_INFINITY, 0] })
  expect(await client.api.echo(undefined)).toBeUndefined()
  expect(await client.api.echo(null)).toBeNull()
})

it('carries errors of the contract with their data', async () => {
  await expect(client.api.post({ text: 'closed' })).rejects.toMatchObject({
    code: 'CLOSED',
    data: { since: new Date(1) },
    delivery: 'ran',
  })
})

it('refuses input with its issues', async () => {
  await expect(client.api.post({ text: '' })).rejects.toMatchObject({
    code: 'BAD_REQUEST',
    delivery: 'not-run',
    data: { issues: [{ path: ['text'] }] },
  })
})

it('says nothing of a defect', async () => {
  const error = await client.api.fails().catch((reason: Error) => reason)
  expect(error).toMatchObject({ code: 'INTERNAL', message: '"fails" failed at the server; its log says why' })
  expect(JSON.stringify(error) + (error as Error).stack).not.toContain('hunter2')
})

it.each([0, 1, 125, 126, 127, 65_535, 65_536, 900_000])('carries %i characters both ways', async (length) => {
  const text = 'é'.repeat(length / 2) + 'x'.repeat(length % 2)
  expect(await client.api.echo(text)).toBe(text)
})

it('answers 2 000 calls at once, each with its own', async () => {
  const answers = await Promise.all(Array.from({ length: 2_000 }, (_, at) => client.api.echo({ at })))
  expect(answers).toEqual(Array.from({ length: 2_000 }, (_, at) => ({ at })))
})

it('carries twenty large calls at once', async () => {
  await client.connection.connect()
  const text = 'x'.repeat(700_000)
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.api.echo(text)))
  expect(answers.every((answer) => answer === text)).toBe(true)
})

it('fails an answer over 1 MiB alone with TOO_LARGE', async () => {
  await expect(client.api.large(1_100_000)).rejects.toMatchObject({ code: 'TOO_LARGE', delivery: 'ran' })
  expect(await client.api.large(10)).toHaveLength(10)
})

it('refuses an input over 1 MiB locally', async () => {
  await expect(client.api.echo('x'.repeat(1_100_000))).rejects.toMatchObject({ code: 'TOO_LARGE', delivery: 'not-run' })
  expect(await client.api.echo(1)).toBe(1)
})

it('refuses an input over 1 MiB locally when its text is not ASCII', async () => {
  const fast = createClient<typeof contract>({ url: server.url, reconnect: { minMs: 1, baseMs: 1, maxMs: 1 } })
  const outcome = await fast.api.echo('話'.repeat(600_000)).catch((error) => error)
  const { status } = fast.connection.state
  await fast.connection.close()
  expect(outcome).toMatchObject({ code: 'TOO_LARGE', delivery: 'not-run' })
  expect(status).toBe('open')
})

it('tells the handler of an abort', async () => {
  const controller = new AbortController()
  const call = client.api.wait('a', { signal: controller.signal })
  await client.api.echo(1)
  controller.abort()
  await expect(call).rejects.toMatchObject({ code: 'CANCELLED', delivery: 'unknown' })
  await client.api.echo(1)
  expect(log).toEqual(['begin a', 'abort a'])
})

it('tells the handler of a deadline', async () => {
  await expect(client.api.wait('b', { timeoutMs: 60 })).rejects.toMatchObject({ code: 'TIMEOUT', delivery: 'unknown' })
  await client.api.echo(1)
  expect(log).toEqual(['begin b', 'abort b'])
})

it('gives the middleware and handler of one client nothing of another', async () => {
  const other = createClient<typeof contract>({ url: server.url })
  const [mine, theirs] = await Promise.all([client.api.echo('mine'), other.api.echo('theirs')])
  expect([mine, theirs]).toEqual(['mine', 'theirs'])
  await other.connection.close()
})
