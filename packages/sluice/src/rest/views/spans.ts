import type { JobOverview } from '../../jobmanager/cluster-api.ts'

/** When the job runs, wall milliseconds. */
export interface Span {
  readonly startMs: number
  readonly endMs: number | undefined
  readonly nowMs: number
}

export function durationOf({ startMs, endMs, nowMs }: Span): number {
  return Math.max(0, Math.round((endMs ?? nowMs) - startMs))
}

export function spanOf({ startedWallMs, endedWallMs }: JobOverview, nowMs: number): Span {
  return { startMs: startedWallMs, endMs: endedWallMs, nowMs }
}
