// The raw server that batches by hand: as `raw`, but what is said in one tick is one array in one frame.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import { type BenchServer, type Payload, payload } from '../../contender.ts'
import { CountSchema, PayloadSchema } from '../../schema.ts'
import { Batch } from './batch.ts'

// A frame, both ways, is an array of raw's messages.

interface Request {
  id: number
  method: string
  params: unknown
}

interface Method<Input = unknown, Output = unknown> {
  input: z.ZodType<Input>
  output: z.ZodType<Output>
  run(input: Input, batch: Batch, id: number): Output | Promise<Output>
}

/** Unsent bytes above which a pushing loop lets the socket write. */
const highWaterMarkBytes = 1024 * 1024

const subscribers = new Set<Batch>()

const echo: Method<Payload, Payload> = {
  input: PayloadSchema,
  output: PayloadSchema,
  run: (input) => input,
}

const items: Method<{ count: number }, null> = {
  input: CountSchema,
  output: z.null(),
  async run({ count }, batch, id) {
    for (let i = 0; i < count; i++) {
      batch.push({ id, item: PayloadSchema.parse(payload) })
      while (batch.bufferedAmount > highWaterMarkBytes) await setImmediate()
    }
    return null
  },
}

const events: Method<null, null> = {
  input: z.null(),
  output: z.null(),
  run(_input, batch) {
    subscribers.add(batch)
    return null
  },
}

const methods = new Map<string, Method>(Object.entries({ echo, items, events }))

async function answer(batch: Batch, { id, method: name, params }: Request): Promise<void> {
  const method = methods.get(name)
  if (!method) return batch.push({ id, error: { code: 'NOT_FOUND' } })
  const input = method.input.safeParse(params)
  if (!input.success) return batch.push({ id, error: { code: 'BAD_REQUEST', issues: input.error.issues } })
  try {
    const output = method.output.safeParse(await method.run(input.data, batch, id))
    if (!output.success) return batch.push({ id, error: { code: 'INTERNAL' } })
    batch.push({ id, result: output.data })
  } catch {
    batch.push({ id, error: { code: 'INTERNAL' } })
  }
}

function emit(item: Payload): void {
  const message = { topic: 'events', item: PayloadSchema.parse(item) }
  for (const batch of subscribers) batch.push(message)
}

function parse(text: string): Request[] | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export async function start(): Promise<BenchServer> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  server.on('connection', (socket) => {
    socket.on('error', console.error)
    const batch = new Batch(socket)
    socket.on('message', (data) => {
      const requests = parse(data.toString())
      if (!requests) return socket.close(1007)
      for (const request of requests) void answer(batch, request)
    })
    socket.on('close', () => subscribers.delete(batch))
  })
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, emit } // an address object, since it listens on a port
}
