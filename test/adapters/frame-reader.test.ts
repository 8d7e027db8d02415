// What FrameReader makes of a stream is what `ws` makes of it, whatever the frames are and wherever they are cut.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import * as fc from 'fast-check'
import { afterEach, expect, it, vi } from 'vitest'
import * as ws from 'ws'
import { BusyPoll } from '../../packages/trunkline/src/adapters/busy-poll.ts'
import { FrameBuilder, MaskedFrameBuilder } from '../../packages/trunkline/src/adapters/frame.ts'
import { FrameReader } from '../../packages/trunkline/src/adapters/frame-reader.ts'
import { NodeSocket } from '../../packages/trunkline/src/adapters/node-socket.ts'

const stops: (() => unknown)[] = []

afterEach(async () => {
  vi.restoreAllMocks()
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** Its types don't have it. */
interface Receiver {
  write(bytes: Buffer): void
  on(event: string, listener: (...values: never[]) => void): void
}
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Receiver }

type Origin = 'client' | 'server'

interface RawFrame {
  readonly first: number
  readonly isMasked: boolean
  readonly key: number
  readonly payload: Buffer
  /** Bits of the length: 7, 16 or 64, more than it needs perhaps. */
  readonly lengthBits: number
}

const maxLength = 3_000

function frameBytes({ first, isMasked, key, payload, lengthBits }: RawFrame): Buffer {
  const { length } = payload
  const mask = isMasked ? 0x80 : 0
  const head =
    lengthBits === 7 && length < 126
      ? Buffer.from([first, mask | length])
      : lengthBits < 64
        ? Buffer.from([first, mask | 126, length >> 8, length & 255])
        : Buffer.from([first, mask | 127, 0, 0, 0, 0, 0, 0, length >> 8, length & 255])
  if (!isMasked) return Buffer.concat([head, payload])
  const keyBytes = Buffer.alloc(4)
  keyBytes.writeUInt32BE(key)
  return Buffer.concat([head, keyBytes, payload.map((byte, index) => byte ^ (keyBytes[index & 3] as number))])
}

/** What `ws` hears and says, one line each. */
function listen(receiver: Receiver, heard: string[]): void {
  receiver.on('message', (data: Buffer, isBinary: boolean) => heard.push(isBinary ? hex(data) : `"${data}"`))
  receiver.on('ping', (data: Buffer) => heard.push(`ping ${hex(data)}`))
  receiver.on('pong', (data: Buffer) => heard.push(`pong ${hex(data)}`))
  receiver.on('conclude', (code: number, reason: Buffer) => heard.push(`close ${code} ${reason}`))
  receiver.on('error', (error: Error) => heard.push(error.message))
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const tick = () => new Promise<void>((resolve) => process.nextTick(resolve))

const newReceiver = (from: Origin): Receiver =>
  new Receiver({ isServer: from === 'client', maxPayload: maxLength, maxFragments: 4 })

async function heardByWs(from: Origin, chunks: readonly Buffer[]): Promise<string[]> {
  const heard: string[] = []
  const receiver = newReceiver(from)
  listen(receiver, heard)
  let isOver = false
  receiver.on('error', () => {
    isOver = true
  })
  for (const chunk of chunks) {
    if (!isOver) receiver.write(Buffer.from(chunk))
    await tick()
    await tick()
  }
  return heard
}

async function heardByReader(from: Origin, chunks: readonly Buffer[]): Promise<{ heard: string[]; own: number }> {
  const heard: string[] = []
  let own = 0
  const receiver = newReceiver(from)
  listen(receiver, heard)
  const add = (line: string): void => {
    own++
    heard.push(line)
  }
  const reader = new FrameReader(from, maxLength, {
    text: (message) => add(`"${message}"`),
    binary: (message) => add(hex(message)),
    other: (bytes) => receiver.write(bytes),
  })
  receiver.on('error', () => reader.end())
  for (const chunk of chunks) {
    reader.read(Buffer.from(chunk))
    await tick()
    await tick()
  }
  return { heard, own }
}

const payloads = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 90 }).map((text) => Buffer.from(text)) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 140 }).map((bytes) => Buffer.from(bytes)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.integer({ min: 120, max: maxLength + 200 }), fc.constantFrom('x', 'é', '🚂'))
      .map(([length, unit]) => Buffer.from(unit.repeat(length)).subarray(0, length)),
  },
)

