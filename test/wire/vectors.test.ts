import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { cutReason } from '../../packages/trunkline/src/protocol/close.ts'
import {
  FrameRefusal,
  parseFrame,
  type ReadMessage,
  readCounts,
  readMessage,
} from '../../packages/trunkline/src/protocol/decode.ts'
import * as messages from '../../packages/trunkline/src/protocol/messages.ts'
import { joinBatch, Outbox } from '../../packages/trunkline/src/protocol/outbox.ts'
import * as atClient from '../../packages/trunkline/src/protocol/read-at-client.ts'
import * as atServer from '../../packages/trunkline/src/protocol/read-at-server.ts'
import { decodeValue, encodeValue, type Payload } from '../../packages/trunkline/src/protocol/values.ts'

// The vectors are data for other languages too; vectors/README.md says what their fields mean.

type Fields = Record<string, unknown>

interface MessageVector {
  name: string
  message: string
  from: 'client' | 'server'
  text: string
  canonical: boolean
  means: Fields
  defaults?: Fields
}

function load<Vector>(file: string): Vector[] {
  const text = readFileSync(new URL(`./vectors/${file}.json`, import.meta.url), 'utf8')
  return (JSON.parse(text) as { vectors: Vector[] }).vectors
}

/** Reads the notation of vectors/README.md. */
function build(notation: unknown): unknown {
  if (typeof notation !== 'object' || notation === null) return notation
  if (Array.isArray(notation)) return notation.map(build)
  const [[key, inner] = ['', undefined], ...more] = Object.entries(notation)
  if (more.length || !key.startsWith('$')) {
    return Object.fromEntries(Object.entries(notation).map(([name, value]) => [name, build(value)]))
  }
  if (key === '$undefined') return undefined
  if (key === '$number') return Number(inner)
  if (key === '$bigint') return BigInt(inner as string)
  if (key === '$date') return new Date((inner as number | null) ?? Number.NaN)
  if (key === '$url') return new URL(inner as string)
  if (key === '$map') return new Map(build(inner) as [unknown, unknown][])
  if (key === '$set') return new Set(build(inner) as unknown[])
  throw new Error(`no such notation: ${key}`)
}

const payloads = ['input', 'value', 'data']

const buildFields = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, payloads.includes(key) ? build(value) : value]))

/** Fields that are undefined are absent. */
const present = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

type Read = [message: string, fields: Fields]
type Receiver = atServer.ServerControl & atServer.ServerCalls & atClient.ClientControl & atClient.ClientCalls

/** Takes what the decoders give, and names the fields as PROTOCOL.md does. */
function collect(): { read: Read[]; receiver: Receiver } {
  const read: Read[] = []
  const take = (message: string, fields: Fields): void => {
    read.push([message, present(fields)])
  }
  const receiver: Receiver = {
    hello: (hello) => take('hello', { ...hello }),
    welcome: (welcome) => take('welcome', { ...welcome }),
    open: (id, path, input, options, rich) => take('open', { id, path, input: decodeValue(input, rich), options }),
    result: (id, value, rich) => take('result', { id, value: decodeValue(value, rich) }),
    error: (id, code, message, { delivery, stream }, data, rich) =>
      take('error', { id, code, message, delivery, stream, data: decodeValue(data, rich) }),
    accept: (id, stream, position) => take('accept', { id, stream, position }),
    item: (stream, value, eventId, size, rich) =>
      take('item', { stream, value: decodeValue(value, rich), eventId, size }),
    gap: (stream, reason, position) => take('gap', { stream, reason, position }),
    end: (id) => take('end', { id }),
    credit: (id, items, bytes) => take('credit', { id, items, bytes }),
    cancel: (id) => take('cancel', { id }),
    ping: (received, sent) => take('ping', { received, sent }),
    pong: (received, sent) => take('pong', { received, sent }),
    goaway: (drainMs, reason, spreadMs) => take('goaway', { drainMs, reason, spreadMs }),
    authenticate: (params) => take('authenticate', { params }),
    authenticated: (answer) => take('authenticated', { ...answer }),
  }
  return { read, receiver }
}

function decode(from: 'client' | 'server', text: string): { counted: boolean; read: Read[] } {
  const { read, receiver } = collect()
  const frame = parseFrame(text)
  const at = from === 'client' ? atServer : atClient
  const readOne = (frame.isControl ? at.readControl : at.readCall) as ReadMessage<Receiver>
  frame.messages.forEach((message, index) => {
    // The session takes the counts of a frame; for its calls an ack is nothing.
    if (message === frame.ack) {
      const [received, sent] = readCounts(messages.ACK, frame.ack as readonly unknown[])
      read.push(['ack', { received, sent }])
    }
    readMessage(frame, index, readOne, receiver)
  })
  return { counted: frame.isCounted, read }
}

const payload = (value: unknown): Payload | undefined => (value === undefined ? undefined : encodeValue(value))

