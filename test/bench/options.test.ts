import { expect, it } from 'vitest'
import { contenders } from './contenders.ts'
import { parseOptions } from './options.ts'
import { type Row, rows } from './rows.ts'

const row = (name: string): Row => rows.find((one) => one.name === name) as Row
const names = (all: readonly { name: string }[] | undefined): string[] => (all ?? []).map(({ name }) => name)

it('measures every row with everybody, where nothing else is asked', () => {
  const options = parseOptions([])
  expect(names(options?.rows)).toEqual(names(rows))
  for (const one of rows) expect(names(options?.contendersOf(one))).toEqual(names(contenders))
  expect(options?.command).toBe('npm run bench')
})

it('measures few rows quickly, and peers in two of them', () => {
  const options = parseOptions(['--quick'])
  expect(names(options?.rows)).toEqual(['sequential', 'pipelined', 'connections', 'items', 'fan-out-1', 'fan-out-8'])
  expect(names(options?.contendersOf(row('pipelined')))).toEqual(names(contenders))
  expect(names(options?.contendersOf(row('fan-out-1')))).toEqual(['raw', 'raw-batched', 'raw-prebuilt', 'trunkline'])
})

it('measures quickly what is asked for by name, all of it', () => {
  const options = parseOptions(['--quick', '--only', 'memory,connect', '--contenders', 'raw,trpc'])
  expect(names(options?.rows)).toEqual(['connect', 'memory'])
  expect(names(options?.contendersOf(row('memory')))).toEqual(['raw', 'trpc'])
  expect(options?.command).toBe('npm run bench -- --quick --only memory,connect --contenders raw,trpc')
})

it.each([
  [['--only', 'nothing'], /no row named nothing/],
  [['--contenders', 'nobody'], /no contender named nobody/],
  [['--rounds', '0'], /--rounds takes a number from 1 to 99/],
  [['--rounds', 'many'], /--rounds takes a number from 1 to 99/],
])('refuses %j', (args, message) => {
  expect(() => parseOptions(args)).toThrow(message)
})
