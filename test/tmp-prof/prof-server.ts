import { implement } from 'trunkline/server'
import { serve } from 'trunkline/node'
import { router, query } from 'trunkline'
import { z } from 'zod'
const T = z.object({ text: z.string() })
const r = router({ echo: query({ input: T, output: T }) })
const app = implement(r).use(({ next }) => next()).handlers({ echo: ({ input }) => input })
const s = await serve(app, { host: '127.0.0.1' })
process.send!(s.url)
process.on('message', () => process.exit(0))
