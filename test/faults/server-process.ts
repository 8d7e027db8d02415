// A server in a process of its own, for faults that measure: run by `startServer`, ended by its parent's message or death.
import { query, router, subscription } from 'trunkline'
import { serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { z } from 'zod'
import { limits, whoIs } from './offences.ts'

export const contract = router({
  echo: query({ input: z.object({ text: z.string() }), output: z.object({ text: z.string() }) }),
  hang: query(),
  any: query({ input: z.any(), output: z.any() }),
  /** How far the generator of `numbers` has come, and the memory of the process after a collection. */
  look: query({ output: z.object({ pulled: z.number(), heapUsed: z.number(), rss: z.number() }) }),
  numbers: subscription({ input: z.object({ items: z.number() }), output: z.number() }),
})

if (process.send) await main()

async function main(): Promise<void> {
  let pulled = 0
  const app = implement(contract).handlers({
    echo: ({ input }) => input,
    hang: () => new Promise<void>(() => {}),
    any: ({ input }) => input,
    look: () => {
      globalThis.gc?.()
      const { heapUsed, rss } = process.memoryUsage()
      return { pulled, heapUsed, rss }
    },
    numbers: async function* ({ input }) {
      for (pulled = 0; pulled < input.items; ) yield pulled++
    },
  })
  const lower = process.argv[2] === 'limits' ? { ...limits, ...whoIs } : {}
  const server = await serve(app, { host: '127.0.0.1', onError: () => {}, ...lower })
  process.on('disconnect', () => process.exit())
  process.on('message', async () => {
    await server.close({ drainMs: 0 })
    process.exit()
  })
  process.send?.(server.url)
}
