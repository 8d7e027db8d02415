// oRPC's client as its documentation sets it up: an RPCLink over a WebSocket.
import { once } from 'node:events'
import { createORPCClient } from '@orpc/client'
import { RPCLink } from '@orpc/client/websocket'
import type { RouterClient } from '@orpc/server'
import { WebSocket } from 'ws'
import type { BenchClient, Payload } from '../../contender.ts'
import type { router } from './router.ts'

export async function connect(port: number): Promise<BenchClient> {
  const websocket = new WebSocket(`ws://127.0.0.1:${port}`)
  await once(websocket, 'open')
  const client: RouterClient<typeof router> = createORPCClient(
    new RPCLink({ websocket: websocket as unknown as globalThis.WebSocket }), // `ws` has the same methods
  )

  async function read(live: AsyncIterable<Payload>, onEvent: (item: Payload) => void): Promise<void> {
    for await (const item of live) onEvent(item)
  }

  return {
    echo: (input) => client.echo(input),
    async items(count) {
      let seen = 0
      for await (const _ of await client.items({ count })) seen++
      return seen
    },
    async events(onEvent) {
      void read(await client.events(), onEvent)
      // The iterator is there before the server's generator has subscribed; a later call is answered after that.
      await client.echo({ text: '' })
    },
  }
}
