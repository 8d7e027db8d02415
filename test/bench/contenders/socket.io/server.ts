// Socket.IO's server as its documentation sets it up: acknowledgements for calls, a room for events, WebSocket only.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { Server, type Socket } from 'socket.io'
import { type BenchServer, type Payload, payload } from '../../contender.ts'
import { CountSchema, PayloadSchema } from '../../schema.ts'

/** Packets that wait to be written; there is no flow control, and without this a long stream would fill the memory. */
const maxWaiting = 1024

export async function start(): Promise<BenchServer> {
  const http = createServer()
  const io = new Server(http, { transports: ['websocket'] })
  io.on('connection', (socket) => {
    socket.on('echo', (input: unknown, answer: (output: Payload) => void) => {
      answer(PayloadSchema.parse(PayloadSchema.parse(input)))
    })
    socket.on('items', async (input: unknown, id: number, done: () => void) => {
      await sendItems(socket, CountSchema.parse(input).count, id)
      done()
    })
    socket.on('events', (done: () => void) => {
      void socket.join('events')
      done()
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    port: (http.address() as AddressInfo).port, // an address object, since it listens on a port
    emit: (item) => void io.to('events').emit('event', PayloadSchema.parse(item)),
  }
}

async function sendItems(socket: Socket, count: number, id: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    socket.emit('item', id, PayloadSchema.parse(payload))
    while ((socket.conn as unknown as { writeBuffer: unknown[] }).writeBuffer.length > maxWaiting) await setImmediate()
  }
}
