// Two minutes with tokens of 5 s, and a backend of authentication that is down for 20 of them: nobody notices the first, and everybody survives the second.
import { setTimeout as wait } from 'node:timers/promises'
import { query, RpcError, router, subscription, type as unchecked } from 'trunkline'
import { createClient, safe } from 'trunkline/client'
import { serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { expect, test } from 'vitest'

interface User {
  user: string
  expiresAt: number
}

const contract = router({
  who: query({ output: unchecked<string>() }),
  ticks: subscription({ output: unchecked<number>() }),
})

const lifeMs = 5_000
const people = 20

async function start() {
  const backend = { isDown: false, asked: 0 }
  const app = implement(contract)
    .context<User>()
    .handlers({
      who: ({ context }) => {
        if (context.expiresAt < Date.now()) throw new RpcError('UNAUTHORIZED', { message: 'an expired context' })
        return context.user
      },
      ticks: async function* ({ signal }) {
        for (let tick = 0; !signal.aborted; tick++) {
          yield tick
          await wait(200, undefined, { signal }).catch(() => {})
        }
      },
    })
  const server = await serve(app, {
    host: '127.0.0.1',
    onError: () => {},
    authenticate: async ({ params }) => {
      backend.asked++
      await wait(5)
      if (backend.isDown) throw new Error('the database is down')
      const [user = '', expiresAt = ''] = String(params.token).split('.')
      return { user, expiresAt: Number(expiresAt) }
    },
    identify: ({ user, expiresAt }) => ({ principal: user, expiresAt }),
  })
  const clients = Array.from({ length: people }, (_, index) => {
    const client = createClient<typeof contract>({
      url: server.url,
      params: () => ({ token: `u${index}.${Date.now() + lifeMs}` }),
    })
    const statuses: string[] = []
    return { ...client, name: `u${index}`, statuses }
  })
  await Promise.all(clients.map(({ connection }) => connection.connect()))
  for (const { connection, statuses } of clients) connection.on('change', ({ status }) => statuses.push(status))
  const stop = async () => {
    await Promise.all(clients.map(({ connection }) => connection.close()))
    await server.close({ drainMs: 0 })
  }
  return { backend, server, clients, stop }
}

test('tokens of 5 s refreshed over two minutes of calls and streams interrupt nothing', async () => {
  const { backend, clients, stop } = await start()
  let isOver = false
  const wrong: unknown[] = []
  let [calls, items] = [0, 0]
  const work = clients.map(async ({ api, name }) => {
    while (!isOver) {
      const outcome = await safe(api.who())
      if (!outcome.ok || outcome.value !== name) wrong.push(outcome)
      calls++
      await wait(50)
    }
  })
  const streams = await Promise.all(clients.map(({ api }) => api.ticks()))
  const reading = streams.map(async (ticks) => {
    let next = 0
    for await (const tick of ticks) {
      if (tick !== next++) wrong.push({ tick, expected: next - 1 })
      items++
      if (isOver) break
    }
  })
  await wait(120_000)
  isOver = true
  await Promise.all([...work, ...reading])
  console.log(`${calls} calls, ${items} items, authenticated ${backend.asked} times for ${people} clients`)
  expect(wrong).toEqual([])
  expect(clients.flatMap(({ statuses }) => statuses)).toEqual([])
  expect(calls).toBeGreaterThan(people * 1_000)
  expect(items).toBeGreaterThan(people * 400)
  expect(backend.asked).toBeGreaterThan(people * 20)
  await stop()
})

test('an authentication backend that is down for 20 s throws nobody out', async () => {
  const { backend, clients, stop } = await start()
  backend.isDown = true
  const calls = clients.map(({ api }) => safe(api.who()))
  await Promise.all(calls)
  // Half of them lose their line too: what stood for them is gone with it.
  const newcomers = clients.slice(0, people / 2).map(async ({ connection }) => {
    await connection.close()
    return connection.connect()
  })
  await wait(20_000)
  expect(clients.slice(0, people / 2).filter(({ connection }) => connection.state.status === 'open')).toEqual([])
  backend.isDown = false
  await Promise.all(newcomers)
  for (const { api, name, connection } of clients) {
    expect(await api.who()).toBe(name)
    expect(connection.state.status).toBe('open')
  }
  expect(clients.slice(people / 2).flatMap(({ statuses }) => statuses)).toEqual([])
  await stop()
})
