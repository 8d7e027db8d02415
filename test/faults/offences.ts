// What goes over a limit of the server, one each, by a raw client; and the answer it has earned. For a server started with `limits` below.
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { WebSocket } from 'ws'

/** Low enough that a test need not send megabytes; honest clients of the tests stay below them. */
export const limits = {
  limits: {
    messageBytes: 256 * 1024,
    calls: 16,
    streams: 8,
    connectionsPerPrincipal: 2,
    unauthenticatedPerAddress: 8,
    unauthenticatedBytes: 16 * 1024,
    bufferedBytes: 512 * 1024,
  },
  helloTimeoutMs: 300,
  authTimeoutMs: 300,
  rateLimit: { perSecond: 50, burst: 50 },
}

/** The server's side of it: params say who somebody is, or that finding out takes for ever. */
export const whoIs = {
  authenticate: ({ params }: { params: Readonly<Record<string, unknown>> }): object | Promise<object> =>
    params.hang ? new Promise<object>(() => {}) : { name: String(params.name ?? 'stranger') },
  identify: (context: object) => ({ principal: (context as { name: string }).name }),
}

/** A close code, an HTTP status, or the codes of the errors that calls got, in the order of their calls. */
export type Answer = number | string

export interface Offence {
  readonly name: string
  readonly answer: Answer
  readonly run: (url: string) => Promise<Answer>
}

let strangers = 0
/** Each offence is somebody else's, so that none is in another's way. */
const hello = (params: object = {}): string =>
  JSON.stringify([0, { session: 'stranger', attempt: 1, params: { name: `stranger ${++strangers}`, ...params } }])

const dial = async (url: string, first?: string): Promise<WebSocket> => {
  const socket = new WebSocket(url, 'trunkline.v1')
  socket.on('error', () => {})
  await once(socket, 'open')
  if (first !== undefined) socket.send(first)
  return socket
}

/** Sends frames, the first of which is `hello`, and gives the code the server closed with. */
const closedAfter =
  (...frames: (() => string)[]): Offence['run'] =>
  async (url) => {
    const socket = await dial(url)
    for (const frame of frames) socket.send(frame())
    const [code] = await once(socket, 'close')
    return code
  }

/** Makes calls and gives the codes of those that failed, once there are so many, or the code of a close. */
const refusedOf =
  (most: number, ...messages: unknown[]): Offence['run'] =>
  async (url) => {
    const socket = await dial(url, hello())
    const codes: string[] = []
    const closed = once(socket, 'close')
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data))
      for (const [type, , code] of Array.isArray(frame[0]) ? frame : [frame]) if (type === 4) codes.push(code)
      if (codes.length >= most) socket.close()
    })
    for (const message of messages) socket.send(JSON.stringify(message))
    const [code] = await closed
    return codes.length < most ? code : [...new Set(codes)].join()
  }

const range = (length: number): number[] => Array.from({ length }, (_, index) => index)
const echo = (index: number): unknown => [2, 2 * index + 1, 'echo', { text: 'x' }]

