import fc from 'fast-check'
import { expect, it } from 'vitest'
import { anyStory, tell } from './real-model.ts'

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const numRuns = Number(process.env.RUNS ?? 200)

it(`the real ends keep every promise in ${numRuns} long random stories (SEED=${seed})`, async () => {
  let commands = 0
  await fc.assert(
    fc.asyncProperty(anyStory, async (story) => {
      commands += story.length
      expect(await tell(story)).toEqual([])
    }),
    { seed, numRuns },
  )
  expect(commands).toBeGreaterThanOrEqual(numRuns * 30)
})
