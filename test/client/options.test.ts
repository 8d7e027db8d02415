import { query, router, type as unchecked } from 'trunkline'
import { createClient, type WebSocketConstructor } from 'trunkline/client'
import { implement } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const contract = router({ who: query({ output: unchecked<unknown>() }) })

describe('url', () => {
  it.each([
    ['nothing', undefined],
    ['a number', 3000],
    ['null', null],
  ])('is a TypeError when it is %s', (_what, url) => {
    expect(() => createClient({ url: url as never })).toThrow(TypeError)
  })

  it.each(['', 'not an address', 'ftp://example.com', 'ws://', '//example.com/rpc', 'mailto:a@b.c'])(
    'is a TypeError when it is %j',
    (url) => {
      expect(() => createClient({ url })).toThrow(TypeError)
    },
  )

  it.each(['ws://a.test/rpc', 'wss://a.test', 'http://a.test', new URL('https://a.test/rpc')])('may be %s', (url) => {
    expect(createClient({ url }).connection.state.status).toBe('idle')
  })

  it.each([
    ['http://a.test/rpc', 'ws://a.test/rpc'],
    ['https://a.test/rpc?x=1#part', 'wss://a.test/rpc?x=1'],
    [new URL('ws://a.test'), 'ws://a.test/'],
  ])('%s is taken as %s', async (url, expected) => {
    const { made, WebSocket } = recorder()
    const { connection } = createClient({ url, WebSocket })
    connection.connect().catch(() => {})
    await vi.waitFor(() => expect(made).toEqual([expected]))
    await connection.close()
  })
})

/** A socket that fails at once, and remembers where it was to go. */
function recorder(): { made: string[]; WebSocket: WebSocketConstructor } {
  const made: string[] = []
  class Failing {
    onclose: ((event: { code: number; reason: string }) => void) | undefined
    constructor(url: string) {
      made.push(url)
      queueMicrotask(() => this.onclose?.({ code: 1006, reason: '' }))
    }
    close(): void {}
  }
  return { made, WebSocket: Failing as unknown as WebSocketConstructor }
}

describe('on each attempt', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('a url function is asked', async () => {
    const { made, WebSocket } = recorder()
    let node = 0
    const { connection } = createClient({ url: async () => `ws://node-${++node}.test/`, WebSocket, eager: true })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(made.length).toBeGreaterThan(2)
    expect(made.slice(0, 3)).toEqual(['ws://node-1.test/', 'ws://node-2.test/', 'ws://node-3.test/'])
    await connection.close()
  })

  it('a params function is asked', async () => {
    let token = 0
    const app = implement(contract)
      .context<{ token: unknown }>()
      .handlers({ who: ({ context }) => context.token })
    const pair = createPair(app, { authenticate: ({ params }) => ({ token: params.token }) })
    const { api } = pair.createClient({ params: async () => ({ token: ++token }) })
    expect(await api.who()).toBe(1)
    pair.cut()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await api.who()).toBe(2)
    await pair.close()
  })

  it('a params function that fails counts as a failed attempt', async () => {
    let asked = 0
    const app = implement(contract).handlers({ who: () => 'ok' })
    const pair = createPair(app)
    const { api, connection } = pair.createClient({
      params: () => {
        if (++asked === 1) throw new Error('no token yet')
        return {}
      },
    })
    const call = api.who()
    await vi.advanceTimersByTimeAsync(0)
    expect(connection.state).toMatchObject({ status: 'waiting', attempt: 1 })
    expect(connection.state.reason).toContain('no token yet')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await call).toBe('ok')
    await pair.close()
  })

  it('an answer of params that comes after close() opens no socket', async () => {
    const { made, WebSocket } = recorder()
    let answer: (params: object) => void = () => {}
    const params = () =>
      new Promise<Record<string, unknown>>((resolve) => {
        answer = resolve as never
      })
    const { connection } = createClient({ url: 'ws://a.test', params, WebSocket, eager: true })
    await connection.close()
    answer({})
    await vi.advanceTimersByTimeAsync(0)
    expect(made).toEqual([])
  })
})

describe('timeoutMs', () => {
  it.each([0, -5, Number.NaN])('of a client is a TypeError when it is %s', (timeoutMs) => {
    expect(() => createClient({ url: 'ws://a.test', timeoutMs })).toThrow(TypeError)
  })
})

describe('WebSocket', () => {
  it('is given the subprotocol', async () => {
    const offered: unknown[] = []
    class Silent {
      constructor(_url: string, protocol: string) {
        offered.push(protocol)
      }
      close(): void {
        ;(this as unknown as WebSocket).onclose?.({ code: 1006, reason: '' } as CloseEvent)
      }
    }
    const { connection } = createClient({ url: 'ws://a.test', WebSocket: Silent as unknown as WebSocketConstructor })
    connection.connect().catch(() => {})
    await vi.waitFor(() => expect(offered).toEqual(['trunkline.v1']))
    await connection.close()
  })

  it('that throws is a failed attempt', async () => {
    class Refusing {
      constructor() {
        throw new TypeError('blocked by policy')
      }
    }
    const { connection } = createClient({ url: 'ws://a.test', WebSocket: Refusing as unknown as WebSocketConstructor })
    connection.connect().catch(() => {})
    await vi.waitFor(() => expect(connection.state.status).toBe('waiting'))
    expect(connection.state.reason).toContain('blocked by policy')
    await connection.close()
  })
})
