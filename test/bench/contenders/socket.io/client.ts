// Socket.IO's client as its documentation sets it up: emitWithAck for calls, a listener for what is pushed.
import { once } from 'node:events'
import { io } from 'socket.io-client'
import type { BenchClient } from '../../contender.ts'

export async function connect(port: number): Promise<BenchClient> {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true })
  await once(socket as unknown as NodeJS.EventEmitter, 'connect')
  const streams = new Map<number, () => void>()
  let lastId = 0
  socket.on('item', (id: number) => streams.get(id)?.())

  return {
    echo: (input) => socket.emitWithAck('echo', input),
    async items(count) {
      const id = ++lastId
      let seen = 0
      streams.set(id, () => seen++)
      await socket.emitWithAck('items', { count }, id)
      streams.delete(id)
      return seen
    },
    async events(onEvent) {
      socket.on('event', onEvent)
      await socket.emitWithAck('events')
    },
  }
}
