/** What a chaos run found, as a table and as data. */
import { FAULTS, type FaultKind } from './chaos-faults.ts'
import { isWhole, type OutputCheck } from './chaos-output.ts'

export interface FaultRecord {
  readonly kind: FaultKind
  readonly target: string
  /** From the fault to the first record that a new attempt put out; undefined where that needs the end of the fault first. */
  readonly firstOutputMs: number | undefined
  /** The same until each of its sink subtasks had one. */
  readonly allOutputMs: number | undefined
}

export interface CheckedJob extends OutputCheck {
  readonly job: string
}

export interface ChaosReport {
  readonly seed: number
  readonly machine: string
  readonly faults: readonly FaultRecord[]
  readonly plannedFaults: number
  readonly leftOut: readonly { readonly kind: FaultKind; readonly reason: string }[]
  readonly jobs: readonly CheckedJob[]
  readonly stateBytesMax: number
  /** What went wrong beside the output. */
  readonly problems: readonly string[]
}

export interface Distribution {
  readonly kind: FaultKind
  readonly count: number
  readonly minMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly maxMs: number
  readonly allP95Ms: number
  readonly goalMs: number | undefined
}

const MEDIAN = 0.5
const HIGH = 0.95

export function isGood({ faults, plannedFaults, jobs, problems }: ChaosReport): boolean {
  return problems.length === 0 && faults.length === plannedFaults && jobs.length > 0 && jobs.every(isWhole)
}

export function distributions({ faults }: ChaosReport): readonly Distribution[] {
  const kinds = [...new Set(faults.map(({ kind }) => kind))]
  return kinds.flatMap((kind) => {
    const own = faults.filter((fault) => fault.kind === kind)
    const first = sorted(own.map(({ firstOutputMs }) => firstOutputMs))
    const all = sorted(own.map(({ allOutputMs }) => allOutputMs))
    if (first.length === 0) return []
    const [minMs, p50Ms, p95Ms, maxMs] = [0, MEDIAN, HIGH, 1].map((share) => percentile(first, share))
    if (minMs === undefined || p50Ms === undefined || p95Ms === undefined || maxMs === undefined) return []
    const { goalMs } = FAULTS[kind]
    return [{ kind, count: first.length, minMs, p50Ms, p95Ms, maxMs, allP95Ms: percentile(all, HIGH), goalMs }]
  })
}

function sorted(values: readonly (number | undefined)[]): readonly number[] {
  return values.filter((value) => value !== undefined).sort((one, other) => one - other)
}

/** The smallest value that is not below this share of them. */
export function percentile(ascending: readonly number[], share: number): number {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? Number.NaN
}

export function reportText(report: ChaosReport): string {
  return [...faultLines(report), ...timeLines(report), ...jobLines(report), verdict(report)].join('\n')
}

function faultLines({ faults, plannedFaults, leftOut }: ChaosReport): readonly string[] {
  const counts = new Map<FaultKind, number>()
  for (const { kind } of faults) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  const words = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')
  const missing = leftOut.map(({ kind, reason }) => `not tried: ${kind}: ${reason}`)
  return [`${faults.length} of ${plannedFaults} faults happened: ${words}`, ...missing, '']
}

const COLUMNS = ['fault', 'count', 'min', 'p50', 'p95', 'max', 'all sinks p95', 'goal p95', '']

function timeLines(report: ChaosReport): readonly string[] {
  const rows = distributions(report).map((row) => [
    row.kind,
    String(row.count),
    ...[row.minMs, row.p50Ms, row.p95Ms, row.maxMs, row.allP95Ms].map(seconds),
    row.goalMs === undefined ? '-' : seconds(row.goalMs),
    row.goalMs === undefined ? '' : row.p95Ms <= row.goalMs ? 'met' : 'MISSED',
  ])
  if (rows.length === 0) return []
  const table = [COLUMNS, ...rows]
  const widths = COLUMNS.map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length)))
  const lines = table.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, column))
      .join('  ')
      .trimEnd(),
  )
  return ['time from the fault to the first new output, in seconds:', ...lines, '']
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width)
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2)
}

function jobLines({ jobs, stateBytesMax, problems }: ChaosReport): readonly string[] {
  const lines = jobs.map(
    ({ job, lineCount, lost, duplicated, wrong, leftovers }) =>
      `${job}: ${lineCount.toLocaleString('en')} committed lines, lost ${lost}, duplicated ${duplicated}, wrong ${wrong}` +
      (leftovers.length === 0 ? '' : `, left over: ${leftovers.join(', ')}`),
  )
  return [
    ...lines,
    `largest state of a checkpoint: ${(stateBytesMax / 1e6).toFixed(1)} MB`,
    ...problems.map((text) => `PROBLEM: ${text}`),
  ]
}

function verdict(report: ChaosReport): string {
  return isGood(report) ? 'IDENTICAL: nothing lost, nothing twice' : 'NOT AS PROMISED'
}
