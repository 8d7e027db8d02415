// oRPC's router for the benchmark. The client imports its type.
import { EventPublisher, eventIterator, os } from '@orpc/server'
import { type Payload, payload } from '../../contender.ts'
import { CountSchema, PayloadSchema } from '../../schema.ts'

const publisher = new EventPublisher<{ event: Payload }>()

export const router = {
  echo: os
    .input(PayloadSchema)
    .output(PayloadSchema)
    .handler(({ input }) => input),
  items: os
    .input(CountSchema)
    .output(eventIterator(PayloadSchema))
    .handler(async function* ({ input }) {
      for (let i = 0; i < input.count; i++) yield payload
    }),
  events: os.output(eventIterator(PayloadSchema)).handler(async function* ({ signal }) {
    for await (const item of publisher.subscribe('event', signal ? { signal } : {})) yield item
  }),
}

export const emit = (item: Payload): void => publisher.publish('event', item)
