// rpc-websockets' client as its documentation sets it up.
import { once } from 'node:events'
import { Client } from 'rpc-websockets'
import type { BenchClient, Payload } from '../../contender.ts'

export async function connect(port: number): Promise<BenchClient> {
  const client = new Client(`ws://127.0.0.1:${port}`)
  await once(client as unknown as NodeJS.EventEmitter, 'open')
  const streams = new Map<number, () => void>()
  let lastId = 0
  let isSubscribed = false
  client.on('item', (id: number) => streams.get(id)?.())

  return {
    echo: (input) => client.call('echo', { ...input }) as Promise<Payload>, // the server validated it
    async items(count) {
      if (!isSubscribed) await client.subscribe('item')
      isSubscribed = true
      const id = ++lastId
      let seen = 0
      streams.set(id, () => seen++)
      await client.call('items', { count, id })
      streams.delete(id)
      return seen
    },
    async events(onEvent) {
      client.on('event', onEvent)
      await client.subscribe('event')
    },
  }
}
