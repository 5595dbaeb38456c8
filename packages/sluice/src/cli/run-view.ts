import type { ErrorData } from '../base/errors.ts'
import type { RunFacts, RunResult } from '../cluster/run-request.ts'
import type { ThreadOutput } from '../cluster/slot-thread-handle.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import type { JobStatus } from '../jobmanager/job-status.ts'

/** How a run is shown. One for terminals, one for logs, one for programs. */
export interface RunView extends ThreadOutput {
  readonly progressIntervalMs: number
  onPlanned(facts: RunFacts): void
  onEvent(event: JobEvent): void
  onProgress(status: JobStatus): void
  /** Something that is good to know; a whole sentence. */
  note(text: string): void
  warn(text: string): void
  onResult(result: RunResult, stateDirectory: string | undefined): void
  /** The run could not be started. */
  onRefused(error: ErrorData): void
}
