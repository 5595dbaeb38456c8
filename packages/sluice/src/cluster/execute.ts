/** Running a job from a program. */
import { processOutput } from './process-output.ts'
import type { JobDefinition } from '../api/define-job.ts'
import { EngineError, errorFromData } from '../base/errors.ts'
import { nearestName } from '../config/nearest-name.ts'
import { environmentLayer, type OptionLayer } from '../config/option-layers.ts'
import { isOptionKey, type OptionKey } from '../config/options.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import { launch } from './launch.ts'
import type { JobClient, RunResult } from './run-request.ts'

/** How a job is run from a program. */
export interface ExecuteOptions {
  /** Job parameters, as `--param` gives them. */
  readonly params?: Readonly<Record<string, string>>
  /** Short for the option `parallelism`. Default: what the environment or the job sets, else 1. */
  readonly parallelism?: number
  /** Where checkpoints are kept. Default: what the job sets, else `./.sluice/<job name>`. */
  readonly stateDir?: string
  /** Forgets earlier checkpoints and starts from the beginning. Default false: goes on from the last one. */
  readonly fresh?: boolean
  /** Options by key, in the words of docs/guide/options.md: `{ 'checkpoint.interval': '1s' }`. Stronger than the environment and the job. */
  readonly options?: Readonly<Partial<Record<OptionKey, string>>>
  /** Is told what happens: restores, failures, restarts, checkpoints. Must not throw. */
  readonly listener?: (event: JobEvent) => void
  /** Aborting stops the job with a last checkpoint, so that it can go on later. */
  readonly signal?: AbortSignal
}

/**
 * Runs a job until it ends, with the same guarantees as `sluice run`.
 *
 * A job given by the path or address of its module runs in slot threads, one for each parallel slice. A job given as an object
 * runs in the calling thread: functions cannot go to other threads.
 *
 * @returns how it ended: `finished`, `stopped` or `canceled`
 * @throws EngineError when it cannot be started, or failed for good (JOB1003, or TSK1007 when one record failed it every time)
 * @example const { recordsRead } = await execute(new URL('./orders.job.ts', import.meta.url), { params: { input: 'orders.jsonl' } })
 */
export async function execute(job: JobDefinition | URL | string, options: ExecuteOptions = {}): Promise<RunResult> {
  const client = await start(job, options)
  const result = await client.result
  if (result.error !== undefined && result.state === 'failed') throw errorFromData(result.error)
  return result
}

/**
 * Starts a job and gives the means to watch, stop and cancel it. Its `result` never rejects: a failed job has `state: 'failed'` and `error`.
 *
 * @throws EngineError when it cannot be started
 * @example
 * const client = await start(job)
 * setTimeout(() => void client.stop(), 60_000)
 * const { state } = await client.result // 'stopped': started again, it goes on there
 */
export async function start(job: JobDefinition | URL | string, options: ExecuteOptions = {}): Promise<JobClient> {
  refuseNoJob(job)
  refuseUnknownNames(options)
  const { params = {}, stateDir, fresh = false, listener = () => {}, signal } = options
  const client = await launch({
    job,
    params,
    layers: [programLayer(options), environmentLayer(process.env)],
    stateDir,
    start: fresh ? 'fresh' : 'continue',
    output: processOutput(),
    onPlanned: () => {},
    listener,
    warn: (text) => process.emitWarning(text, 'SluiceWarning'),
  })
  if (signal !== undefined) stopOnAbort(client, signal)
  return client
}

function programLayer({ options = {}, parallelism }: ExecuteOptions): OptionLayer {
  const values = parallelism === undefined ? options : { parallelism: String(parallelism), ...options }
  const given = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { origin: 'program', values: Object.fromEntries(given) }
}

function stopOnAbort(client: JobClient, signal: AbortSignal): void {
  const stop = (): void => void client.stop()
  if (signal.aborted) return stop()
  signal.addEventListener('abort', stop, { once: true })
  void client.result.then(() => signal.removeEventListener('abort', stop))
}

/** What plain JavaScript may give: the types would not allow it. */
function refuseNoJob(job: unknown): asserts job is JobDefinition | URL | string {
  if (job instanceof URL) return refuseOtherScheme(job)
  if (typeof job === 'string') return job.startsWith('file:') ? refuseOtherScheme(URL.parse(job)) : undefined
  if (typeof job === 'object' && job !== null && 'build' in job) return
  throw new EngineError(
    'JOB1001',
    `${job === null ? 'null' : `a value of type ${typeof job}`} was given as the job. Nothing was started. Give what defineJob returned, or the path or file URL of a job module.`,
  )
}

function refuseOtherScheme(url: URL | null): void {
  if (url?.protocol === 'file:') return
  throw new EngineError(
    'JOB1001',
    `${url === null ? 'the address of the job module' : url.href} is no file URL. Nothing was started. Give the path of a job module, or new URL('./job.ts', import.meta.url).`,
  )
}

/** By its keys, every name of ExecuteOptions. */
const NAMES: Readonly<Record<keyof ExecuteOptions, true>> = {
  params: true,
  parallelism: true,
  stateDir: true,
  fresh: true,
  options: true,
  listener: true,
  signal: true,
}

function refuseUnknownNames(options: object): void {
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(NAMES, name))
  if (unknown.length === 0) return
  const problems = unknown.map((name) => `"${name}" is no option of execute and start${hintFor(name)}`)
  throw new EngineError(
    'CFG1001',
    `${problems.join('; ')}. Nothing was started. They take ${Object.keys(NAMES).join(', ')}; every other option goes into \`options\`.`,
  )
}

function hintFor(name: string): string {
  if (isOptionKey(name)) return ` (write { options: { '${name}': … } })`
  const nearest = nearestName(name, Object.keys(NAMES))
  return nearest === undefined ? '' : ` (did you mean "${nearest}"?)`
}
