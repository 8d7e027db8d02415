import { mutation, query, router, subscription, type as unchecked } from 'trunkline'
import { implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const contract = router({
  who: query({ output: unchecked<string>() }),
  act: mutation({ input: unchecked<string>(), output: unchecked<string>() }),
  ticks: subscription({ output: unchecked<number>() }),
})
const ran: string[] = []
const app = implement(contract)
  .context<{ user: string }>()
  .handlers({
    who: ({ context }) => {
      ran.push('who')
      return context.user
    },
    act: ({ input }) => {
      ran.push(input)
      return input
    },
    ticks: async function* ({ signal }) {
      yield 1
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
  })
const authenticate = ({ params }: { params: Readonly<Record<string, unknown>> }) => ({ user: String(params.user) })

let pair = createPair(app, { authenticate })

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  pair = createPair(app, { authenticate })
  ran.length = 0
})

afterEach(async () => {
  await pair.close()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

it('joins any number of clients to one server', async () => {
  const [ada, bob] = ['ada', 'bob'].map((user) => pair.createClient({ params: { user } }))
  expect(await ada?.api.who()).toBe('ada')
  expect(await bob?.api.who()).toBe('bob')
  expect(pair.server.stats().connections).toBe(2)
})

it('needs no timer to answer', async () => {
  expect(await pair.createClient().api.who()).toBe('undefined')
})

it('records every frame, oldest first', async () => {
  await pair.createClient({ params: { user: 'ada' } }).api.who()
  const [first] = pair.frames
  expect(first?.from).toBe('client')
  expect(JSON.parse(first?.text ?? '')).toMatchObject([0, { params: { user: 'ada' } }])
  expect(pair.frames.at(-1)).toEqual({ from: 'server', text: '[3,1,"ada"]' })
})

it('cut() breaks every connection, and the clients come back', async () => {
  const clients = [pair.createClient(), pair.createClient()]
  await Promise.all(clients.map(({ connection }) => connection.connect()))
  pair.cut()
  expect(clients.map(({ connection }) => connection.state.status)).toEqual(['waiting', 'waiting'])
  expect(pair.server.stats().connections).toBe(0)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(clients.map(({ connection }) => connection.state.status)).toEqual(['open', 'open'])
})

it('cut() leaves what ran on the connections to whoever comes back', async () => {
  for await (const _ of pair.createClient().api.ticks()) {
    expect(pair.server.stats().streams).toBe(1)
    pair.cut()
    expect(pair.server.stats()).toMatchObject({ connections: 0, detached: 1, streams: 1 })
    break
  }
  await vi.advanceTimersByTimeAsync(1_000)
  expect(pair.server.stats()).toMatchObject({ connections: 1, detached: 0, streams: 0, resumes: 1 })
})

it('cut() aborts what ran on the connections of a server that keeps nothing', async () => {
  const hard = createPair(app, { authenticate, resume: false })
  for await (const _ of hard.createClient().api.ticks()) {
    expect(hard.server.stats().streams).toBe(1)
    hard.cut()
    expect(hard.server.stats()).toMatchObject({ streams: 0, sessions: 0 })
    break
  }
  await hard.close()
})

it('isReachable = false makes attempts fail', async () => {
  pair.isReachable = false
  const { connection } = pair.createClient({ eager: true })
  await vi.advanceTimersByTimeAsync(5_000)
  expect(connection.state.status).toBe('waiting')
  pair.isReachable = true
  await connection.connect()
})

it('isSilent = true swallows frames both ways and tells nobody', async () => {
  const { api, connection } = pair.createClient()
  await connection.connect()
  const before = pair.frames.length
  pair.isSilent = true
  const call = expect(api.who(undefined, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'TIMEOUT' })
  await vi.advanceTimersByTimeAsync(1_100)
  await call
  expect(connection.state.status).toBe('open')
  expect(pair.frames).toHaveLength(before)
})

it('a silence that ends is found out by the counts', async () => {
  const { api, connection } = pair.createClient()
  await connection.connect()
  pair.isSilent = true
  api.who(undefined, { timeoutMs: 1_000 }).catch(() => {})
  await vi.advanceTimersByTimeAsync(1_100)
  pair.isSilent = false
  await vi.advanceTimersByTimeAsync(26_000)
  expect(connection.state).toMatchObject({ status: 'open' })
  expect(await api.who()).toBe('undefined')
  expect(pair.frames.filter(({ text }) => text.startsWith('[0,'))).toHaveLength(2)
})

it('close() closes clients and server, and leaves no timer', async () => {
  const { connection } = pair.createClient()
  await connection.connect()
  await pair.close()
  expect(connection.state.status).toBe('closed')
  expect(pair.server.stats().connections).toBe(0)
  expect(vi.getTimerCount()).toBe(0)
})

it('close() can be called twice', async () => {
  await pair.close()
  await pair.close()
})

/** A client that is welcome, and its link. */
async function open(options: { resume?: false } = {}) {
  const client = pair.createClient({ params: { user: 'ada' }, ...options })
  await client.connection.connect()
  return { ...client, link: linkAt(pair.links.length - 1) }
}

function linkAt(index: number) {
  const link = pair.links[index]
  if (!link) throw new Error(`no link ${index}`)
  return link
}

/** Runs the micro-tasks that are due, and those they make. */
const settle = () => vi.advanceTimersByTimeAsync(0)

describe('links', () => {
  it('are there one for each connection, with its own frames', async () => {
    const [one, other] = [await open(), await open()]
    await other.api.act('x')
    expect(pair.links).toHaveLength(2)
    expect(one.link.frames).toHaveLength(2)
    expect(other.link.frames.map(({ from }) => from)).toEqual(['client', 'server', 'client', 'server'])
    expect(pair.frames).toHaveLength(6)
  })

  it('leave out attempts that failed', async () => {
    pair.isReachable = false
    pair.createClient({ eager: true })
    await settle()
    expect(pair.links).toEqual([])
  })

  it('cut() breaks one and leaves the others', async () => {
    const [one, other] = [await open(), await open()]
    one.link.cut()
    expect([one.link.isOpen, other.link.isOpen]).toEqual([false, true])
    expect([one.connection.state.status, other.connection.state.status]).toEqual(['waiting', 'open'])
    expect(pair.server.stats().connections).toBe(1)
  })

  it("cut('client') leaves the server in the belief that it is open, until its client is back", async () => {
    const { connection, link } = await open()
    link.cut('client')
    expect(connection.state.status).toBe('waiting')
    expect(pair.server.stats()).toMatchObject({ connections: 1, detached: 0 })
    expect(link.isOpen).toBe(true)
    await connection.connect()
    expect(pair.server.stats()).toMatchObject({ connections: 1, sessions: 1, resumes: 1 })
    expect(link.isOpen).toBe(false)
  })

  it("cut('client') of a client that does not resume leaves the server in the belief that it is open", async () => {
    const { connection, link } = await open({ resume: false })
    link.cut('client')
    expect(connection.state.status).toBe('waiting')
    await connection.connect()
    expect(pair.server.stats().connections).toBe(2)
    expect(link.isOpen).toBe(true)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(pair.server.stats().connections).toBe(1)
    expect(link.isOpen).toBe(false)
  })

  it("cut('server') leaves the client in the belief that it is open", async () => {
    const { api, connection, link } = await open()
    link.cut('server')
    expect(pair.server.stats().connections).toBe(0)
    const call = expect(api.act('x', { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    await vi.advanceTimersByTimeAsync(1_100)
    await call
    expect(connection.state.status).toBe('open')
    expect(ran).toEqual([])
  })

  it('cutAfterFrames() delivers so many frames of a direction, and breaks', async () => {
    const { api, connection, link } = await open()
    const cut = link.cutAfterFrames(2, 'up')
    expect(await api.act('one')).toBe('one')
    api.act('two').catch(() => {})
    expect(await cut).toBe(true)
    expect(ran).toEqual(['one', 'two'])
    expect(connection.state.status).toBe('waiting')
  })

  it('cutAfterFrames() counts both directions together, and 0 is now', async () => {
    const { api, link } = await open()
    const cut = link.cutAfterFrames(2)
    expect(await api.act('one')).toBe('one')
    expect(await cut).toBe(true)
    const next = await open()
    expect(await next.link.cutAfterFrames(0)).toBe(true)
    expect(next.link.isOpen).toBe(false)
  })

  it('cutAfterFrames() resolves with false when the link ends before', async () => {
    const { link } = await open()
    const cut = link.cutAfterFrames(9, 'down')
    link.cut()
    expect(await cut).toBe(false)
    expect(await link.cutAfterFrames(0)).toBe(false)
    expect(() => link.cutAfterFrames(-1)).toThrow(TypeError)
  })

  it('hold() keeps frames of its direction, and release() delivers them in order', async () => {
    const { api, link } = await open()
    link.hold('down')
    const answers: string[] = []
    for (const name of ['one', 'two']) {
      api.act(name).then((answer) => answers.push(answer))
      await settle()
    }
    expect([ran, answers]).toEqual([['one', 'two'], []])
    link.release()
    await settle()
    expect(answers).toEqual(['one', 'two'])
  })

  it('hold() delivers what an old link carried too late for a session that went on without it', async () => {
    const { api, connection, link } = await open()
    link.hold('up')
    const who = api.who()
    await settle()
    link.cut()
    await connection.connect()
    expect(await api.act('new')).toBe('new')
    expect(await who).toBe('ada')
    link.release('up')
    await settle()
    expect(ran).toEqual(['who', 'new'])
    expect(pair.server.stats()).toMatchObject({ connections: 1, sessions: 1 })
    expect([link.isOpen, linkAt(1).isOpen]).toEqual([false, true])
  })

  it('hold() delivers the close of an old link late: behind its frames, after a new one was opened', async () => {
    const { api, connection, link } = await open({ resume: false })
    link.hold('up')
    api.who().catch(() => {})
    await settle()
    link.cut()
    expect(connection.state.status).toBe('waiting')
    await connection.connect()
    expect(await api.act('new')).toBe('new')
    expect(pair.server.stats().connections).toBe(2)
    link.release('up')
    await settle()
    // The query was asked again on the new link.
    expect(ran).toEqual(['who', 'new', 'who'])
    expect(pair.server.stats().connections).toBe(1)
    expect([link.isOpen, linkAt(1).isOpen]).toEqual([false, true])
  })

  it('isSilent = true swallows the frames of one, and its close', async () => {
    const [one, other] = [await open(), await open()]
    one.link.isSilent = true
    await one.connection.close()
    expect(await other.api.act('x')).toBe('x')
    expect(pair.server.stats().connections).toBe(2)
  })
})

describe('restart()', () => {
  it('puts a server without memory in place, and says no goodbye', async () => {
    const { api, connection, link } = await open()
    const old = pair.server
    const frames = link.frames.length
    const restarted = pair.restart()
    expect(pair.server).not.toBe(old)
    expect(connection.state.status).toBe('waiting')
    await restarted
    expect(old.stats().connections).toBe(0)
    expect(link.frames).toHaveLength(frames)
    await connection.connect()
    expect(await api.act('x')).toBe('x')
    const [first, second] = pair.frames.filter(({ text }) => text.startsWith('[1,'))
    expect(JSON.parse(second?.text ?? '')[1].server).not.toBe(JSON.parse(first?.text ?? '')[1].server)
  })

  it('forgets what was held', async () => {
    const { api, link } = await open()
    link.hold('up')
    api.act('lost').catch(() => {})
    await settle()
    await pair.restart()
    link.release()
    await settle()
    expect(ran).toEqual([])
  })
})

it('close() ends links that are held, silent or half cut, and leaves no timer', async () => {
  const links = [await open(), await open(), await open(), await open()].map(({ link }) => link)
  links[0]?.hold()
  if (links[1]) links[1].isSilent = true
  links[2]?.cut('client')
  links[3]?.cut('server')
  await pair.close()
  expect(pair.server.stats().connections).toBe(0)
  expect(vi.getTimerCount()).toBe(0)
})
