// What the types of 200 procedures cost the compiler, as a count that can't pass by luck: instantiations are exact.
import { beforeAll, describe, expect, it } from 'vitest'
import { type Compiler, measureTypeCost, type TypeCost } from '../bench/types/measure.ts'
import { pack, packageFolder } from './tarball.ts'

beforeAll(async () => void (await pack()), 120_000)

/**
 * Both ends over the same handlers and calls by hand, annotated with zod's types: 1.13 today. What is above 1 is about 120 instantiations
 * a procedure: its definition, a mapped handler, a mapped method, and the union of its errors.
 */
const mostOverByHand = 1.14

/**
 * Both ends over zod's types alone: 1.29 today, and by hand 1.14, since what is compared field by field is evaluated field by field.
 * DESIGN, §5 wants 1.
 */
const mostOverZod = 1.3

describe.each<Compiler>(['typescript', 'typescript-7'])('200 procedures, %s', (compiler) => {
  let cost: TypeCost

  beforeAll(async () => {
    cost = await measureTypeCost(compiler, packageFolder)
  }, 120_000)

  it('cost both ends little more than the same functions by hand', () => {
    expect(cost.byHand).toBeGreaterThan(cost.zodTypes)
    expect(cost.bothEnds / cost.byHand).toBeLessThan(mostOverByHand)
  })

  it('cost both ends little more than what zod takes to evaluate their types', () => {
    expect(cost.zodTypes).toBeGreaterThan(100_000)
    expect(cost.bothEnds).toBeGreaterThan(cost.zodTypes)
    expect(cost.bothEnds / cost.zodTypes).toBeLessThan(mostOverZod)
  })
})
