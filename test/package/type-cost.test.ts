// What the types of 200 procedures cost the compiler, as a count that can't pass by luck: instantiations are exact.
import { beforeAll, describe, expect, it } from 'vitest'
import { type Compiler, measureTypeCost, type TypeCost } from '../bench/types/measure.ts'
import { pack, packageFolder } from './tarball.ts'

beforeAll(async () => void (await pack()), 120_000)

/**
 * Both ends over zod's own types, which any typed contract has to evaluate: 1.41 today. What is above 1 is a mapped handler and a mapped
 * method a procedure, and the comparison of what each handler returns. DESIGN, §5 wants 1.
 */
const mostOverZod = 1.43

describe.each<Compiler>(['typescript', 'typescript-7'])('200 procedures, %s', (compiler) => {
  let cost: TypeCost

  beforeAll(async () => {
    cost = await measureTypeCost(compiler, packageFolder)
  }, 120_000)

  it('cost both ends little more than what zod takes to evaluate their types', () => {
    // Of a project that does not compile there is no such count.
    expect(cost.zodTypes).toBeGreaterThan(100_000)
    expect(cost.bothEnds).toBeGreaterThan(cost.zodTypes)
    expect(cost.bothEnds / cost.zodTypes).toBeLessThan(mostOverZod)
  })
})
