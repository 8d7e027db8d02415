import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseBinaryFrame } from '../../packages/trunkline/src/protocol/binary-frame.ts'
import { cutReason } from '../../packages/trunkline/src/protocol/close.ts'
import {
  FrameRefusal,
  parseFrame,
  type ReadMessage,
  readCounts,
  readFrame,
} from '../../packages/trunkline/src/protocol/decode.ts'
import { decodeValue, RichParts } from '../../packages/trunkline/src/protocol/decode-value.ts'
import { encodeValue } from '../../packages/trunkline/src/protocol/encode-value.ts'
import type { Encoded, FrameData } from '../../packages/trunkline/src/protocol/encoded.ts'
import * as messages from '../../packages/trunkline/src/protocol/messages.ts'
import { joinBatch, Outbox } from '../../packages/trunkline/src/protocol/outbox.ts'
import * as atClient from '../../packages/trunkline/src/protocol/read-at-client.ts'
import * as atServer from '../../packages/trunkline/src/protocol/read-at-server.ts'
import { type Calls, readCall } from '../../packages/trunkline/src/protocol/read-calls.ts'
import { type Replies, readReply } from '../../packages/trunkline/src/protocol/read-replies.ts'
import { isOfServer } from '../../packages/trunkline/src/protocol/serving.ts'
import { arrayTypes, type Payload } from '../../packages/trunkline/src/protocol/values.ts'
import { contentOf } from '../protocol/any-value.ts'
import { encodeNow } from '../protocol/encode-now.ts'

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

const bytesOf = (hex: unknown): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(hex as string, 'hex'))

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
  const tag = key.slice(1)
  const arrayType = arrayTypes.get(tag)
  if (arrayType) return new arrayType(bytesOf(inner).buffer)
  if (key === '$buffer') return bytesOf(inner).buffer
  const [content, type, name = '', lastModified] = inner as [string, string, string?, number?]
  if (key === '$blob') return new Blob([bytesOf(content)], { type })
  if (key === '$file' && lastModified !== undefined) return new File([bytesOf(content)], name, { type, lastModified })
  throw new Error(`no such notation: ${key}`)
}

const payloads = ['input', 'value', 'data']

const buildFields = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, payloads.includes(key) ? build(value) : value]))

/** Fields that are undefined are absent. */
const present = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

type Read = [message: string, fields: Fields]
type Receiver = atServer.ServerControl & Omit<Calls, 'item'> & atClient.ClientControl & Replies

