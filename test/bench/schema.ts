// The schemas all contenders validate with, on the server. Knows no contender; no client imports it.
import { z } from 'zod'

export const PayloadSchema = z.object({ text: z.string() })
export const CountSchema = z.object({ count: z.number() })
