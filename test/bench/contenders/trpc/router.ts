// tRPC's router for the benchmark. The client imports its type.
import { EventEmitter, on } from 'node:events'
import { initTRPC } from '@trpc/server'
import { type Payload, payload } from '../../contender.ts'
import { CountSchema, PayloadSchema } from '../../schema.ts'

const t = initTRPC.create()
const bus = new EventEmitter<{ event: [Payload] }>()
// A listener a subscriber: as many as there are connections.
bus.setMaxListeners(0)

export const router = t.router({
  echo: t.procedure
    .input(PayloadSchema)
    .output(PayloadSchema)
    .query(({ input }) => input),
  // Its `output` would describe the iterable, not its items: those are validated by hand.
  items: t.procedure.input(CountSchema).subscription(async function* ({ input }) {
    for (let i = 0; i < input.count; i++) yield PayloadSchema.parse(payload)
  }),
  events: t.procedure.subscription(async function* ({ signal }) {
    for await (const [item] of on(bus, 'event', signal ? { signal } : {})) yield item
  }),
})

export const emit = (item: Payload): void => void bus.emit('event', PayloadSchema.parse(item))
