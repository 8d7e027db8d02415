// What both ends agree on. Data only: the server checks with it, the page imports nothing but its types.
import { mutation, query, router, subscription } from 'trunkline'
import { z } from 'zod'

export const Name = z.string().trim().min(1).max(24)

export const Room = z.object({
  name: z.string(),
  about: z.string(),
  /** Whether you may write there. */
  canPost: z.boolean(),
})

export const Message = z.object({
  /** Chosen by the sender: whoever sends the same message once more, not knowing, sends the same id. */
  id: z.string().min(1).max(40),
  room: z.string(),
  from: Name,
  text: z.string().trim().min(1).max(2000),
  at: z.date(),
})
export type Message = z.infer<typeof Message>

/** Part of a room's history, oldest first. */
export const Page = z.object({ messages: z.array(Message), hasMore: z.boolean() })
export type Page = z.infer<typeof Page>

export const Typing = z.object({ room: z.string(), name: Name, isTyping: z.boolean() })
export type Typing = z.infer<typeof Typing>

const InRoom = z.object({ room: z.string() })
const errors = { NO_SUCH_ROOM: InRoom }

export const chat = router({
  rooms: {
    list: query({ output: z.array(Room) }),
    /** The newest messages, or those before one that is known. */
    history: query({
      input: InRoom.extend({ before: z.string().optional(), limit: z.int().min(1).max(100).default(30) }),
      output: Page,
      errors,
    }),
    post: mutation({
      input: Message.pick({ id: true, room: true, text: true }),
      output: Message,
      errors: { ...errors, READ_ONLY: InRoom },
    }),
    messages: subscription({ input: InRoom, output: Message, errors }),
    setTyping: mutation({ input: InRoom.extend({ isTyping: z.boolean() }), errors }),
  },
  people: {
    /** Who is here, now and after each change. Whoever listens is here. */
    here: subscription({ output: z.array(Name) }),
    /** Who begins and who stops, in every room. */
    typing: subscription({ output: Typing }),
  },
})
