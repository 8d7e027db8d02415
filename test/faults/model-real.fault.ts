// The real ends in many random stories: what test/model/real.test.ts does, for longer.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyStory, tell } from '../model/real-model.ts'

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const numRuns = 10_000

test(`the real ends keep every promise in ${numRuns} long random stories (SEED=${seed})`, async () => {
  console.log(`${numRuns} stories of at least 30 commands and 3 cuts, SEED=${seed}`)
  let commands = 0
  let cuts = 0
  await fc.assert(
    fc.asyncProperty(anyStory, async (story) => {
      commands += story.length
      cuts += story.filter(({ type }) => type === 'cut').length
      expect(await tell(story)).toEqual([])
    }),
    { seed, numRuns },
  )
  console.log(`${commands} commands, ${cuts} cuts`)
  expect(commands).toBeGreaterThanOrEqual(numRuns * 30)
  expect(cuts).toBeGreaterThanOrEqual(numRuns * 3)
}, 3_600_000)