/** What our own end writes for the fields of a message. */
const encoders: Record<string, (fields: never) => string> = {
  hello: messages.encodeHello,
  welcome: messages.encodeWelcome,
  open({ id, path, input, options }: { id: number; path: string; input?: unknown; options?: messages.OpenOptions }) {
    return input === undefined
      ? messages.encodeBareOpen(id, path, options)
      : messages.encodeOpen(id, path, encodeValue(input), options)
  },
  result: ({ id, value }: { id: number; value?: unknown }) => messages.encodeResult(id, payload(value)),
  error({ id, code, message, delivery = 'ran', stream = false, data }: Fields & { id: number; stream?: boolean }) {
    return messages.encodeError(id, { code, message, delivery, data: payload(data) } as messages.Failure, stream)
  },
  accept: ({ id, stream, position }: { id: number; stream: number; position?: string }) =>
    messages.encodeAccept(id, stream, position),
  item: ({ stream, value, eventId }: { stream: number; value?: unknown; eventId?: string }) =>
    messages.encodeItem(stream, payload(value), eventId),
  gap: ({ stream, reason, position }: { stream: number; reason: string; position?: string }) =>
    messages.encodeGap(stream, reason, position),
  end: ({ id }: { id: number }) => messages.encodeEnd(id),
  credit: ({ id, items, bytes }: { id: number; items: number; bytes: number }) =>
    messages.encodeCredit(id, items, bytes),
  cancel: ({ id }: { id: number }) => messages.encodeCancel(id),
  ack: ({ received, sent }: { received: number; sent: number }) => messages.encodeAck(received, sent),
  ping: ({ received, sent }: { received: number; sent: number }) => messages.encodePing(received, sent),
  pong: ({ received, sent }: { received: number; sent: number }) => messages.encodePong(received, sent),
  goaway: ({ drainMs, reason, spreadMs }: { drainMs: number; reason: string; spreadMs: number }) =>
    messages.encodeGoaway(drainMs, reason, spreadMs),
  authenticate: ({ params }: { params: Record<string, unknown> }) => messages.encodeAuthenticate(params),
  authenticated: (answer: messages.Authenticated) => messages.encodeAuthenticated(answer),
}

describe('messages', () => {
  const vectors = load<MessageVector>('messages')

  it('every message that is implemented has a vector that is canonical', () => {
    const named = new Set(vectors.filter(({ canonical }) => canonical).map(({ message }) => message))
    expect([...named].sort()).toEqual(Object.keys(encoders).sort())
  })

  it.each(vectors)('$name is read as it is meant', ({ message, from, text, means, defaults }) => {
    expect(decode(from, text).read).toEqual([[message, present(buildFields({ ...means, ...defaults }))]])
  })

  it.each(vectors.filter(({ canonical }) => canonical))('$name is written so', ({ message, text, means }) => {
    expect(encoders[message]?.(buildFields(means) as never)).toBe(text)
  })
})

interface FrameVector {
  name: string
  from: 'client' | 'server'
  text: string
  messages: string[]
  counted: boolean
  canonical: boolean
}

describe('frames', () => {
  const vectors = load<FrameVector>('frames')

  it.each(vectors)('$name holds its messages in order', ({ from, text, messages: texts }) => {
    expect(decode(from, text).read).toEqual(texts.flatMap((one) => decode(from, one).read))
  })

  it.each(vectors)('$name is counted: $counted', ({ from, text, counted }) => {
    expect(decode(from, text).counted).toBe(counted)
  })

  it.each(vectors.filter(({ canonical }) => canonical))('$name is written so', ({ text, messages: texts }) => {
    expect(joinBatch(texts)).toBe(text)
  })

  it('an outbox writes the batch with results before streams', () => {
    const { text, messages: texts } = vectors.find(({ name }) => name === 'results before streams') as FrameVector
    const written: string[] = []
    const outbox = new Outbox({
      schedule: () => {},
      write: (frame) => written.push(frame),
      rider: () => undefined,
      joinStreams: joinBatch,
    })
    const [result, ...streams] = texts as [string, ...string[]]
    for (const message of streams) outbox.pushStream(message)
    outbox.push(result)
    outbox.flush()
    expect(written).toEqual([text])
  })
})

interface ValueVector {
  name: string
  value: unknown
  json: string
  rich: string | null
  canonical: boolean
}

describe('values', () => {
  const vectors = load<ValueVector>('values')

  it.each(vectors)('$name is read', ({ value, json, rich }) => {
    expect(decodeValue(JSON.parse(json), JSON.parse(rich ?? 'null'))).toStrictEqual(build(value))
  })

  it.each(vectors.filter(({ canonical }) => canonical))('$name is written so', ({ value, json, rich }) => {
    expect(encodeValue(build(value))).toEqual({ json, rich: rich ?? undefined })
  })
})

describe('refused values', () => {
  it.each(load<{ name: string; json: string; rich: string }>('refused-values'))('$name', ({ json, rich }) => {
    expect(() => decodeValue(JSON.parse(json), JSON.parse(rich))).toThrow(TypeError)
  })
})

describe('refused frames', () => {
  interface RefusedVector {
    name: string
    at: 'client' | 'server'
    text: string
    code: number
  }

  it.each(load<RefusedVector>('refused-frames'))('$name, at the $at', ({ at, text, code }) => {
    let refusal: unknown
    try {
      decode(at === 'server' ? 'client' : 'server', text)
    } catch (error) {
      refusal = error
    }
    expect(refusal).toBeInstanceOf(FrameRefusal)
    expect((refusal as FrameRefusal).code).toBe(code)
    expect((refusal as FrameRefusal).message).not.toBe('')
  })
})

describe('close reasons', () => {
  it.each(load<{ reason: string; cut: string }>('close-reasons'))('$reason', ({ reason, cut }) => {
    expect(cutReason(reason)).toBe(cut)
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(123)
  })
})
