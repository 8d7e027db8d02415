// The real server, driven by the bare client: streams, repeats, keep-alive (PROTOCOL.md, sections 5 to 7 and 9).
import { describe, expect, it } from 'vitest'
import { connect, errorOf, open, settleDown, start, startAndConnect } from './bare-client-server.ts'

describe('streams and credit', () => {
  it('sends items and the end', async () => {
    const { client } = await startAndConnect()
    const stream = client.subscribe('numbers', { to: 3 })
    expect((await stream.accepted()).stream).toBeGreaterThanOrEqual(1)
    expect(await stream.items(3)).toEqual([1, 2, 3])
    expect(await stream.next()).toEqual({ type: 'end' })
  })

  it('does not ask the source beyond the credit, and goes on with more', async () => {
    const { client, witness } = await startAndConnect()
    const stream = client.subscribe('numbers', { to: 100 }, { credit: [3, 1_000_000] })
    expect(await stream.items(3)).toEqual([1, 2, 3])
    await settleDown(client)
    expect(witness.pulled).toBe(3)
    stream.credit(5, 1_000_000)
    expect(await stream.items(2)).toEqual([4, 5])
    await settleDown(client)
    expect(witness.pulled).toBe(5)
  })

  it('asks nothing of a source without credit', async () => {
    const { client, witness } = await startAndConnect()
    const stream = client.subscribe('numbers', { to: 100 }, { credit: [0, 0] })
    await stream.accepted()
    await settleDown(client)
    expect(witness.pulled).toBe(0)
    stream.credit(1, 1)
    expect(await stream.items(1)).toEqual([1])
  })

  it('takes the credit of hello where the open states none', async () => {
    const { url, witness } = await start()
    const client = await open(url)
    client.hello({ credit: [2, 1_000_000] })
    const stream = client.subscribe('numbers', { to: 100 })
    expect(await stream.items(2)).toEqual([1, 2])
    await settleDown(client)
    expect(witness.pulled).toBe(2)
  })

  it('limits the bytes, an item without a size being 1 024', async () => {
    const { client, witness } = await startAndConnect()
    const stream = client.subscribe('numbers', { to: 100 }, { credit: [100, 2_048] })
    expect(await stream.items(2)).toEqual([1, 2])
    await settleDown(client)
    expect(witness.pulled).toBe(2)
    stream.credit(100, 2_049)
    expect(await stream.items(1)).toEqual([3])
  })

  it('merges credit by maximum', async () => {
    const { client, witness } = await startAndConnect()
    const stream = client.subscribe('numbers', { to: 100 }, { credit: [4, 1_000_000] })
    client.send([9, stream.id, 1, 1])
    expect(await stream.items(4)).toEqual([1, 2, 3, 4])
    await settleDown(client)
    expect(witness.pulled).toBe(4)
  })

  it.each([1_100, 2_000])('states the size of an item of %i characters', async (length) => {
    expect((await longItem(length))[4]).toBeGreaterThanOrEqual(length)
  })

  it('states the length of the JSON of the value, and none up to 1 024', async () => {
    expect((await longItem(1_022))[4] ?? 0).toBe(0)
    expect((await longItem(1_023))[4]).toBe(1_025)
  })

  /** The `item` message as it came, for a string of that many characters. */
  async function longItem(length: number): Promise<readonly unknown[]> {
    const { client, bus } = await startAndConnect()
    const stream = client.subscribe('rooms.messages', { room: 'a' })
    await stream.accepted()
    await bus.publish('room:a', 'x'.repeat(length))
    await stream.items(1)
    return client.frames.flat().find(([type]) => type === 6) ?? []
  }

  it('stops the source at a cancel, and says nothing more', async () => {
    const { client, witness } = await startAndConnect()
    const stream = client.subscribe('numbers', { to: 100 }, { credit: [2, 1_000_000] })
    await stream.items(2)
    client.cancel(stream.id)
    expect(await witness.stopped.take('finally')).toBe('numbers')
    const frames = client.frames.length
    stream.credit(50, 1_000_000)
    await settleDown(client)
    expect(
      client.frames
        .slice(frames)
        .flat()
        .every(([type]) => type === 3),
    ).toBe(true)
    expect(witness.pulled).toBe(2)
  })

  it('stops the source when the socket goes', async () => {
    const { client, witness } = await startAndConnect()
    await client.subscribe('numbers', { to: 100 }, { credit: [2, 1_000_000] }).items(2)
    client.socket.terminate()
    expect(await witness.stopped.take('finally')).toBe('numbers')
  })

  it('refuses a stream before accept with an error that says so', async () => {
    const { client } = await startAndConnect()
    const error = await errorOf(client.subscribe('numbers', {}).accepted())
    expect(error).toMatchObject({ code: 'BAD_REQUEST', details: { delivery: 'not-run', stream: true } })
  })

  it('continues a publisher after lastEventId', async () => {
    const { client, bus, url } = await startAndConnect()
    const stream = client.subscribe('rooms.messages', { room: 'a' })
    await stream.accepted()
    await bus.publish('room:a', 'one')
    const first = await stream.next()
    const lastEventId = first.type === 'item' ? first.eventId : null
    if (lastEventId === null) throw new Error('no event id')
    client.socket.terminate()
    await client.closed()
    await bus.publish('room:a', 'two')
    await bus.publish('room:a', 'three')
    const next = await connect(url, { attempt: 2, firstId: 3 })
    expect(await next.subscribe('rooms.messages', { room: 'a' }, { lastEventId }).items(2)).toEqual(['two', 'three'])
  })

  it('continues a publisher after the position of accept', async () => {
    const { client, bus } = await startAndConnect()
    const { position } = await client.subscribe('rooms.messages', { room: 'a' }).accepted()
    if (position === null) throw new Error('no position')
    await bus.publish('room:a', 'one')
    const again = client.subscribe('rooms.messages', { room: 'a' }, { lastEventId: position })
    expect(await again.items(1)).toEqual(['one'])
  })

  it('says gap right after accept for an id that the source does not know, and goes on', async () => {
    const { client, bus } = await startAndConnect()
    const stream = client.subscribe('rooms.messages', { room: 'a' }, { lastEventId: 'foreign' })
    expect(await stream.next()).toEqual({ type: 'gap', reason: 'history' })
    await bus.publish('room:a', 'one')
    expect(await stream.items(1)).toEqual(['one'])
    expect(
      client.frames
        .flat()
        .filter(([type]) => type === 5 || type === 7)
        .map(([type]) => type),
    ).toEqual([5, 7])
  })
})

