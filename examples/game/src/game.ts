// A pilot's part in the game: all that the page does with Trunkline, and what it knows of the world by that. Draws nothing.
import { createClient, type RouterOutputs } from 'trunkline/client'
import type { game, Pilot } from '../contract.ts'
import type { Steer } from '../ship.ts'
import { readSnapshot, type ShipView } from '../snapshot.ts'
import { Prediction } from './prediction.ts'
import { type Scene, Timeline } from './timeline.ts'

/** What concerns this pilot; `over` is the page's own word. */
export type GameEvent = RouterOutputs<typeof game>['play'] | { readonly type: 'over'; readonly why: string }
export type Player = RouterOutputs<typeof game>['players'][number]

/** So many states may be on their way, 200 ms of them: a page that can't follow misses some instead of hearing of old ones. */
const freshStates = { credit: 16 }
/** Inputs that found no room on the line. More, and this tick's is not worth sending. */
const maxUnsent = 4

/** Without a state for so long nobody knows where they fly. */
const silenceMs = 1_000
/** An arena that is full is not asked again at once. */
const betweenFlightsMs = 1_000

/** A page that waits for its server has nothing better to do. */
const patient = { timeoutMs: 24 * 60 * 60 * 1000 }

export class Game {
  /** One's own, 0 while there is none. */
  ship = 0
  players: readonly Player[] = []
  /** Of an input, in ms. */
  roundTripMs: number | undefined
  /** States that came, and ticks that were left out. */
  states = 0
  skipped = 0
  readonly #client
  readonly #timeline = new Timeline()
  readonly #prediction = new Prediction()
  readonly #onEvent: (event: GameEvent) => void
  #play: ReturnType<typeof this.api.play> | undefined
  #sequence = 0
  #unsent = 0
  #heardAt = 0
  /** When inputs were sent whose answer is due. */
  readonly #sentAt = new Map<number, number>()

  constructor(pilot: Pilot, onEvent: (event: GameEvent) => void) {
    this.#client = createClient<typeof game>({ url: '/rpc', params: { ...pilot } })
    this.#onEvent = onEvent
    this.#keepPlaying()
    // They end with the line alone, and its state says why.
    this.#watch().catch(() => {})
    this.#followPlayers().catch(() => {})
  }

  get api() {
    return this.#client.api
  }

  get connection() {
    return this.#client.connection
  }

  /** Of the newest state. */
  get tick(): number {
    return this.#timeline.newest?.tick ?? 0
  }

  /** The line is open, and nothing comes. */
  get isSilent(): boolean {
    return this.states > 0 && performance.now() - this.#heardAt > silenceMs
  }

  /** One's own ship as the server has it. */
  get me(): ShipView | undefined {
    return this.#timeline.newest?.ships.get(this.ship)
  }

  /** One tick of this page: sends what the pilot wants, and does it here at once. */
  steer({ x, y, fire }: Steer): void {
    if (!this.#play || !this.ship || this.connection.state.status !== 'open') return
    if (this.isSilent || this.#unsent >= maxUnsent) return
    // No finer than a thumb: a number of three digits is short on the line, and the same on both ends.
    const input = { sequence: ++this.#sequence, x: Math.round(x * 100) / 100, y: Math.round(y * 100) / 100, fire }
    const sent = () => void this.#unsent--
    this.#unsent++
    this.#play.send(input).then(sent, sent)
    this.#sentAt.set(input.sequence, performance.now())
    this.#prediction.fly(input)
  }

  /** What is to be seen now: the others as they were a moment ago, one's own ship as it will be. */
  scene(now: number): Scene {
    const scene = this.#timeline.at(now)
    const mine = this.#prediction.seen()
    if (!mine || !this.me) return scene
    const me = { ...this.me, ...mine }
    return { ...scene, ships: [...scene.ships.filter(({ id }) => id !== this.ship), me] }
  }

  /** A break does not end the call. A server that was started again knows nothing of it: then it is a new ship. */
  async #keepPlaying(): Promise<void> {
    for (;;) {
      try {
        this.#play = this.api.play(undefined, patient)
        for await (const event of this.#play) this.#hear(event)
      } catch (error) {
        this.#onEvent({ type: 'over', why: (error as Error).message })
      }
      this.ship = 0
      this.#prediction.clear()
      if (this.connection.state.status === 'closed') return
      await new Promise((resolve) => setTimeout(resolve, betweenFlightsMs))
    }
  }

  async #watch(): Promise<void> {
    for await (const bytes of this.api.watch(undefined, { ...patient, ...freshStates })) {
      const snapshot = readSnapshot(bytes)
      const missing = this.tick > 0 ? snapshot.tick - this.tick - 1 : 0
      this.skipped += Math.max(0, missing)
      this.states++
      this.#heardAt = performance.now()
      this.#timeline.add(snapshot, performance.now())
      if (this.me && this.me.shield > 0) this.#prediction.correct(this.me)
      else this.#prediction.clear()
    }
  }

  async #followPlayers(): Promise<void> {
    for await (const players of this.api.players(undefined, patient)) this.players = players
  }

  #hear(event: GameEvent): void {
    if (event.type === 'welcome') this.ship = event.ship
    else if (event.type === 'ack') this.#measure(event.sequence)
    else this.#onEvent(event)
  }

  #measure(sequence: number): void {
    const sentAt = this.#sentAt.get(sequence)
    for (const known of this.#sentAt.keys()) if (known <= sequence) this.#sentAt.delete(known)
    if (sentAt === undefined) return
    const took = performance.now() - sentAt
    this.roundTripMs = this.roundTripMs === undefined ? took : this.roundTripMs * 0.8 + took * 0.2
  }
}
