import { type Gap, mutation, query, router, subscription, type as unchecked } from 'trunkline'
import { createClient, type WebSocketConstructor } from 'trunkline/client'
import { createServer, implement, memoryPublisher, type Server, type SocketEvents } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const contract = router({
  where: query({ output: unchecked<string>() }),
  act: mutation({ input: unchecked<string>(), output: unchecked<string>() }),
  feed: subscription({ output: unchecked<number>() }),
  bare: subscription({ output: unchecked<string>() }),
})

let bus = memoryPublisher()
let log: string[] = []
let open: ((value: string) => void)[] = []
let servers: { name: string; server: Server }[] = []
/** Which server an address leads to; none: nobody answers. */
let current = 0
let closes: { at: number; code: number }[] = []
let frames: { socket: number; text: string }[] = []
let sockets = 0

function makeServer(name: string): Server {
  const app = implement(contract).handlers({
    where: () => name,
    act: ({ input, signal }) =>
      new Promise((resolve) => {
        log.push(`${name} begins ${input}`)
        signal.addEventListener('abort', () => log.push(`${name} aborts ${input}`))
        open.push((value) => resolve(`${value} of ${name}`))
      }),
    feed: ({ signal, lastEventId }) => bus.subscribe('t', { signal, lastEventId }) as AsyncIterable<number>,
    bare: async function* ({ signal }) {
      yield name
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
  })
  const server = createServer(app, { onError: () => {} })
  servers.push({ name, server })
  return server
}

/** A socket in memory to the server that is current when it opens. */
class LocalSocket {
  onopen: (() => void) | undefined
  onmessage: ((event: { data: string }) => void) | undefined
  onclose: ((event: { code: number; reason: string }) => void) | undefined
  readonly bufferedAmount = 0
  readonly #number = sockets++
  #events: SocketEvents | undefined
  #isOver = false

  constructor() {
    queueMicrotask(() => this.#open())
  }

  send(text: string): void {
    frames.push({ socket: this.#number, text })
    queueMicrotask(() => this.#events?.text(text))
  }

  close(code: number): void {
    queueMicrotask(() => this.#end(code, ''))
  }

  #open(): void {
    const { server } = servers[current] ?? {}
    if (!server || server.isFull) return this.#end(1006, '')
    this.#events = server.accept(
      {
        bufferedAmount: 0,
        send: (data) => queueMicrotask(() => this.#isOver || this.onmessage?.({ data: String(data) })),
        close: (code, reason) =>
          queueMicrotask(() => {
            closes.push({ at: performance.now(), code })
            this.#end(code, reason)
          }),
        terminate: () => this.#end(1006, ''),
        pause() {},
        resume() {},
      },
      { url: '/', headers: new Headers(), remoteAddress: undefined },
    )
    this.onopen?.()
  }

  #end(code: number, reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#events?.closed(code)
    this.onclose?.({ code, reason })
  }
}

const clients: ReturnType<typeof makeClient>[] = []
const makeClient = () =>
  createClient<typeof contract>({
    url: () => 'ws://somewhere.test',
    WebSocket: LocalSocket as unknown as WebSocketConstructor,
  })

function startClient() {
  const client = makeClient()
  clients.push(client)
  return client
}

const settle = () => vi.advanceTimersByTimeAsync(0)

async function take<Item>(iterator: AsyncIterator<Item>, count: number): Promise<Item[]> {
  const items: Item[] = []
  while (items.length < count) items.push((await iterator.next()).value)
  return items
}

/** A server that goes, and another that is there. */
async function startTwo() {
  const [one, two] = [makeServer('one'), makeServer('two')]
  const client = startClient()
  await client.connection.connect()
  return { one, two, client, ...client }
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  bus = memoryPublisher()
  log = []
  open = []
  servers = []
  closes = []
  frames = []
  current = 0
  sockets = 0
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map(({ connection }) => connection.close()))
  for (const { server } of servers) void server.close({ drainMs: 0 })
  await vi.advanceTimersByTimeAsync(1_000)
  expect(vi.getTimerCount()).toBe(0)
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('a server that closes', () => {
  it('lets running calls finish where they began, while new ones go to another', async () => {
    const { one, api } = await startTwo()
    const running = api.act('a')
    await settle()
    current = 1
    const closing = one.close()
    const later = api.act('b')
    await vi.advanceTimersByTimeAsync(2_000)
    expect(log).toEqual(['one begins a', 'two begins b'])
    open[0]?.('A')
    open[1]?.('B')
    expect(await Promise.all([running, later])).toEqual(['A of one', 'B of two'])
    await vi.advanceTimersByTimeAsync(1_000)
    await closing
    expect(log).toHaveLength(2)
  })

  it('has its streams moved to another: nothing is lost, doubled or told', async () => {
    const { one, two, api, connection } = await startTwo()
    const gaps: Gap[] = []
    connection.on('gap', (gap) => gaps.push(gap))
    const iterator = (await api.feed())[Symbol.asyncIterator]()
    let at = 0
    const publish = async () => void (await bus.publish('t', at++))
    await publish()
    // Something has to run on, or the old connection would end at once.
    const running = api.act('a')
    await settle()
    current = 1
    const closing = one.close()
    for (let step = 0; step < 40; step++) {
      await publish()
      await vi.advanceTimersByTimeAsync(25)
    }
    expect(one.stats().streams).toBe(0)
    expect(two.stats().streams).toBe(1)
    expect(await take(iterator, at)).toEqual(Array.from({ length: at }, (_, index) => index))
    expect(gaps).toEqual([])
    open[0]?.('A')
    await running
    await vi.advanceTimersByTimeAsync(1_000)
    await closing
  })

  it('has streams without ids opened again elsewhere when it is gone, with a gap', async () => {
    const { one, api, connection } = await startTwo()
    const gaps: Gap[] = []
    connection.on('gap', (gap) => gaps.push(gap))
    const iterator = (await api.bare())[Symbol.asyncIterator]()
    expect(await take(iterator, 1)).toEqual(['one'])
    current = 1
    const closing = one.close()
    await vi.advanceTimersByTimeAsync(3_000)
    await closing
    expect(await take(iterator, 1)).toEqual(['two'])
    expect(gaps).toMatchObject([{ path: 'bare', reason: 'source' }])
  })

  it('turns away calls that cross its goaway, and they run at the other, once', async () => {
    const { one, api } = await startTwo()
    const running = api.act('a')
    await settle()
    current = 1
    // Written before the client reads goaway, read after the server has said it.
    const crossing = api.act('x')
    const closing = one.close()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(log).toEqual(['one begins a', 'two begins x'])
    const opens = frames.filter(({ text }) => text.includes('"x"'))
    expect(opens.map(({ socket }) => socket)).toEqual([0, 1])
    expect(opens[1]?.text).not.toContain('repeat')
    for (const answer of open) answer('done')
    expect(await Promise.all([running, crossing])).toEqual(['done of one', 'done of two'])
    await vi.advanceTimersByTimeAsync(1_000)
    await closing
  })

  it('gives up calls at the end of drainMs: they have perhaps run, and end so', async () => {
    const { one, api } = await startTwo()
    const running = api.act('a').catch((error: unknown) => error)
    await settle()
    current = 1
    const closing = one.close({ drainMs: 3_000 })
    await vi.advanceTimersByTimeAsync(2_900)
    expect(log).toEqual(['one begins a'])
    await vi.advanceTimersByTimeAsync(2_000)
    await closing
    expect(await running).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' })
    expect(log).toEqual(['one begins a', 'one aborts a'])
  })

  it('is left at once by a client that has nothing there', async () => {
    const { one, connection } = await startTwo()
    current = 1
    const closing = one.close()
    await settle()
    await vi.advanceTimersByTimeAsync(100)
    await closing
    expect(closes).toEqual([])
    expect(one.stats()).toMatchObject({ connections: 0, sessions: 0 })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(connection.state.status).toBe('open')
  })

  it('ends what waits for clients that are away', async () => {
    const { one, api, connection } = await startTwo()
    void api.act('a').catch(() => {})
    await settle()
    const gone = connection.close()
    await gone
    const away = one.accept(
      { bufferedAmount: 0, send() {}, close() {}, terminate() {}, pause() {}, resume() {} },
      { url: '/', headers: new Headers(), remoteAddress: undefined },
    )
    away.text('[0,{"session":"away","attempt":1,"features":["resume"]}]')
    await settle()
    away.closed(1006)
    expect(one.stats()).toMatchObject({ detached: 1 })
    await one.close()
    expect(one.stats()).toMatchObject({ sessions: 0, detached: 0, calls: 0 })
  })

  it('called twice closes once, and gives the same end', async () => {
    const { one } = await startTwo()
    const first = one.close()
    expect(one.close({ drainMs: 0 })).toBe(first)
    await vi.advanceTimersByTimeAsync(11_000)
    await first
  })
})

it('many clients that stay are closed with 1012, evenly over the spread that goaway told', async () => {
  const server = makeServer('one')
  const told: unknown[] = []
  for (let at = 0; at < 200; at++) {
    const events: SocketEvents = server.accept(
      {
        bufferedAmount: 0,
        send: (data) => {
          const text = String(data)
          if (text.startsWith('[14,')) told.push(JSON.parse(text)[1])
        },
        close: (code) => {
          closes.push({ at: performance.now(), code })
          queueMicrotask(() => events.closed(code))
        },
        terminate() {},
        pause() {},
        resume() {},
      },
      { url: '/', headers: new Headers(), remoteAddress: undefined },
    )
    events.text(`[0,{"session":"s${at}","attempt":1}]`)
  }
  await settle()
  const begin = performance.now()
  const closing = server.close()
  await vi.advanceTimersByTimeAsync(5_000)
  await closing
  expect(told).toHaveLength(200)
  expect(told[0]).toEqual({ drainMs: 10_000, reason: expect.any(String), spreadMs: 200 })
  expect(closes.map(({ code }) => code)).toEqual(Array(200).fill(1012))
  const times = [...new Set(closes.map(({ at }) => at - begin))]
  expect(times).toHaveLength(10)
  for (const time of times) expect(closes.filter(({ at }) => at - begin === time)).toHaveLength(20)
})
