/** What a run of a simulated cluster is made of and what it gives, and its reports in words. */
import type { JobDefinition } from '../api/define-job.ts'
import type { Env } from '../base/env.ts'
import { type ErrorData, formatError } from '../base/errors.ts'
import type { ClusterEvent } from '../jobmanager/cluster-events.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import type { ClusterFaultCounts } from './cluster-sim-faults.ts'
import type { ClusterHooks } from './cluster-sim-process.ts'
import type { Schedule } from './cluster-sim-schedule.ts'
import type { ClusterShape } from './cluster-sim-shape.ts'
import type { FaultCounts } from './sim-faults.ts'
import type { NetworkCounts } from './sim-network.ts'

export interface ClusterRunOptions {
  readonly job: JobDefinition
  /** The job as one process builds it. Default: `job`. */
  readonly jobOn?: ((env: Env) => JobDefinition) | undefined
  /** Input, by path. */
  readonly files: Readonly<Record<string, string | Uint8Array>>
  readonly seed: number
  readonly shape: ClusterShape
  readonly hooks: ClusterHooks
  readonly schedule: Schedule
}

/** What happened in a run, beside its faults. */
export interface ClusterHappenings {
  steps: number
  virtualMs: number
  /** Leaders, one after the other. */
  leaders: number
  /** Restarts of the job or of regions after a failure. */
  restarts: number
  /** Attempts of a part of the job while the rest went on. */
  regionRestarts: number
  rescales: number
  checkpoints: number
  failedCheckpoints: number
  /** Jobs that a leader took over from one before. */
  recoveries: number
  /** Processes that gave up by themselves. */
  selfEnds: number
  submissions: number
  /** Records handled by an attempt that had been superseded, within the time it may. */
  overlaps: number
}

export interface ClusterRun {
  /** Committed files by path. */
  readonly files: ReadonlyMap<string, string>
  readonly faults: ClusterFaultCounts
  readonly disk: FaultCounts
  readonly network: NetworkCounts
  readonly happened: ClusterHappenings
  /** That were started. */
  readonly processes: number
  readonly traceHash: string
}

export function nothingHappened(): ClusterHappenings {
  return {
    steps: 0,
    virtualMs: 0,
    leaders: 0,
    restarts: 0,
    regionRestarts: 0,
    rescales: 0,
    checkpoints: 0,
    failedCheckpoints: 0,
    recoveries: 0,
    selfEnds: 0,
    submissions: 0,
    overlaps: 0,
  }
}

export function failureOf(event: JobEvent): ErrorData | undefined {
  if (event.kind === 'failed' || event.kind === 'failure-merged') return event.failure.error
  return 'error' in event ? event.error : undefined
}

export function described(event: ClusterEvent): { readonly listed: string; readonly failure: ErrorData | undefined } {
  if (event.kind === 'job-event') return { listed: jobEventText(event.event), failure: undefined }
  const failure = 'error' in event ? event.error : undefined
  return {
    listed: `${JSON.stringify({ ...event, error: undefined })} ${failure === undefined ? '' : formatError(failure)}`,
    failure,
  }
}

function jobEventText(event: JobEvent): string {
  const failure = failureOf(event)
  const text = failure === undefined ? JSON.stringify(event) : `${event.kind}: ${formatError(failure)}`
  return `job ${text}`
}
