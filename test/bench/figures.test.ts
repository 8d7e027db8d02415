import { expect, it } from 'vitest'
import { type Figures, summarise } from './figures.ts'
import type { Measurement } from './messages.ts'

const rounds = (...operations: number[]): Measurement[] =>
  operations.map((count) => ({ operations: count, seconds: 2, clientCpuSeconds: 0.5, serverCpuSeconds: 1 }))
const of = (all: Figures[], name: string): Figures | undefined => all.find(({ contender }) => contender === name)

it('gives medians and spread of operations a second', () => {
  const [one] = summarise('calls', new Map([['other', rounds(10, 30, 20)]]))
  expect(one?.perSecond).toEqual({ low: 5, median: 10, high: 15 })
  expect(one?.ratio).toBeUndefined()
})

it('gives ratios round by round, since a machine that slows down slows raw down too', () => {
  const all = summarise(
    'calls',
    new Map([
      ['raw', rounds(100, 10, 50)],
      ['other', rounds(200, 30, 50)],
    ]),
  )
  expect(of(all, 'raw')?.ratio).toEqual({ low: 1, median: 1, high: 1 })
  expect(of(all, 'other')?.ratio).toEqual({ low: 1, median: 2, high: 3 })
})

it('gives processor time an operation, in microseconds', () => {
  const [one] = summarise('calls', new Map([['other', rounds(1_000)]]))
  expect([one?.clientCpuMicros.median, one?.serverCpuMicros.median]).toEqual([500, 1_000])
})

it('leaves out who failed in every round', () => {
  expect(summarise('calls', new Map([['other', []]]))).toEqual([])
})

it('gives what a row measures instead of speed, by name', () => {
  const measured = [3, 1, 2].map((ms): Measurement => ({ ...(rounds(1)[0] as Measurement), figures: { 'p99 ms': ms } }))
  const all = summarise('latency', new Map(['raw', 'other'].map((name) => [name, measured])))
  expect(of(all, 'other')?.figures).toEqual({ 'p99 ms': { low: 1, median: 2, high: 3 } })
  // It would be that of how long was measured, and a bar in the chart.
  expect(of(all, 'other')?.ratio).toBeUndefined()
})
