// What both ends agree on. Data only: the server checks with it, the page imports nothing but its types.
import { duplex, query, router, subscription } from 'trunkline'
import { z } from 'zod'

/** Who plays, as `params` of the connection. */
export const Pilot = z.object({
  /** Made by the page: whoever comes back after a break is the same. */
  id: z.string().min(8).max(40),
  name: z.string().trim().min(1).max(16),
  /** Of the colour, in degrees. */
  hue: z.number().min(0).max(360),
})
export type Pilot = z.infer<typeof Pilot>

const part = z.number().min(-1).max(1)
const Input = z.object({ sequence: z.int().nonnegative(), x: part, y: part, fire: z.boolean() })

const GameEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('welcome'), ship: z.int() }),
  /** An input has arrived; every tenth is answered, as a measure of the way there and back. */
  z.object({ type: z.literal('ack'), sequence: z.int() }),
  z.object({ type: z.literal('hit'), by: z.string() }),
  z.object({ type: z.literal('wrecked'), by: z.string() }),
  z.object({ type: z.literal('scored'), victim: z.string(), score: z.int() }),
])
export type GameEvent = z.infer<typeof GameEvent>

const Player = z.object({ ship: z.int(), name: z.string(), hue: z.number(), score: z.int() })
export type Player = z.infer<typeof Player>

const Pace = z.object({
  ticks: z.int(),
  /** Ticks the world was late by too much to catch up on. */
  dropped: z.int(),
  /** How late ticks began, in ms, of the last ten seconds. */
  lateMs: z.object({ p50: z.number(), p99: z.number(), max: z.number() }),
})
export type Pace = z.infer<typeof Pace>

export const game = router({
  /** A ship for as long as the call is open: inputs go up, what concerns this pilot comes down. */
  play: duplex({ send: Input, output: GameEvent, errors: { FULL: z.object({ most: z.int() }) } }),
  /** The world after each tick, as snapshot.ts writes it. */
  watch: subscription({ output: z.instanceof(Uint8Array<ArrayBuffer>) }),
  /** Who plays, best first, now and after each change. */
  players: subscription({ output: z.array(Player) }),
  /** How well the server keeps its ticks. */
  pace: query({ output: Pace }),
})
