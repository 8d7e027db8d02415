// What a hostile client says to a server's calls and about large parts: it costs that client something, and nobody else.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { mutation, query, type RpcError, router, subscription, type as unchecked } from 'trunkline'
import { type Connection, implement } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { joinPacked } from '../../packages/trunkline/src/protocol/binary-frame.ts'
import { Collected } from '../../packages/trunkline/src/protocol/collected.ts'
import { RichParts } from '../../packages/trunkline/src/protocol/decode-value.ts'
import { type Accepted, acceptOn, hello } from './accepted.ts'

const page = router({
  title: query({ output: unchecked<string>() }),
  moves: subscription({ output: unchecked<number>() }),
  save: mutation({ input: unchecked<Uint8Array>() }),
})
const contract = router({
  ping: query({ output: unchecked<string>() }),
  store: mutation({ input: unchecked<Uint8Array>() }),
})

let asked: Connection
let stored = 0
const app = implement(contract).handlers({
  ping: ({ connection }) => {
    asked = connection
    return 'pong'
  },
  store: () => {
    stored++
  },
})

const settle = () => vi.advanceTimersByTimeAsync(0)

let connect: ReturnType<typeof acceptOn>['connect']
let line: Accepted

beforeEach(async () => {
  vi.useFakeTimers()
  stored = 0
  connect = acceptOn(app as never).connect
  line = connect()
  line.say(hello({}, { features: ['serve', 'resume'] }))
  await settle()
  line.say([2, 1, 'ping'])
  await settle()
})
afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
})

describe('a client that answers', () => {
  it('a query as if it were an upload, or a stream, ends the call', async () => {
    for (const stream of [0, 2]) {
      const failed = asked
        .client(page)
        .title()
        .catch((error: RpcError) => error.code)
      await settle()
      line.say([5, 2 + stream, stream])
      expect(await failed).toBe('INTERNAL')
      await settle()
      expect(line.sent.at(-1)).toEqual([10, 2 + stream])
    }
    expect(line.closed).toEqual([])
  })

  it('a stream like a query gives an RpcError', async () => {
    const failed = asked
      .client(page)
      .moves()
      .then(
        () => 'accepted',
        (error: RpcError) => error.code,
      )
    await settle()
    line.say([3, 2, { not: 'a stream' }])
    expect(await failed).toBe('INTERNAL')
  })

  it('with gap upon gap makes the server hold one', async () => {
    const gaps: unknown[] = []
    const moves = await (async () => {
      const accepted = asked.client(page).moves(undefined, { onGap: (gap) => void gaps.push(gap) })
      await settle()
      line.say([5, 2, 2], [6, 2, 1])
      return accepted
    })()
    for (let at = 0; at < 100; at++) line.say([7, 2, { reason: 'dropped' }])
    line.say([6, 2, 2], [8, 2])
    await settle()
    const items: unknown[] = []
    for await (const item of moves) items.push(item)
    expect(items).toEqual([1, 2])
    expect(gaps).toHaveLength(1)
  })
})

it('items that state less than they are end the connection before they fill the memory', async () => {
  const moves = asked.client(page).moves()
  await settle()
  line.say([5, 2, 2])
  await moves
  const large = 'x'.repeat(1_000_000)
  for (let count = 0; count < 30 && line.closed.length === 0; count++) line.say([6, 2, large])
  await settle()
  expect(line.closed).toMatchObject([{ code: 4000 }])
  await moves[Symbol.asyncDispose]()
})

describe('pieces of a large message', () => {
  it('are copied together: however many and small they are, none is held', async () => {
    vi.useRealTimers()
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const collected = new Collected()
    const held = Array.from({ length: 100 }, () => {
      const bytes = new Uint8Array(1)
      collected.add([17, [0, 1], new RichParts([['bytes']], bytes, { left: 1 })], 100)
      return new WeakRef(bytes.buffer)
    })
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    expect(held.filter((buffer) => buffer.deref()).length).toBeLessThan(10)
    expect(collected.length).toBe(100)
  })

  it('count among what a process keeps of detached sessions', async () => {
    const world = acceptOn(app as never, { resume: { totalBytes: 50_000 } })
    const other = world.connect()
    other.say(hello({}, { features: ['resume'] }))
    await settle()
    other.binary(joinPacked([{ text: '[17,[0,60000],[["bytes"]]]', bytes: new Uint8Array(60_000), length: 60_026 }]))
    other.gone()
    expect(world.server.stats().detached).toBe(1)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(world.server.stats().detached).toBe(0)
  })
})

it('a large call that its client has settled meanwhile is not run, though smaller ones came before it', async () => {
  // Open 3 is on its way in pieces; 5 has overtaken it.
  const part = joinPacked([{ text: '[17,[0,8],[["bytes"]]]', bytes: new Uint8Array(8), length: 30 }])
  line.binary(part)
  line.say([2, 5, 'ping'])
  await settle()
  line.gone()
  const next = connect()
  next.say([
    0,
    {
      session: 'abc',
      attempt: 2,
      since: 1,
      received: line.sent.length - 1,
      params: {},
      features: ['serve', 'resume'],
      settled: [3],
    },
  ])
  await settle()
  expect(next.closed).toEqual([])
  next.say([2, 3, 'store', [0, 8], null, [['bytes']], 0, 1])
  await settle()
  expect(stored).toBe(0)
})

it('a session whose large answers wait is kept only as long as they fit', async () => {
  const mib = 1024 * 1024 - 1024
  const world = acceptOn(
    implement(router({ load: query({ output: unchecked<Uint8Array>() }) })).handlers({
      load: () => new Uint8Array(mib),
    }) as never,
  )
  const reader = world.connect()
  reader.say(hello({}, { features: ['resume'] }))
  await settle()
  for (let id = 1; id < 9; id += 2) reader.say([2, id, 'load'])
  await settle()
  reader.gone()
  expect(world.server.stats().detached).toBe(0)
})

it('who sends on while large answers wait, is read again once they are written', async () => {
  const size = 1024 * 1024 - 1024
  const world = acceptOn(
    implement(router({ load: query({ input: unchecked<string>(), output: unchecked<Uint8Array>() }) })).handlers({
      load: () => new Uint8Array(size),
    }) as never,
  )
  const reader = world.connect()
  reader.say(hello({}, { features: ['resume'] }))
  await settle()
  // More than half of what may wait: nothing more is worked off.
  for (let id = 1; id < 22; id += 2) {
    reader.say([2, id, 'load', ''])
    await settle()
  }
  // More than is read ahead: its acknowledgements are not read either.
  reader.say([2, 23, 'load', 'x'.repeat(70_000)])
  await settle()
  await vi.advanceTimersByTimeAsync(100)
  expect(reader.reading).toEqual(['paused', 'resumed'])
  expect(reader.closed).toEqual([])
})
