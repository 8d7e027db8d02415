import { describe, expect, it } from 'vitest'
import type { BareClient } from './bare-client.ts'
import { errorOf, open, start } from './bare-client-server.ts'

/** A client that was welcomed and will be kept, or the next of one. */
async function attach(url: string, resumes?: BareClient, fields?: Record<string, unknown>) {
  const client = await open(url, resumes && { resumes })
  client.helloToResume(fields)
  return { client, welcome: await client.welcome() }
}

async function startAndAttach(options: Parameters<typeof start>[0] = {}) {
  const started = await start(options)
  return { ...started, ...(await attach(started.url)) }
}

/** The link is lost, and the server has heard so. */
async function lose(client: BareClient, { server }: { server: { stats(): { detached: number } } }): Promise<void> {
  client.lose()
  await client.closed()
  while (server.stats().detached === 0) await new Promise((resolve) => setImmediate(resolve))
}

describe('a session', () => {
  it('is kept by a server that lists the feature, and goes on where it was', async () => {
    const world = await startAndAttach()
    expect(world.welcome).toMatchObject({ session: 'new', features: expect.arrayContaining(['resume']) })
    await world.client.call('echo', 1)
    await lose(world.client, world)
    const { client, welcome } = await attach(world.url, world.client)
    expect(welcome).toMatchObject({ session: 'resumed', received: 1 })
    expect(await client.call('echo', 2)).toBe(2)
    expect(await client.ping()).toEqual([13, 2, 2])
  })

  it('gives the answer of a call that ran on behind the break, and runs nothing twice', async () => {
    const world = await startAndAttach()
    const posted = world.client.call('rooms.post', { room: 'new', text: 'hello' })
    world.client.flush()
    // The server has read it when it answers this; that answer, at least, is lost with what comes behind.
    await world.client.ping()
    await lose(world.client, world)
    await attach(world.url, world.client)
    expect(await posted).toBe(5)
    expect(world.witness.ran).toEqual(['post'])
  })

  it('gets what was never read by the server from the copies', async () => {
    const world = await startAndAttach()
    const { client: first } = world
    first.lose()
    const posted = first.call('rooms.post', { room: 'new', text: 'lost' })
    first.flush()
    expect(first.session.copies).toHaveLength(1)
    await first.closed()
    await attach(world.url, first)
    expect(await posted).toBe(4)
    expect(world.witness.ran).toEqual(['post'])
  })

  it('brings the items that were published meanwhile, in order and once', async () => {
    const world = await startAndAttach()
    const stream = world.client.subscribe('rooms.messages', { room: 'a' })
    await stream.accepted()
    await world.bus.publish('room:a', 'before')
    expect(await stream.items(1)).toEqual(['before'])
    await lose(world.client, world)
    for (const text of ['one', 'two']) await world.bus.publish('room:a', text)
    await attach(world.url, world.client)
    await world.bus.publish('room:a', 'after')
    expect(await stream.items(3)).toEqual(['one', 'two', 'after'])
  })

  it('takes the credit that was lost, stated again', async () => {
    const world = await startAndAttach()
    const stream = world.client.subscribe('numbers', { to: 6 }, { credit: [2, 262_144] })
    expect(await stream.items(2)).toEqual([1, 2])
    world.client.lose()
    stream.credit(6, 262_144)
    await world.client.closed()
    await attach(world.url, world.client)
    expect(await stream.items(4)).toEqual([3, 4, 5, 6])
  })

  it('drops what the client has settled meanwhile', async () => {
    const world = await startAndAttach()
    const slow = errorOf(world.client.call('slow'))
    await world.client.ping()
    await lose(world.client, world)
    world.client.cancel(1)
    await attach(world.url, world.client)
    await world.witness.aborted.take('abort')
    expect(await slow).toMatchObject({ code: 'CANCELLED' })
    expect(world.server.stats().calls).toBe(0)
  })

  it('acknowledges, and is acknowledged: copies do not pile up', async () => {
    const world = await startAndAttach()
    for (let at = 0; at < 40; at += 1) await world.client.call('echo', at)
    expect(world.client.session.copies.length).toBeLessThan(20)
    expect(world.client.frames.flat().some(([type]) => type === 11)).toBe(true)
    await world.client.ping()
    expect(world.client.session.copies).toEqual([])
    expect(world.server.stats().replayBytes).toBe(0)
  })

  it('is asked what it has, where it acknowledges nothing by itself: a long stream comes whole', async () => {
    const world = await startAndAttach()
    const to = 20_000
    const stream = world.client.subscribe('numbers', { to }, { credit: [to, 100_000_000] })
    const items = await stream.items(to)
    expect(items.at(-1)).toBe(to)
    // A quarter of a million characters, of which 32 768 may be on their way.
    expect(world.client.frames.flat().filter(([type]) => type === 12).length).toBeGreaterThanOrEqual(1)
  })

  it('survives a break at every frame of a dialogue', async () => {
    const world = await startAndAttach()
    let { client } = world
    for (let at = 1; at <= 12; at += 1) {
      const answer = client.call('rooms.post', { room: 'x', text: 'x'.repeat(at) })
      client.flush()
      if (at % 3 === 0) await client.ping()
      if (at % 3 === 1) await new Promise((resolve) => setImmediate(resolve))
      client.lose()
      await client.closed()
      client = (await attach(world.url, client)).client
      expect(await answer).toBe(at)
    }
    expect(world.witness.ran).toHaveLength(12)
    expect(world.server.stats()).toMatchObject({ sessions: 1, calls: 0, resumes: 12 })
  })
})

