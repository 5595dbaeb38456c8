/**
 * Which checkpoint a job restores. Pure: the shell (restore-latest.ts) loads what is asked for.
 *
 * R1 The newest published checkpoint that is whole and belongs to this job and graph wins.
 * R2 A corrupt one is skipped with its reason, never silently; a storage that cannot be read ends the search, because what it holds may be whole.
 * R3 Nothing published: a fresh start. Something published, but nothing whole: CKP1008, never a fresh start.
 * R4 Another job's or another graph's checkpoint is refused, not skipped.
 */
import { EngineError, formatError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { GraphLayout } from '../graph/job-graph.ts'
import type { CheckpointManifest } from './manifest.ts'

export interface RestoreExpectation {
  readonly jobName: string
  readonly layoutHash: string
  /** What differs between the layout that was written and the graph of now, one readable line each. */
  differencesFrom(written: GraphLayout): readonly string[]
}

export interface SkippedCheckpoint {
  readonly checkpoint: CheckpointId
  readonly error: EngineError
}

export type RestoreDecision =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'restore'; readonly manifest: CheckpointManifest; readonly skipped: readonly SkippedCheckpoint[] }
  | { readonly kind: 'refuse'; readonly error: EngineError }

export type RecoveryStep =
  /** Load this one and all its files, then call `loaded` or `failed`. */
  { readonly kind: 'load'; readonly checkpoint: CheckpointId } | RestoreDecision

export interface RecoveryState {
  readonly expectation: RestoreExpectation
  /** Ascending; the last one is next. */
  readonly candidates: readonly CheckpointId[]
  readonly skipped: readonly SkippedCheckpoint[]
  readonly decision?: RestoreDecision
}

export function startRecovery(published: readonly CheckpointId[], expectation: RestoreExpectation): RecoveryState {
  return { expectation, candidates: published, skipped: [] }
}

export function nextRecoveryStep({ candidates, skipped, decision }: RecoveryState): RecoveryStep {
  if (decision !== undefined) return decision
  const checkpoint = candidates.at(-1)
  if (checkpoint !== undefined) return { kind: 'load', checkpoint }
  return skipped.length === 0 ? { kind: 'fresh' } : { kind: 'refuse', error: nothingWhole(skipped) } // R3
}

/** The manifest and every file it refers to is whole. */
export function loaded(state: RecoveryState, manifest: CheckpointManifest): RecoveryState {
  const error = mismatch(state.expectation, manifest)
  const { skipped } = state
  return {
    ...state,
    decision: error === undefined ? { kind: 'restore', manifest, skipped } : { kind: 'refuse', error },
  }
}

/** R2 */
export function failed(state: RecoveryState, checkpoint: CheckpointId, error: EngineError): RecoveryState {
  if (error.code !== 'CKP1003') return { ...state, decision: { kind: 'refuse', error } }
  return {
    ...state,
    candidates: state.candidates.filter((candidate) => candidate < checkpoint),
    skipped: [...state.skipped, { checkpoint, error }],
  }
}

/** R4 */
function mismatch(expectation: RestoreExpectation, manifest: CheckpointManifest): EngineError | undefined {
  const { checkpoint, jobName, layout, layoutHash } = manifest
  if (jobName !== expectation.jobName) {
    return new EngineError(
      'JOB1005',
      `the state directory holds checkpoint ${checkpoint} of job ${JSON.stringify(jobName)}, this is job ${JSON.stringify(expectation.jobName)}. Nothing was started or changed. Choose another --state-dir for this job, or run the job the directory belongs to.`,
      { context: { job: expectation.jobName, checkpoint } },
    )
  }
  if (layoutHash === expectation.layoutHash) return undefined
  const differences = expectation.differencesFrom(layout).map((line) => `\n  - ${line}`)
  return new EngineError(
    'JOB1006',
    `the graph of job ${JSON.stringify(jobName)} is not the one that wrote checkpoint ${checkpoint}:${differences.join('')}\nNothing was started or changed. Run the old program with this state directory, or start the new one with another --state-dir, or give up the old state with --fresh.`,
    { context: { job: jobName, checkpoint } },
  )
}

function nothingWhole(skipped: readonly SkippedCheckpoint[]): EngineError {
  const reasons = skipped.map(({ error }) => `\n  - ${formatError(error)}`).join('')
  return new EngineError(
    'CKP1008',
    `none of the ${skipped.length} retained checkpoints can be restored:${reasons}\nThe job was not started, because starting empty would lose its state. Bring the files back from a copy, or give the state up with --fresh.`,
    { cause: skipped[0]?.error },
  )
}
