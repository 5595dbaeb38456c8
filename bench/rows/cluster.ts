/** What it costs that a job runs in several processes: the exchange, deploying, and the JobManager of many. */
import { measure } from '../measure.ts'
import type { BenchRow, Figure, Scale } from '../row.ts'
import { spreadOf, type Spread } from '../statistics.ts'
import type { Cost, JobManagerMeasurement, JobManagerTask } from '../variants/cluster-job-manager.ts'
import type { KeyedMeasurement } from '../variants/keyed-measurement.ts'
import { areEqual } from '../workload/results.ts'

const RECORDS = { full: 10_000_000, quick: 500_000 } as const
const PAIRS = { full: 5, quick: 1 } as const
const DEPLOYS = { full: 5, quick: 1 } as const
const PARALLELISM = 2
/** Tasks in each slot. */
const VERTICES = 10
const CHECKPOINT_INTERVAL_MS = 10_000
/** Slots, one in each TaskManager: a tenth of the subtasks. */
const SLOTS = { full: [100, 250, 500, 1000], quick: [20, 50] } as const
const STEADY_MS = { full: 30_000, quick: 2000 } as const

export const clusterRows: readonly BenchRow[] = [
  { name: 'cluster-keyed', run: keyedFigures },
  { name: 'cluster-deploy', run: deployFigures },
  { name: 'cluster-jobmanager', run: jobManagerFigures },
]

async function keyedFigures(scale: Scale): Promise<readonly Figure[]> {
  const task = { records: RECORDS[scale], parallelism: PARALLELISM }
  const pairs: { readonly processes: KeyedMeasurement; readonly threads: KeyedMeasurement }[] = []
  while (pairs.length < PAIRS[scale]) {
    const threads = await measure('keyed-engine', task)
    const processes = await measure('cluster-keyed', task)
    if (!areEqual(threads.summary, processes.summary))
      throw new Error(`different results: ${JSON.stringify({ threads, processes })}`)
    pairs.push({ threads, processes })
  }
  const rateOf = ({ processingMs }: KeyedMeasurement): number => task.records / processingMs / 1000
  const cpuNsOf = ({ cpuMs }: KeyedMeasurement): number => (cpuMs * 1e6) / task.records
  return [
    {
      row: 'cluster-keyed',
      what: 'two processes against two threads',
      unit: 'M records/s',
      value: spreadOf(pairs.map(({ processes }) => rateOf(processes))),
      reference: spreadOf(pairs.map(({ threads }) => rateOf(threads))),
      ratio: spreadOf(pairs.map(({ processes, threads }) => rateOf(processes) / rateOf(threads))),
      goal: { kind: 'at-least', limit: 0.7 },
      note: `${task.records} records, equal results, ${pairs[0]?.processes.checkpoints} checkpoints`,
    },
    {
      row: 'cluster-keyed',
      what: 'processor time',
      unit: 'ns/record',
      value: spreadOf(pairs.map(({ processes }) => cpuNsOf(processes))),
      reference: spreadOf(pairs.map(({ threads }) => cpuNsOf(threads))),
      ratio: spreadOf(pairs.map(({ processes, threads }) => cpuNsOf(threads) / cpuNsOf(processes))),
    },
  ]
}

async function deployFigures(scale: Scale): Promise<readonly Figure[]> {
  const task = { taskManagers: 4, vertices: VERTICES, parallelism: 20, checkpointIntervalMs: 500 }
  const runs = []
  while (runs.length < DEPLOYS[scale]) runs.push(await measure('cluster-deploy', task))
  const common = { row: 'cluster-deploy', unit: 'ms' }
  return [
    {
      ...common,
      what: '200 subtasks, until all run',
      value: spreadOf(runs.map(({ runningMs }) => runningMs)),
      goal: { kind: 'at-most', limit: 2000 },
      note: `${task.taskManagers} TaskManagers with inline slots and the JobManager in one thread, over sockets; code not compiled yet`,
    },
    {
      ...common,
      what: '… until the first checkpoint',
      value: spreadOf(runs.map(({ checkpointedMs }) => checkpointedMs)),
    },
  ]
}

/** The curve, and its last point as what is asked for. */
async function jobManagerFigures(scale: Scale): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  let first: JobManagerMeasurement | undefined
  for (const slots of SLOTS[scale]) {
    const task: JobManagerTask = {
      taskManagers: slots,
      vertices: VERTICES,
      parallelism: slots,
      checkpointIntervalMs: scale === 'full' ? CHECKPOINT_INTERVAL_MS : STEADY_MS.quick / 2,
      steadyMs: STEADY_MS[scale],
    }
    const measured = await measure('cluster-job-manager', task)
    figures.push(
      ...figuresOf(task, measured, first === undefined ? undefined : { first, growth: slots / SLOTS[scale][0] }),
    )
    first ??= measured
  }
  return figures
}

interface Curve {
  readonly first: JobManagerMeasurement
  /** How many times the subtasks of the first point there are. */
  readonly growth: number
}

function figuresOf(task: JobManagerTask, measured: JobManagerMeasurement, curve: Curve | undefined): readonly Figure[] {
  const { deploy, steady, checkpoints, checkpointMaxMs } = measured
  const subtasks = task.parallelism * task.vertices
  const isLast = subtasks === 10_000
  const row = 'cluster-jobmanager'
  return [
    {
      row,
      what: `${subtasks} subtasks: event loop busy`,
      unit: 'of the time',
      value: one(steady.busy),
      ...(isLast ? { goal: { kind: 'at-most', limit: 0.3 } } : {}),
      note: `${task.taskManagers} TaskManagers over sockets; ${checkpoints} checkpoints within ${task.steadyMs / 1000} s, the longest ${checkpointMaxMs.toFixed(0)} ms; processor time of the thread ${(steady.cpuMs / steady.wallMs).toFixed(3)} of the time; longest pause ${steady.pauseMaxMs.toFixed(0)} ms, when deploying ${deploy.pauseMaxMs.toFixed(0)} ms`,
    },
    ...(['register', 'deploy', 'steady', 'stop'] as const).map((part) =>
      perSubtask(
        `${subtasks} subtasks: ${WORDS[part]}`,
        subtasks,
        measured[part],
        curve === undefined ? undefined : { part: curve.first[part], growth: curve.growth },
      ),
    ),
  ]
}

const WORDS = {
  register: 'registering',
  deploy: 'deploying',
  steady: 'heartbeats, reports, checkpoints',
  stop: 'stopping with a checkpoint',
} as const

/** Processor time by subtask: the same at all points where the cost is linear. */
function perSubtask(
  what: string,
  subtasks: number,
  { cpuMs }: Cost,
  curve: { readonly part: Cost; readonly growth: number } | undefined,
): Figure {
  const value = (cpuMs * 1000) / subtasks
  if (curve === undefined) return { row: 'cluster-jobmanager', what, unit: 'µs/subtask', value: one(value) }
  const reference = (curve.part.cpuMs * 1000 * curve.growth) / subtasks
  return {
    row: 'cluster-jobmanager',
    what,
    unit: 'µs/subtask',
    value: one(value),
    reference: one(reference),
    ratio: one(reference / value),
  }
}

function one(value: number): Spread {
  return spreadOf([value])
}
