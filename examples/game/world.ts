// The world: ships, shots, and what a tick does to them. A pure simulation: the same seed and the same inputs make the same world.
import type { GameEvent, Player } from './contract.ts'
import { arena, type Flight, fly, idle, type Steer, shipRadius, ticksPerSecond } from './ship.ts'

export interface Input extends Steer {
  /** Rises by one with each tick of the pilot's page. */
  readonly sequence: number
}

export interface Ship extends Flight {
  readonly id: number
  readonly name: string
  readonly hue: number
  score: number
  /** Hits it still takes; 0 is a wreck that waits for its return. */
  shield: number
  /** What it does in this tick. */
  steer: Steer
  /** The last input that was flown, or left out for a newer one. */
  sequence: number
  /** Since the last input came. */
  silentTicks: number
  /** What came and was not flown. */
  readonly inputs: Input[]
  reloadTicks: number
  /** Until a shield grows back, or a wreck returns. */
  repairTicks: number
  /** It has just come: nothing hits it. */
  safeTicks: number
}

export interface Shot {
  readonly id: number
  readonly owner: number
  x: number
  y: number
  readonly vx: number
  readonly vy: number
  ticksLeft: number
}

export const maxShips = 200
export const fullShield = 3

const reloadTicks = 12
const shotSpeed = 13
const shotTicks = 50
const repairTicks = 4 * ticksPerSecond
const wreckTicks = 1.5 * ticksPerSecond
const safeTicks = 1.5 * ticksPerSecond

/** Inputs that came in a bunch are flown one a tick; more than this is a delay that the pilot would feel, and the oldest are left out. */
const maxQueued = 6
/** Nothing comes: it goes on as it was for so long, then lets go of everything. */
const coastTicks = 15
/** Nothing comes: its pilot is away, and nothing hits it. */
const awayTicks = ticksPerSecond

export const isAway = (ship: Ship): boolean => ship.silentTicks > awayTicks
export const isWreck = (ship: Pick<Ship, 'shield'>): boolean => ship.shield === 0

export class World {
  tick = 0
  readonly ships = new Map<number, Ship>()
  shots: Shot[] = []
  readonly #random: () => number
  readonly #tell: (ship: number, event: GameEvent) => void
  #lastShot = 0
  #lastShip = 0
  #isRosterNew = false

  /** `tell` hears what concerns one pilot. */
  constructor(seed: number, tell: (ship: number, event: GameEvent) => void = () => {}) {
    this.#random = randomFrom(seed)
    this.#tell = tell
  }

  get isFull(): boolean {
    return this.ships.size >= maxShips
  }

  join(name: string, hue: number): Ship {
    const ship: Ship = {
      ...{ id: this.#freeId(), name, hue, score: 0, sequence: 0, silentTicks: 0, inputs: [], steer: idle },
      ...{ x: 0, y: 0, vx: 0, vy: 0, angle: 0, shield: 0, reloadTicks: 0, repairTicks: 0, safeTicks: 0 },
    }
    this.#launch(ship)
    this.ships.set(ship.id, ship)
    this.#isRosterNew = true
    return ship
  }

  leave(id: number): void {
    if (this.ships.delete(id)) this.#isRosterNew = true
  }

  steer(id: number, input: Input): void {
    const ship = this.ships.get(id)
    if (!ship) return
    ship.inputs.push(input)
    ship.silentTicks = 0
    if (ship.inputs.length > maxQueued) ship.inputs.splice(0, ship.inputs.length - 2)
  }

  /** Who plays, best first; undefined when that is what it was. */
  takeRoster(): Player[] | undefined {
    if (!this.#isRosterNew) return undefined
    this.#isRosterNew = false
    return this.roster()
  }

  roster(): Player[] {
    const players = [...this.ships.values()].map(({ id, name, hue, score }) => ({ ship: id, name, hue, score }))
    return players.sort((one, other) => other.score - one.score || one.ship - other.ship)
  }

  step(): void {
    this.tick++
    for (const ship of this.ships.values()) {
      takeInput(ship)
      if (isWreck(ship)) this.#wait(ship)
      else this.#act(ship)
    }
    for (const shot of this.shots) {
      shot.x += shot.vx
      shot.y += shot.vy
      shot.ticksLeft--
      this.#strike(shot)
    }
    this.shots = this.shots.filter(isFlying)
  }

  #act(ship: Ship): void {
    fly(ship, ship.steer)
    if (ship.safeTicks > 0) ship.safeTicks--
    if (ship.reloadTicks > 0) ship.reloadTicks--
    else if (ship.steer.fire) this.#fire(ship)
    if (ship.shield < fullShield && --ship.repairTicks <= 0) {
      ship.shield++
      ship.repairTicks = repairTicks
    }
  }

  #wait(ship: Ship): void {
    if (--ship.repairTicks <= 0) this.#launch(ship)
  }

  #launch(ship: Ship): void {
    ship.x = arena.width * (0.1 + 0.8 * this.#random())
    ship.y = arena.height * (0.1 + 0.8 * this.#random())
    ship.vx = ship.vy = 0
    ship.angle = Math.atan2(arena.height / 2 - ship.y, arena.width / 2 - ship.x)
    ship.shield = fullShield
    ship.safeTicks = safeTicks
  }

  #fire(ship: Ship): void {
    const [x, y] = [Math.cos(ship.angle), Math.sin(ship.angle)]
    ship.reloadTicks = reloadTicks
    ship.safeTicks = 0
    this.#lastShot = (this.#lastShot + 1) & 0xffff
    this.shots.push({
      ...{ id: this.#lastShot, owner: ship.id, ticksLeft: shotTicks },
      ...{ x: ship.x + x * shipRadius, y: ship.y + y * shipRadius },
      ...{ vx: ship.vx + x * shotSpeed, vy: ship.vy + y * shotSpeed },
    })
  }

  #strike(shot: Shot): void {
    for (const ship of this.ships.values()) {
      if (ship.id === shot.owner || isWreck(ship) || ship.safeTicks > 0 || isAway(ship)) continue
      if (Math.hypot(ship.x - shot.x, ship.y - shot.y) > shipRadius + 3) continue
      shot.ticksLeft = 0
      return this.#hit(ship, this.ships.get(shot.owner))
    }
  }

  /** By a shot whose owner may have left. */
  #hit(ship: Ship, by: Ship | undefined): void {
    const name = by?.name ?? 'somebody who left'
    ship.shield--
    ship.repairTicks = isWreck(ship) ? wreckTicks : repairTicks
    this.#tell(ship.id, { type: isWreck(ship) ? 'wrecked' : 'hit', by: name })
    if (!isWreck(ship) || !by) return
    by.score++
    this.#isRosterNew = true
    this.#tell(by.id, { type: 'scored', victim: ship.name, score: by.score })
  }

  /** The one after the last: what is drawn of a ship that left is not taken for the next. */
  #freeId(): number {
    do this.#lastShip = (this.#lastShip % 0xffff) + 1
    while (this.ships.has(this.#lastShip))
    return this.#lastShip
  }
}

function takeInput(ship: Ship): void {
  const input = ship.inputs.shift()
  ship.silentTicks++
  if (input) {
    ship.steer = input
    ship.sequence = input.sequence
  } else if (ship.silentTicks > coastTicks) ship.steer = idle
}

const isFlying = ({ x, y, ticksLeft }: Shot): boolean =>
  ticksLeft > 0 && x > 0 && y > 0 && x < arena.width && y < arena.height

/** A small generator (mulberry32): `Math.random` can't be seeded. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