const keys = fc.integer({ min: 0, max: 0xffff_ffff })
const lengthBits = fc.constantFrom(7, 7, 7, 16, 64)

/** Frames as they should be: messages, whole and in fragments, and control frames among them. */
const goodFrames = (isMasked: boolean): fc.Arbitrary<RawFrame[]> => {
  const one = (first: fc.Arbitrary<number>, payload: fc.Arbitrary<Buffer>) =>
    fc.record({ first, isMasked: fc.constant(isMasked), key: keys, payload, lengthBits })
  const control = one(
    fc.constantFrom(0x89, 0x8a),
    fc.uint8Array({ maxLength: 125 }).map((bytes) => Buffer.from(bytes)),
  )
  const fragments = fc
    .tuple(
      one(fc.constantFrom(0x01, 0x02), payloads),
      fc.array(fc.oneof(one(fc.constant(0x00), payloads), control), { maxLength: 3 }),
      one(fc.constant(0x80), payloads),
    )
    .map(([first, more, last]) => [first, ...more, last])
  const whole = one(fc.constantFrom(0x81, 0x81, 0x82), payloads).map((frame) => [frame])
  return fc
    .array(
      fc.oneof(
        { weight: 6, arbitrary: whole },
        { weight: 1, arbitrary: fragments },
        { weight: 1, arbitrary: control.map((frame) => [frame]) },
      ),
      { maxLength: 6 },
    )
    .map((frames) => frames.flat())
}

/** Any first byte, masked or not. */
const anyFrame = fc.record({
  first: fc.oneof(fc.constantFrom(0x81, 0x82, 0x88, 0x89, 0x00, 0x01, 0x80), fc.integer({ min: 0, max: 255 })),
  isMasked: fc.boolean(),
  key: keys,
  payload: payloads,
  lengthBits,
})

const streams = (from: Origin) =>
  fc
    .record({
      good: goodFrames(from === 'client'),
      bad: fc.option(anyFrame, { nil: undefined }),
      after: goodFrames(from === 'client'),
      cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
      dribble: fc.boolean(),
    })
    .map(({ good, bad, after, cuts, dribble }) => {
      const bytes = Buffer.concat([...good, ...(bad ? [bad] : []), ...after].map(frameBytes))
      const places = [...cuts.map((cut) => Math.floor(cut * bytes.length)), ...(dribble ? [1, 2, 3, 5, 8, 13] : [])]
      const sorted = [0, ...places.sort((one, other) => one - other), bytes.length]
      return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end))
    })
    .map((chunks) => chunks.filter((chunk) => chunk.length > 0))

it.each(['client', 'server'] as const)(
  'hears of a %s what ws hears, in 3 000 streams',
  { timeout: 120_000 },
  async (from) => {
    let own = 0
    let all = 0
    await fc.assert(
      fc.asyncProperty(streams(from), async (chunks) => {
        const expected = await heardByWs(from, chunks)
        const got = await heardByReader(from, chunks)
        expect(got.heard).toEqual(expected)
        own += got.own
        all += expected.length
      }),
      { numRuns: 3_000 },
    )
    // It would hear the same if it left everything to `ws`.
    expect(own).toBeGreaterThan(all / 3)
  },
)

it.each([16, 70_000, 1_000_000])('gives a message of %i bytes as it was, cut anywhere', (length) => {
  const given: (string | Uint8Array)[] = []
  const reader = new FrameReader('client', 2_000_000, {
    text: (message) => given.push(message),
    binary: (message) => given.push(message),
    other: () => expect.unreachable('nothing here is for ws'),
  })
  const frames = new MaskedFrameBuilder()
  const bytes = Uint8Array.from({ length }, (_, index) => (index * 7) % 251)
  const texts = ['x'.repeat(length), `${'x'.repeat(length - 2)}é`]
  const stream = Buffer.concat([...texts, bytes, ...texts].map((message) => frames.build(message)))
  for (let at = 0; at < stream.length; at += 65_536) reader.read(stream.subarray(at, at + 65_536))
  const plain = (message: string | Uint8Array): string => (typeof message === 'string' ? message : hex(message))
  expect(given.map(plain)).toEqual([...texts, hex(bytes), ...texts])
})

