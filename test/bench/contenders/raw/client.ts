// The raw client: a Map of pending promises over `ws`, one message a frame. It stays as it is, like its server.
import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { BenchClient, Payload } from '../../contender.ts'

interface Pending {
  resolve(result: unknown): void
  reject(error: Error): void
  onItem?: ((item: Payload) => void) | undefined
}

export async function connect(port: number): Promise<BenchClient> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
  const pending = new Map<number, Pending>()
  let lastId = 0
  let onEvent: ((item: Payload) => void) | undefined

  function request(method: string, params: unknown, onItem?: (item: Payload) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (socket.readyState !== WebSocket.OPEN) return reject(new Error('CONNECTION_LOST'))
      const id = ++lastId
      pending.set(id, { resolve, reject, onItem })
      socket.send(JSON.stringify({ id, method, params }))
    })
  }

  socket.on('message', (data) => {
    const message = JSON.parse(data.toString())
    if (message.topic) return onEvent?.(message.item)
    const call = pending.get(message.id)
    if (!call) return
    if (message.item) return call.onItem?.(message.item)
    pending.delete(message.id)
    if (message.error) call.reject(new Error(message.error.code))
    else call.resolve(message.result)
  })
  socket.on('close', () => {
    for (const call of pending.values()) call.reject(new Error('CONNECTION_LOST'))
    pending.clear()
  })
  await once(socket, 'open')

  return {
    echo: (input) => request('echo', input) as Promise<Payload>, // the server validated it
    async items(count) {
      let seen = 0
      await request('items', { count }, () => seen++)
      return seen
    },
    async events(listener) {
      onEvent = listener
      await request('events', null)
    },
  }
}
