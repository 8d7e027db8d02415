// The server: one port for the built page and the line at /rpc.
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sirv from 'sirv'
import { attach } from 'trunkline/node'
import { createFiles, usualMaxBytes } from './app.ts'
import { FileStore } from './store.ts'

const store = await FileStore.open(process.env.FILES_DATA || join(tmpdir(), 'trunkline-files'))

const pages = join(import.meta.dirname, 'client')
const serveFile = existsSync(pages) && sirv(pages, { etag: true, maxAge: 0 })
const httpServer = createServer((request, response) => {
  if (serveFile) serveFile(request, response)
  else response.writeHead(404).end('No page is built here: run "pnpm dev" and open http://localhost:5173')
})

const app = createFiles(store, Number(process.env.FILES_MAX_BYTES || usualMaxBytes))
const server = attach(app, httpServer, {
  path: '/rpc',
  // Of a download as much as its window holds may be under way when the line breaks, and then waits for the page.
  resume: { bufferBytes: 8 * 1024 * 1024 },
})

httpServer.once('error', (error) => {
  console.error(`The files can't be served: ${error.message}; PORT=… and HOST=… say where else`)
  process.exitCode = 1
})
httpServer.listen(Number(process.env.PORT || 3000), process.env.HOST, () => {
  console.log(`The files are at http://localhost:${(httpServer.address() as AddressInfo).port}`)
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
