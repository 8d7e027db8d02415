import { expect, test } from 'vitest'
import { BusyPoll, maxTurns } from '../../packages/trunkline/src/adapters/busy-poll.ts'

/** A loop whose turns are taken by hand. */
function makeLoop(cores = 2) {
  let waiting: (() => void) | undefined
  const poll = new BusyPoll((look) => {
    waiting = look
  }, cores)
  return {
    poll,
    get isAwake() {
      return waiting !== undefined
    },
    /** Takes turns until it sleeps, or so many; gives how many it took. */
    run(most = Number.POSITIVE_INFINITY): number {
      let turns = 0
      for (; waiting && turns < most; turns++) {
        const look = waiting
        waiting = undefined
        look()
      }
      return turns
    },
  }
}

/** Waits that nothing rewards, until it has learned. */
function disappoint({ poll, run }: ReturnType<typeof makeLoop>): void {
  for (let wait = 0; wait < 20; wait++) {
    poll.expect()
    run()
  }
}

test('it stays awake for so many turns, and then sleeps', () => {
  const loop = makeLoop()
  loop.poll.expect()
  expect(loop.run()).toBe(maxTurns)
  expect(loop.isAwake).toBe(false)
})

test('what comes meanwhile and is answered makes it wait anew', () => {
  const loop = makeLoop()
  loop.poll.expect()
  loop.run(100)
  loop.poll.arrived()
  loop.poll.expect()
  expect(loop.run()).toBe(maxTurns)
})

test('where waiting is rewarded it goes on waiting, though one wait in three is not', () => {
  const loop = makeLoop()
  for (let wait = 0; wait < 300; wait++) {
    loop.poll.expect()
    expect(loop.isAwake).toBe(true)
    loop.run(10)
    if (wait % 3 < 2) loop.poll.arrived()
    loop.run()
  }
})

test('where nothing comes it sleeps at once, but for one try in 256', () => {
  const loop = makeLoop()
  disappoint(loop)
  let turns = 0
  for (let wait = 0; wait < 2560; wait++) {
    loop.poll.expect()
    turns += loop.run()
  }
  expect(turns).toBe(10 * maxTurns)
})

test('a try that is rewarded makes it wait again', () => {
  const loop = makeLoop()
  disappoint(loop)
  while (!loop.isAwake) loop.poll.expect()
  for (let wait = 0; wait < 10; wait++) {
    loop.poll.arrived()
    loop.run()
    loop.poll.expect()
    expect(loop.isAwake).toBe(true)
  }
})

test('what comes and asks for no answer ends the wait', () => {
  const loop = makeLoop()
  loop.poll.expect()
  loop.run(10)
  loop.poll.arrived()
  expect(loop.run()).toBe(1)
})

test('what comes while it sleeps is no reason to stay awake', () => {
  const loop = makeLoop()
  disappoint(loop)
  for (let wait = 0; wait < 100; wait++) {
    loop.poll.arrived()
    loop.poll.expect()
  }
  expect(loop.isAwake).toBe(false)
})

test('with one core it never stays awake', () => {
  const loop = makeLoop(1)
  loop.poll.expect()
  expect(loop.isAwake).toBe(false)
})
