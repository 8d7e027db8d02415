import { query, router, subscription, type as unchecked } from 'trunkline'
import { createClient, type WebSocketConstructor } from 'trunkline/client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { joinPacked } from '../../packages/trunkline/src/protocol/binary-frame.ts'

// A server of forged frames, played by the test.

const contract = router({
  echo: query({ input: unchecked<unknown>(), output: unchecked<unknown>() }),
  feed: subscription({ output: unchecked<unknown>() }),
})

class ScriptedSocket {
  static last: ScriptedSocket | undefined
  binaryType = 'blob'
  onopen: (() => void) | undefined
  onmessage: ((event: { data: string | ArrayBuffer | Blob }) => void) | undefined
  onclose: ((event: { code: number; reason: string }) => void) | undefined
  readonly bufferedAmount = 0
  left: number | undefined

  constructor() {
    ScriptedSocket.last = this
  }

  send(): void {}

  close(code: number): void {
    this.left ??= code
  }

  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) })
  }

  binary(text: string, length: number): void {
    this.bytes(joinPacked([{ text, bytes: new Uint8Array(length), length: 0 }]))
  }

  bytes(frame: Uint8Array): void {
    this.onmessage?.({ data: frame.slice().buffer as ArrayBuffer })
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

let client: ReturnType<typeof createClient<typeof contract>>
let socket: ScriptedSocket

beforeEach(async () => {
  client = createClient<typeof contract>({
    url: 'ws://a.test',
    WebSocket: ScriptedSocket as unknown as WebSocketConstructor,
    eager: true,
  })
  await turns()
  socket = ScriptedSocket.last as ScriptedSocket
  socket.onopen?.()
  socket.say([1, { connection: 'c', session: 'new', features: ['resume'] }])
})

afterEach(async () => {
  const closed = client.connection.close()
  socket.onclose?.({ code: 1000, reason: '' })
  await closed
})

const codeOf = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(
    (value) => ({ value }),
    (error) => error.code,
  )

const forged: [what: string, payload: string, rich: string][] = [
  ['out of range', '[0,16]', '[["bytes"]]'],
  ['misaligned', '[1,1]', '[["bytes"]]'],
  ['of a broken number of elements', '[0,7]', '[["float64"]]'],
  ['of an unknown type', '[0,8]', '[["regexp"]]'],
  ['of an unknown type of one’s own', '[0,8]', '[[":nobody"]]'],
  ['used twice', '[[0,8],[0,8]]', '[["bytes",0],["bytes",1]]'],
  ['under __proto__', '{"__proto__":[0,8]}', '[["bytes","__proto__"]]'],
  ['with a base that leads nowhere', '[0,8]', '[["bytes"]],800'],
]

describe.each(forged)('forged parts %s', (_what, payload, rich) => {
  afterEach(async () => {
    expect(socket.left).toBeUndefined()
    const next = codeOf(client.api.echo(1))
    await turns()
    socket.say([3, 3, 'still here'])
    expect(await next).toEqual({ value: 'still here' })
    expect(client.connection.state.status).toBe('open')
  })

  it('in a result end the call INTERNAL, and the line lives', async () => {
    const code = codeOf(client.api.echo(1))
    await turns()
    socket.binary(`[3,1,${payload},${rich}]`, 8)
    expect(await code).toBe('INTERNAL')
  })

  it('in the data of an error too', async () => {
    const code = codeOf(client.api.echo(1))
    await turns()
    socket.binary(`[4,1,"BROKEN","m",{"data":${payload}},${rich}]`, 8)
    expect(await code).toBe('INTERNAL')
  })

  it('in an item end the stream', async () => {
    const stream = client.api.feed()
    await turns()
    socket.say([5, 1, 7])
    const code = codeOf((await stream)[Symbol.asyncIterator]().next())
    socket.binary(`[6,7,${payload},null,0,${rich}]`, 8)
    expect(await code).toBe('INTERNAL')
  })
})

it('asks the socket for bytes it can read at once', () => {
  expect(socket.binaryType).toBe('arraybuffer')
})

it.each<[string, Uint8Array]>([
  ['without a whole header', Uint8Array.of(0, 0, 0, 9, 91)],
  ['whose header is not UTF-8', Uint8Array.of(0, 0, 0, 3, 0x5b, 0xff, 0x5d, 0)],
  ['of nothing', new Uint8Array(0)],
])('a binary frame %s closes with 4000', async (_what, frame) => {
  socket.bytes(frame)
  expect(socket.left).toBe(4000)
})

it('a frame as a Blob, from a socket that was not told or does not listen, closes with 4000', () => {
  socket.onmessage?.({ data: new Blob(['[12,0,0]']) })
  expect(socket.left).toBe(4000)
})
