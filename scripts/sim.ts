/**
 * Simulated runs with faults, one for each seed: of one process (`--embedded`, the default) or of a whole cluster (`--cluster`).
 *
 *   npm run sim -- [--embedded | --cluster] [--seed N | --seeds COUNT --from N] [--job NAME] [--json]
 *   npm run sim -- --job random [--cluster] [--seed N --without 7,9 | --seeds COUNT --from N]
 *   npm run sim -- --cluster --seed N --schedule 'crash(tm1,500)@t1200; …'
 *
 * A cluster that breaks a rule is run again with ever fewer faults; the smallest schedule that still breaks it is printed. A random job that
 * breaks a rule is run again without some of its parts.
 * Data goes to stdout, progress to stderr. Ends with 1 when a rule is broken, with 2 when the command line is not understood.
 */
import { parseArgs } from 'node:util'
import { EngineError } from '../packages/sluice/src/base/errors.ts'
import { parseSchedule } from '../packages/sluice/src/testing/cluster-sim-schedule.ts'
import {
  type ClusterVerdict,
  clusterScenarioNames,
  runClusterSeed,
} from '../packages/sluice/src/testing/cluster-sim-seeds.ts'
import { shrinkSchedule } from '../packages/sluice/src/testing/cluster-sim-shrink.ts'
import { shrinkParts } from '../packages/sluice/src/testing/sim-random-shrink.ts'
import {
  type SeedOptions,
  type SeedVerdict,
  drawnJob,
  namedScenarioNames,
  runSeed,
  scenarioNames,
} from '../packages/sluice/src/testing/sim-seeds.ts'

const SEEDS_DEFAULT = 500
/** Failures that are printed whole. */
const SHOWN_MAX = 3

/** Runs that the search for a smaller schedule may take. */
const SHRINK_RUNS_MAX = 120

interface Failure {
  readonly seed: number
  readonly error: string
}

/** One seed, whatever was simulated. */
interface Row {
  readonly seed: number
  readonly scenario: string
  readonly processes: number
  readonly checkpoints: number
  readonly steps: number
  readonly happened: Readonly<Record<string, number>>
}

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: String(SEEDS_DEFAULT) },
    from: { type: 'string', default: '1' },
    job: { type: 'string' },
    cluster: { type: 'boolean', default: false },
    embedded: { type: 'boolean', default: false },
    schedule: { type: 'string' },
    without: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})

function integer(name: string, text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  process.stderr.write(`--${name} ${text} is not a whole number\n`)
  process.exit(2)
}

function refuse(problem: string): never {
  process.stderr.write(`${problem}\n`)
  process.exit(2)
}

function checkJob(name: string | undefined): string | undefined {
  const names = [...(flags.cluster ? clusterScenarioNames() : scenarioNames()), ...namedScenarioNames()]
  if (name === undefined || names.includes(name)) return name
  return refuse(`there is no job ${name}; there are ${names.join(', ')}`)
}

function checkSchedule(text: string | undefined): string | undefined {
  if (flags.cluster && flags.embedded) refuse('--cluster and --embedded exclude each other')
  if (text === undefined) return undefined
  if (!flags.cluster || flags.seed === undefined) refuse('--schedule goes with --cluster and --seed')
  try {
    parseSchedule(text)
  } catch (thrown) {
    refuse(thrown instanceof Error ? thrown.message : String(thrown))
  }
  return text
}

function checkParts(text: string | undefined): readonly number[] {
  if (text !== undefined && flags.seed === undefined) refuse('--without goes with --seed')
  return text === undefined ? [] : text.split(',').map((part) => integer('without', part))
}

async function runOne(seed: number, job: string | undefined, schedule: string | undefined): Promise<Row> {
  const run = { seed, without: partsLeftOut, ...(job === undefined ? {} : { scenario: job }) }
  if (!flags.cluster) return embeddedRow(await withSmallestJob(run, (smaller) => runSeed(smaller)))
  const clusterRun = { ...run, ...(schedule === undefined ? {} : { schedule }) }
  return withSmallestJob(run, async ({ without = [] }) => {
    try {
      return clusterRow(await runClusterSeed({ ...clusterRun, without }))
    } catch (thrown) {
      throw without === partsLeftOut ? await smallest(thrown, run) : thrown
    }
  })
}

