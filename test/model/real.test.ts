import fc from 'fast-check'
import { expect, it } from 'vitest'
import { anyStory, tell } from './real-model.ts'
import type { RealCommand, RealKind } from './real-world.ts'

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

/** More micro-tasks than an answer takes from its handler to the caller. */
const turns = Array.from({ length: 21 }, (_, after) => after)

// Found by SEED=98169: for one micro-task a promise has settled and its caller has not heard of it; a cancel then changes nothing.
it.each<RealKind>(['query', 'mutation', 'idempotent'])(
  '%s: a cancel in any micro-task around the answer gives CANCELLED until the call has settled, and changes nothing from then on',
  async (kind) => {
    const wrong: string[] = []
    for (const after of turns) wrong.push(...(await tell(cancelledAfter(kind, after))))
    expect(wrong).toEqual([])
  },
)

function cancelledAfter(kind: RealKind, after: number): readonly RealCommand[] {
  return [
    { type: 'call', kind, isJoined: true },
    { type: 'wait', ms: 0 },
    { type: 'finish', pick: 0, isJoined: false },
    { type: 'yield', after },
    { type: 'cancel', pick: 0, isJoined: true },
    { type: 'cancel', pick: 0, isJoined: true },
  ]
}
