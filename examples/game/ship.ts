// One ship's flight: the rules by which the server moves it and the page predicts it. Knows no other ship and no network.

export const ticksPerSecond = 60
export const tickMs = 1000 / ticksPerSecond

/** In units; a ship is two radii long. Below 4096, so that a place is 16 bits in a snapshot. */
export const arena = { width: 2400, height: 1500 }
export const shipRadius = 16

/** What a pilot wants: a direction, each part from -1 to 1, and whether the gun is on. */
export interface Steer {
  readonly x: number
  readonly y: number
  readonly fire: boolean
}

export const idle: Steer = { x: 0, y: 0, fire: false }

export interface Flight {
  x: number
  y: number
  /** Units a tick. */
  vx: number
  vy: number
  /** Where the nose points, in radians from the x axis. */
  angle: number
}

/** Full thrust against drag ends at 7 units a tick. */
const thrust = 0.21
const drag = 0.97
const turnPerTick = 0.22
/** What is left of the speed after a wall. */
const bounce = 0.6

/** One tick. Nothing but `ship` and `steer` decides, so both ends come to the same place. */
export function fly(ship: Flight, { x, y }: Steer): void {
  const length = Math.hypot(x, y)
  if (length > 0) {
    const force = thrust / Math.max(1, length)
    ship.vx += x * force
    ship.vy += y * force
    const turn = angleBetween(ship.angle, Math.atan2(y, x))
    ship.angle += Math.max(-turnPerTick, Math.min(turnPerTick, turn))
  }
  ship.vx *= drag
  ship.vy *= drag
  ship.x += ship.vx
  ship.y += ship.vy
  keepInside(ship)
}

/** From one direction to another, the short way round. */
export function angleBetween(from: number, to: number): number {
  const turn = (to - from) % (2 * Math.PI)
  if (turn > Math.PI) return turn - 2 * Math.PI
  return turn < -Math.PI ? turn + 2 * Math.PI : turn
}

function keepInside(ship: Flight): void {
  const right = arena.width - shipRadius
  const bottom = arena.height - shipRadius
  if (ship.x < shipRadius || ship.x > right) ship.vx *= -bounce
  if (ship.y < shipRadius || ship.y > bottom) ship.vy *= -bounce
  ship.x = Math.max(shipRadius, Math.min(right, ship.x))
  ship.y = Math.max(shipRadius, Math.min(bottom, ship.y))
}
