// rpc-websockets' server as its documentation sets it up: registered methods, and events for what is pushed.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { Server } from 'rpc-websockets'
import type { WebSocket } from 'ws'
import { type BenchServer, type Payload, payload } from '../../contender.ts'
import { CountSchema, PayloadSchema } from '../../schema.ts'

/** Unsent bytes above which a pushing loop lets the socket write; there is no flow control. */
const highWaterMarkBytes = 1024 * 1024

export async function start(): Promise<BenchServer> {
  const server = new Server({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  // An event goes to all that subscribed: one connection, where items are measured.
  server.event('item')
  server.event('event')
  server.register('echo', (input): Payload => PayloadSchema.parse(PayloadSchema.parse(input)))
  server.register('items', async ({ id, ...input }: { id: number }) => {
    const { count } = CountSchema.parse(input)
    const sockets = server.wss.clients as Set<WebSocket>
    for (let i = 0; i < count; i++) {
      server.emit('item', id, PayloadSchema.parse(payload))
      while (mostBuffered(sockets) > highWaterMarkBytes) await setImmediate()
    }
    return null
  })
  return {
    port: (server.wss.address() as AddressInfo).port, // an address object, since it listens on a port
    emit: (item) => void server.emit('event', PayloadSchema.parse(item)),
  }
}

function mostBuffered(sockets: Set<WebSocket>): number {
  let most = 0
  for (const { bufferedAmount } of sockets) most = Math.max(most, bufferedAmount)
  return most
}
