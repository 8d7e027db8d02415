// birpc's client as its documentation sets it up, over `ws`.
import { once } from 'node:events'
import { createBirpc } from 'birpc'
import { WebSocket } from 'ws'
import type { BenchClient, Payload } from '../../contender.ts'
import type { ClientFunctions, ServerFunctions } from './functions.ts'

export async function connect(port: number): Promise<BenchClient> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`)
  await once(socket, 'open')
  const streams = new Map<number, () => void>()
  let lastId = 0
  let listener: (item: Payload) => void = () => {}
  const server = createBirpc<ServerFunctions, ClientFunctions>(
    { item: (id) => streams.get(id)?.(), event: (item) => listener(item) },
    {
      post: (data) => socket.send(data),
      on: (fn) => socket.on('message', fn),
      serialize: (value) => JSON.stringify(value),
      deserialize: (value) => JSON.parse(value),
      // A call has 60 s by default, and a stream is one call.
      timeout: 600_000,
    },
  )

  return {
    echo: (input) => server.echo(input),
    async items(count) {
      const id = ++lastId
      let seen = 0
      streams.set(id, () => seen++)
      await server.items({ count }, id)
      streams.delete(id)
      return seen
    },
    async events(onEvent) {
      listener = onEvent
      await server.events()
    },
  }
}
