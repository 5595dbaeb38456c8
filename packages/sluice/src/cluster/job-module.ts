/** From the address of a job module to the graph that runs: the same in the main thread and in every slot thread. */
import { fileURLToPath } from 'node:url'
import { asJobDefinition, optionLayerOf, type JobDefinition } from '../api/define-job.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import type { OptionLayer } from '../config/option-layers.ts'
import type { ResolvedOptions } from '../config/options.ts'
import type { RawParams } from '../config/param.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { LogicalGraph } from '../graph/logical-graph.ts'
import { planJob } from '../graph/planner.ts'
import type { SlotSettings } from '../taskmanager/slot-environment.ts'
import { isBundleUrl, prepareForBundles } from './engine-imports.ts'
import { shownPath } from './job-address.ts'
import { userFrames } from './user-frames.ts'

/** A job with everything decided that can be decided before it runs. */
export interface PlannedJob {
  readonly graph: JobGraph
  readonly options: ResolvedOptions
  /** What the job sets itself, weakest of the layers. */
  readonly ownLayer: OptionLayer
  /** Whole sentences for the author of the job. */
  readonly warnings: readonly string[]
}

/** @param layers stronger than what the job sets, strongest first */
export function planDefinition(job: JobDefinition, params: RawParams, layers: readonly OptionLayer[]): PlannedJob {
  const logical = buildGraph(job, params)
  const ownLayer = optionLayerOf(logical)
  const options = resolveOptions([...layers, ownLayer])
  const { graph, warnings, uidWarnings } = planJob(logical, options)
  const isOff = options.checkpoint.intervalMs === 'off'
  return { graph, options, ownLayer, warnings: isOff ? warnings : [...uidWarnings, ...warnings] }
}

function buildGraph(job: JobDefinition, params: RawParams): LogicalGraph {
  try {
    return job.build(params)
  } catch (thrown) {
    const what = `the build function of job "${job.name}" threw`
    if (thrown instanceof EngineError) throw thrown.within({ job: job.name })
    throw new EngineError('JOB1001', `${what}: ${messageOf(thrown)}. Nothing was started. Correct the job module.`, {
      context: { job: job.name },
      cause: thrown,
    })
  }
}

/** @throws JOB1001 when it cannot be loaded, JOB1002 when it exports no job */
export async function loadJobModule(url: string): Promise<JobDefinition> {
  const path = shownPath(fileURLToPath(url))
  if (isBundleUrl(url)) prepareForBundles()
  return asJobDefinition(await importDefault(url, path), path)
}

async function importDefault(url: string, path: string): Promise<unknown> {
  try {
    const module: { readonly default?: unknown } = await import(/* @vite-ignore */ url)
    return module.default
  } catch (thrown) {
    throw new EngineError(
      'JOB1001',
      `the job module ${path} cannot be loaded: ${messageOf(thrown).trimEnd()}${placeOf(thrown)}\nNothing was started. Correct the module, or what it imports.`,
      { cause: thrown },
    )
  }
}

/** Where in the user's code it happened: the head of a syntax error's stack, or the first frame that is not ours. */
function placeOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return ''
  const head = /^(?:file:\/\/)?(\S+:\d+)\n/.exec(thrown.stack ?? '')?.[1]
  const place = head ?? userFrames(thrown.stack)[0]
  return place === undefined ? '' : `\n  at ${place.replace(/^at /, '')}`
}

/** What the slots need of the options. */
export function slotSettingsOf(options: ResolvedOptions): SlotSettings {
  const { checkpoint, exchange, watermark, report, sink } = options
  return {
    bufferTimeoutMs: exchange.bufferTimeoutMs,
    watermarkIntervalMs: watermark.intervalMs,
    delivery: checkpoint.intervalMs === 'off' ? 'none' : checkpoint.mode,
    committerRetriesMax: sink.committerRetriesMax,
    reportIntervalMs: report.intervalMs,
    channelCredits: exchange.channelBatchesMax,
    batchRecordsMax: exchange.batchRecordsMax,
    debloatTargetMs: exchange.debloatTargetMs,
  }
}
