import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IdMap } from '../../packages/trunkline/src/protocol/id-map.ts'

const commands = fc.array(
  fc.record({ does: fc.constantFrom('add', 'delete', 'get'), id: fc.integer({ min: 1, max: 60 }) }),
  { maxLength: 1_000 },
)

/** What a table holds has to cost something to be seen. */
const heavy = (id: number) => ({ id, weight: new Array(128).fill(id) })

/** How many kB of garbage are left by as many values as these, of which 128 were there at a time, once young garbage is collected. */
function leftBy(map: { add(value: { id: number }): void; delete(id: number): void }): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void
  const turn = (from: number, to: number): void => {
    for (let id = from; id < to; id++) {
      map.add(heavy(id))
      map.delete(id - 128)
    }
  }
  turn(0, 1_000)
  collect()
  const before = process.memoryUsage().heapUsed
  for (let from = 1_000; from < 50_000; from += 1_000) {
    turn(from, from + 1_000)
    collect({ type: 'minor' })
  }
  return (process.memoryUsage().heapUsed - before) / 1024
}

describe('IdMap', () => {
  it('holds what a Map would', () => {
    fc.assert(
      fc.property(commands, (list) => {
        const map = new IdMap<{ id: number }>()
        const model = new Map<number, { id: number }>()
        for (const { does, id } of list) {
          const value = { id }
          if (does === 'delete') expect(map.delete(id)).toBe(model.delete(id))
          if (does === 'add' && !model.has(id)) {
            map.add(value)
            model.set(id, value)
          }
          expect(map.get(id)).toBe(model.get(id))
          expect(map.size).toBe(model.size)
        }
        expect(map.values()).toEqual([...model.values()])
      }),
    )
  })

  it('leaves nothing for a full collection to find, as a Map does', () => {
    const map = new Map<number, { id: number }>()
    const left = leftBy({ add: (value) => map.set(value.id, value), delete: (id) => map.delete(id) })
    // Should this fail one day, V8 has mended it, and IdMap can go.
    expect(left).toBeGreaterThan(10_000)
    expect(leftBy(new IdMap())).toBeLessThan(2_000)
  })
})
