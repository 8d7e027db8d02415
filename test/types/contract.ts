// The contract that the type tests are about: transforms, defaults, rich values, errors, other vendors, three levels.
import { mutation, query, router, subscription, type } from 'trunkline'
import * as v from 'valibot'
import { z } from 'zod'

export interface Report {
  readonly lines: readonly string[]
}

export const Message = z.object({ id: z.string(), text: z.string(), at: z.date() })

export const chat = router({
  ping: query(),
  rooms: {
    list: query({ output: z.array(z.string()) }),
    find: query({
      // Input and output of the schema differ: a default, a transform, a coercion.
      input: z.object({
        name: z.string().default('lobby'),
        limit: z.string().transform(Number),
        since: z.coerce.date(),
      }),
      output: z.object({ found: z.string().transform((text) => text.length), at: z.date().default(() => new Date(0)) }),
    }),
    post: mutation({
      input: z.object({ room: z.string(), text: z.string().min(1) }),
      output: Message,
      errors: { ROOM_CLOSED: z.object({ since: z.date() }), MUTED: type<void>(), ODD: z.string().transform(Number) },
    }),
    messages: subscription({
      input: z.object({ room: z.string() }),
      output: Message,
      errors: { ROOM_CLOSED: z.object({ since: z.date() }) },
    }),
    deep: { er: { reset: mutation({ input: z.string().optional() }) } },
  },
  reports: {
    make: query({ input: type<{ year: number }>(), output: type<Report>() }),
    rich: query({
      output: z.object({ big: z.bigint(), map: z.map(z.string(), z.set(z.date())), when: z.date().nullable() }),
    }),
    valibot: mutation({
      input: v.object({ name: v.pipe(v.string(), v.transform(Number)) }),
      output: v.optional(v.date()),
    }),
    ticks: subscription({ output: z.number() }),
    silent: subscription(),
  },
})

export type Chat = typeof chat
