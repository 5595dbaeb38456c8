import type { EngineError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { AbortReason, CheckpointReport, CheckpointSummary } from './checkpoint-protocol.ts'

/** Counts since the job started, and what happened last. */
export interface CheckpointStats {
  readonly triggered: number
  readonly completed: number
  readonly failed: number
  /** Messages that came too late or twice. */
  readonly ignored: number
  readonly lastCompleted: CheckpointSummary | undefined
  readonly lastFailed: FailedCheckpoint | undefined
}

interface FailedCheckpoint {
  readonly checkpoint: CheckpointId
  readonly error: EngineError
}

/** Given up because something else came first, the end of the job among others: nothing went wrong with the checkpoint. */
const ENDED_UNHARMED: ReadonlySet<AbortReason> = new Set(['suspended', 'subsumed'])

export const NO_CHECKPOINTS: CheckpointStats = Object.freeze({
  triggered: 0,
  completed: 0,
  failed: 0,
  ignored: 0,
  lastCompleted: undefined,
  lastFailed: undefined,
})

export function countReport(stats: CheckpointStats, report: CheckpointReport): CheckpointStats {
  switch (report.kind) {
    case 'triggered':
      return { ...stats, triggered: stats.triggered + 1 }
    case 'completed':
      return { ...stats, completed: stats.completed + 1, lastCompleted: report.summary }
    case 'failed':
      if (ENDED_UNHARMED.has(report.reason)) return stats
      return { ...stats, failed: stats.failed + 1, lastFailed: { checkpoint: report.checkpoint, error: report.error } }
    case 'ignored':
      return { ...stats, ignored: stats.ignored + 1 }
    case 'postponed':
    case 'subsumed':
      return stats
  }
}
