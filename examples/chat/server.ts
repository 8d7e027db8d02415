// The chat's server: its handlers, and one port for the built page and the line at /rpc.
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import sirv from 'sirv'
import { RpcError } from 'trunkline'
import { attach } from 'trunkline/node'
import { implement, memoryPublisher } from 'trunkline/server'
import { chat, type Message, Name } from './contract.ts'
import { People } from './people.ts'
import { Store } from './store.ts'

const rooms = [
  { name: 'lobby', about: 'Say hello' },
  { name: 'engine-room', about: 'What makes it run' },
  { name: 'tea', about: 'Anything else' },
]

const store = await Store.open(
  rooms.map(({ name }) => name),
  process.env.CHAT_DATA,
)
const people = new People()
const bus = memoryPublisher<{ here: string[]; [room: `room:${string}`]: Message }>()

const app = implement(chat)
  .context<{ name: string }>()
  .handlers({
    rooms: {
      list: () => rooms,
      history: ({ input, errors }) => {
        if (!store.has(input.room)) throw errors.NO_SUCH_ROOM(input)
        return store.history(input.room)
      },
      post: async ({ input, context, errors }) => {
        if (!store.has(input.room)) throw errors.NO_SUCH_ROOM({ room: input.room })
        // Sent again by somebody who could not know that it had arrived.
        const known = store.find(input.room, input.id)
        if (known) return known
        const message = await store.add({ ...input, from: context.name })
        await bus.publish(`room:${message.room}`, message)
        return message
      },
      messages: ({ input, errors, signal, lastEventId }) => {
        if (!store.has(input.room)) throw errors.NO_SUCH_ROOM(input)
        return bus.subscribe(`room:${input.room}`, { signal, lastEventId })
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
    },
  })

const pages = join(import.meta.dirname, 'client')
const serveFile = existsSync(pages) && sirv(pages, { etag: true, maxAge: 0 })
const httpServer = createServer((request, response) => {
  if (serveFile) serveFile(request, response)
  else response.writeHead(404).end('No page is built here: run "pnpm dev" and open http://localhost:5173')
})

const server = attach(app, httpServer, {
  path: '/rpc',
  // Anybody may take any name here. A real chat would check a token in `params`.
  authenticate: ({ params }) => {
    const name = Name.safeParse(params.name)
    if (!name.success) throw new RpcError('UNAUTHORIZED', { message: 'A name has 1 to 24 characters' })
    return { name: name.data }
  },
  identify: ({ name }) => ({ principal: name }),
})

httpServer.once('error', (error) => {
  console.error(`The chat can't listen: ${error.message}`)
  process.exitCode = 1
})
httpServer.listen(Number(process.env.PORT || 3000), process.env.HOST, () => {
  console.log(`The chat is at http://localhost:${(httpServer.address() as AddressInfo).port}`)
})

// With nothing left to do the process ends by itself. A terminal and npm may both pass on the same Ctrl-C.
let isClosing = false
async function close(): Promise<void> {
  if (isClosing) return
  isClosing = true
  await server.close({ drainMs: 2_000 })
  httpServer.close()
  httpServer.closeAllConnections()
}
process.on('SIGINT', close).on('SIGTERM', close)
