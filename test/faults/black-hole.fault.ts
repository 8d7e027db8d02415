// RELIABILITY: a black hole in one or both directions, without a FIN. Seconds of real time, since real sockets are the point.
import { createClient } from 'trunkline/client'
import { serve } from 'trunkline/node'
import { createFaultProxy } from 'trunkline/testing'
import { expect, test } from 'vitest'
import { type contract, Ledger } from './ledger.ts'

const directions = ['up', 'down', 'both'] as const

async function world() {
  const ledger = new Ledger()
  const server = await serve(ledger.app, { host: '127.0.0.1', onError: () => {} })
  const proxy = await createFaultProxy({ target: server.url })
  const client = createClient<typeof contract>({ url: proxy.url() })
  await client.connection.connect()
  const close = async (): Promise<void> => {
    await client.connection.close()
    await proxy.close()
    await server.close({ drainMs: 0 })
  }
  return { ...client, ledger, proxy, server, close }
}

/** Ms until the client has noticed. */
async function noticed({ connection }: Awaited<ReturnType<typeof world>>): Promise<number> {
  const start = performance.now()
  await new Promise<void>((resolve) => {
    const undo = connection.on('change', ({ status }) => {
      if (status === 'open') return
      undo()
      resolve()
    })
  })
  return performance.now() - start
}

test.concurrent.each(directions)(
  'black hole, %s, with calls open: found within 10 s, and the calls go on',
  async (direction) => {
    const one = await world()
    // Its answer does not come before the hole is found: any frame would prove life.
    const call = one.api.act({ id: 1, waitMs: 12_000 })
    await one.api.ask({ id: 2 })
    const found = noticed(one)
    ;(await one.proxy.connected()).blackHole(direction)
    const more = one.api.act({ id: 3 })
    const ms = await found
    console.log(`black hole, ${direction}, calls open: found after ${(ms / 1_000).toFixed(2)} s`)
    expect(await Promise.all([call, more])).toEqual([1, 3])
    expect(one.ledger.acts).toEqual([1, 3])
    expect(one.connection.stats().resumes).toBe(1)
    await one.close()
    expect(ms).toBeLessThanOrEqual(10_000)
  },
)

test.concurrent.each(directions)(
  'black hole, %s, idle: found within 35 s, and a subscription misses nothing',
  async (direction) => {
    const one = await world()
    const journal = (await one.api.journal())[Symbol.asyncIterator]()
    // What is acknowledged is not waited for.
    await one.api.ask({ id: 0 })
    await idle(one)
    const found = noticed(one)
    ;(await one.proxy.connected()).blackHole(direction)
    const ms = await found
    one.ledger.note(7)
    console.log(`black hole, ${direction}, idle: found after ${(ms / 1_000).toFixed(2)} s`)
    expect(await journal.next()).toEqual({ done: false, value: 7 })
    expect(one.connection.stats().resumes).toBe(1)
    await one.close()
    expect(ms).toBeLessThanOrEqual(35_000)
  },
)

/** Resolves when no frame of the client is unacknowledged: the first ping does that. */
async function idle({ connection }: Awaited<ReturnType<typeof world>>): Promise<void> {
  while (connection.stats().replayBytes > 0) await new Promise((resolve) => setTimeout(resolve, 50))
}
