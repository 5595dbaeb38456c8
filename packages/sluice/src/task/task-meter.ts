import type { Clock } from '../base/env.ts'
import type { StepResult } from './task-step.ts'

/** Where the time of a task goes: busy, back-pressured or idle, and its longest step. */
export class TaskMeter {
  readonly #clock: Clock
  #startMs: number
  /** Monotonic milliseconds of the begin of the current step. */
  nowMs: number
  #busyMs = 0
  #blockedMs = 0
  #pauseMaxMs = 0
  #wasBlocked = false
  #lastEndMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.nowMs = clock.monotonicMs()
    this.#startMs = this.nowMs
    this.#lastEndMs = this.nowMs
  }

  begin(): void {
    this.nowMs = this.#clock.monotonicMs()
    if (this.#wasBlocked) this.#blockedMs += this.nowMs - this.#lastEndMs
  }

  end(result: StepResult): void {
    this.#lastEndMs = this.#clock.monotonicMs()
    const durationMs = this.#lastEndMs - this.nowMs
    this.#wasBlocked = result === 'blocked'
    this.#busyMs += durationMs
    if (durationMs > this.#pauseMaxMs) this.#pauseMaxMs = durationMs
  }

  /** Figures since the last call. */
  take(): { readonly busyRatio: number; readonly backPressuredRatio: number; readonly pauseMaxMs: number } {
    const nowMs = this.#clock.monotonicMs()
    if (this.#wasBlocked) this.#blockedMs += nowMs - Math.max(this.#lastEndMs, this.#startMs)
    const spanMs = Math.max(1, nowMs - this.#startMs)
    const figures = {
      busyRatio: ratio(this.#busyMs, spanMs),
      backPressuredRatio: ratio(this.#blockedMs, spanMs),
      pauseMaxMs: this.#pauseMaxMs,
    }
    this.#startMs = nowMs
    this.#lastEndMs = nowMs
    this.#busyMs = 0
    this.#blockedMs = 0
    this.#pauseMaxMs = 0
    return figures
  }
}

function ratio(partMs: number, wholeMs: number): number {
  return Math.min(1, partMs / wholeMs)
}
