// The chat's server: one port for the built page and the line at /rpc.
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import sirv from 'sirv'
import { attach } from 'trunkline/node'
import { authenticate, createChat, rooms } from './app.ts'
import { seed } from './seed.ts'
import { Store } from './store.ts'

// With a folder it starts with what was said before; in memory, with what a page needs to look lived in.
const folder = process.env.CHAT_DATA
const store = folder ? await Store.open([...rooms.keys()], folder) : new Store([...rooms.keys()], seed(new Date()))

const pages = join(import.meta.dirname, 'client')
const serveFile = existsSync(pages) && sirv(pages, { etag: true, maxAge: 0 })
const httpServer = createServer((request, response) => {
  if (serveFile) serveFile(request, response)
  else response.writeHead(404).end('No page is built here: run "pnpm dev" and open http://localhost:5173')
})

const server = attach(createChat(store), httpServer, {
  path: '/rpc',
  authenticate,
  identify: ({ name }) => ({ principal: name }),
})

httpServer.once('error', (error) => {
  console.error(`The chat can't listen: ${error.message}; PORT=… and HOST=… say where else`)
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
