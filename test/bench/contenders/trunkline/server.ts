// Trunkline's server as a user writes it: default options, one middleware that passes everything through.
import { serve } from 'trunkline/node'
import { implement, memoryPublisher } from 'trunkline/server'
import { type BenchServer, payload } from '../../contender.ts'
import { bench } from './contract.ts'

export async function start(): Promise<BenchServer> {
  const bus = memoryPublisher()
  const app = implement(bench)
    .use(({ next }) => next())
    .handlers({
      echo: ({ input }) => input,
      items: async function* ({ input }) {
        for (let i = 0; i < input.count; i++) yield payload
      },
      events: ({ signal, lastEventId }) => bus.subscribe('events', { signal, lastEventId }),
    })
  const server = await serve(app, { port: 0, host: '127.0.0.1', path: '/rpc' })
  return {
    port: Number(new URL(server.url).port),
    emit: (item) => void bus.publish('events', item),
  }
}
