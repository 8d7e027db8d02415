// A server with a ledger in a file, in a process of its own: run by `LedgerServer`, ended by a signal or by its parent's death.
import { openSync, readFileSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import { attach } from 'trunkline/node'
import { Ledger } from './ledger.ts'

/** What the parent may ask, and what it is answered. */
export type Question =
  | { readonly ask: 'stats' }
  /** Nothing is read or written for so long. */
  | { readonly ask: 'block'; readonly ms: number }
  /** Memory of the process after a collection. */
  | { readonly ask: 'memory' }
  /** Clients that were let in since the last question, by the tenth of a second in which they came. */
  | { readonly ask: 'accepts' }

export interface Memory {
  readonly heapUsed: number
  readonly external: number
}

const [file = '', port = '0'] = process.argv.slice(2)
const descriptor = openSync(file, 'a')
const before = readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number)
// Written when the handler runs, not when the disk likes: the system has it even if the process is killed in the next line.
const ledger = new Ledger(before, (id) => void writeSync(descriptor, `${id}\n`))
const accepts = new Map<number, number>()
const httpServer = createServer()
// An accept is a 101, at the moment it is written: what is asked of the connection later may wait behind others.
httpServer.on('upgrade', (_request, stream) => {
  const { write } = stream
  // `ws` gives it the whole head, and nothing else.
  stream.write = (head: string): boolean => {
    stream.write = write
    const tenth = Math.floor(performance.now() / 100)
    if (head.startsWith('HTTP/1.1 101')) accepts.set(tenth, (accepts.get(tenth) ?? 0) + 1)
    return stream.write(head)
  }
})
const attached = attach(ledger.app, httpServer, { onError: () => {}, authenticate: () => ({}) })
// With the queue that `serve` asks for.
const address = { port: Number(port), host: '127.0.0.1', backlog: 4_096 }
await new Promise<void>((resolve) => httpServer.listen(address, resolve))
const server = {
  url: attached.url,
  stats: () => attached.stats(),
  close: async () => {
    await attached.close()
    httpServer.close()
    httpServer.closeAllConnections()
  },
}

const answers: { readonly [Ask in Question['ask']]: (question: Question & { ask: Ask }) => unknown } = {
  stats: () => server.stats(),
  block: ({ ms }) => {
    for (const until = performance.now() + ms; performance.now() < until; );
    return 'blocked'
  },
  memory: () => {
    globalThis.gc?.()
    const { heapUsed, external } = process.memoryUsage()
    return { heapUsed, external } satisfies Memory
  },
  accepts: () => {
    const counted = [...accepts]
    accepts.clear()
    return counted
  },
}

process.on('disconnect', () => process.exit())
process.on('message', (question: Question) => process.send?.(answers[question.ask](question as never)))
// The parent may ask, and does not keep it alive.
process.channel?.unref()
process.on('SIGTERM', () => server.close())
process.send?.(Number(new URL(server.url).port))
