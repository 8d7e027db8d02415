// The figures as text for a terminal. Knows nothing of how they were made.
import type { Figures, Summary } from './figures.ts'
import type { Machine } from './machine.ts'
import type { Options } from './options.ts'
import type { Row } from './rows.ts'

export function heading(machine: Machine, options: Options): string {
  const packages = Object.entries(machine.packages).map(([name, version]) => `${name} ${version}`)
  return [
    `${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.os}`,
    `Node ${machine.node} · ${packages.join(' · ')}`,
    'loopback, client and server in a process each, 64 bytes of text, input and output validated with zod',
    `medians of ${options.rounds} interleaved rounds of ${options.measureMs} ms, after ${options.warmUpMs} ms of the same work`,
  ].join('\n')
}

export function tableHead(options: Options): string {
  const cells = [
    ''.padEnd(16),
    'thousand/s'.padStart(11),
    'low–high'.padStart(16),
    '× raw'.padStart(8),
    'low–high'.padStart(14),
  ]
  if (options.cpu) cells.push('client µs'.padStart(11), 'server µs'.padStart(11))
  return cells.join('')
}

export function tableRow(row: Row, figures: Figures[], options: Options): string {
  const lines = figures.map(({ contender, perSecond, ratio, clientCpuMicros, serverCpuMicros, figures: other }) => {
    if (other) return `  ${contender}`.padEnd(18) + Object.entries(other).map(figureCell).join('')
    const cells = [
      `  ${contender}`.padEnd(16),
      thousands(perSecond.median).padStart(11),
      `${thousands(perSecond.low)}–${thousands(perSecond.high)}`.padStart(16),
      (ratio?.median.toFixed(2) ?? '').padStart(8),
      (ratio ? `${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}` : '').padStart(14),
    ]
    if (options.cpu) {
      cells.push(clientCpuMicros.median.toFixed(2).padStart(11), serverCpuMicros.median.toFixed(2).padStart(11))
    }
    return cells.join('')
  })
  return [`${row.title} (${row.name})`, ...lines].join('\n')
}

function figureCell([name, { low, median, high }]: [string, Summary]): string {
  const spread = low === high ? '' : ` (${low.toFixed(2)}–${high.toFixed(2)})`
  return `${name} ${median.toFixed(2)}${spread}`.padEnd(36)
}

function thousands(perSecond: number): string {
  return (perSecond / 1000).toFixed(1)
}
