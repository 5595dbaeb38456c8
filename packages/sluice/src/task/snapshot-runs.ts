/** The checkpoints that one task has begun and not yet acknowledged; usually none or one. */
import { asEngineError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import { SnapshotPacer, SLICE_ENTRIES_MAX } from './snapshot-pacer.ts'
import { SnapshotRun, type OperatorCut } from './snapshot-run.ts'
import type { TaskEnvironment } from './task-environment.ts'

export interface CutRequest {
  readonly checkpoint: CheckpointId
  readonly alignmentMs: number
  /** Cuts the operators' own states. */
  readonly cuts: () => readonly OperatorCut[]
}

export class SnapshotRuns {
  readonly #task: TaskEnvironment
  readonly #pacer = new SnapshotPacer()
  #runs: SnapshotRun[] = []
  #encoding: SnapshotRun | undefined
  #encodingSinceMs = 0
  #lastCheckpoint = 0

  constructor(task: TaskEnvironment) {
    this.#task = task
  }

  get isEncoding(): boolean {
    return this.#encoding !== undefined
  }

  /** The synchronous part of a checkpoint. A failure here is the task's failure. */
  cut(request: CutRequest): void {
    const { checkpoint } = request
    if (checkpoint <= this.#lastCheckpoint) return
    this.#lastCheckpoint = checkpoint
    const { clock } = this.#task.env
    const startMs = clock.monotonicMs()
    // A backend takes one snapshot at a time: an unfinished one is encoded to its end first.
    while (this.#encoding !== undefined) this.#slice(SLICE_ENTRIES_MAX)
    const cuts = this.#cutOperators(request)
    for (const output of this.#task.outputs) output.broadcast({ kind: 'barrier', checkpoint, mode: this.#mode() })
    const run = new SnapshotRun(checkpoint, cuts, this.#task)
    this.#runs = [...this.#runs.filter((other) => other.isUnderWay), run]
    this.#encodingSinceMs = clock.monotonicMs()
    run.start({
      alignmentMs: request.alignmentMs,
      syncMs: this.#encodingSinceMs - startMs,
      cutAtMs: this.#encodingSinceMs,
    })
    this.#encoding = run.isEncoding ? run : undefined
  }

  /** While records wait: a small slice. */
  slicePaced(): void {
    if (this.#encoding === undefined) return
    const elapsedMs = this.#task.env.clock.monotonicMs() - this.#encodingSinceMs
    this.#slice(this.#pacer.entries(elapsedMs, this.#encoding.encodedCount()))
  }

  /** While the task has nothing else to do. */
  sliceFreely(): void {
    if (this.#encoding !== undefined) this.#slice(SLICE_ENTRIES_MAX)
  }

  abort(checkpoint: CheckpointId): void {
    for (const run of this.#runs) if (run.checkpoint === checkpoint) run.abort()
    this.#forgetEnded()
  }

  abortAll(): void {
    for (const run of this.#runs) run.abort()
    this.#forgetEnded()
  }

  #slice(entries: number): void {
    const run = this.#encoding
    if (run === undefined) return
    const { clock } = this.#task.env
    const startMs = clock.monotonicMs()
    run.slice(entries)
    this.#pacer.measured(entries, clock.monotonicMs() - startMs)
    this.#forgetEnded()
  }

  #forgetEnded(): void {
    if (this.#encoding?.isEncoding === false) this.#encoding = undefined
    this.#runs = this.#runs.filter((run) => run.isUnderWay)
  }

  #cutOperators(request: CutRequest): readonly OperatorCut[] {
    try {
      return request.cuts()
    } catch (error) {
      throw asEngineError(
        error,
        'CKP1004',
        `the cut of checkpoint ${request.checkpoint} failed. The task fails and restarts from the last completed checkpoint`,
      )
    }
  }

  #mode(): 'exactly-once' | 'at-least-once' {
    return this.#task.settings.delivery === 'at-least-once' ? 'at-least-once' : 'exactly-once'
  }
}
