// graphql-ws' server as its documentation sets it up: useServer on `ws`, and a schema of graphql-js.
import { EventEmitter, on, once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { GraphQLInt, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'
import { type BenchServer, type Payload, payload } from '../../contender.ts'
import { CountSchema, PayloadSchema } from '../../schema.ts'

const bus = new EventEmitter<{ event: [Payload] }>()
// A listener a subscriber: as many as there are connections.
bus.setMaxListeners(0)

const PayloadType = new GraphQLObjectType({
  name: 'Payload',
  fields: { text: { type: new GraphQLNonNull(GraphQLString) } },
})
const type = new GraphQLNonNull(PayloadType)

async function* items({ count }: { count: number }): AsyncGenerator<{ items: Payload }> {
  for (let i = 0; i < count; i++) yield { items: PayloadSchema.parse(payload) }
}

async function* events(): AsyncGenerator<{ events: Payload }> {
  for await (const [item] of on(bus, 'event')) yield { events: item }
}

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: 'Query',
    fields: {
      echo: {
        type,
        args: { text: { type: new GraphQLNonNull(GraphQLString) } },
        resolve: (_source, input) => PayloadSchema.parse(PayloadSchema.parse({ ...input })),
      },
    },
  }),
  subscription: new GraphQLObjectType({
    name: 'Subscription',
    fields: {
      items: {
        type,
        args: { count: { type: new GraphQLNonNull(GraphQLInt) } },
        subscribe: (_source, input) => items(CountSchema.parse({ ...input })),
      },
      events: { type, subscribe: () => events() },
    },
  }),
})

export async function start(): Promise<BenchServer> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  useServer({ schema }, server)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port, // an address object, since it listens on a port
    emit: (item) => void bus.emit('event', PayloadSchema.parse(item)),
  }
}
