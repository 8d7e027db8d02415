// A pilot that needs no hands: chases whoever is nearest, and shoots when that looks worth it. Knows no network.
import { angleBetween, arena, type Flight, idle, type Steer } from './ship.ts'

interface Seen extends Flight {
  readonly id: number
  readonly shield: number
}

export const botNames = 'Vega Rigel Mira Altair Deneb Castor Lyra Sirius Atria Nashira Electra Polaris'.split(' ')

/** What it does now. `nerve`, from 0 to 1, tells one bot from the other. */
export function think(me: Seen, ships: Iterable<Seen>, tick: number, nerve: number): Steer {
  if (me.shield === 0) return idle
  let target: Seen | undefined
  let distance = Number.POSITIVE_INFINITY
  for (const ship of ships) {
    const away = Math.hypot(ship.x - me.x, ship.y - me.y)
    if (ship.id === me.id || ship.shield === 0 || away >= distance) continue
    target = ship
    distance = away
  }
  if (!target || distance > 900) return roam(me, tick, nerve)
  // Where it will be when a shot arrives.
  const lead = distance / 14
  const aim = Math.atan2(target.y + target.vy * lead - me.y, target.x + target.vx * lead - me.x)
  const isNear = distance < 130 + 140 * nerve
  // Too near, it slips past on one side; a stick held sideways turns the nose away, so it does so by turns.
  const heading = isNear && tick % 120 < 70 ? aim + (nerve > 0.5 ? 1.4 : -1.4) : aim
  const force = isNear ? 0.6 : 0.5 + 0.4 * nerve
  const isAimed = Math.abs(angleBetween(me.angle, aim)) < 0.2
  const isInTheMood = (tick + nerve * 400) % 200 < 130
  return { ...towards(heading, force), fire: isAimed && distance < 480 && isInTheMood }
}

function roam(me: Seen, tick: number, nerve: number): Steer {
  const turn = tick / (150 + 200 * nerve) + nerve * 20
  const x = arena.width * (0.5 + 0.35 * Math.cos(turn))
  const y = arena.height * (0.5 + 0.35 * Math.sin(turn * 1.3))
  return { ...towards(Math.atan2(y - me.y, x - me.x), 0.7), fire: false }
}

const towards = (angle: number, force: number): Pick<Steer, 'x' | 'y'> => ({
  x: Math.cos(angle) * force,
  y: Math.sin(angle) * force,
})
