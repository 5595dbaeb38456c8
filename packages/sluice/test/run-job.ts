/** Whole jobs in real slot threads, with what they printed and told kept for assertions. */
import { launch } from '../src/cluster/launch.ts'
import type { JobClient, RunResult } from '../src/cluster/run-request.ts'
import type { JobDefinition } from '../src/api/define-job.ts'
import { deferred } from '../src/base/deferred.ts'
import { errorFromData } from '../src/base/errors.ts'
import type { OptionKey } from '../src/config/options.ts'
import type { JobEvent } from '../src/jobmanager/job-events.ts'

export type EventOfKind<K extends JobEvent['kind']> = Extract<JobEvent, { kind: K }>

export interface RunJobOptions {
  readonly params?: Readonly<Record<string, string>>
  readonly stateDir?: string
  readonly parallelism?: number
  readonly options?: Readonly<Partial<Record<OptionKey, string>>>
  /** Called with every event, at once. */
  readonly onEvent?: (event: JobEvent, started: Promise<JobClient>) => void
}

export interface FinishedJob {
  readonly result: RunResult
  readonly events: readonly JobEvent[]
  /** Lines of print sinks. */
  readonly printed: readonly string[]
  readonly eventsOf: <K extends JobEvent['kind']>(kind: K) => readonly EventOfKind<K>[]
}

/**
 * Runs a job to its end, however it ends.
 *
 * @example const { result, printed } = await runJob('examples/first-job.ts', { stateDir })
 */
export async function runJob(job: string | URL | JobDefinition, options: RunJobOptions = {}): Promise<FinishedJob> {
  const events: JobEvent[] = []
  const printed: string[] = []
  const started = deferred<JobClient>()
  const client = await launch({
    job,
    params: options.params ?? {},
    layers: [{ origin: 'test', values: valuesOf(options) }],
    stateDir: options.stateDir,
    start: 'continue',
    output: { printLine: (line) => void printed.push(line), consoleText: () => {} },
    listener: (event) => {
      events.push(event)
      options.onEvent?.(event, started.promise)
    },
    onPlanned: () => {},
    warn: () => {},
  })
  started.resolve(client)
  const result = await client.result
  return {
    result,
    events,
    printed,
    eventsOf: (kind) => events.filter((event): event is EventOfKind<typeof kind> => event.kind === kind),
  }
}

/** As `runJob`, and the job has to finish. */
export async function finishJob(job: string | URL | JobDefinition, options: RunJobOptions = {}): Promise<FinishedJob> {
  const finished = await runJob(job, options)
  if (finished.result.error !== undefined) throw errorFromData(finished.result.error)
  if (finished.result.state !== 'finished') throw new TypeError(`the job is ${finished.result.state}`)
  return finished
}

/** Stops the job, with a last checkpoint, once `count` checkpoints are complete. */
export function stopAfterCheckpoints(count: number): NonNullable<RunJobOptions['onEvent']> {
  let completed = 0
  return (event, started) => {
    if (event.kind === 'checkpoint-completed' && ++completed === count) void started.then((client) => client.stop())
  }
}

function valuesOf({ options = {}, parallelism }: RunJobOptions): Readonly<Record<string, string>> {
  return parallelism === undefined ? options : { parallelism: String(parallelism), ...options }
}
