import { isMet, type Figure } from './row.ts'
import type { Spread } from './statistics.ts'

const HEADS = ['row', 'what', 'value', 'reference', 'ratio', 'goal', 'verdict'] as const

export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map(cellsOf)
  const widths = HEADS.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  const notes = figures.flatMap(({ row, what, note }) => (note === undefined ? [] : [`${row}, ${what}: ${note}`]))
  return [line(HEADS), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line), '', ...notes].join('\n')
}

function cellsOf(figure: Figure): readonly string[] {
  const { row, what, unit, value, reference, ratio, goal } = figure
  const met = isMet(figure)
  return [
    row,
    what,
    `${spread(value)} ${unit}`,
    reference === undefined ? '' : `${spread(reference)} ${unit}`,
    ratio === undefined ? '' : spread(ratio),
    goal === undefined ? '' : `${goal.kind === 'at-least' ? '≥' : '≤'} ${goal.limit}`,
    met === undefined ? '' : met ? 'met' : 'missed',
  ]
}

function spread({ median, min, max }: Spread): string {
  return min === max ? digits(median) : `${digits(median)} (${digits(min)}–${digits(max)})`
}

/** Three significant digits. */
function digits(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}
