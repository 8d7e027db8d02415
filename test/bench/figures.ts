// What the rounds of one cell come to: medians, ratios, spread. Knows nothing of how they were measured.
import type { Measurement } from './messages.ts'

export interface Figures {
  row: string
  contender: string
  /** Operations a second, by round. */
  perSecond: Summary
  /** Against raw in the same round, so that a machine that slows down for a while slows both; absent if raw didn't run, or the row isn't about speed. */
  ratio: Summary | undefined
  clientCpuMicros: Summary
  serverCpuMicros: Summary
  /** Of rows that aren't about speed, by name and unit. */
  figures: Record<string, Summary> | undefined
  rounds: Measurement[]
}

export interface Summary {
  low: number
  median: number
  high: number
}

export function summarise(row: string, rounds: Map<string, Measurement[]>): Figures[] {
  const raw = rounds.get('raw')?.map(perSecond) ?? []
  return [...rounds].flatMap(([contender, measurements]) => {
    if (measurements.length === 0) return []
    const speeds = measurements.map(perSecond)
    const figures = summariseFigures(measurements)
    return {
      row,
      contender,
      perSecond: summary(speeds),
      ratio:
        figures || raw.length < speeds.length
          ? undefined
          : summary(speeds.map((speed, round) => speed / (raw[round] ?? NaN))),
      clientCpuMicros: summary(measurements.map((one) => (one.clientCpuSeconds / one.operations) * 1e6)),
      serverCpuMicros: summary(measurements.map((one) => (one.serverCpuSeconds / one.operations) * 1e6)),
      figures,
      rounds: measurements,
    }
  })
}

function summariseFigures(measurements: Measurement[]): Record<string, Summary> | undefined {
  const names = Object.keys(measurements[0]?.figures ?? {})
  if (names.length === 0) return undefined
  return Object.fromEntries(
    names.map((name) => [name, summary(measurements.map(({ figures }) => figures?.[name] ?? Number.NaN))]),
  )
}

function perSecond({ operations, seconds }: Measurement): number {
  return operations / seconds
}

/** Of at least one value. */
function summary(values: number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (place: number) => sorted[place] ?? Number.NaN
  const middle = (sorted.length - 1) / 2
  return { low: at(0), median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, high: at(sorted.length - 1) }
}
