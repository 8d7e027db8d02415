import { beforeEach, expect, test, vi } from 'vitest'
import { Gathering } from '../../packages/trunkline/src/adapters/gathering.ts'

/** A loop whose turns are taken by hand, and what was written in each. */
function makeLoop(writingMs = 0) {
  const ended: (() => void)[] = []
  let next: (() => void)[] = []
  const said = { size: 0 }
  const written: number[] = []
  let isFailing = false
  const gathering = new Gathering(
    (task) => ended.push(task),
    (task) => next.push(task),
  )
  const flush = () => {
    vi.advanceTimersByTime(writingMs)
    const { size } = said
    said.size = 0
    if (isFailing) {
      isFailing = false
      throw new Error('no writing')
    }
    written.push(size)
  }
  return {
    written,
    /** The next writing throws. */
    fail() {
      isFailing = true
    },
    get isAsleep() {
      return next.length === 0
    },
    say() {
      if (said.size++ === 0) gathering.schedule(flush, said)
    },
    /** Ends this turn and begins the next. */
    turn() {
      for (const task of ended.splice(0)) task()
      const tasks = next
      next = []
      for (const task of tasks) task()
    },
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
  return () => vi.useRealTimers()
})

test('an item that comes alone is written at the end of its turn', () => {
  const loop = makeLoop()
  for (let time = 0; time < 3; time++) {
    loop.say()
    loop.turn()
    expect(loop.written).toEqual(new Array(time + 1).fill(1))
    for (let turn = 0; turn < 5; turn++) loop.turn()
  }
})

test('what is said in one turn is written together', () => {
  const loop = makeLoop()
  loop.say()
  loop.say()
  loop.turn()
  expect(loop.written).toEqual([2])
})

test('items that come turn after turn are written three turns together', () => {
  const loop = makeLoop()
  for (let turn = 0; turn < 10; turn++) {
    loop.say()
    loop.turn()
  }
  expect(loop.written).toEqual([1, 3, 3, 3])
})

test('one behind another is written in the turn after its own, if that brings no more', () => {
  const loop = makeLoop()
  loop.say()
  loop.turn()
  loop.say()
  loop.turn()
  loop.turn()
  expect(loop.written).toEqual([1, 1])
})

test('where turns are long nothing waits for another turn', () => {
  const loop = makeLoop()
  for (let turn = 0; turn < 4; turn++) {
    loop.say()
    vi.advanceTimersByTime(2)
    loop.turn()
  }
  expect(loop.written).toEqual([1, 1, 1, 1])
})

test('where writing takes long, as long turns are waited for', () => {
  const loop = makeLoop(20)
  for (let turn = 0; turn < 10; turn++) {
    loop.say()
    vi.advanceTimersByTime(2)
    loop.turn()
  }
  // The second was written before it was known how long that takes.
  expect(loop.written).toEqual([1, 1, 3, 3])
})

test('what fails in writing does not keep back what is said later', () => {
  const loop = makeLoop()
  loop.say()
  loop.turn()
  loop.fail()
  loop.say()
  expect(() => {
    for (let turn = 0; turn < 4; turn++) loop.turn()
  }).toThrow('no writing')
  loop.say()
  for (let turn = 0; turn < 4; turn++) loop.turn()
  expect(loop.written).toEqual([1, 1])
})

test('with nothing more to say the loop may sleep', () => {
  const loop = makeLoop()
  loop.say()
  for (let turn = 0; turn < 4; turn++) loop.turn()
  expect(loop.isAsleep).toBe(true)
})