describe('a session is refused', () => {
  it('to an attempt that is not above the last: 4011 for that socket alone', async () => {
    const world = await startAndAttach()
    const { client: second } = await attach(world.url, world.client)
    expect(await world.client.closed()).toMatchObject({ code: 4011 })
    const stale = await open(world.url, { resumes: world.client })
    stale.helloToResume({ attempt: 1 })
    expect(await stale.closed()).toMatchObject({ code: 4011 })
    expect(await second.call('echo', 'here')).toBe('here')
  })

  it('to a count that can not be: 4110', async () => {
    const world = await startAndAttach()
    await lose(world.client, world)
    const wrong = await open(world.url, { resumes: world.client })
    wrong.helloToResume({ received: 7 })
    expect(await wrong.closed()).toMatchObject({ code: 4110 })
  })

  it('to calls behind its hello: 4000, and nothing is run', async () => {
    const world = await startAndAttach({ authenticate: async () => ({}) })
    await lose(world.client, world)
    const hasty = await open(world.url, { resumes: world.client })
    hasty.helloToResume()
    hasty.socket.send('[2,1,"rooms.mark"]')
    expect(await hasty.closed()).toMatchObject({ code: 4000 })
    expect(world.witness.ran).toEqual([])
  })

  it('to another since: a new one, with both counts at 0', async () => {
    const world = await startAndAttach()
    await world.client.call('echo', 1)
    await lose(world.client, world)
    const other = await open(world.url, { resumes: world.client })
    other.session.since = other.attempt
    other.helloToResume({ received: 0 })
    expect(await other.welcome()).toMatchObject({ session: 'new', received: 0 })
  })

  it('after it was closed with 1000', async () => {
    const world = await startAndAttach()
    await world.client.close()
    expect((await attach(world.url, world.client)).welcome).toMatchObject({ session: 'new' })
  })

  it('by a server without the feature, which says so', async () => {
    const world = await startAndAttach({ resume: false })
    expect(world.welcome.features).not.toContain('resume')
    world.client.lose()
    await world.client.closed()
    expect((await attach(world.url, world.client)).welcome).toMatchObject({ session: 'new' })
  })
})
