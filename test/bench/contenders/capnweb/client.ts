// Cap'n Web's client as its documentation sets it up: one session over a WebSocket.
import { once } from 'node:events'
import { newWebSocketRpcSession } from 'capnweb'
import { WebSocket } from 'ws'
import type { BenchClient } from '../../contender.ts'
import type { Api } from './api.ts'

// It reads the constants of the global one, which Node 20 has not.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket

export async function connect(port: number): Promise<BenchClient> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`)
  await once(socket, 'open')
  const api = newWebSocketRpcSession(socket as unknown as globalThis.WebSocket) as unknown as Api // its stub has these methods

  return {
    echo: (input) => api.echo(input),
    async items(count) {
      let seen = 0
      for await (const _ of await api.items({ count })) seen++
      return seen
    },
    events: async (onEvent) => void (await api.events(onEvent)),
  }
}
