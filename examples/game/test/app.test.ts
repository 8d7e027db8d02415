// The arena in memory: two players see each other, a slow one sees the newest, and a break takes nobody's ship. Ticks are made by hand.
import { safe } from 'trunkline/client'
import { createPair, type Pair } from 'trunkline/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { authenticate, createArena } from '../app.ts'
import type { GameEvent, game } from '../contract.ts'
import { freshStates } from '../headless.ts'
import { readSnapshot, type Snapshot } from '../snapshot.ts'
import { maxShips } from '../world.ts'

let arena: ReturnType<typeof createArena>
let pair: Pair<typeof game>

beforeEach(() => {
  arena = createArena()
  pair = createPair(arena.app, { authenticate, identify: ({ id }) => ({ principal: id }) })
})
afterEach(() => pair.close())

const client = (name: string) =>
  pair.createClient({ params: { id: `pilot-${name}`, name, hue: 160 }, reconnect: { minMs: 1, baseMs: 1 } })

/** Somebody with a ship. */
async function pilot(name: string) {
  const { api, connection } = client(name)
  const call = api.play()
  const events = (await call)[Symbol.asyncIterator]()
  const { value: welcome } = (await events.next()) as { value: GameEvent & { type: 'welcome' } }
  const states = (await api.watch(undefined, freshStates))[Symbol.asyncIterator]()
  const see = async (): Promise<Snapshot> => readSnapshot((await states.next()).value as Uint8Array)
  /** Sends an input and waits until the world has it. */
  const steer = async (sequence: number, x: number, y = 0) => {
    await call.send({ sequence, x, y, fire: false })
    await expect.poll(() => arena.world.ships.get(welcome.ship)?.inputs.at(-1)?.sequence).toBe(sequence)
  }
  return { api, connection, call, events, see, steer, ship: welcome.ship }
}

it('shows each the other moving', async () => {
  const [ann, bob] = [await pilot('Ann'), await pilot('Bob')]
  arena.tick()
  const before = (await bob.see()).ships.get(ann.ship)
  await ann.see()
  for (let sequence = 1; sequence <= 5; sequence++) {
    await ann.steer(sequence, 1)
    await bob.steer(sequence, 0, 1)
    arena.tick()
  }
  for (let tick = 2; tick < 6; tick++) await Promise.all([ann.see(), bob.see()])
  const [seenByAnn, seenByBob] = [await ann.see(), await bob.see()]
  expect(seenByAnn).toEqual(seenByBob)
  expect(seenByBob.ships.get(ann.ship)?.x).toBeGreaterThan(before?.x ?? Number.NaN)
  expect(seenByBob.ships.get(ann.ship)?.sequence).toBe(5)
})

it('says one and the same frame to all who watch', async () => {
  const watchers = [await pilot('Ann'), await pilot('Bob'), await pilot('Cleo')]
  const from = pair.frames.length
  arena.tick()
  for (const { see } of watchers) await see()
  const states = pair.frames.slice(from).filter(({ bytes }) => bytes)
  expect(states).toHaveLength(3)
  for (const { bytes } of states) expect(bytes).toBe(states[0]?.bytes)
})

it('answers every tenth input', async () => {
  const { steer, events } = await pilot('Ann')
  for (let sequence = 1; sequence <= 20; sequence++) {
    await steer(sequence, 0)
    arena.tick()
  }
  expect((await events.next()).value).toEqual({ type: 'ack', sequence: 10 })
  expect((await events.next()).value).toEqual({ type: 'ack', sequence: 20 })
})

it('gives whoever is slow the newest state, and what was on its way before', async () => {
  const [slow, quick] = [await pilot('Ann'), await pilot('Bob')]
  for (let tick = 1; tick <= 1_000; tick++) {
    arena.tick()
    expect((await quick.see()).tick).toBe(tick)
  }
  const seen: number[] = []
  while (seen.at(-1) !== 1_000) seen.push((await slow.see()).tick)
  expect(seen.slice(0, -1)).toEqual(Array.from({ length: freshStates.credit }, (_, index) => index + 1))
})

it('keeps a ship through a break, and its pilot goes on in it', async () => {
  const [ann, bob] = [await pilot('Ann'), await pilot('Bob')]
  await ann.steer(1, 1)
  pair.cut()
  arena.tick()
  expect(arena.world.ships.has(ann.ship)).toBe(true)
  await ann.steer(2, -1)
  arena.tick()
  expect(arena.world.ships.get(ann.ship)?.sequence).toBe(2)
  for (let { tick } = await bob.see(); tick < 2; { tick } = await bob.see());
})

it('takes the ship of whoever leaves, by ending the flight or by going', async () => {
  const [ann, bob, cleo] = [await pilot('Ann'), await pilot('Bob'), await pilot('Cleo')]
  ann.call.end()
  expect(await ann.events.next()).toMatchObject({ done: true })
  await bob.connection.close()
  await expect.poll(() => [...arena.world.ships.keys()]).toEqual([cleo.ship])
})

it('tells who plays, best first, now and after a change', async () => {
  const ann = await pilot('Ann')
  const lists = (await ann.api.players())[Symbol.asyncIterator]()
  expect((await lists.next()).value).toEqual([{ ship: ann.ship, name: 'Ann', hue: 160, score: 0 }])
  const bob = await pilot('Bob')
  for (let tick = 0; tick < 10; tick++) arena.tick()
  expect((await lists.next()).value).toMatchObject([{ name: 'Ann' }, { name: 'Bob', ship: bob.ship }])
})

it('is full at some point, and says so with a typed error', async () => {
  for (let count = 0; count < maxShips; count++) arena.world.join(`Ship ${count}`, 0)
  const outcome = await safe(client('Ann').api.play()[Symbol.asyncIterator]().next())
  expect(outcome).toMatchObject({ ok: false, error: { code: 'FULL', data: { most: maxShips } } })
})

it.each([
  ['a direction beyond the stick', { sequence: 1, x: 7, y: 0, fire: false }],
  ['no direction', { sequence: 1, x: Number.NaN, y: 0, fire: false }],
])('ends a flight that sends %s', async (_what, input) => {
  const { call, events } = await pilot('Ann')
  await call.send(input)
  await expect.poll(() => arena.world.ships.size).toBe(0)
  expect(await safe(events.next())).toMatchObject({ ok: false, error: { code: 'BAD_REQUEST' } })
})

it.each(['', 'a-name-of-more-than-16', 42])('nobody is called %j', async (name) => {
  const stranger = pair.createClient({ params: { id: 'pilot-stranger', name, hue: 0 } })
  await expect(stranger.api.pace()).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
})
