// The benchmark from its arguments to its table. Knows the order of things and leaves each step to its file.
import { writeFileSync } from 'node:fs'
import { bundle } from './bundle.ts'
import { chart } from './chart.ts'
import { type Figures, summarise } from './figures.ts'
import { describeMachine } from './machine.ts'
import { parseOptions, usage } from './options.ts'
import { Rounds } from './rounds.ts'
import { heading, tableHead, tableRow } from './table.ts'

/** Gives false if a contender failed. */
export async function main(args: string[]): Promise<boolean> {
  const options = parseOptions(args)
  if (!options) {
    console.log(usage)
    return true
  }
  const { clientProcess, broken } = await bundle(options.contenders.map(({ name }) => name))
  for (const [name, reason] of broken) console.error(`${name} is left out: ${reason}`)
  const contenders = options.contenders.filter(({ name }) => !broken.has(name))

  const machine = describeMachine(contenders.flatMap(({ packages }) => packages))
  console.log(`${heading(machine, options)}\n\n${tableHead(options)}`)
  const figures: Figures[] = []
  const failures: string[] = []
  for (const row of options.rows) {
    const rounds = new Rounds(row)
    const able = options.contendersOf(row).filter(({ name }) => !broken.has(name))
    await rounds.run(able, options, clientProcess)
    const summary = summarise(row.name, rounds.measurements)
    if (summary.length > 0) console.log(tableRow(row, summary, options))
    figures.push(...summary)
    failures.push(...rounds.failures)
  }
  for (const failure of failures) console.error(failure)
  const date = new Date().toISOString()
  if (options.svg) writeFileSync(options.svg, chart({ ...options, figures, machine, date }))
  if (options.json) {
    const { rounds, warmUpMs, measureMs } = options
    const result = { date, machine, rounds, warmUpMs, measureMs, figures, failures }
    writeFileSync(options.json, `${JSON.stringify(result, undefined, 2)}\n`)
  }
  return broken.size === 0 && failures.length === 0
}
