/**
 * Performs watermark alignment for the sources of one job: the shell around watermark-alignment.ts.
 *
 * Owns: the interval timers. Does not own: any decision; the messages to the readers (source-coordinator.ts).
 */
import type { Timer, Timers } from '../base/env.ts'
import type { OperatorUid, SubtaskIndex } from '../base/ids.ts'
import type { SourceWatermark } from '../stream/source-watermark.ts'
import {
  type AlignmentEvent,
  type AlignmentMember,
  type AlignmentState,
  NO_ALIGNMENT,
  stepAlignment,
} from './watermark-alignment.ts'

export interface JoiningSource {
  readonly member: AlignmentMember
  readonly updateIntervalMs: number
  /** To all its subtasks. */
  announce(watermarkMax: number): void
}

interface Joined {
  readonly source: JoiningSource
  timer: Timer
}

export class AlignmentDriver {
  readonly #timers: Timers
  readonly #joined = new Map<OperatorUid, Joined>()
  #state: AlignmentState = NO_ALIGNMENT

  constructor(timers: Timers) {
    this.#timers = timers
  }

  join(source: JoiningSource): void {
    const uid = source.member.source
    this.#joined.set(uid, { source, timer: this.#nextTick(source) })
    this.#apply({ kind: 'joined', member: source.member })
  }

  report(source: OperatorUid, subtask: SubtaskIndex, progress: SourceWatermark): void {
    this.#apply({ kind: 'reported', source, subtask, progress })
  }

  /** Idempotent. */
  leave(source: OperatorUid): void {
    this.#joined.get(source)?.timer.cancel()
    if (this.#joined.delete(source)) this.#apply({ kind: 'left', source })
  }

  #nextTick(source: JoiningSource): Timer {
    return this.#timers.after(source.updateIntervalMs, () => this.#tick(source))
  }

  #tick(source: JoiningSource): void {
    const joined = this.#joined.get(source.member.source)
    if (joined?.source !== source) return
    joined.timer = this.#nextTick(source)
    this.#apply({ kind: 'tick', source: source.member.source })
  }

  #apply(event: AlignmentEvent): void {
    const { state, announcements } = stepAlignment(this.#state, event)
    this.#state = state
    for (const { source, watermarkMax } of announcements) this.#joined.get(source)?.source.announce(watermarkMax)
  }
}
