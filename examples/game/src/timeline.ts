// What came of the world, and what it looked like at a moment between two states. Knows no network.
import { angleBetween, tickMs } from '../ship.ts'
import type { ShipView, ShotView, Snapshot } from '../snapshot.ts'

export interface Scene {
  readonly ships: readonly ShipView[]
  readonly shots: readonly ShotView[]
}

/** Others are shown so long ago: with two states on either side nothing jumps, and a late one is still in time. */
const delayTicks = 5
/** Without a newer state ships are seen to go on as they were, for so long. */
const guessTicks = 15
const kept = 32

export class Timeline {
  newest: Snapshot | undefined
  #snapshots: Snapshot[] = []
  /** The server's clock against ours, in ticks, as the freshest states have it. */
  #offset = Number.NEGATIVE_INFINITY

  add(snapshot: Snapshot, now: number): void {
    // Another server, with another clock.
    if (this.newest && snapshot.tick < this.newest.tick) this.clear()
    const offset = snapshot.tick - now / tickMs
    this.#offset = offset > this.#offset ? offset : this.#offset + (offset - this.#offset) * 0.01
    this.newest = snapshot
    this.#snapshots.push(snapshot)
    if (this.#snapshots.length > kept) this.#snapshots.shift()
  }

  clear(): void {
    this.#snapshots = []
    this.#offset = Number.NEGATIVE_INFINITY
    this.newest = undefined
  }

  at(now: number): Scene {
    const tick = now / tickMs + this.#offset - delayTicks
    const after = this.#snapshots.findIndex((snapshot) => snapshot.tick >= tick)
    const next = this.#snapshots[after]
    const last = after < 0 ? this.#snapshots.at(-1) : this.#snapshots[after - 1]
    if (!last) return next ? { ships: [...next.ships.values()], shots: [...next.shots.values()] } : nothing
    if (!next) return ahead(last, Math.min(guessTicks, tick - last.tick))
    return between(last, next, (tick - last.tick) / (next.tick - last.tick))
  }
}

const nothing: Scene = { ships: [], shots: [] }

function between(last: Snapshot, next: Snapshot, part: number): Scene {
  const mix = (from: number, to: number) => from + (to - from) * part
  const ships: ShipView[] = []
  for (const ship of next.ships.values()) {
    const from = last.ships.get(ship.id)
    // It came, or came back elsewhere.
    if (!from || Math.hypot(ship.x - from.x, ship.y - from.y) > 400) ships.push(ship)
    else
      ships.push({
        ...ship,
        x: mix(from.x, ship.x),
        y: mix(from.y, ship.y),
        angle: from.angle + angleBetween(from.angle, ship.angle) * part,
      })
  }
  const shots: ShotView[] = []
  for (const shot of next.shots.values()) {
    const from = last.shots.get(shot.id)
    if (from) shots.push({ ...shot, x: mix(from.x, shot.x), y: mix(from.y, shot.y) })
  }
  return { ships, shots }
}

function ahead({ ships, shots }: Snapshot, ticks: number): Scene {
  return {
    ships: [...ships.values()].map((ship) => ({ ...ship, x: ship.x + ship.vx * ticks, y: ship.y + ship.vy * ticks })),
    shots: [...shots.values()],
  }
}
