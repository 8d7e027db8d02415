// The world as a pure simulation: flight, shots, wrecks, inputs that come late or not at all, its bytes, and the prediction beside it.
import { describe, expect, it } from 'vitest'
import { think } from '../bot.ts'
import type { GameEvent } from '../contract.ts'
import { arena, fly, shipRadius } from '../ship.ts'
import { isFlown, readSnapshot, type ShipView, writeSnapshot } from '../snapshot.ts'
import { Prediction } from '../src/prediction.ts'
import { Timeline } from '../src/timeline.ts'
import { fullShield, type Input, isWreck, type Ship, World } from '../world.ts'

const input = (sequence: number, x = 0, y = 0, fire = false): Input => ({ sequence, x, y, fire })

function run(world: World, ticks: number, steer: (tick: number) => void = () => {}): void {
  for (let tick = 1; tick <= ticks; tick++) {
    steer(tick)
    world.step()
  }
}

/** Two ships that nothing protects any more, the first with its nose on the second. */
function duel(): { world: World; told: [ship: number, event: GameEvent][]; ann: Ship; bob: Ship } {
  const told: [number, GameEvent][] = []
  const world = new World(7, (ship, event) => told.push([ship, event]))
  const [ann, bob] = [world.join('Ann', 160), world.join('Bob', 40)]
  Object.assign(ann, { x: 500, y: 500, angle: 0, safeTicks: 0 })
  Object.assign(bob, { x: 700, y: 500, angle: 0, safeTicks: 0 })
  return { world, told, ann, bob }
}

describe('the world', () => {
  it('comes out the same of the same seed and the same inputs', () => {
    const play = (seed: number): Uint8Array => {
      const world = new World(seed)
      const bots = Array.from({ length: 12 }, (_, index) => world.join(`Bot ${index}`, index))
      run(world, 1_200, (tick) => {
        for (const [index, bot] of bots.entries())
          world.steer(bot.id, { ...think(bot, world.ships.values(), tick, index / 12), sequence: tick })
      })
      return writeSnapshot(world)
    }
    expect(play(3)).toEqual(play(3))
    expect(play(3)).not.toEqual(play(4))
  })

  it('keeps every ship inside, whatever its pilot does', () => {
    const world = new World(1)
    const ship = world.join('Ann', 160)
    run(world, 2_000, (tick) => world.steer(ship.id, input(tick, tick % 700 < 350 ? 1 : -1, tick % 500 < 250 ? 1 : -1)))
    expect(ship.x).toBeGreaterThanOrEqual(shipRadius)
    expect(ship.x).toBeLessThanOrEqual(arena.width - shipRadius)
    expect(ship.y).toBeGreaterThanOrEqual(shipRadius)
    expect(ship.y).toBeLessThanOrEqual(arena.height - shipRadius)
  })

  it('wrecks a ship with three hits, scores, and launches it anew', () => {
    const { world, told, ann, bob } = duel()
    let sequence = 0
    const steer = () => {
      world.steer(ann.id, input(++sequence, 0, 0, true))
      world.steer(bob.id, input(sequence))
    }
    while (!isWreck(bob)) run(world, 1, steer)
    expect(told).toEqual([
      [bob.id, { type: 'hit', by: 'Ann' }],
      [bob.id, { type: 'hit', by: 'Ann' }],
      [bob.id, { type: 'wrecked', by: 'Ann' }],
      [ann.id, { type: 'scored', victim: 'Bob', score: 1 }],
    ])
    expect(world.roster()).toMatchObject([
      { name: 'Ann', score: 1 },
      { name: 'Bob', score: 0 },
    ])
    run(world, 200, steer)
    expect(bob.shield).toBe(fullShield)
  })

  it('hits nobody whose pilot is away', () => {
    const { world, told, ann } = duel()
    run(world, 300, (tick) => world.steer(ann.id, input(tick, 0, 0, tick > 100)))
    expect(told).toEqual([])
  })

  it('flies one input a tick in order, and goes on as it was for a moment when none has come', () => {
    const world = new World(1)
    const ship = world.join('Ann', 160)
    for (const sequence of [1, 2, 3]) world.steer(ship.id, input(sequence, 1))
    const flown: number[] = []
    run(world, 4, () => flown.push(ship.sequence))
    expect(flown).toEqual([0, 1, 2, 3])
    expect(ship.steer.x).toBe(1)
    run(world, 30)
    expect(ship.steer.x).toBe(0)
  })

  it('leaves out old inputs of a bunch, so that no delay stays', () => {
    const world = new World(1)
    const ship = world.join('Ann', 160)
    for (let sequence = 1; sequence <= 100; sequence++) world.steer(ship.id, input(sequence))
    run(world, 6)
    expect(ship.sequence).toBe(100)
  })

  it('gives an id to the next only after 65 535 others', () => {
    const world = new World(1)
    const first = world.join('Ann', 1).id
    world.leave(first)
    expect(world.join('Bob', 1).id).not.toBe(first)
  })
})

