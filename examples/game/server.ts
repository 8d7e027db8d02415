// The game's server: one port for the built page and the line at /rpc.
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import sirv from 'sirv'
import { attach } from 'trunkline/node'
import { authenticate, createArena } from './app.ts'

const pages = join(import.meta.dirname, 'client')
const serveFile = existsSync(pages) && sirv(pages, { etag: true, maxAge: 0 })
const httpServer = createServer((request, response) => {
  if (serveFile) serveFile(request, response)
  else response.writeHead(404).end('No page is built here: run "pnpm dev" and open http://localhost:5173')
})

// Some company for whoever comes first.
const arena = createArena({ seed: Date.now(), bots: Number(process.env.GAME_BOTS ?? 5) })
const server = attach(arena.app, httpServer, {
  path: '/rpc',
  authenticate,
  identify: ({ id }) => ({ principal: id }),
  // A ship waits so long for its pilot.
  resume: { keepMs: 30_000 },
})

httpServer.once('error', (error) => {
  console.error(`The game can't listen: ${error.message}; PORT=… and HOST=… say where else`)
  process.exitCode = 1
})
httpServer.listen(Number(process.env.PORT || 3000), process.env.HOST, () => {
  arena.start()
  console.log(`The game is at http://localhost:${(httpServer.address() as AddressInfo).port}`)
})

// With nothing left to do the process ends by itself. A terminal and npm may both pass on the same Ctrl-C.
let isClosing = false
async function close(): Promise<void> {
  if (isClosing) return
  isClosing = true
  await server.close({ drainMs: 1_000 })
  arena.stop()
  httpServer.close()
  httpServer.closeAllConnections()
}
process.on('SIGINT', close).on('SIGTERM', close)
