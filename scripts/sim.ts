/**
 * Simulated runs with faults, one for each seed.
 *
 *   npm run sim -- [--seed N | --seeds COUNT --from N] [--job NAME] [--json]
 *
 * Data goes to stdout, progress to stderr. Ends with 1 when a rule is broken, with 2 when the command line is not understood.
 */
import { parseArgs } from 'node:util'
import { type SeedVerdict, runSeed, scenarioNames } from '../packages/sluice/src/testing/sim-seeds.ts'

const SEEDS_DEFAULT = 500
/** Failures that are printed whole. */
const SHOWN_MAX = 3

interface Failure {
  readonly seed: number
  readonly error: string
}

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: String(SEEDS_DEFAULT) },
    from: { type: 'string', default: '1' },
    job: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})

function integer(name: string, text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  process.stderr.write(`--${name} ${text} is not a whole number\n`)
  process.exit(2)
}

function checkJob(name: string | undefined): string | undefined {
  if (name === undefined || scenarioNames().includes(name)) return name
  process.stderr.write(`there is no job ${name}; there are ${scenarioNames().join(', ')}\n`)
  process.exit(2)
}

async function runAll(
  first: number,
  count: number,
  job: string | undefined,
): Promise<{ verdicts: SeedVerdict[]; failures: Failure[] }> {
  const verdicts: SeedVerdict[] = []
  const failures: Failure[] = []
  for (let seed = first; seed < first + count; seed++) {
    try {
      verdicts.push(await runSeed({ seed, ...(job === undefined ? {} : { scenario: job }) }))
    } catch (thrown) {
      failures.push({ seed, error: thrown instanceof Error ? thrown.message : String(thrown) })
      if (failures.length <= SHOWN_MAX) process.stderr.write(`\nseed ${seed} FAILED\n${failures.at(-1)?.error}\n`)
    }
    const done = seed - first + 1
    if (process.stderr.isTTY && done % 20 === 0)
      process.stderr.write(`\r${done} of ${count} seeds, ${failures.length} failed `)
  }
  if (process.stderr.isTTY) process.stderr.write('\r')
  return { verdicts, failures }
}

function faultTotals(verdicts: readonly SeedVerdict[]): Record<string, number> {
  const totals: Record<string, number> = {}
  for (const { faults } of verdicts) {
    for (const [name, count] of Object.entries(faults)) totals[name] = (totals[name] ?? 0) + count
  }
  return totals
}

function printTable(verdicts: readonly SeedVerdict[], failures: readonly Failure[], durationMs: number): void {
  const byJob = Map.groupBy(verdicts, ({ scenario }) => scenario)
  console.log('job                 seeds  processes  checkpoints     events')
  for (const [job, own] of [...byJob].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const sum = (of: (verdict: SeedVerdict) => number): string =>
      own.reduce((total, verdict) => total + of(verdict), 0).toLocaleString('en')
    const cells = [
      String(own.length).padStart(5),
      sum((verdict) => verdict.processes).padStart(9),
      sum((verdict) => verdict.checkpoints).padStart(11),
      sum((verdict) => verdict.steps).padStart(9),
    ]
    console.log(`${job.padEnd(18)}  ${cells.join('  ')}`)
  }
  console.log('\nwhat broke')
  for (const [name, total] of Object.entries(faultTotals(verdicts)))
    console.log(`  ${name.padEnd(22)} ${total.toLocaleString('en').padStart(9)}`)
  console.log(
    `\n${verdicts.length} seeds kept every rule, ${failures.length} did not (${(durationMs / 1000).toFixed(1)} s)`,
  )
  for (const { seed, error } of failures) console.log(`  seed ${seed}: ${error.split('\n')[0]}`)
}

const single = flags.seed === undefined ? undefined : integer('seed', flags.seed)
const startMs = performance.now()
const first = single ?? integer('from', flags.from)
const { verdicts, failures } = await runAll(
  first,
  single === undefined ? integer('seeds', flags.seeds) : 1,
  checkJob(flags.job),
)
const durationMs = Math.round(performance.now() - startMs)
if (flags.json) console.log(JSON.stringify({ verdicts, failures, faults: faultTotals(verdicts), durationMs }))
else if (single !== undefined && verdicts.length > 0) console.log(JSON.stringify(verdicts[0], undefined, 2))
else printTable(verdicts, failures, durationMs)
process.exitCode = failures.length > 0 ? 1 : 0