describe('repeats', () => {
  it('runs a query and an idempotent mutation, not another mutation, and opens a subscription with a gap', async () => {
    const { client, url, witness } = await startAndConnect()
    const lost = client.call('slow')
    await client.call('echo', 1)
    client.socket.terminate()
    expect((await errorOf(lost)).code).toBe('CONNECTION_LOST')

    const next = await connect(url, { attempt: 2 })
    const sum = next.call('math.add', { a: 1, b: 2 }, { id: 5, repeat: true })
    const post = next.call('rooms.post', { room: 'a', text: 'x' }, { id: 7, repeat: true })
    const mark = next.call('rooms.mark', undefined, { id: 9, repeat: true })
    const stream = next.subscribe('rooms.messages', { room: 'a' }, { id: 11, repeat: true })
    const fresh = next.call('echo', 'fresh')
    expect(await sum).toBe(3)
    expect(await errorOf(post)).toMatchObject({ code: 'CONNECTION_LOST', details: { delivery: 'unknown' } })
    expect(await mark).toBeGreaterThan(0)
    await stream.accepted()
    expect((await stream.next()).type).toBe('gap')
    expect(await fresh).toBe('fresh')
    expect(witness.ran).toEqual(['slow', 'add', 'mark'])
  })

  it('opens a subscription again from its last event id', async () => {
    const { client, bus } = await startAndConnect()
    const { position } = await client.subscribe('rooms.messages', { room: 'a' }).accepted()
    await bus.publish('room:a', 'one')
    const options = { repeat: true as const, lastEventId: position ?? '' }
    expect(await client.subscribe('rooms.messages', { room: 'a' }, options).items(1)).toEqual(['one'])
  })

  it('may have an id that is not above the last', async () => {
    const { client } = await startAndConnect()
    await client.call('echo', 1, { id: 9 })
    expect(await client.call('echo', 2, { id: 5, repeat: true })).toBe(2)
  })
})

describe('keep-alive', () => {
  it('answers a ping with the true counts', async () => {
    const { client } = await startAndConnect()
    expect(await client.ping()).toEqual([13, 0, 0])
    await Promise.all([client.call('echo', 1), client.call('echo', 2)])
    await client.call('echo', 3)
    expect(await client.ping()).toEqual([13, 2, client.session.received])
  })

  it('counts cancel, and neither credit nor control messages', async () => {
    const { client } = await startAndConnect()
    const stream = client.subscribe('numbers', { to: 9 }, { credit: [1, 1] })
    await stream.items(1)
    stream.credit(2, 5_000)
    await stream.items(1)
    await client.ping()
    client.cancel(stream.id)
    expect(await client.ping()).toEqual([13, 2, client.session.received])
  })

  it('answers a batch of pings with a pong each', async () => {
    const { client } = await startAndConnect()
    client.socket.send('[[12,0,0],[12,0,0]]')
    expect(await client.pongs.take('pong')).toEqual([13, 0, 0])
    expect(await client.pongs.take('second pong')).toEqual([13, 0, 0])
  })

  it.each([
    ['ping', 12],
    ['pong', 13],
  ])('closes with 4110 on a %s whose sent is not what was received', async (_, type) => {
    const { client } = await startAndConnect()
    await client.call('echo', 1)
    client.send([type, client.session.received, client.session.sent + 1])
    expect(await client.closed()).toMatchObject({ code: 4110 })
  })

  it('pings a silent client with the true counts, and stays while it is answered', async () => {
    const { client } = await startAndConnect({ keepAlive: { intervalMs: 20, timeoutMs: 5_000 } })
    await client.call('echo', 1)
    for (const _ of [1, 2, 3])
      expect(await client.pings.take('ping')).toEqual([12, client.session.sent, client.session.received])
  })

  it('drops a client that does not answer with 4102', async () => {
    const { client } = await startAndConnect({ keepAlive: { intervalMs: 20, timeoutMs: 30 } })
    client.answersPings = false
    expect(await client.closed()).toMatchObject({ code: 4102 })
  })
})
