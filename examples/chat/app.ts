// The chat's app: its rooms and its handlers. Knows no port and no page, so that tests can run it in memory.
import { RpcError } from 'trunkline'
import { type AuthenticateArgument, implement, latestBy, memoryPublisher } from 'trunkline/server'
import { chat, type Message, Name, type Typing } from './contract.ts'
import { People } from './people.ts'
import type { Store } from './store.ts'

/** Rooms by name. Where writers are named, everybody else only reads. */
export const rooms = new Map<string, { about: string; writers?: readonly string[] }>([
  ['lobby', { about: 'Who comes when, and everything that fits nowhere else' }],
  ['workshop', { about: 'Racks, relays, and what is on the bench' }],
  ['open-day', { about: 'Sunday the 29th: tours, tea, the queue at the door' }],
  ['notices', { about: 'From the desk', writers: ['Margit'] }],
  ['lost-and-found', { about: 'Gloves, mostly' }],
])

interface Topics {
  here: string[]
  typing: Typing
  [room: `room:${string}`]: Message
}

// Anybody may take any name here. A real chat would check a token in `params`.
export function authenticate({ params }: Pick<AuthenticateArgument, 'params'>): { name: string } {
  const name = Name.safeParse(params.name)
  if (!name.success) throw new RpcError('UNAUTHORIZED', { message: 'A name has 1 to 24 characters' })
  return { name: name.data }
}

export function createChat(store: Store) {
  const people = new People()
  const bus = memoryPublisher<Topics>()

  return implement(chat)
    .context<{ name: string }>()
    .handlers({
      rooms: {
        list: ({ context }) =>
          [...rooms].map(([name, { about, writers }]) => ({ name, about, canPost: mayPost(context.name, writers) })),
        history: ({ input, errors }) => {
          if (!rooms.has(input.room)) throw errors.NO_SUCH_ROOM({ room: input.room })
          return store.page(input.room, input.limit, input.before)
        },
        post: async ({ input, context, errors }) => {
          const { room } = input
          const about = rooms.get(room)
          if (!about) throw errors.NO_SUCH_ROOM({ room })
          if (!mayPost(context.name, about.writers)) throw errors.READ_ONLY({ room })
          // Not new: sent again by somebody who could not know that it had arrived.
          const { message, isNew } = await store.add({ ...input, from: context.name })
          if (isNew) await bus.publish(`room:${room}`, message)
          return message
        },
        messages: ({ input, errors, signal, lastEventId }) => {
          if (!rooms.has(input.room)) throw errors.NO_SUCH_ROOM(input)
          return bus.subscribe(`room:${input.room}`, { signal, lastEventId })
        },
        setTyping: async ({ input, context, errors }) => {
          if (!rooms.has(input.room)) throw errors.NO_SUCH_ROOM({ room: input.room })
          await bus.publish('typing', { ...input, name: context.name })
        },
      },
      people: {
        here: async function* ({ context, signal }) {
          // Only the newest list matters to a page that was slow.
          const changes = bus.subscribe('here', { signal, policy: 'latest' })
          people.enter(context.name)
          bus.publish('here', people.names())
          try {
            yield* changes
          } finally {
            people.leave(context.name)
            bus.publish('here', people.names())
          }
        },
        typing: ({ signal }) =>
          bus.subscribe('typing', { signal, policy: latestBy(({ room, name }) => `${room} ${name}`) }),
      },
    })
}

function mayPost(name: string, writers: readonly string[] | undefined): boolean {
  return writers?.includes(name) ?? true
}
