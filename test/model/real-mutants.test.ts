import fc from 'fast-check'
import { expect, it } from 'vitest'
import { anyStory, tell } from './real-model.ts'
import { realMutants } from './real-mutants.ts'

const seed = Number(process.env.SEED ?? 11)
/** The rarest needs a hundred or two. */
const numRuns = Number(process.env.RUNS ?? 300)

it.each(realMutants)(`$name is caught`, async ({ name, plant }) => {
  const undo = plant()
  let runs = 0
  try {
    const { failed, counterexample } = await fc.check(
      fc.asyncProperty(anyStory, async (story) => {
        runs++
        const wrong = await tell(story).catch((error: unknown) => [String(error)])
        if (process.env.TRACES && wrong.length) console.log(name, runs, wrong)
        return wrong.length === 0
      }),
      { seed, numRuns, endOnFailure: true },
    )
    expect(failed, `${runs} stories, ${JSON.stringify(counterexample)}`).toBe(true)
  } finally {
    undo()
  }
})
