/**
 * The benchmark: `npm run bench -- [--quick] [--json] [row…]`.
 *
 * Figures are compared with hand-written code of the same work in the same run, A B A B, so that ratios hold on any machine. Goals are
 * reported, not enforced: the exit code is 1 only when a row could not run. What is measured and how: docs/performance.md.
 */
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { isMet, type BenchRow, type Figure, type Scale } from './row.ts'
import { checkpointRow } from './rows/checkpoint.ts'
import { clusterRows } from './rows/cluster.ts'
import { keyedWindowRows } from './rows/keyed-window.ts'
import { nexmarkRows } from './rows/nexmark.ts'
import { partRows } from './rows/parts.ts'
import { slidingRows } from './rows/sliding.ts'
import { startupRow } from './rows/startup.ts'
import { tableOf } from './table.ts'

const ROWS: readonly BenchRow[] = [
  ...keyedWindowRows,
  ...slidingRows,
  checkpointRow,
  startupRow,
  ...partRows,
  ...clusterRows,
  ...nexmarkRows,
]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
})
process.exitCode = await runRows(chosenRows(positionals), values.quick ? 'quick' : 'full')

function chosenRows(names: readonly string[]): readonly BenchRow[] {
  const unknown = names.find((name) => !ROWS.some((row) => isMeant(row, name)))
  if (unknown !== undefined)
    throw new Error(`there is no row "${unknown}"; rows: ${ROWS.map(({ name }) => name).join(', ')}`)
  return names.length === 0 ? ROWS : ROWS.filter((row) => names.some((name) => isMeant(row, name)))
}

/** `cluster` means all rows whose names begin with it. */
function isMeant(row: BenchRow, name: string): boolean {
  return row.name === name || row.name.startsWith(`${name}-`)
}

async function runRows(rows: readonly BenchRow[], scale: Scale): Promise<number> {
  note(
    `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} usable, Node ${process.version}${scale === 'quick' ? ', quick: figures mean little' : ''}`,
  )
  const figures: Figure[] = []
  let exitCode = 0
  for (const row of rows) {
    note(`${row.name} …`)
    try {
      const found = await row.run(scale)
      figures.push(...found)
      if (values.json) for (const figure of found) process.stdout.write(`${jsonLine(figure, scale)}\n`)
    } catch (error) {
      exitCode = 1
      note(`${row.name} could not run: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (!values.json) process.stdout.write(`${tableOf(figures)}\n`)
  return exitCode
}

function jsonLine(figure: Figure, scale: Scale): string {
  const met = isMet(figure)
  return JSON.stringify({ ...figure, scale, ...(met === undefined ? {} : { verdict: met ? 'met' : 'missed' }) })
}

/** Standard output is for the figures. */
function note(text: string): void {
  process.stderr.write(`${text}\n`)
}
