// graphql-ws' client as its documentation sets it up: `iterate` for streams, a promise around `subscribe` for queries.
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import type { BenchClient, Payload } from '../../contender.ts'

export async function connect(port: number): Promise<BenchClient> {
  let opened = (): void => {}
  const isOpen = new Promise<void>((resolve) => {
    opened = resolve
  })
  const client = createClient({
    url: `ws://127.0.0.1:${port}`,
    webSocketImpl: WebSocket,
    lazy: false,
    on: { connected: () => opened() },
  })

  function query<Data>(text: string, variables: Record<string, unknown>): Promise<Data> {
    return new Promise((resolve, reject) => {
      let result: Data
      client.subscribe<Data>(
        { query: text, variables },
        {
          next: ({ data }) => {
            if (data) result = data
          },
          error: reject,
          complete: () => resolve(result),
        },
      )
    })
  }

  async function read(onEvent: (item: Payload) => void): Promise<void> {
    for await (const { data } of client.iterate<{ events: Payload }>({ query: 'subscription { events { text } }' }))
      if (data) onEvent(data.events)
  }

  const echo = async (input: Payload): Promise<Payload> =>
    (await query<{ echo: Payload }>('query ($text: String!) { echo(text: $text) { text } }', { ...input })).echo
  await isOpen

  return {
    echo,
    async items(count) {
      let seen = 0
      const text = 'subscription ($count: Int!) { items(count: $count) { text } }'
      for await (const _ of client.iterate({ query: text, variables: { count } })) seen++
      return seen
    },
    async events(onEvent) {
      void read(onEvent)
      // Nothing says that a subscription has begun; a later query is answered after it has.
      await echo({ text: '' })
    },
  }
}
