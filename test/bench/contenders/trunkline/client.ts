// Trunkline's client as a user writes it: default options, one client a connection.
import { createClient } from 'trunkline/client'
import type { BenchClient, Payload } from '../../contender.ts'
import type { bench } from './contract.ts'

export async function connect(port: number): Promise<BenchClient> {
  const { api, connection } = createClient<typeof bench>({ url: `ws://127.0.0.1:${port}/rpc` })
  await connection.connect()

  async function read(live: AsyncIterable<Payload>, onEvent: (item: Payload) => void): Promise<void> {
    for await (const item of live) onEvent(item)
  }

  return {
    echo: (input) => api.echo(input),
    async items(count) {
      let seen = 0
      for await (const _ of api.items({ count })) seen++
      return seen
    },
    async events(onEvent) {
      void read(await api.events(), onEvent) // if it fails, the unhandled rejection ends this process, and the row
    },
  }
}
