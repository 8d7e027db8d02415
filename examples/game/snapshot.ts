// The world as bytes, and back: written once a tick for all players. Big-endian, places in sixteenths of a unit.
//
//   tick u32 · ships u16 · shots u16
//   a ship, 16 bytes:  id u16 · sequence u16 · x u16 · y u16 · vx i16 · vy i16 · angle u16 · shield u8 · flags u8
//   a shot, 8 bytes:   id u16 · owner u16 · x u16 · y u16
import type { Flight } from './ship.ts'
import { isAway, type World } from './world.ts'

export interface ShipView extends Flight {
  readonly id: number
  /** The last input that was flown, its lower 16 bits. */
  readonly sequence: number
  readonly shield: number
  readonly isThrusting: boolean
  /** It has just come: nothing hits it. */
  readonly isSafe: boolean
  /** Nothing was heard of its pilot for a second. */
  readonly isAway: boolean
}

export interface ShotView {
  readonly id: number
  readonly owner: number
  readonly x: number
  readonly y: number
}

export interface Snapshot {
  readonly tick: number
  readonly ships: ReadonlyMap<number, ShipView>
  readonly shots: ReadonlyMap<number, ShotView>
}

const headBytes = 8
const shipBytes = 16
const shotBytes = 8

const place = 16
/** A ship is never faster than 16 units a tick. */
const speed = 2048
const angle = 0x10000 / (2 * Math.PI)
const [thrusting, safe, away] = [1, 2, 4]

/** Fresh bytes each time: a slow player's may be read later. */
export function writeSnapshot({ tick, ships, shots }: World): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(headBytes + ships.size * shipBytes + shots.length * shotBytes))
  view.setUint32(0, tick)
  view.setUint16(4, ships.size)
  view.setUint16(6, shots.length)
  let at = headBytes
  for (const ship of ships.values()) {
    const isThrusting = ship.steer.x !== 0 || ship.steer.y !== 0
    view.setUint16(at, ship.id)
    view.setUint16(at + 2, ship.sequence)
    view.setUint16(at + 4, Math.round(ship.x * place))
    view.setUint16(at + 6, Math.round(ship.y * place))
    view.setInt16(at + 8, Math.round(ship.vx * speed))
    view.setInt16(at + 10, Math.round(ship.vy * speed))
    view.setUint16(at + 12, Math.round(ship.angle * angle))
    view.setUint8(at + 14, ship.shield)
    view.setUint8(at + 15, (isThrusting ? thrusting : 0) | (ship.safeTicks > 0 ? safe : 0) | (isAway(ship) ? away : 0))
    at += shipBytes
  }
  for (const { id, owner, x, y } of shots) {
    view.setUint16(at, id)
    view.setUint16(at + 2, owner)
    view.setUint16(at + 4, Math.round(x * place))
    view.setUint16(at + 6, Math.round(y * place))
    at += shotBytes
  }
  return new Uint8Array(view.buffer)
}

export function readSnapshot(bytes: Uint8Array): Snapshot {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const ships = new Map<number, ShipView>()
  const shots = new Map<number, ShotView>()
  let at = headBytes
  for (let left = view.getUint16(4); left > 0; left--, at += shipBytes)
    ships.set(view.getUint16(at), readShip(view, at))
  for (let left = view.getUint16(6); left > 0; left--, at += shotBytes)
    shots.set(view.getUint16(at), readShot(view, at))
  return { tick: view.getUint32(0), ships, shots }
}

function readShip(view: DataView, at: number): ShipView {
  const flags = view.getUint8(at + 15)
  return {
    id: view.getUint16(at),
    sequence: view.getUint16(at + 2),
    x: view.getUint16(at + 4) / place,
    y: view.getUint16(at + 6) / place,
    vx: view.getInt16(at + 8) / speed,
    vy: view.getInt16(at + 10) / speed,
    angle: view.getUint16(at + 12) / angle,
    shield: view.getUint8(at + 14),
    isThrusting: (flags & thrusting) > 0,
    isSafe: (flags & safe) > 0,
    isAway: (flags & away) > 0,
  }
}

const readShot = (view: DataView, at: number): ShotView => ({
  id: view.getUint16(at),
  owner: view.getUint16(at + 2),
  x: view.getUint16(at + 4) / place,
  y: view.getUint16(at + 6) / place,
})

/** Whether a snapshot's 16 bits cover this input: they go round once in 18 minutes. */
export const isFlown = (sequence: number, flown: number): boolean => ((flown - sequence) & 0xffff) < 0x8000
