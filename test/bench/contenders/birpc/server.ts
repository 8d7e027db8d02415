// birpc's server as its documentation sets it up, over `ws`; what is pushed are events, calls that nobody answers.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { type BirpcReturn, createBirpc } from 'birpc'
import { type WebSocket, WebSocketServer } from 'ws'
import { type BenchServer, type Payload, payload } from '../../contender.ts'
import { CountSchema, PayloadSchema } from '../../schema.ts'
import type { ClientFunctions, ServerFunctions } from './functions.ts'

/** Unsent bytes above which a pushing loop lets the socket write; there is no flow control. */
const highWaterMarkBytes = 1024 * 1024

type Client = BirpcReturn<ClientFunctions, ServerFunctions>
const subscribers = new Set<Client>()

function accept(socket: WebSocket): void {
  const client: Client = createBirpc<ClientFunctions, ServerFunctions>(
    {
      echo: (input) => PayloadSchema.parse(PayloadSchema.parse(input)),
      async items(input, id) {
        const { count } = CountSchema.parse(input)
        for (let i = 0; i < count; i++) {
          void client.item.asEvent(id, PayloadSchema.parse(payload))
          while (socket.bufferedAmount > highWaterMarkBytes) await setImmediate()
        }
      },
      events: () => void subscribers.add(client),
    },
    {
      post: (data) => socket.send(data),
      on: (fn) => socket.on('message', fn),
      serialize: (value) => JSON.stringify(value),
      deserialize: (value) => JSON.parse(value),
    },
  )
}

function emit(item: Payload): void {
  const event = PayloadSchema.parse(item)
  for (const client of subscribers) void client.event.asEvent(event)
}

export async function start(): Promise<BenchServer> {
  const wss = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  wss.on('connection', accept)
  await once(wss, 'listening')
  return { port: (wss.address() as AddressInfo).port, emit } // an address object, since it listens on a port
}
