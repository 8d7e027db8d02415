import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, it, vi } from 'vitest'
import type { WebSocket } from 'ws'
import { BusyPoll } from '../../packages/trunkline/src/adapters/busy-poll.ts'
import { FrameBuilder } from '../../packages/trunkline/src/adapters/frame.ts'
import { NodeSocket } from '../../packages/trunkline/src/adapters/node-socket.ts'

const stops: (() => unknown)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** A server's socket on a real connection, and the other end of that, which does not read by itself. */
async function connected(): Promise<{ socket: NodeSocket; reader: Socket }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stops.push(() => server.close())
  const accepted = once(server, 'connection')
  const reader = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  const [stream] = (await accepted) as [Socket]
  stops.push(() => [reader, stream].map((one) => one.destroy()))
  const webSocket = { readyState: 1, OPEN: 1 } as WebSocket
  return { socket: new NodeSocket(webSocket, stream, new FrameBuilder(), new BusyPoll()), reader }
}

it('tells of each byte that is taken, while a large write counts as unsent until all of it is', async () => {
  const { socket, reader } = await connected()
  socket.send('x'.repeat(32 * 1024 * 1024))
  const unsent = socket.bufferedAmount
  // The kernels' buffers take some of it.
  const before = socket.takenAmount as number
  expect(unsent - before).toBeGreaterThan(0)
  let read = 0
  while (read < 8 * 1024 * 1024) {
    await once(reader, 'readable')
    read += reader.read()?.length ?? 0
  }
  await vi.waitFor(() => expect(socket.takenAmount).toBeGreaterThan(before))
  expect(socket.bufferedAmount).toBe(unsent)
})
