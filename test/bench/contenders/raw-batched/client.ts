// The raw client that batches by hand: as `raw`, but what is said in one tick is one array in one frame.
import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { BenchClient, Payload } from '../../contender.ts'
import { Batch } from './batch.ts'

interface Message {
  id: number
  topic?: string
  item?: Payload
  result?: unknown
  error?: { code: string }
}

interface Pending {
  resolve(result: unknown): void
  reject(error: Error): void
  onItem?: ((item: Payload) => void) | undefined
}

export async function connect(port: number): Promise<BenchClient> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
  const batch = new Batch(socket)
  const pending = new Map<number, Pending>()
  let lastId = 0
  let onEvent: ((item: Payload) => void) | undefined

  function request(method: string, params: unknown, onItem?: (item: Payload) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (socket.readyState !== WebSocket.OPEN) return reject(new Error('CONNECTION_LOST'))
      const id = ++lastId
      pending.set(id, { resolve, reject, onItem })
      batch.push({ id, method, params })
    })
  }

  function receive(message: Message): void {
    if (message.topic) {
      onEvent?.(message.item as Payload) // a topic's message always has an item
      return
    }
    const call = pending.get(message.id)
    if (!call) return
    if (message.item) {
      call.onItem?.(message.item)
      return
    }
    pending.delete(message.id)
    if (message.error) call.reject(new Error(message.error.code))
    else call.resolve(message.result)
  }

  socket.on('message', (data) => {
    for (const message of JSON.parse(data.toString())) receive(message)
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
