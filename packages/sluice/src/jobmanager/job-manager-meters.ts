/**
 * What a JobManager counts as things happen, because nothing that it shows later would tell it: for metrics only, nothing is decided by it.
 *
 * Owns: its series of the registry, and since when each job has been up. A job that has ended, and a leadership that is over, leave
 * nothing behind.
 */
import type { Clock } from '../base/env.ts'
import type { JobId } from '../base/ids.ts'
import type { Counter, Registry, SummaryMeter } from '../metrics/registry.ts'
import type { Labels } from '../metrics/sample.ts'
import type { ClusterEvent } from './cluster-events.ts'
import type { JobEvent } from './job-events.ts'
import { publicStateOf } from './public-state.ts'

export interface JobManagerMetersOptions {
  readonly registry: Registry
  readonly clock: Clock
  /** Of this JobManager: `id` and `host`. */
  readonly labels: Labels
}

export interface JobTimes {
  /** Without a break; 0 while it is down. */
  readonly uptimeMs: number
  /** 0 while it is up. */
  readonly downtimeMs: number
  /** Since a checkpoint completed, or since this JobManager has had the job. */
  readonly checkpointAgeMs: number
}

interface JobMeter {
  readonly labels: Labels
  readonly durations: SummaryMeter
  state: 'up' | 'down'
  stateSinceMs: number
  checkpointMs: number
}

const DURATIONS = 'sluice_job_checkpoint_duration_seconds'
const MS_PER_SECOND = 1000

export class JobManagerMeters {
  readonly #options: JobManagerMetersOptions
  readonly #jobs = new Map<JobId, JobMeter>()
  readonly #losses: Counter
  readonly #refusals: Counter
  readonly #faults: Counter

  constructor(options: JobManagerMetersOptions) {
    const { registry, labels } = options
    this.#options = options
    this.#losses = registry.counter('sluice_jobmanager_leadership_losses_total', labels)
    this.#refusals = registry.counter('sluice_jobmanager_connections_refused_total', labels)
    this.#faults = registry.counter('sluice_jobmanager_task_manager_faults_total', labels)
  }

  note(event: ClusterEvent): void {
    switch (event.kind) {
      case 'job-submitted':
      case 'job-recovered':
        return this.#begin(event.job, event.name)
      case 'job-event':
        return this.#noteJob(event.job, event.event)
      case 'job-ended':
        return this.#forget(event.job)
      case 'leadership-lost':
        this.#losses.add()
        return this.#forgetAll()
      case 'connection-refused':
        return this.#refusals.add()
      case 'task-manager':
        return event.error === undefined ? undefined : this.#faults.add()
      case 'standby':
      case 'leading':
      case 'leading-failed':
      case 'job-start-failed':
      case 'job-unsettled':
      case 'registry-damaged':
        return
    }
  }

  /** Undefined for a job that it has not heard of. */
  timesOf(job: JobId): JobTimes | undefined {
    const meter = this.#jobs.get(job)
    if (meter === undefined) return undefined
    const { state, stateSinceMs, checkpointMs } = meter
    const nowMs = this.#options.clock.monotonicMs()
    const stateMs = nowMs - stateSinceMs
    return {
      uptimeMs: state === 'up' ? stateMs : 0,
      downtimeMs: state === 'down' ? stateMs : 0,
      checkpointAgeMs: nowMs - checkpointMs,
    }
  }

  #begin(job: JobId, name: string): void {
    this.#forget(job)
    const nowMs = this.#options.clock.monotonicMs()
    const labels = { job_id: job, job_name: name }
    const durations = this.#options.registry.summary(DURATIONS, labels)
    this.#jobs.set(job, { labels, durations, state: 'down', stateSinceMs: nowMs, checkpointMs: nowMs })
  }

  #noteJob(job: JobId, event: JobEvent): void {
    const meter = this.#jobs.get(job)
    if (meter === undefined) return
    if (event.kind === 'checkpoint-completed') {
      meter.durations.observe(event.durationMs / MS_PER_SECOND)
      meter.checkpointMs = this.#options.clock.monotonicMs()
    }
    if (event.kind !== 'state-changed') return
    const state = publicStateOf(event.state, 'ran') === 'RUNNING' ? 'up' : 'down'
    if (state === meter.state) return
    meter.state = state
    meter.stateSinceMs = this.#options.clock.monotonicMs()
  }

  #forget(job: JobId): void {
    const meter = this.#jobs.get(job)
    this.#jobs.delete(job)
    if (meter !== undefined) this.#options.registry.remove(DURATIONS, meter.labels)
  }

  #forgetAll(): void {
    for (const job of this.#jobs.keys()) this.#forget(job)
  }
}
