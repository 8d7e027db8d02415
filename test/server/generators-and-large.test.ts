// What is pulled while large messages wait for a reader.
import { query, router, subscription, type as unchecked } from 'trunkline'
import { implement } from 'trunkline/server'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { acceptOn, hello } from './accepted.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
})

let pulled = 0
const app = implement(router({ load: subscription({ output: unchecked<Uint8Array>() }), ping: query() })).handlers({
  load: async function* () {
    for (;;) {
      pulled++
      yield new Uint8Array(200_000)
    }
  },
  ping: () => {},
})

it('a generator of large items rests while those wait', async () => {
  pulled = 0
  const world = acceptOn(app as never)
  const reader = world.connect()
  reader.say(hello({}, { features: ['resume'], credit: [4096, 4 * 1024 * 1024] }))
  await settle()
  for (let id = 1; id < 21; id += 2) reader.say([2, id, 'load'])
  await settle()
  await vi.advanceTimersByTimeAsync(1000)
  expect(reader.closed).toEqual([])
  expect(pulled).toBeLessThan(20)
})

const settle = () => vi.advanceTimersByTimeAsync(0)
