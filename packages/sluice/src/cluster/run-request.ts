/** What a run is asked to do, and what one gets for it. */
import type { JobDefinition } from '../api/define-job.ts'
import type { OptionLayer } from '../config/option-layers.ts'
import type { ResolvedOptions } from '../config/options.ts'
import type { RawParams } from '../config/param.ts'
import type { SlotIndex } from '../base/ids.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import type { JobResult, JobStatus } from '../jobmanager/job-status.ts'
import type { ThreadOutput } from './slot-thread-handle.ts'
import type { FinishedRun } from './state-directory.ts'

export interface RunRequest {
  /** A module runs in slot threads; a definition, whose functions cannot go to other threads, in this one. */
  readonly job: JobDefinition | URL | string
  readonly params: RawParams
  /** Stronger than what the job sets, strongest first. */
  readonly layers: readonly OptionLayer[]
  readonly stateDir: string | undefined
  readonly start: 'continue' | 'fresh'
  readonly output: ThreadOutput
  /** Told once, before the first event. */
  onPlanned(facts: RunFacts): void
  /** Must not throw. */
  listener(event: JobEvent): void
  /** Whole sentences for the author of the job. */
  warn(text: string): void
}

export interface RunFacts {
  readonly jobName: string
  readonly options: ResolvedOptions
  /** Where its state is; undefined when checkpointing is off. */
  readonly stateDirectory: string | undefined
}

/** A job that was started. */
export interface JobClient extends RunFacts {
  /** How the job is now. */
  status(): JobStatus
  /** Takes a last checkpoint, then ends the job; started again, it goes on from there. Resolves when it has ended. */
  stop(): Promise<void>
  /** Ends the job at once. Resolves when it has ended. */
  cancel(): Promise<void>
  /** Never rejects. */
  readonly result: Promise<RunResult>
}

/** How a job ended. */
export interface RunResult extends JobResult {
  /** Set when the job had finished in an earlier run and was not run again: when that was. */
  readonly finishedBefore?: FinishedRun
  /**
   * Set when slots have threads that could not be ended (TSK1006): they may run user code as long as this process lives, and the state
   * directory stays claimed as long.
   */
  readonly stuckSlots?: readonly SlotIndex[]
}
