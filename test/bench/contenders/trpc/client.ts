// tRPC's client as its documentation sets it up: one wsLink.
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import { WebSocket } from 'ws'
import type { BenchClient } from '../../contender.ts'
import type { router } from './router.ts'

export async function connect(port: number): Promise<BenchClient> {
  let opened = (): void => {}
  const isOpen = new Promise<void>((resolve) => {
    opened = resolve
  })
  const wsClient = createWSClient({
    url: `ws://127.0.0.1:${port}`,
    WebSocket: WebSocket as unknown as typeof globalThis.WebSocket, // Node 20 has none of its own
    onOpen: () => opened(),
  })
  const client = createTRPCClient<typeof router>({ links: [wsLink({ client: wsClient })] })
  await isOpen

  return {
    echo: (input) => client.echo.query(input),
    items: (count) =>
      new Promise((resolve, reject) => {
        let seen = 0
        client.items.subscribe({ count }, { onData: () => seen++, onComplete: () => resolve(seen), onError: reject })
      }),
    events: (onEvent) =>
      new Promise((resolve, reject) => {
        client.events.subscribe(undefined, { onStarted: () => resolve(), onData: onEvent, onError: reject })
      }),
  }
}
