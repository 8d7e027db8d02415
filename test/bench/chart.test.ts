import { expect, it } from 'vitest'
import { chart } from './chart.ts'
import type { Figures, Summary } from './figures.ts'
import { type Row, rows } from './rows.ts'

const one = (median: number): Summary => ({ low: median, median, high: median })
const figures = (contender: string, ratio: number | undefined, row = 'pipelined'): Figures => ({
  row,
  contender,
  perSecond: one(1),
  ratio: ratio === undefined ? undefined : one(ratio),
  clientCpuMicros: one(1),
  serverCpuMicros: one(1),
  figures: undefined,
  rounds: [],
})
const machine = { cpu: 'CPU <x> & co', cores: 2, memoryGiB: 1, os: 'linux', node: 'v20', packages: { ws: '8.0.0' } }
const draw = (...all: Figures[]): string =>
  chart({ rows: rows as readonly Row[], figures: all, machine, date: '2026-01-02T03:04:05Z', command: 'npm run bench' })
const widths = (svg: string): number[] =>
  [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width))

it('draws a bar a contender, as long as its ratio', () => {
  const [first = 0, second = 0] = widths(draw(figures('raw', 1), figures('other', 0.5), figures('trunkline', 3)))
  expect(second / first).toBeCloseTo(6, 1)
  expect(widths(draw(figures('raw', 1)))).toEqual([])
})

it('draws no row without ratios', () => {
  const svg = draw(figures('trunkline', undefined, 'memory'), figures('trunkline', 2))
  expect(widths(svg)).toHaveLength(1)
  expect(svg).not.toContain('memory')
})

it('says with what, when and how to repeat it, and escapes it', () => {
  const svg = draw(figures('trunkline', 2))
  expect(svg).toContain('npm run bench · 2026-01-02 · 2 × CPU &lt;x&gt; &amp; co, Node v20')
  expect(svg).toContain('ws 8.0.0')
})
