// Either end of a large upload, in a process of its own: the server, whose memory is watched, or the one that sends through a link
// that is cut every second. Run by `upload.fault.ts`, ended by its parent's death.
import { createHash, randomFillSync } from 'node:crypto'
import { query, router, upload } from 'trunkline'
import { createClient } from 'trunkline/client'
import { serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { createFaultProxy } from 'trunkline/testing'
import { z } from 'zod'
import { pace } from './child.ts'

export const contract = router({
  echo: query({ input: z.string(), output: z.string() }),
  put: upload({
    send: z.instanceof(Uint8Array),
    output: z.object({ bytes: z.number(), sha256: z.string() }),
  }),
})

export type ServerQuestion =
  /** Begins to watch the memory. */
  | { readonly ask: 'watch' }
  /** The memory when it began to be watched, and the most since. */
  | { readonly ask: 'rss' }

export type SenderQuestion =
  /** 20 calls a second for so long. */
  | { readonly ask: 'call'; readonly forMs: number }
  /** The same while it sends so much, and for as long as that takes. */
  | { readonly ask: 'send'; readonly bytes: number }

export interface Sent {
  readonly latencies: number[]
  readonly ms: number
  readonly bytes: number
  readonly sha256: string
  /** What the server has made of it. */
  readonly arrived: { readonly bytes: number; readonly sha256: string }
  readonly connections: number
}

const callsPerSecond = 20
const chunkBytes = 128 * 1024
const [role, url = ''] = process.argv.slice(2)

if (role === 'server') await beServer()
if (role === 'sender') await beSender()

async function beServer(): Promise<void> {
  const app = implement(contract).handlers({
    echo: ({ input }) => input,
    put: async ({ items }) => {
      const hash = createHash('sha256')
      let bytes = 0
      for await (const chunk of items) {
        hash.update(chunk)
        bytes += chunk.length
      }
      return { bytes, sha256: hash.digest('hex') }
    },
  })
  const server = await serve(app, { host: '127.0.0.1' })
  let before = 0
  let most = 0
  const answers: { readonly [Ask in ServerQuestion['ask']]: () => unknown } = {
    watch: () => {
      globalThis.gc?.()
      before = most = process.memoryUsage.rss()
      setInterval(() => {
        most = Math.max(most, process.memoryUsage.rss())
      }, 20).unref()
      return before
    },
    rss: () => ({ before, most }),
  }
  answerWith(answers)
  process.send?.(server.url)
}

async function beSender(): Promise<void> {
  const proxy = await createFaultProxy({ target: url })
  setInterval(() => proxy.cut(), 1_000)
  const { api } = createClient<typeof contract>({ url: proxy.url(), reconnect: { minMs: 20, baseMs: 100, maxMs: 100 } })
  await api.echo('warm')
  const calls = (forMs: number | (() => boolean)) => pace(() => api.echo('x'.repeat(64)), callsPerSecond, forMs)

  answerWith({
    call: ({ forMs }: SenderQuestion & { ask: 'call' }) => calls(forMs),
    send: async ({ bytes }: SenderQuestion & { ask: 'send' }): Promise<Sent> => {
      const hash = createHash('sha256')
      const begun = performance.now()
      let isSending = true
      const sending = api.put(undefined, { send: chunks(bytes, (chunk) => hash.update(chunk)) }).then((arrived) => {
        isSending = false
        return arrived
      })
      const [latencies, arrived] = await Promise.all([calls(() => isSending), sending])
      const { accepted: connections } = proxy.stats()
      return { latencies, ms: performance.now() - begun, bytes, sha256: hash.digest('hex'), arrived, connections }
    },
  })
  process.send?.('ready')
}

function* chunks(bytes: number, sent: (chunk: Uint8Array) => void): Generator<Uint8Array<ArrayBuffer>> {
  const chunk = randomFillSync(new Uint8Array(chunkBytes))
  const stamp = new DataView(chunk.buffer)
  for (let at = 0; at < bytes; at += chunkBytes) {
    // No two are alike: one that came twice, or in another's place, is seen in the checksum.
    stamp.setFloat64(0, at)
    const piece = chunk.subarray(0, Math.min(chunkBytes, bytes - at))
    sent(piece)
    yield piece
  }
}

function answerWith(answers: { readonly [ask: string]: (question: never) => unknown }): void {
  process.on('disconnect', () => process.exit())
  process.on('message', async (question: { ask: string }) => {
    process.send?.(await answers[question.ask]?.(question as never))
  })
}
