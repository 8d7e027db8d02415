// Many clients in a process of their own, each on an address of loopback that it shares with few others: run by `startCrowd`.
import { createClient } from 'trunkline/client'
import { WebSocket } from 'ws'
import type { contract } from './ledger.ts'

export type CrowdQuestion =
  | { readonly ask: 'state' }
  /** Nothing is read or written for so long. */
  | { readonly ask: 'block'; readonly ms: number }
  /** Answers when everybody has an answer to a query. */
  | { readonly ask: 'everybody' }
  | { readonly ask: 'leave' }

export interface CrowdState {
  readonly open: number
  /** Lines that were lost so far, and those of them that came back to their session. */
  readonly lost: number
  readonly resumes: number
}

const [url = '', count = '0', net = '1'] = process.argv.slice(2)

/** Fifty clients an address: a server takes 64 unauthenticated connections of one. */
function socketAt(index: number): typeof globalThis.WebSocket {
  const localAddress = `127.${net}.${Math.floor(index / 50)}.1`
  class LocalSocket extends WebSocket {
    constructor(address: string, protocol: string) {
      super(address, protocol, { localAddress, perMessageDeflate: false })
    }
  }
  // The client needs the four `on…` properties of the standard, which are there.
  return LocalSocket as never
}

let lost = 0
const clients = Array.from({ length: Number(count) }, (_, index) => {
  const client = createClient<typeof contract>({ url, WebSocket: socketAt(index) })
  let wasOpen = false
  client.connection.on('change', ({ status }) => {
    if (wasOpen && status !== 'open') lost++
    wasOpen = status === 'open'
  })
  return client
})

const answers: { readonly [Ask in CrowdQuestion['ask']]: (question: CrowdQuestion & { ask: Ask }) => unknown } = {
  state: () => ({
    open: clients.filter(({ connection }) => connection.state.status === 'open').length,
    lost,
    resumes: clients.reduce((sum, { connection }) => sum + connection.stats().resumes, 0),
  }),
  block: ({ ms }) => {
    for (const until = performance.now() + ms; performance.now() < until; );
    return 'blocked'
  },
  everybody: async () =>
    (await Promise.all(clients.map(({ api }) => api.ask({ id: 1 }, { timeoutMs: 120_000 })))).length,
  leave: async () => {
    await Promise.all(clients.map(({ connection }) => connection.close()))
    return 'gone'
  },
}

process.on('disconnect', () => process.exit())
process.on('message', async (question: CrowdQuestion) => {
  process.send?.(await answers[question.ask](question as never))
})
// In portions, so that nobody is refused at the door.
for (let from = 0; from < clients.length; from += 100)
  await Promise.all(clients.slice(from, from + 100).map(({ connection }) => connection.connect()))
process.send?.('all are in')
