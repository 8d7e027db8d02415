// The figures as an SVG picture for the README: a group of bars a row, each bar a contender against raw. Knows nothing of how they were made.
import type { Figures } from './figures.ts'
import type { Machine } from './machine.ts'
import type { Row } from './rows.ts'

export interface ChartInput {
  rows: readonly Row[]
  figures: readonly Figures[]
  machine: Machine
  /** ISO 8601. */
  date: string
  command: string
}

const width = 720
const barHeight = 15
const labelWidth = 130
const valueWidth = 60
const headHeight = 64
const titleHeight = 30
const groupGap = 14
const footHeight = 54

/** Readable on white and on black: the picture has no background of its own. */
const style = `
  text { font: 12px system-ui, sans-serif; fill: #57606a }
  .title { font-weight: 600; font-size: 13px; fill: #24292f }
  .head { font-weight: 700; font-size: 16px; fill: #24292f }
  .bar { fill: #b8c0c8 } .own { fill: #2f6feb } .ownText { font-weight: 600; fill: #24292f }
  .raw { stroke: #57606a; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9aa4ae } .title, .head, .ownText { fill: #e6edf3 }
    .bar { fill: #4a545e } .own { fill: #58a6ff } .raw { stroke: #9aa4ae }
  }`

/** Rows without ratios are left out. */
export function chart({ rows, figures, machine, date, command }: ChartInput): string {
  let y = headHeight
  const groups: string[] = []
  for (const row of rows) {
    const bars = figures.filter((one) => one.row === row.name && one.ratio && one.contender !== 'raw')
    if (bars.length === 0) continue
    groups.push(group(row.title, bars, y))
    y += titleHeight + bars.length * barHeight + groupGap
  }
  const height = y + footHeight
  const versions = Object.entries(machine.packages).map(([name, version]) => `${name} ${version}`)
  const half = Math.ceil(versions.length / 2)
  const foot = [
    `${command} · ${date.slice(0, 10)} · ${machine.cores} × ${machine.cpu}, Node ${machine.node}`,
    versions.slice(0, half).join(' · '),
    versions.slice(half).join(' · '),
  ].map(
    (line, index) =>
      `<text x="0" y="${height - footHeight + 16 + index * 16}" font-size="10" style="font-size:10px">${escaped(line)}</text>`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Operations a second against a hand-written ws loop">`,
    `<style>${style}\n</style>`,
    '<text class="head" x="0" y="20">Operations a second against a hand-written ws loop</text>',
    '<text x="0" y="40">dashed: the loop itself, one message a frame = 1; longer is faster</text>',
    ...groups,
    ...foot,
    '</svg>\n',
  ].join('\n')
}

function group(title: string, bars: readonly Figures[], y: number): string {
  const most = Math.max(1, ...bars.map(({ ratio }) => ratio?.median ?? 0))
  const scale = (width - labelWidth - valueWidth) / most
  const top = y + titleHeight - 10
  const lines = bars.map(({ contender, ratio }, index) => {
    const value = ratio?.median ?? 0
    const at = top + index * barHeight
    const isOwn = contender === 'trunkline'
    const end = labelWidth + value * scale
    const text = isOwn ? ' class="ownText"' : ''
    return (
      `<text${text} x="${labelWidth - 8}" y="${at + 11}" text-anchor="end">${escaped(contender)}</text>` +
      `<rect class="${isOwn ? 'own' : 'bar'}" x="${labelWidth}" y="${at + 1}" width="${round(value * scale)}" height="${barHeight - 3}" rx="2"/>` +
      `<text${text} x="${round(end + 6)}" y="${at + 11}">${value.toFixed(2)}</text>`
    )
  })
  const rawX = round(labelWidth + scale)
  const bottom = top + bars.length * barHeight
  return [
    `<text class="title" x="0" y="${y + 8}">${escaped(title)}</text>`,
    ...lines,
    `<line class="raw" x1="${rawX}" x2="${rawX}" y1="${top - 2}" y2="${bottom}"/>`,
  ].join('\n')
}

const round = (value: number): number => Math.round(value * 10) / 10

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