/** The same failure with as few parts of the job as it takes. */
async function withSmallestJob<T>(whole: SeedOptions, run: (run: SeedOptions) => Promise<T>): Promise<T> {
  try {
    return await run(whole)
  } catch (thrown) {
    const parts = whole.without?.length === 0 ? drawnJob(whole).parts : []
    if (!(thrown instanceof EngineError) || parts.length === 0) throw thrown
    process.stderr.write(`\nseed ${whole.seed}: ${thrown.message.split('\n')[0]}\n  looking for a smaller job …\n`)
    const smaller = (without: readonly number[]): Promise<T> => run({ ...whole, without })
    throw (await shrinkParts({ run: smaller, parts, error: thrown, runsMax: SHRINK_RUNS_MAX })).error
  }
}

/** The same failure with as few faults as it takes. */
async function smallest(thrown: unknown, run: { readonly seed: number; readonly scenario?: string }): Promise<unknown> {
  if (!(thrown instanceof EngineError)) return thrown
  const schedule = /^Schedule: (.*)$/m.exec(thrown.message)?.[1]
  if (schedule === undefined) return thrown
  process.stderr.write(`\nseed ${run.seed}: ${thrown.message.split('\n')[0]}\n  looking for a smaller schedule …\n`)
  const shrunk = await shrinkSchedule({ run: { ...run, schedule }, error: thrown, runsMax: SHRINK_RUNS_MAX })
  return shrunk.error
}

function embeddedRow({ seed, scenario, processes, checkpoints, steps, faults }: SeedVerdict): Row {
  return { seed, scenario, processes, checkpoints, steps, happened: { ...faults } }
}

function clusterRow({ seed, scenario, processes, happened, faults, network }: ClusterVerdict): Row {
  const { steps, checkpoints } = happened
  return { seed, scenario, processes, checkpoints, steps, happened: { ...faults, ...happened, ...network } }
}

async function runAll(
  first: number,
  count: number,
  run: (seed: number) => Promise<Row>,
): Promise<{ verdicts: Row[]; failures: Failure[] }> {
  const verdicts: Row[] = []
  const failures: Failure[] = []
  for (let seed = first; seed < first + count; seed++) {
    try {
      verdicts.push(await run(seed))
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

function faultTotals(verdicts: readonly Row[]): Record<string, number> {
  const totals: Record<string, number> = {}
  for (const { happened } of verdicts) {
    for (const [name, count] of Object.entries(happened)) totals[name] = (totals[name] ?? 0) + count
  }
  return totals
}

function printTable(verdicts: readonly Row[], failures: readonly Failure[], durationMs: number): void {
  const byJob = Map.groupBy(verdicts, ({ scenario }) => scenario)
  console.log('job                 seeds  processes  checkpoints     events')
  for (const [job, own] of [...byJob].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const sum = (of: (verdict: Row) => number): string =>
      own.reduce((total, verdict) => total + of(verdict), 0).toLocaleString('en')
    const cells = [
      String(own.length).padStart(5),
      sum((verdict) => verdict.processes).padStart(9),
      sum((verdict) => verdict.checkpoints).padStart(11),
      sum((verdict) => verdict.steps).padStart(9),
    ]
    console.log(`${job.padEnd(18)}  ${cells.join('  ')}`)
  }
  console.log('\nwhat broke, and what happened')
  for (const [name, total] of Object.entries(faultTotals(verdicts)))
    console.log(`  ${name.padEnd(22)} ${Math.round(total).toLocaleString('en').padStart(11)}`)
  console.log(
    `\n${verdicts.length} seeds kept every rule, ${failures.length} did not (${(durationMs / 1000).toFixed(1)} s)`,
  )
  for (const { seed, error } of failures) console.log(`  seed ${seed}: ${error.split('\n')[0]}`)
}

const single = flags.seed === undefined ? undefined : integer('seed', flags.seed)
const startMs = performance.now()
const first = single ?? integer('from', flags.from)
const job = checkJob(flags.job)
const schedule = checkSchedule(flags.schedule)
const partsLeftOut = checkParts(flags.without)
const { verdicts, failures } = await runAll(first, single === undefined ? integer('seeds', flags.seeds) : 1, (seed) =>
  runOne(seed, job, schedule),
)
const durationMs = Math.round(performance.now() - startMs)
if (flags.json) console.log(JSON.stringify({ verdicts, failures, faults: faultTotals(verdicts), durationMs }))
else if (single !== undefined && verdicts.length > 0) console.log(JSON.stringify(verdicts[0], undefined, 2))
else printTable(verdicts, failures, durationMs)
process.exitCode = failures.length > 0 ? 1 : 0
