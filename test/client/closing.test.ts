// What a client does about each close code, as an app sees it: in words, comes back or not, asks `params` again or not.
import { query, router, type as unchecked } from 'trunkline'
import { createClient, type WebSocketConstructor } from 'trunkline/client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { closingOf, finalError, isRefusal } from '../../packages/trunkline/src/client/closing.ts'

const contract = router({ echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }) })

/** A socket whose server is the test. */
class ScriptedSocket {
  static made: ScriptedSocket[] = []
  onopen: (() => void) | undefined
  onmessage: ((event: { data: string }) => void) | undefined
  onclose: ((event: { code: number; reason: string }) => void) | undefined
  readonly bufferedAmount = 0

  constructor() {
    ScriptedSocket.made.push(this)
  }

  send(): void {}

  close(code: number, reason: string): void {
    queueMicrotask(() => this.onclose?.({ code, reason }))
  }

  welcome(): void {
    this.onopen?.()
    this.onmessage?.({ data: '[1,{"connection":"c","session":"new","spreadMs":60000}]' })
  }
}

const last = (): ScriptedSocket => ScriptedSocket.made.at(-1) as ScriptedSocket

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  ScriptedSocket.made = []
})

afterEach(() => {
  vi.clearAllTimers()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const again = { waitMs: 350, isFinal: false } as const
const spread = { waitMs: 30_000, isFinal: false } as const
const final = (code: string) => ({ waitMs: undefined, isFinal: true, code }) as const

const table: [code: number, words: string, then: typeof again | typeof spread | ReturnType<typeof final>][] = [
  [1000, 'the server closed', again],
  [1001, 'the server went away', again],
  [1002, 'a broken frame', again],
  [1003, 'a frame was refused', again],
  [1005, 'the line is down', again],
  [1006, 'the line is down', again],
  [1007, 'a frame was not UTF-8', again],
  [1008, 'a frame was refused', again],
  [1009, 'a message was too large', again],
  [1011, 'the server failed', again],
  [1012, 'the server restarts', spread],
  [1013, 'the server is not ready', spread],
  [3000, 'the line is down', again],
  [4000, 'a message was broken', again],
  [4001, 'not authenticated', again],
  [4003, 'access was refused', final('FORBIDDEN')],
  [4006, 'another protocol version', final('CONNECTION_LOST')],
  [4011, 'a newer connection took over', final('CONNECTION_LOST')],
  [4050, 'the server closed for good (4050)', final('CONNECTION_LOST')],
  [4099, 'the server closed for good (4099)', final('CONNECTION_LOST')],
  [4100, 'the line is down', again],
  [4101, 'the credentials have expired', again],
  [4102, 'no sign of life', again],
  [4103, 'too many calls', again],
  [4104, 'too many connections', again],
  [4108, 'no hello in time', again],
  [4110, 'a frame was lost', again],
  [4201, 'the server is about to go', spread],
  [4202, 'this end reads too slowly', again],
  [4999, 'the line is down', again],
]

describe.each([
  ['after welcome', true],
  ['before welcome', false],
] as const)('a connection that is closed %s', (_when, isWelcome) => {
  it.each(table)('with %i', async (code, words, { waitMs, ...then }) => {
    let asked = 0
    const { api, connection } = createClient<typeof contract>({
      url: 'ws://a.test',
      params: () => ({ asked: ++asked }),
      WebSocket: ScriptedSocket as unknown as WebSocketConstructor,
    })
    const opened = connection.connect().catch((error) => error)
    await vi.advanceTimersByTimeAsync(0)
    if (isWelcome) last().welcome()
    else last().onopen?.()
    await vi.advanceTimersByTimeAsync(0)
    last().onclose?.({ code, reason: 'in the words of the server' })
    const { state } = connection
    const sentence = `${words}: in the words of the server`
    if (then.isFinal) {
      expect(state).toMatchObject({ status: 'closed', code, reason: `${sentence}; connect() tries again` })
      const refusal = { code: then.code, delivery: 'not-run', message: sentence }
      await expect(api.echo(1)).rejects.toMatchObject(refusal)
      if (!isWelcome) expect(await opened).toMatchObject(refusal)
      await vi.advanceTimersByTimeAsync(600_000)
      expect(asked).toBe(1)
      return
    }
    expect(state).toMatchObject({ status: 'waiting', code, reason: `${sentence}; trying again soon` })
    // Before welcome there is no `spreadMs`.
    const expected = isWelcome && waitMs !== undefined ? waitMs : 350
    expect((state.nextAttemptAt as number) - Date.now()).toBe(expected)
    await vi.advanceTimersByTimeAsync(expected - 1)
    expect(asked).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(asked).toBe(2)
    expect(connection.state).toMatchObject({ status: 'connecting', code, reason: `${sentence}; trying again now` })
    last().welcome()
    expect(connection.state).toEqual({
      status: 'open',
      attempt: 0,
      nextAttemptAt: undefined,
      reason: undefined,
      code: undefined,
    })
    await connection.close()
    expect(connection.state).toMatchObject({ status: 'closed', code: undefined })
  })
})

describe('4001', () => {
  function start(params: unknown) {
    const client = createClient<typeof contract>({
      url: 'ws://a.test',
      params: params as Record<string, unknown>,
      reconnect: { minMs: 1, baseMs: 1, maxMs: 1 },
      WebSocket: ScriptedSocket as unknown as WebSocketConstructor,
    })
    const opened = client.connection.connect().catch((error) => error)
    return { ...client, opened }
  }
  async function refuse(code = 4001) {
    await vi.advanceTimersByTimeAsync(10)
    last().onopen?.()
    last().onclose?.({ code, reason: 'who?' })
    await vi.advanceTimersByTimeAsync(10)
  }

  it('is final where params are a value', async () => {
    const { connection, opened } = start({ token: 1 })
    await refuse()
    expect(connection.state).toMatchObject({ status: 'closed', code: 4001 })
    expect(await opened).toMatchObject({ code: 'UNAUTHORIZED', delivery: 'not-run' })
    expect(ScriptedSocket.made).toHaveLength(1)
  })

  it('asks once more, and is final when that gives the same, which is not sent', async () => {
    let asked = 0
    const { connection, opened } = start(() => ({ token: ++asked && 'same' }))
    await refuse()
    expect(asked).toBe(2)
    expect(ScriptedSocket.made).toHaveLength(1)
    expect(connection.state).toMatchObject({ status: 'closed', code: 4001 })
    expect(await opened).toMatchObject({ code: 'UNAUTHORIZED' })
  })

  it('is final when another token is refused too, though each time there is another', async () => {
    let asked = 0
    const { api, connection } = start(() => ({ token: ++asked }))
    await refuse()
    expect(connection.state.status).toBe('connecting')
    await refuse()
    expect(connection.state).toMatchObject({ status: 'closed', code: 4001 })
    await vi.advanceTimersByTimeAsync(600_000)
    expect({ asked, sockets: ScriptedSocket.made.length }).toEqual({ asked: 2, sockets: 2 })
    await expect(api.echo(1)).rejects.toMatchObject({ code: 'UNAUTHORIZED', delivery: 'not-run' })
  })

  it('stays one more try when the backend is down between', async () => {
    let asked = 0
    const { connection } = start(() => ({ token: ++asked }))
    await refuse()
    await refuse(1013)
    await refuse(1013)
    expect(connection.state.status).toBe('connecting')
    await refuse()
    expect(connection.state.status).toBe('closed')
    expect(asked).toBe(4)
    await connection.close()
  })

  it('has another try again after a welcome, and after connect()', async () => {
    let asked = 0
    const { connection } = start(() => ({ token: ++asked }))
    await refuse()
    last().welcome()
    await refuse(1006)
    await refuse()
    expect(connection.state.status).toBe('connecting')
    await refuse()
    expect(connection.state.status).toBe('closed')
    connection.connect().catch(() => {})
    await refuse()
    expect(connection.state.status).toBe('connecting')
    await connection.close()
  })
})

describe('the meaning of a code', () => {
  it('is not quoted twice', () => {
    expect(closingOf(1012, 'the server restarts', false).words).toBe('the server restarts')
    expect(closingOf(1012, '', false).words).toBe('the server restarts')
  })

  it('says which end found it', () => {
    expect(closingOf(4110, 'counts differ', true).words).toBe('a frame was lost (this end): counts differ')
  })

  it.each([
    [1006, false],
    [1011, false],
    [1012, true],
    [1013, true],
    [4000, true],
    [4999, true],
  ])('%i before welcome means that nothing was run: %s', (code, expected) => {
    expect(isRefusal(code)).toBe(expected)
  })

  it.each([
    [4001, 'UNAUTHORIZED'],
    [4003, 'FORBIDDEN'],
    [4006, 'CONNECTION_LOST'],
  ])('%i is %s to a call', (code, expected) => {
    expect(finalError(code, 'words')).toMatchObject({ code: expected, message: 'words', delivery: 'not-run' })
  })
})
