// What both ends agree on. Data only: the server checks with it, the page imports nothing but its types.
import { mutation, query, router, subscription } from 'trunkline'
import { z } from 'zod'

export const Name = z.string().trim().min(1).max(24)

export const Room = z.object({ name: z.string(), about: z.string() })

export const Message = z.object({
  /** Chosen by the sender: whoever sends the same message once more, not knowing, sends the same id. */
  id: z.string().min(1).max(40),
  room: z.string(),
  from: Name,
  text: z.string().trim().min(1).max(2000),
  at: z.date(),
})
export type Message = z.infer<typeof Message>

const InRoom = z.object({ room: z.string() })
const errors = { NO_SUCH_ROOM: InRoom }

export const chat = router({
  rooms: {
    list: query({ output: z.array(Room) }),
    /** The last messages, oldest first. */
    history: query({ input: InRoom, output: z.array(Message), errors }),
    post: mutation({ input: Message.pick({ id: true, room: true, text: true }), output: Message, errors }),
    messages: subscription({ input: InRoom, output: Message, errors }),
  },
  people: {
    /** Who is here, now and after each change. Whoever listens is here. */
    here: subscription({ output: z.array(Name) }),
  },
})
