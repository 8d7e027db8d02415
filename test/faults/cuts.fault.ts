// RELIABILITY: the link cut at every byte offset of a scripted dialogue, both directions, FIN and RST; and before the first welcome.
// Reconnects wait 1 to 20 ms instead of 100 ms and more; nothing else differs from the defaults.
import { expect, test } from 'vitest'
import { cutEverywhere, directions, manners } from './cuts.ts'
import { holdDialogue } from './dialogue.ts'

const cases = directions.flatMap((direction) => manners.map((manner) => ({ direction, manner })))

test.each(cases)(
  'cut at every byte after the first welcome, $direction, $manner: each mutation exactly once, the log complete, nothing left open',
  async (cut) => {
    const { cuts, resumes, wrong } = await cutEverywhere({ ...cut, at: 'dialogue' })
    console.log(`cut, ${cut.direction}, ${cut.manner}: ${cuts} offsets, ${resumes} resumes`)
    expect(wrong).toEqual([])
    expect(cuts).toBeGreaterThan(550)
    expect(resumes).toBeGreaterThan(350)
  },
)

test.each(cases)(
  'cut at every byte before the first welcome, and of a first flight, $direction, $manner: each mutation at most once, told truthfully',
  async (cut) => {
    const { cuts, wrong } = await cutEverywhere({ ...cut, at: 'first-flight' }, { last: 1_400 })
    console.log(`cut before welcome, ${cut.direction}, ${cut.manner}: ${cuts} offsets`)
    expect(wrong).toEqual([])
    expect(cuts).toBeGreaterThan(500)
  },
)

test('in 1-byte TCP segments, both ways, nothing changes', async () => {
  const never = { direction: 'up', manner: 'rst', bytes: 10 ** 6, at: 'dialogue' } as const
  expect(await holdDialogue(never, (proxy) => proxy.split(1))).toEqual({ wasCut: false, wrong: [], resumes: 0 })
})
