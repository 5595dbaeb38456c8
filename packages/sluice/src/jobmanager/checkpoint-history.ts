/** The newest checkpoints with how they went, for people. Bounded; decides nothing. */
import type { Clock } from '../base/env.ts'
import { type EngineError, errorToData } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { CheckpointReport, CheckpointSummary } from '../checkpoint/checkpoint-protocol.ts'
import type { CheckpointRecord } from './cluster-api.ts'

/** Records kept when nothing else is said. */
export const HISTORY_KEPT_DEFAULT = 10

export interface CheckpointHistoryOptions {
  readonly clock: Clock
  readonly kept: number
  /** Where the manifest of a published one is. */
  placeOf(checkpoint: CheckpointId): string
}

export class CheckpointHistory {
  readonly #options: CheckpointHistoryOptions
  /** Oldest first: ids grow. */
  readonly #records = new Map<CheckpointId, CheckpointRecord>()

  constructor(options: CheckpointHistoryOptions) {
    this.#options = options
  }

  note(report: CheckpointReport): void {
    switch (report.kind) {
      case 'triggered':
        return this.#add(report.checkpoint)
      case 'completed':
        return this.#complete(report.summary)
      case 'failed':
        return this.#fail(report.checkpoint, report.error)
      case 'postponed':
      case 'ignored':
      case 'subsumed':
        return
    }
  }

  /** Newest last. */
  records(): readonly CheckpointRecord[] {
    return [...this.#records.values()]
  }

  #add(checkpoint: CheckpointId): void {
    this.#records.set(checkpoint, {
      checkpoint,
      status: 'IN_PROGRESS',
      triggeredWallMs: this.#options.clock.wallMs(),
      endedWallMs: undefined,
      durationMs: undefined,
      sizeBytes: undefined,
      error: undefined,
      place: undefined,
    })
    const oldest = this.#records.keys().next().value
    if (this.#records.size > this.#options.kept && oldest !== undefined) this.#records.delete(oldest)
  }

  #complete({ checkpoint, durationMs, stateBytes }: CheckpointSummary): void {
    this.#change(checkpoint, {
      status: 'COMPLETED',
      durationMs,
      sizeBytes: stateBytes,
      place: this.#options.placeOf(checkpoint),
    })
  }

  #fail(checkpoint: CheckpointId, error: EngineError): void {
    const triggeredWallMs = this.#records.get(checkpoint)?.triggeredWallMs
    const durationMs =
      triggeredWallMs === undefined ? undefined : Math.max(0, this.#options.clock.wallMs() - triggeredWallMs)
    this.#change(checkpoint, { status: 'FAILED', durationMs, error: errorToData(error) })
  }

  /** One that was forgotten already stays so. */
  #change(checkpoint: CheckpointId, fields: Partial<CheckpointRecord>): void {
    const known = this.#records.get(checkpoint)
    if (known === undefined) return
    this.#records.set(checkpoint, { ...known, endedWallMs: this.#options.clock.wallMs(), ...fields })
  }
}
