// Cuts at one offset after another until the dialogue ends before it. Knows the dialogue by its outcome only.
import type { CutManner, Direction } from 'trunkline/testing'
import { type Cut, holdDialogue } from './dialogue.ts'

export const directions: readonly Direction[] = ['up', 'down']
export const manners: readonly CutManner[] = ['fin', 'rst']

export interface CutsReport {
  /** Offsets at which the link was cut. */
  cuts: number
  resumes: number
  readonly wrong: string[]
}

/** Every `step`th offset from the first on; several dialogues at a time, since each waits for its link most of the time. */
export async function cutEverywhere(
  cut: Omit<Cut, 'bytes'>,
  { step = 1, first = 0, last = Infinity } = {},
): Promise<CutsReport> {
  const report: CutsReport = { cuts: 0, resumes: 0, wrong: [] }
  let next = first
  // The length of a dialogue varies by a few digits.
  let past = 0
  const work = async (): Promise<void> => {
    while (past < 16 && next <= last) {
      const bytes = next
      next += step
      const outcome = await holdDialogue({ ...cut, bytes })
      if (!outcome.wasCut) past++
      else report.cuts++
      report.resumes += outcome.resumes
      for (const words of outcome.wrong)
        report.wrong.push(`${cut.at}, ${cut.direction}, ${cut.manner}, byte ${bytes}: ${words}`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, work))
  return report
}
