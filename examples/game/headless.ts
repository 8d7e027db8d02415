// Players without a page: bots on real connections, for a full arena and for load. `pnpm headless ws://localhost:3000/rpc 50`
import { fileURLToPath } from 'node:url'
import { createClient } from 'trunkline/client'
import { botNames, think } from './bot.ts'
import type { game } from './contract.ts'
import { readSnapshot } from './snapshot.ts'

/** One that can't follow misses states instead of hearing of old ones. */
export const freshStates = { credit: 16 }

/** A bot decides twenty times a second; a ship goes on with what it was told last. */
const thinkEvery = 3

export class Headless {
  /** States that came, and ticks that were left out. */
  states = 0
  skipped = 0
  tick = 0
  readonly nerve: number
  readonly #client: ReturnType<typeof createClient<typeof game>>

  constructor(url: string, index: number) {
    this.nerve = (index * 0.618) % 1
    const name = `${botNames[index % botNames.length]} ${1 + Math.floor(index / botNames.length)}`
    this.#client = createClient<typeof game>({
      url,
      params: { id: `headless-${index}`, name, hue: Math.round(this.nerve * 360) },
    })
  }

  /** Until `stop`. */
  async play(): Promise<void> {
    const { api } = this.#client
    const call = api.play()
    let ship = 0
    const hearing = (async () => {
      for await (const event of call) if (event.type === 'welcome') ship = event.ship
    })()
    hearing.catch(() => {})
    let sequence = 0
    for await (const bytes of api.watch(undefined, freshStates)) {
      const { tick, ships } = readSnapshot(bytes)
      this.states++
      if (this.tick > 0) this.skipped += tick - this.tick - 1
      this.tick = tick
      const me = ships.get(ship)
      if (me && this.states % thinkEvery === 0)
        await call.send({ ...think(me, ships.values(), tick, this.nerve), sequence: ++sequence })
    }
  }

  pace() {
    return this.#client.api.pace()
  }

  stop(): Promise<void> {
    return this.#client.connection.close()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [url = 'ws://localhost:3000/rpc', count = '50'] = process.argv.slice(2)
  const players = Array.from({ length: Number(count) }, (_, index) => new Headless(url, index))
  for (const player of players) player.play().catch((error) => console.error(String(error)))
  const timer = setInterval(async () => {
    const states = players.reduce((sum, player) => sum + player.states, 0)
    console.log(`${states} states`, JSON.stringify(await players[0]?.pace()))
  }, 5_000)
  process.once('SIGINT', () => {
    clearInterval(timer)
    for (const player of players) player.stop()
  })
}
