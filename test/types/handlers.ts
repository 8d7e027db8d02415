// What the server's author writes: every handler, its argument, its answer, and nothing more.
import { event } from 'trunkline'
import { type Connection, implement, memoryPublisher, type RouterHandlers } from 'trunkline/server'
import { assert, type Equal } from './assert.ts'
import { type Chat, chat } from './contract.ts'

interface Context {
  user: string
}

const message = { id: '1', text: 'hi', at: new Date() }
const bus = memoryPublisher<{ [topic: `room:${string}`]: typeof message; counts: number }>()

const good: RouterHandlers<Chat, Context> = {
  ping: () => {},
  rooms: {
    list: async () => ['lobby'],
    find: ({ input }) => {
      // A handler gets what the schema gives …
      assert<Equal<typeof input, { name: string; limit: number; since: Date }>>()
      // … and gives what the output's takes.
      return { found: 'x' }
    },
    post: ({ input, context, signal, errors, connection, lastEventId, meta }) => {
      assert<Equal<typeof input, { room: string; text: string }>>()
      assert<Equal<typeof context, Context>>()
      assert<Equal<typeof signal, AbortSignal>>()
      assert<Equal<typeof connection, Connection>>()
      assert<Equal<typeof lastEventId, string | undefined>>()
      assert<Equal<typeof meta, Readonly<Record<string, unknown>>>>()
      assert<Equal<keyof typeof errors, 'ROOM_CLOSED' | 'MUTED' | 'ODD'>>()
      return message
    },
    messages: ({ input, signal, lastEventId }) => bus.subscribe(`room:${input.room}`, { signal, lastEventId }),
    deep: { er: { reset: ({ input }) => assert<Equal<typeof input, string | undefined>>() } },
  },
  reports: {
    make: ({ input }) => ({ lines: [String(input.year)] }),
    rich: () => ({ big: 1n, map: new Map([['a', new Set([new Date()])]]), when: null }),
    valibot: ({ input }) => {
      assert<Equal<typeof input, { name: number }>>()
      return undefined
    },
    ticks: async function* () {
      yield 1
      yield event(2, { id: 'b' })
    },
    silent: async function* () {
      yield
    },
  },
}

const app = implement(chat).context<Context>()
export const whole = app.handlers(good)

const { ping: _ping, ...withoutPing } = good
// @ts-expect-error: a handler is missing.
app.handlers(withoutPing)
const { list: _list, ...roomsWithoutList } = good.rooms
// @ts-expect-error: a handler is missing in a record.
app.handlers({ ...good, rooms: roomsWithoutList })
// @ts-expect-error: a record is missing.
app.handlers({ ping: good.ping, rooms: good.rooms })
// @ts-expect-error: a handler is superfluous.
app.handlers({ ping: good.ping, rooms: good.rooms, reports: good.reports, pong: () => {} })
app.handlers({
  ping: good.ping,
  rooms: good.rooms,
  // @ts-expect-error: a handler is superfluous in a record.
  reports: { ...good.reports, burn: () => {} },
})
// @ts-expect-error: a function stands where a record belongs.
app.handlers({ ...good, rooms: () => {} })
app.handlers({
  ...good,
  rooms: {
    ...good.rooms,
    // @ts-expect-error: the output has the wrong type.
    list: () => [1],
    // @ts-expect-error: the output lacks a key.
    post: () => ({ id: '1', text: 'hi' }),
    // @ts-expect-error: the item has the wrong type.
    messages: async function* () {
      yield 5
    },
  },
})
app.handlers({
  ...good,
  rooms: {
    ...good.rooms,
    // @ts-expect-error: a subscription gives an iterable.
    messages: () => message,
    // @ts-expect-error: what the schema gives is not what a handler gives.
    find: () => ({ found: 5 }),
    // @ts-expect-error: the input has no such key.
    post: ({ input: { title } }) => ({ ...message, text: title }),
  },
})
app.handlers({
  ...good,
  rooms: {
    ...good.rooms,
    // @ts-expect-error: the context has no such key.
    list: ({ context }) => [context.admin],
    // @ts-expect-error: the feed is of another topic's type.
    messages: () => bus.subscribe('counts'),
  },
})

// ── A publisher with topics ──────────────────────────────────────────────────

bus.publish('room:lobby', message)
// @ts-expect-error: the value has the wrong type.
bus.publish('counts', 'x')
// @ts-expect-error: no such topic.
bus.publish('users', 1)
export async function topics(): Promise<void> {
  for await (const value of bus.subscribe('counts')) assert<Equal<typeof value, number>>()
  for await (const { at } of bus.subscribe('room:lobby')) assert<Equal<typeof at, Date>>()
  for await (const value of memoryPublisher().subscribe('any')) assert<Equal<typeof value, unknown>>()
}