describe('a snapshot', () => {
  it('says what is in the world, in 16 bytes a ship and 8 a shot', () => {
    const { world, ann, bob } = duel()
    run(world, 20, (tick) => world.steer(ann.id, input(tick, 0.5, -0.3, true)))
    const bytes = writeSnapshot(world)
    expect(bytes).toHaveLength(8 + 2 * 16 + world.shots.length * 8)
    const { tick, ships, shots } = readSnapshot(bytes)
    expect(tick).toBe(20)
    expect([...shots.keys()]).toEqual(world.shots.map(({ id }) => id))
    for (const ship of [ann, bob]) {
      const seen = ships.get(ship.id) as ShipView
      for (const part of ['x', 'y', 'vx', 'vy'] as const) expect(seen[part]).toBeCloseTo(ship[part], 1)
      expect(Math.cos(seen.angle - ship.angle)).toBeCloseTo(1, 5)
      expect(seen).toMatchObject({ id: ship.id, sequence: ship.sequence, shield: ship.shield })
    }
    expect(ships.get(ann.id)).toMatchObject({ isThrusting: true, isSafe: false, isAway: false })
  })

  it.each([
    [5, 5, true],
    [6, 5, false],
    [65_535, 2, true],
    [65_537, 65_535, false],
    [65_537, 1, true],
  ])('input %i, with %i flown: %j', (sequence, flown, expected) => {
    expect(isFlown(sequence, flown)).toBe(expected)
  })
})

describe('the page', () => {
  it('predicts its ship to where the server will have it, however late states come', () => {
    const world = new World(5)
    const ship = world.join('Ann', 160)
    const prediction = new Prediction()
    world.step()
    prediction.correct(readSnapshot(writeSnapshot(world)).ships.get(ship.id) as ShipView)
    const late = 12
    const onTheWay: Input[] = []
    for (let tick = 1; tick <= 300; tick++) {
      const steer = input(tick, Math.round(Math.cos(tick / 20) * 100) / 100, 0.5)
      prediction.fly(steer)
      onTheWay.push(steer)
      const arrived = onTheWay.length > late ? onTheWay.shift() : undefined
      if (!arrived) continue
      world.steer(ship.id, arrived)
      world.step()
      prediction.correct(readSnapshot(writeSnapshot(world)).ships.get(ship.id) as ShipView)
    }
    for (const steer of onTheWay) {
      world.steer(ship.id, steer)
      world.step()
    }
    expect(prediction.seen()?.x).toBeCloseTo(ship.x, 0)
    expect(prediction.seen()?.y).toBeCloseTo(ship.y, 0)
  })

  it('shows others between two states, and lets them go on for a moment when none comes', () => {
    const world = new World(5)
    const ship = world.join('Ann', 160)
    const timeline = new Timeline()
    const tickMs = 1000 / 60
    for (let tick = 1; tick <= 30; tick++) {
      world.steer(ship.id, input(tick, 1))
      world.step()
      // One state of three: as on a slow line.
      if (tick % 3 === 0) timeline.add(readSnapshot(writeSnapshot(world)), tick * tickMs)
    }
    const xAt = (tick: number) => timeline.at((tick + 5) * tickMs).ships[0]?.x ?? Number.NaN
    const steps = Array.from({ length: 30 }, (_, index) => xAt(12 + (index + 1) / 2) - xAt(12 + index / 2))
    expect(Math.min(...steps)).toBeGreaterThan(0)
    expect(Math.max(...steps)).toBeLessThan(4.5)
    expect(xAt(36)).toBeCloseTo(ship.x + 6 * ship.vx, 0)
    expect(xAt(100)).toBe(xAt(200))
  })

  it('turns the short way round', () => {
    const ship = { x: 100, y: 100, vx: 0, vy: 0, angle: 3 }
    fly(ship, { x: -1, y: -0.1, fire: false })
    expect(ship.angle).toBeGreaterThan(3)
  })
})
