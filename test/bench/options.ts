// The command line of `npm run bench`. Knows which rows and contenders there are.
import { parseArgs } from 'node:util'
import { type Contender, contenders } from './contenders.ts'
import { type Row, rows } from './rows.ts'

export interface Options {
  rows: Row[]
  contenders: Contender[]
  /** Those that a row is measured with. */
  contendersOf: (row: Row) => Contender[]
  rounds: number
  warmUpMs: number
  measureMs: number
  cpu: boolean
  json: string | undefined
  svg: string | undefined
  /** As it was typed, for whoever wants to repeat it. */
  command: string
}

/** For a first look: the rows that DESIGN names, and the peers in two of them. */
const quickRows: string[] = ['sequential', 'pipelined', 'connections', 'items', 'fan-out-1', 'fan-out-8']
const quickPeerRows: string[] = ['pipelined', 'items']

export const usage = `npm run bench -- [options]
  --quick               shorter runs, under 2 minutes in all: ${quickRows.join(', ')}; peers in ${quickPeerRows.join(' and ')} alone
  --rounds n            interleaved rounds, of which the median counts (3)
  --only row,…          ${rows.map(({ name }) => name).join(', ')}
  --contenders name,…   ${contenders.map(({ name }) => name).join(', ')}
  --cpu                 columns with processor time per operation
  --json file           write the figures as JSON
  --svg file            draw the rows that are about speed`

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
      svg: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 99)
    throw new TypeError('--rounds takes a number from 1 to 99')
  const isShort = values.quick && values.only === undefined
  const isFew = isShort && values.contenders === undefined
  const all = isShort ? rows.filter(({ name }) => quickRows.includes(name)) : pick('row', rows, values.only)
  const asked = pick('contender', contenders, values.contenders)
  return {
    rows: all,
    contenders: asked,
    contendersOf: ({ name }) =>
      isFew && !quickPeerRows.includes(name) ? asked.filter((one) => one.isByHand || one.name === 'trunkline') : asked,
    rounds,
    // One call at a time warms up slowest: it nears its final speed after about 2 s.
    warmUpMs: values.quick ? 1300 : 2500,
    measureMs: values.quick ? 400 : 1200,
    cpu: values.cpu,
    json: values.json,
    svg: values.svg,
    command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
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
