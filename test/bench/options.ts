// The command line of `npm run bench`. Knows which rows and contenders there are.
import { parseArgs } from 'node:util'
import { type Contender, contenders } from './contenders.ts'
import { type Row, rows } from './rows.ts'

export interface Options {
  rows: Row[]
  contenders: Contender[]
  rounds: number
  warmUpMs: number
  measureMs: number
  cpu: boolean
  json: string | undefined
}

export const usage = `npm run bench -- [options]
  --quick               shorter runs, under 2 minutes in all
  --rounds n            interleaved rounds, of which the median counts (3)
  --only row,…          ${rows.map(({ name }) => name).join(', ')}
  --contenders name,…   ${contenders.map(({ name }) => name).join(', ')}
  --cpu                 columns with processor time per operation
  --json file           write the figures as JSON`

/** Throws a TypeError where the arguments make no sense; gives undefined where help was asked for. */
export function parseOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '3' },
      only: { type: 'string' },
      contenders: { type: 'string' },
      cpu: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 99)
    throw new TypeError('--rounds takes a number from 1 to 99')
  return {
    rows: pick('row', rows, values.only),
    contenders: pick('contender', contenders, values.contenders),
    rounds,
    // One call at a time warms up slowest: it nears its final speed after about 2 s.
    warmUpMs: values.quick ? 1500 : 3000,
    measureMs: values.quick ? 500 : 2000,
    cpu: values.cpu,
    json: values.json,
  }
}

function pick<Named extends { name: string }>(kind: string, all: Named[], names: string | undefined): Named[] {
  if (names === undefined) return all
  const wanted = names.split(',')
  for (const name of wanted) {
    if (!all.some((one) => one.name === name)) throw new TypeError(`no ${kind} named ${name}`)
  }
  return all.filter(({ name }) => wanted.includes(name))
}
