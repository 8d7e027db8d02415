// The fan-out floor: a tick's events become one frame, built once and written to every socket. Knows no calls.
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import * as ws from 'ws'
import type { BenchServer, Payload } from '../../contender.ts'
import { PayloadSchema } from '../../schema.ts'

// Speaks to raw-batched's client: it asks once, for `events`, and then reads arrays.

interface FrameBuilder {
  frame(
    data: Buffer,
    options: { fin: boolean; opcode: number; mask: boolean; rsv1: boolean; readOnly: boolean },
  ): Buffer[]
}

/** RFC 6455, section 5.2. */
const textOpcode = 1

const { Sender } = ws as unknown as { Sender: FrameBuilder } // exported by ws, absent from its types
const subscribers = new Set<Socket>()
let queue: object[] = []

function emit(item: Payload): void {
  const length = queue.push({ topic: 'events', item: PayloadSchema.parse(item) })
  if (length === 1) queueMicrotask(() => process.nextTick(flush))
}

function flush(): void {
  const data = Buffer.from(JSON.stringify(queue))
  queue = []
  const options = { fin: true, opcode: textOpcode, mask: false, rsv1: false, readOnly: true }
  const frame = Buffer.concat(Sender.frame(data, options))
  for (const socket of subscribers) socket.write(frame)
}

export async function start(): Promise<BenchServer> {
  const server = new ws.WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  server.on('connection', (socket, { socket: tcp }) => {
    socket.on('error', console.error)
    socket.on('message', (data) => {
      const [{ id }] = JSON.parse(data.toString())
      socket.send(JSON.stringify([{ id, result: null }]))
      subscribers.add(tcp)
    })
    socket.on('close', () => subscribers.delete(tcp))
  })
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, emit } // an address object, since it listens on a port
}