/** How an upgrade is answered. */
function upgrade(url: string): Promise<number> {
  const { hostname, port, pathname } = new URL(url)
  return new Promise((resolve, reject) => {
    const asked = request({
      host: hostname,
      port,
      path: pathname,
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Protocol': 'trunkline.v1',
      },
    })
    asked.on('upgrade', (_response, socket) => {
      socket.destroy()
      resolve(101)
    })
    asked.on('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** Crowds the address with connections that say nothing, and gives the answer to one more. */
async function crowd(url: string): Promise<number> {
  const sockets = await Promise.all(range(limits.limits.unauthenticatedPerAddress).map(() => dial(url).catch(() => {})))
  const status = await upgrade(url)
  const gone = sockets.map((socket) => socket && once(socket, 'close'))
  for (const socket of sockets) socket?.terminate()
  await Promise.all(gone)
  // The next one is somebody else.
  while ((await upgrade(url)) === 429) await turn()
  return status
}

/** One connection more than a principal may have. */
async function tooMany(url: string): Promise<number> {
  const name = `crowd ${++strangers}`
  const open = async () => {
    const socket = await dial(url, hello({ name }))
    await once(socket, 'message')
    return socket
  }
  const sockets = await Promise.all([open(), open()])
  const code = await closedAfter(() => hello({ name }))(url)
  for (const socket of sockets) socket.terminate()
  return Number(code)
}

/** A masked text frame of a client. */
function frame(text: string, head = 0x81): Buffer {
  const payload = Buffer.from(text)
  // A key of zeros is one too, and leaves the machine to those who are measured.
  const key = Buffer.alloc(4)
  // RFC 6455 section 5.2: 126 and two bytes of length, or 127 and eight.
  const isLong = payload.length > 125
  const size = Buffer.alloc(isLong ? 8 : 0)
  if (isLong) size.writeBigUInt64BE(BigInt(payload.length))
  return Buffer.concat([Buffer.from([head, 0x80 | (isLong ? 127 : payload.length)]), size, key, payload])
}

/** Upgrades by hand, past every library, and writes frames. */
async function byHand(url: string, ...frames: Buffer[]) {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: trunkline.v1\r\n\r\n',
  )
  for (const bytes of frames) socket.write(bytes)
  return socket
}

/** Below the rate of calls, and with eleven megabytes above what the kernel keeps for a reader that does not read. */
const muchToAsk = Buffer.concat(
  range(45).map((index) => frame(JSON.stringify([2, 2 * index + 1, 'echo', { text: 'x'.repeat(250_000) }]))),
)

/** Asks for much and reads nothing, until the server has had enough; then reads what there is, a close frame at the end. */
async function readNothing(url: string): Promise<number> {
  const socket = await byHand(url, frame(hello()))
  socket.pause()
  socket.write(muchToAsk)
  setTimeout(() => socket.resume(), 1_000)
  return closeOf(socket)
}

/** Reads up to the close frame, and gives its code. */
function closeOf(socket: Socket): Promise<number> {
  return new Promise((resolve) => {
    let tail: Buffer = Buffer.alloc(0)
    socket.on('close', () => resolve(lastCode(tail)))
    socket.on('data', (chunk: Buffer) => {
      tail = Buffer.concat([tail, chunk]).subarray(-200)
      // Nobody answers it here, and the server need not wait for that.
      if (lastCode(tail) !== 1006) socket.destroy()
    })
  })
}

/** The code of the close frame that the bytes end with. */
function lastCode(tail: Buffer): number {
  for (let at = tail.length - 4; at >= 0; at--) {
    const length = (tail[at + 1] as number) + 2
    if (tail[at] === 0x88 && at + length === tail.length) return tail.readUInt16BE(at + 2)
  }
  return 1006
}

export const offences: readonly Offence[] = [
  { name: 'no hello in time', answer: 4108, run: closedAfter() },
  { name: 'authentication that takes too long', answer: 1013, run: closedAfter(() => hello({ hang: true })) },
  {
    name: 'more than unauthenticatedBytes in hello',
    answer: 4000,
    run: closedAfter(() => hello({ padding: 'x'.repeat(17_000) })),
  },
  {
    name: 'more than unauthenticatedBytes behind hello',
    answer: 4000,
    run: closedAfter(
      () => hello({ hang: true }),
      ...range(5).map((index) => () => JSON.stringify([2, 2 * index + 1, 'echo', { text: 'x'.repeat(4_000) }])),
    ),
  },
  { name: 'more than unauthenticatedPerAddress', answer: 429, run: crowd },
  { name: 'more than connectionsPerPrincipal', answer: 4104, run: tooMany },
  {
    name: 'a message over messageBytes',
    answer: 1009,
    run: closedAfter(hello, () => JSON.stringify([2, 1, 'echo', { text: 'x'.repeat(270_000) }])),
  },
  {
    name: 'a batch over messageBytes and its room',
    answer: 1009,
    run: closedAfter(hello, () => `[${JSON.stringify([2, 1, 'echo', { text: 'x'.repeat(340_000) }])}]`),
  },
  {
    name: 'a frame in 257 fragments',
    answer: 1008,
    run: async (url) => {
      const parts = range(257).map((index) => frame('x', index === 0 ? 0x01 : 0x00))
      const socket = await byHand(url, frame(hello()), ...parts)
      return closeOf(socket)
    },
  },
  {
    name: 'more calls at once than limits.calls',
    answer: 'OVERLOADED',
    run: refusedOf(6, ...range(22).map((index) => [2, 2 * index + 1, 'hang'])),
  },
  {
    name: 'more streams at once than limits.streams',
    answer: 'OVERLOADED',
    run: refusedOf(4, ...range(12).map((index) => [2, 2 * index + 1, 'numbers', { items: 1_000_000 }])),
  },
  { name: 'more calls than the rate', answer: 'RATE_LIMITED', run: refusedOf(100, range(170).map(echo)) },
  {
    name: 'calls that go on after RATE_LIMITED',
    answer: 4103,
    run: refusedOf(
      Number.POSITIVE_INFINITY,
      ...range(2).map((batch) => range(1_000).map((index) => echo(batch * 1_000 + index))),
    ),
  },
  { name: 'a reader that reads nothing', answer: 4202, run: readNothing },
]
