/**
 * Time and timers of the general window operator.
 *
 * Owns: when a window is gone, the timer that says so, and what triggers may do to timers. Does not own: what happens then.
 *
 * D1 A window is cleaned up by the timer at its cleanup time, registered when it comes into being. A window that never ends has none.
 * D2 A timer in processing time is due one millisecond after its time, so that records that arrive in the last millisecond of a window are in it.
 * D3 The cleanup timer may be a trigger's too (it is the same timer then), but only cleaning up and merging delete it.
 */
import { present } from '../base/assert.ts'
import { MAX_WATERMARK } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import type { KeyedRuntime } from './keyed-operator.ts'
import type { TriggerServices } from './open-trigger.ts'
import type { OperatorInfo } from './operator.ts'
import type { AssignerTraits, OpenAssigner } from './window-assignment.ts'
import { maxTimestampOf, type TimeWindow } from './window-definition.ts'

/** D2 */
export const PROCESSING_DELAY_MS = 1

export class GeneralWindowTimers implements TriggerServices {
  readonly info: OperatorInfo
  readonly #runtime: KeyedRuntime
  readonly #assigner: OpenAssigner
  readonly #domain: 'event' | 'processing'
  readonly #latenessMs: number

  constructor(runtime: KeyedRuntime, assigner: OpenAssigner, { domain }: AssignerTraits, latenessMs: number) {
    this.info = runtime.context.info
    this.#runtime = runtime
    this.#assigner = assigner
    this.#domain = domain
    this.#latenessMs = latenessMs
  }

  key(): Key {
    return present(this.#runtime.keyed.currentKey(), 'the key of a window')
  }

  currentWatermark(): number {
    return this.#runtime.clock.watermark
  }

  processingTimeMs(): number {
    return this.#runtime.context.processingTimeMs()
  }

  registerEventTimer({ start, end }: TimeWindow, timestampMs: number): void {
    this.#runtime.keyed.eventTimers.register(timestampMs, this.#assigner.idOf(start, end))
  }

  deleteEventTimer(window: TimeWindow, timestampMs: number): void {
    if (this.#domain === 'event' && timestampMs === this.cleanupOf(window)) return // D3
    this.#runtime.keyed.eventTimers.remove(timestampMs, this.#assigner.idOf(window.start, window.end))
  }

  registerProcessingTimer({ start, end }: TimeWindow, timestampMs: number): void {
    if (timestampMs >= MAX_WATERMARK) return // no clock goes that far
    const wallMs = timestampMs + PROCESSING_DELAY_MS
    this.#runtime.keyed.processingTimers.register(wallMs, this.#assigner.idOf(start, end))
    this.#runtime.context.wakeAt(wallMs)
  }

  deleteProcessingTimer(window: TimeWindow, timestampMs: number): void {
    if (this.#domain === 'processing' && timestampMs === this.cleanupOf(window)) return // D3
    this.#removeProcessing(window, timestampMs)
  }

  /** When the window is gone. */
  cleanupOf(window: { readonly end: number }): number {
    return Math.min(maxTimestampOf(window) + this.#latenessMs, MAX_WATERMARK)
  }

  /** Whether the window takes no record any more. Never in processing time. */
  isLate(window: { readonly end: number }): boolean {
    return this.#domain === 'event' && this.cleanupOf(window) <= this.#runtime.clock.watermark
  }

  /** Whether a timer of this time comes behind the cleanup of its window: a trigger left it there. */
  isBehindCleanup(window: TimeWindow, domain: 'event' | 'processing', timestampMs: number): boolean {
    const cleanup = this.cleanupOf(window)
    if (domain === this.#domain) return timestampMs > cleanup
    return cleanup <= (domain === 'event' ? this.processingTimeMs() - PROCESSING_DELAY_MS : this.currentWatermark())
  }

  /** D1 */
  registerCleanup(window: TimeWindow): void {
    const cleanup = this.cleanupOf(window)
    if (cleanup === MAX_WATERMARK) return
    if (this.#domain === 'event') this.registerEventTimer(window, cleanup)
    else this.registerProcessingTimer(window, cleanup)
  }

  deleteCleanup(window: TimeWindow): void {
    const cleanup = this.cleanupOf(window)
    if (this.#domain === 'processing') return this.#removeProcessing(window, cleanup)
    this.#runtime.keyed.eventTimers.remove(cleanup, this.#assigner.idOf(window.start, window.end))
  }

  #removeProcessing({ start, end }: TimeWindow, timestampMs: number): void {
    const wallMs = timestampMs + PROCESSING_DELAY_MS
    this.#runtime.keyed.processingTimers.remove(wallMs, this.#assigner.idOf(start, end))
  }
}
