// The raw server: hand-written JSON over `ws`, one message a frame. The yardstick of every ratio: it stays as it is.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { WebSocket, WebSocketServer } from 'ws'
import { z } from 'zod'
import { type BenchServer, type Payload, payload } from '../../contender.ts'
import { CountSchema, PayloadSchema } from '../../schema.ts'

// client → server  { id, method, params }
// server → client  { id, result } | { id, error } | { id, item } | { topic, item }

interface Request {
  id: number
  method: string
  params: unknown
}

interface Method<Input = unknown, Output = unknown> {
  input: z.ZodType<Input>
  output: z.ZodType<Output>
  run(input: Input, socket: WebSocket, id: number): Output | Promise<Output>
}

/** Unsent bytes above which a pushing loop lets the socket write. */
const highWaterMarkBytes = 1024 * 1024

const subscribers = new Set<WebSocket>()

const echo: Method<Payload, Payload> = {
  input: PayloadSchema,
  output: PayloadSchema,
  run: (input) => input,
}

const items: Method<{ count: number }, null> = {
  input: CountSchema,
  output: z.null(),
  async run({ count }, socket, id) {
    for (let i = 0; i < count; i++) {
      socket.send(JSON.stringify({ id, item: PayloadSchema.parse(payload) }))
      while (socket.bufferedAmount > highWaterMarkBytes) await setImmediate()
    }
    return null
  },
}

const events: Method<null, null> = {
  input: z.null(),
  output: z.null(),
  run(_input, socket) {
    subscribers.add(socket)
    socket.on('close', () => subscribers.delete(socket))
    return null
  },
}

const methods = new Map<string, Method>(Object.entries({ echo, items, events }))

async function answer(socket: WebSocket, { id, method: name, params }: Request): Promise<void> {
  const method = methods.get(name)
  if (!method) return send(socket, { id, error: { code: 'NOT_FOUND' } })
  const input = method.input.safeParse(params)
  if (!input.success) return send(socket, { id, error: { code: 'BAD_REQUEST', issues: input.error.issues } })
  try {
    const output = method.output.safeParse(await method.run(input.data, socket, id))
    if (!output.success) return send(socket, { id, error: { code: 'INTERNAL' } })
    send(socket, { id, result: output.data })
  } catch {
    send(socket, { id, error: { code: 'INTERNAL' } })
  }
}

function send(socket: WebSocket, message: object): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
}

function emit(item: Payload): void {
  const message = JSON.stringify({ topic: 'events', item: PayloadSchema.parse(item) })
  for (const socket of subscribers) {
    if (socket.readyState === WebSocket.OPEN) socket.send(message)
  }
}

function parse(text: string): Request | undefined {
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
    socket.on('message', (data) => {
      const request = parse(data.toString())
      if (request) void answer(socket, request)
      else socket.close(1007)
    })
  })
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, emit } // an address object, since it listens on a port
}
