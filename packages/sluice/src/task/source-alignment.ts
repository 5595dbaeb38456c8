/**
 * Watermark alignment in one source subtask: says how far it is, and whether it has to wait for the others. docs/spec/connectors.md.
 *
 * Owns: the limit, when to report. Does not own: the limit's value (jobmanager/watermark-alignment.ts), watermarks, the reader.
 *
 * A1 Before the first limit comes, the limit is the drift from the beginning of time: nobody runs ahead while others still start.
 * A2 A subtask is paused while its own watermark is above the limit. It is not idle then.
 * A3 The last word is `ended`: whatever comes later changes nothing.
 */
import type { Counter } from '../operators/operator.ts'
import { MIN_WATERMARK } from '../stream/element.ts'
import type { SourceWatermark } from '../stream/source-watermark.ts'
import type { WatermarkAlignment } from '../time/watermark-strategy.ts'

export interface SourceAlignmentOptions {
  readonly settings: WatermarkAlignment
  readonly report: (progress: SourceWatermark) => void
  /** Milliseconds spent waiting for others. */
  readonly pausedMs: Counter
}

/** How far the subtask is, as its driver knows it. */
interface Progress {
  readonly currentWatermark: number
  /** False while it is idle, or waits for others itself. */
  isWaitedFor(): boolean
}

export class SourceAlignment {
  readonly #options: SourceAlignmentOptions
  #watermarkMax: number
  #nextReportMs = 0
  #reported: SourceWatermark['kind'] | 'nothing' = 'nothing'
  #reportedWatermark = MIN_WATERMARK
  #pausedSinceMs: number | undefined

  constructor(options: SourceAlignmentOptions) {
    this.#options = options
    this.#watermarkMax = MIN_WATERMARK + options.settings.maxDriftMs
  }

  get watermarkMax(): number {
    return this.#watermarkMax
  }

  get isPaused(): boolean {
    return this.#pausedSinceMs !== undefined
  }

  /** Monotonic milliseconds. */
  get nextReportMs(): number {
    return this.#nextReportMs
  }

  onLimit(watermarkMax: number): void {
    this.#watermarkMax = watermarkMax
  }

  /** Looks at where the subtask is: pauses, goes on, reports. */
  look(progress: Progress, nowMs: number): void {
    if (this.#reported === 'ended') return // a limit that was on its way
    this.#count(nowMs)
    this.#pausedSinceMs = progress.currentWatermark > this.#watermarkMax ? nowMs : undefined // A2
    const kind = progress.isWaitedFor() ? 'active' : 'idle'
    const hasBegun = this.#reportedWatermark === MIN_WATERMARK && progress.currentWatermark !== MIN_WATERMARK
    if (nowMs < this.#nextReportMs && kind === this.#reported && !hasBegun) return
    this.#nextReportMs = nowMs + this.#options.settings.updateIntervalMs
    this.#reported = kind
    this.#reportedWatermark = progress.currentWatermark
    this.#options.report(kind === 'idle' ? IDLE : { kind, watermark: progress.currentWatermark })
  }

  onEnd(): void {
    this.#pausedSinceMs = undefined
    this.#reported = 'ended'
    this.#options.report(ENDED)
  }

  #count(nowMs: number): void {
    if (this.#pausedSinceMs !== undefined) this.#options.pausedMs.add(nowMs - this.#pausedSinceMs)
  }
}

const IDLE: SourceWatermark = Object.freeze({ kind: 'idle' })
const ENDED: SourceWatermark = Object.freeze({ kind: 'ended' })
