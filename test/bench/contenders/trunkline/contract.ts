// What Trunkline's two ends agree on for the benchmark. Data only: the client imports its type.
import { query, router, subscription } from 'trunkline'
import { CountSchema, PayloadSchema } from '../../schema.ts'

export const bench = router({
  echo: query({ input: PayloadSchema, output: PayloadSchema }),
  items: subscription({ input: CountSchema, output: PayloadSchema }),
  events: subscription({ output: PayloadSchema }),
})