it('allocates for a message in pieces no more than twice what has come, or 16 KiB', () => {
  const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow')
  const reader = new FrameReader('client', 2 ** 30, { text() {}, binary() {}, other() {} })
  const frame = new MaskedFrameBuilder().build('x'.repeat(300_000))
  frame.writeUInt32BE(2 ** 29, 6)
  let come = 0
  for (const end of [20, 100, 50_000, 150_000, frame.length]) {
    reader.read(Buffer.from(frame.subarray(come, end)))
    come = end
    const largest = Math.max(...allocate.mock.calls.map(([size]) => size))
    expect(largest).toBeLessThanOrEqual(Math.max(16 * 1_024, 2 * come))
  }
})

/** A server's socket that tells what it hears, and its client. */
async function connected() {
  const heard: string[] = []
  const webSocketServer = new ws.WebSocketServer({ noServer: true, maxPayload: maxLength, autoPong: false })
  const httpServer = createServer()
  const accepted = new Promise<{ socket: NodeSocket; stream: Duplex }>((resolve) => {
    httpServer.on('upgrade', (request, stream: Duplex, head) =>
      webSocketServer.handleUpgrade(request, stream, head, (webSocket) => {
        const socket = new NodeSocket(webSocket, stream, new FrameBuilder(), new BusyPoll())
        const events = {
          text: (frame: string) => heard.push(frame),
          binary: (frame: Uint8Array) => heard.push(hex(frame)),
          reading() {},
          drained() {},
          closed: (code: number) => heard.push(`closed ${code}`),
        }
        socket.connect(events, maxLength)
        resolve({ socket, stream })
      }),
    )
  })
  httpServer.listen(0, '127.0.0.1')
  await once(httpServer, 'listening')
  stops.push(() => httpServer.close())
  const client = new ws.WebSocket(`ws://127.0.0.1:${(httpServer.address() as AddressInfo).port}`)
  client.on('error', () => {})
  let clientStream: Duplex | undefined
  client.on('upgrade', (response) => {
    clientStream = response.socket
  })
  await once(client, 'open')
  stops.push(() => client.terminate())
  return { ...(await accepted), client, clientStream: clientStream as Duplex, heard }
}

it('takes fragments and control frames from ws, in order with the rest, on a real socket', async () => {
  const { client, heard } = await connected()
  const ponged = once(client, 'pong')
  client.send('one')
  client.send('tw', { fin: false })
  client.ping('now')
  client.send('o', { fin: true })
  client.send(Buffer.from([3]))
  client.close(4000, 'enough')
  await vi.waitFor(() => expect(heard).toHaveLength(4))
  expect(heard).toEqual(['one', 'two', '03', 'closed 4000'])
  expect(String((await ponged)[0])).toBe('now')
})

it('finds the close frame in what a paused socket still had when it closed', async () => {
  const { socket, stream, clientStream, heard } = await connected()
  const frames = new MaskedFrameBuilder()
  const message = frames.build(Buffer.alloc(2_000, 0xff))
  clientStream.write(message.subarray(0, 50))
  await once(stream, 'data')
  socket.pause()
  const close = frameBytes({ first: 0x88, isMasked: true, key: 7, payload: Buffer.from([15, 160]), lengthBits: 7 })
  const rest = Buffer.concat([message.subarray(50), frames.build('late'), close])
  clientStream.write(rest)
  // Read and kept, since nobody takes it.
  await vi.waitFor(() => expect(stream.readableLength).toBe(rest.length))
  stream.destroy()
  await vi.waitFor(() => expect(heard).toEqual(['closed 4000']))
})

it('hears nothing any more of an end that it has closed to', async () => {
  const { socket, client, heard } = await connected()
  socket.close(1000, 'done')
  client.send('late')
  await once(client, 'close')
  await vi.waitFor(() => expect(heard).toEqual(['closed 1000']))
})
