// Strangers on the socket: each gets the close code it has earned, and nobody else notices.
import { setImmediate as turn } from 'node:timers/promises'
import { query, router, subscription } from 'trunkline'
import { createClient, safe } from 'trunkline/client'
import { type NodeServer, serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import { acts } from '../faults/strangers.ts'

let checks = 0

/** An asynchronous refinement as people write it: it looks something up, and that fails. */
async function check(name: string): Promise<boolean> {
  checks++
  await turn()
  if (name === 'broken') throw new Error('the database is down')
  return name === 'free'
}

const contract = router({
  echo: query({ input: z.object({ text: z.string() }), output: z.object({ text: z.string() }) }),
  any: query({ input: z.any(), output: z.any() }),
  items: subscription({ input: z.number(), output: z.number() }),
  refined: query({ input: z.string().refine(check) }),
})

const app = implement(contract).handlers({
  echo: ({ input }) => input,
  any: ({ input }) => input,
  items: async function* ({ input }) {
    for (let index = 0; index < input; index++) yield index
  },
  refined: () => {},
})

let server: NodeServer
const defects: unknown[] = []
const unhandled: unknown[] = []
const note = (error: unknown): unknown => unhandled.push(error)

beforeAll(async () => {
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
  server = await serve(app, { host: '127.0.0.1', onError: ({ error }) => defects.push(error) })
})

afterAll(async () => {
  await server.close({ drainMs: 0 })
  process.off('unhandledRejection', note)
  process.off('uncaughtException', note)
  expect(unhandled).toEqual([])
})

test.each(acts)('$name', async ({ code, run }) => {
  expect(await run(server.url)).toBe(code)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

test('20 honest clients see no error while every hostile act goes on around them', async () => {
  const clients = Array.from({ length: 20 }, () => createClient<typeof contract>({ url: server.url }))
  let isOver = false
  const honest = clients.map(async ({ api }) => {
    const errors: unknown[] = []
    for (let n = 0; !isOver; n++) {
      const outcome = await safe(api.echo({ text: String(n) }))
      if (!outcome.ok || outcome.value.text !== String(n)) errors.push(outcome)
      await turn()
    }
    return errors
  })
  await Promise.all(acts.map(({ run }) => run(server.url)))
  isOver = true
  expect((await Promise.all(honest)).flat()).toEqual([])
  await Promise.all(clients.map(({ connection }) => connection.close()))
})

test.each([
  ['taken', 'BAD_REQUEST'],
  ['broken', 'BAD_REQUEST'],
  ['free', undefined],
])('an asynchronous refinement runs once and takes nobody down: %s', async (name, code) => {
  const { api, connection } = createClient<typeof contract>({ url: server.url })
  checks = 0
  const outcome = await safe(api.refined(name))
  expect(outcome.ok ? undefined : outcome.error.code).toBe(code)
  expect(checks).toBe(1)
  expect(outcome.ok || outcome.error.delivery === 'not-run').toBe(true)
  await connection.close()
})

describe('a hostile server', () => {
  const welcome = '[1,{"connection":"c","session":"new"}]'
  const frames: readonly string[] = [
    '',
    '{',
    '[]',
    '[null]',
    '[2,1,"echo"]',
    '[0,{}]',
    '[1]',
    '[1,{"connection":1,"session":"new"}]',
    welcome.replace('new', 'old'),
    '[3]',
    '[3,"x",1]',
    '[3,0,1]',
    '[4,1]',
    '[4,1,5,"x"]',
    '[5,1]',
    '[5,1,"x"]',
    '[5,1,1,5]',
    '[6]',
    '[6,"x",1]',
    '[6,1,1,7]',
    '[6,1,1,"id",-1]',
    '[7]',
    '[8]',
    '[9,1]',
    '[12]',
    '[13,"x"]',
    '[17]',
    '[[8,9],[12,0,0]]',
    '['.repeat(10_000) + ']'.repeat(10_000),
  ]

  test.each(frames.map((frame) => ({ name: frame.slice(0, 40), frame })))(
    '$name ends as a failed call, never as an exception',
    async ({ frame }) => {
      const hostile = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'trunkline.v1' })
      hostile.on('connection', (socket) => {
        socket.on('message', () => {
          socket.send(welcome)
          socket.send(frame)
        })
      })
      await new Promise((resolve) => hostile.once('listening', resolve))
      const { port } = hostile.address() as { port: number }
      const client = createClient<typeof contract>({
        url: `ws://127.0.0.1:${port}/`,
        reconnect: { minMs: 1, baseMs: 1, maxMs: 1 },
      })
      const outcome = await safe(client.api.echo({ text: 'x' }, { timeoutMs: 2_000 }))
      expect(outcome.ok).toBe(false)
      await client.connection.close()
      for (const socket of hostile.clients) socket.terminate()
      await new Promise((resolve) => hostile.close(resolve))
    },
  )

  test('items beyond the credit close the connection', async () => {
    const hostile = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'trunkline.v1' })
    const codes: number[] = []
    hostile.on('connection', (socket) => {
      socket.on('close', (code) => codes.push(code))
      socket.once('message', () => {
        socket.send(welcome)
        socket.send('[5,1,1]')
        for (let n = 0; n < 300; n++) socket.send(`[6,1,${n}]`)
      })
    })
    await new Promise((resolve) => hostile.once('listening', resolve))
    const { port } = hostile.address() as { port: number }
    const client = createClient<typeof contract>({
      url: `ws://127.0.0.1:${port}/`,
      reconnect: { minMs: 1, baseMs: 1, maxMs: 1 },
    })
    await safe(client.api.items(5))
    await expect.poll(() => codes).toContain(4000)
    await client.connection.close()
    await new Promise((resolve) => hostile.close(resolve))
  })
})