/** Takes what the decoders give, and names the fields as PROTOCOL.md does. */
function collect(): { read: Read[]; receiver: Receiver } {
  const read: Read[] = []
  const take = (message: string, fields: Fields): void => {
    read.push([message, present(fields)])
  }
  const receiver: Receiver = {
    // A client that serves nothing says nothing of it.
    hello: ({ limits, ...hello }) => take('hello', { ...hello, ...(hello.features.includes('serve') && { limits }) }),
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
    finish: (id) => take('end', { id }),
    raise: (id, items, bytes) => take('credit', { id, items, bytes }),
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

function decode(from: 'client' | 'server', data: FrameData): { counted: boolean; read: Read[] } {
  const { read, receiver } = collect()
  const frame = typeof data === 'string' ? parseFrame(data) : parseBinaryFrame(data)
  const at = from === 'client' ? atServer : atClient
  // What a client pushes has no event ids.
  const pushed: Calls = {
    ...receiver,
    item: (id, value, size, rich) => receiver.item(id, value, undefined, size, rich),
  }
  const calls: ReadMessage<Receiver> = (type, message) =>
    from === 'client' && !(isOfServer(message[1]) && type !== messages.ACK)
      ? readCall(type, message, pushed)
      : readReply(type, message, receiver)
  const readOne = frame.isControl ? (at.readControl as ReadMessage<Receiver>) : calls
  frame.messages.forEach((message, index) => {
    // The session takes the counts of a frame; for its calls an ack is nothing.
    if (message === frame.ack) {
      const [received, sent] = readCounts(messages.ACK, frame.ack as readonly unknown[])
      read.push(['ack', { received, sent }])
    }
    readFrame(frame, readOne, receiver, index, index + 1)
  })
  return { counted: frame.isCounted, read }
}

const payload = (value: unknown): Payload | undefined => (value === undefined ? undefined : encodeNow(value))

/** What our own end writes for the fields of a message. */
const encoders: Record<string, (fields: never) => Encoded> = {
  hello: messages.encodeHello,
  welcome: messages.encodeWelcome,
  open({ id, path, input, options }: { id: number; path: string; input?: unknown; options?: messages.OpenOptions }) {
    return messages.encodeOpen(id, path, input === undefined ? undefined : encodeNow(input), options)
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
    const written: FrameData[] = []
    const outbox = new Outbox({
      mayBulk: true,
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

interface BinaryFrameVector {
  name: string
  from: 'client' | 'server'
  frame: string
  messages: { message: string; means: Fields }[]
  counted: boolean
  canonical: boolean
}

describe('binary frames', () => {
  const vectors = load<BinaryFrameVector>('binary-frames')

  it.each(vectors)('$name holds its messages in order', async ({ from, frame, messages: fields }) => {
    const read = decode(from, bytesOf(frame)).read.map(([message, means]) => ({ message, means }))
    const meant = fields.map(({ message, means }) => ({ message, means: buildFields(means) }))
    expect(await contentOf(read)).toStrictEqual(await contentOf(meant))
  })

  it.each(vectors)('$name is counted: $counted', ({ from, frame, counted }) => {
    expect(decode(from, bytesOf(frame)).counted).toBe(counted)
  })

  it.each(vectors.filter(({ canonical }) => canonical))('$name is written so', ({ frame, messages: fields }) => {
    const encoded = fields.map(({ message, means }) => encoders[message]?.(buildFields(means) as never) as Encoded)
    expect(Buffer.from(joinBatch(encoded) as Uint8Array).toString('hex')).toBe(frame)
  })
})

interface BinaryValueVector {
  name: string
  value: unknown
  json: string
  rich: string
  parts: string
  canonical: boolean
}

const partsOf = (rich: string, parts: string): RichParts =>
  new RichParts(JSON.parse(rich), bytesOf(parts), { left: parts.length / 2 })

describe('binary values', () => {
  const vectors = load<BinaryValueVector>('binary-values')

  it('every tag of a part has a vector', () => {
    const tags = new Set(vectors.flatMap(({ rich }) => (JSON.parse(rich) as string[][]).map(([tag]) => tag)))
    for (const tag of [...arrayTypes.keys(), 'buffer', 'blob', 'file']) expect(tags).toContain(tag)
  })

  it.each(vectors)('$name is read', async ({ value, json, rich, parts }) => {
    const read = decodeValue(JSON.parse(json), partsOf(rich, parts))
    expect(await contentOf(read)).toStrictEqual(await contentOf(build(value)))
  })

  it.each(vectors.filter(({ canonical }) => canonical))('$name is written so', async ({ value, json, rich, parts }) => {
    const { bytes, ...text } = await encodeValue(build(value))
    expect({ ...text, parts: Buffer.from(bytes as Uint8Array).toString('hex') }).toEqual({ json, rich, parts })
  })
})

describe('refused binary values', () => {
  type Vector = Pick<BinaryValueVector, 'name' | 'json' | 'rich' | 'parts'>

  it.each(load<Vector>('refused-binary-values'))('$name', ({ json, rich, parts }) => {
    expect(() => decodeValue(JSON.parse(json), partsOf(rich, parts))).toThrow(TypeError)
  })
})

describe('refused binary frames', () => {
  it.each(load<{ name: string; frame: string; code: number }>('refused-binary-frames'))('$name', ({ frame, code }) => {
    for (const from of ['client', 'server'] as const) {
      let refusal: unknown
      try {
        decode(from, bytesOf(frame))
      } catch (error) {
        refusal = error
      }
      expect(refusal).toBeInstanceOf(FrameRefusal)
      expect((refusal as FrameRefusal).code).toBe(code)
    }
  })
})

describe('close reasons', () => {
  it.each(load<{ reason: string; cut: string }>('close-reasons'))('$reason', ({ reason, cut }) => {
    expect(cutReason(reason)).toBe(cut)
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(123)
  })
})
