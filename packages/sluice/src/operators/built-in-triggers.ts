/** The triggers that have names, running. What each does is in docs/spec/windows.md. */
import { MAX_WATERMARK } from '../stream/element.ts'
import { checkTimestamp } from './event-time.ts'
import { isFire, isPurge, type OpenTrigger, type TriggerServices } from './open-trigger.ts'
import type { DeltaTrigger, ProcessingTimeoutTrigger, TriggerResult } from './triggers.ts'
import { userError } from './user-error.ts'
import { maxTimestampOf } from './window-definition.ts'
import { setSlot, slotOf, type WindowEntry } from './window-entry.ts'

/** Does nothing; the others override what they need. */
export class OpenNeverTrigger implements OpenTrigger {
  onElement(_window: WindowEntry, _value: unknown, _timestamp: number): TriggerResult {
    return 'continue'
  }

  onEventTime(_window: WindowEntry, _timestampMs: number): TriggerResult {
    return 'continue'
  }

  onProcessingTime(_window: WindowEntry, _timestampMs: number): TriggerResult {
    return 'continue'
  }

  onMerge(_window: WindowEntry, _merged: readonly WindowEntry[]): void {}

  clear(_window: WindowEntry): void {}
}

export class OpenEventTimeTrigger extends OpenNeverTrigger {
  readonly #services: TriggerServices

  constructor(services: TriggerServices) {
    super()
    this.#services = services
  }

  override onElement(window: WindowEntry): TriggerResult {
    const maxTimestamp = maxTimestampOf(window)
    if (maxTimestamp <= this.#services.currentWatermark()) return 'fire'
    this.#services.registerEventTimer(window, maxTimestamp)
    return 'continue'
  }

  override onEventTime(window: WindowEntry, timestampMs: number): TriggerResult {
    return timestampMs === maxTimestampOf(window) ? 'fire' : 'continue'
  }

  override onMerge(window: WindowEntry): void {
    const maxTimestamp = maxTimestampOf(window)
    if (maxTimestamp > this.#services.currentWatermark()) this.#services.registerEventTimer(window, maxTimestamp)
  }

  override clear(window: WindowEntry): void {
    this.#services.deleteEventTimer(window, maxTimestampOf(window))
  }
}

/** Also of windows that end before the end of the stream: it fires at the last watermark. */
export class OpenEndOfStreamTrigger extends OpenNeverTrigger {
  readonly #services: TriggerServices

  constructor(services: TriggerServices) {
    super()
    this.#services = services
  }

  override onElement(window: WindowEntry): TriggerResult {
    this.#services.registerEventTimer(window, MAX_WATERMARK)
    return 'continue'
  }

  override onEventTime(_window: WindowEntry, timestampMs: number): TriggerResult {
    return timestampMs === MAX_WATERMARK ? 'fire' : 'continue'
  }

  override onMerge(window: WindowEntry): void {
    this.#services.registerEventTimer(window, MAX_WATERMARK)
  }

  override clear(window: WindowEntry): void {
    this.#services.deleteEventTimer(window, MAX_WATERMARK)
  }
}

export class OpenProcessingTimeTrigger extends OpenNeverTrigger {
  readonly #services: TriggerServices

  constructor(services: TriggerServices) {
    super()
    this.#services = services
  }

  override onElement(window: WindowEntry): TriggerResult {
    this.#services.registerProcessingTimer(window, maxTimestampOf(window))
    return 'continue'
  }

  override onProcessingTime(): TriggerResult {
    return 'fire'
  }

  override onMerge(window: WindowEntry): void {
    const maxTimestamp = maxTimestampOf(window)
    if (maxTimestamp > this.#services.processingTimeMs()) {
      this.#services.registerProcessingTimer(window, maxTimestamp)
    }
  }

  override clear(window: WindowEntry): void {
    this.#services.deleteProcessingTimer(window, maxTimestampOf(window))
  }
}

export class OpenCountTrigger extends OpenNeverTrigger {
  readonly #maxCount: number
  readonly #place: number

  constructor(maxCount: number, place: number) {
    super()
    this.#maxCount = maxCount
    this.#place = place
  }

  override onElement(window: WindowEntry): TriggerResult {
    const count = this.#countOf(window) + 1
    const isFull = count >= this.#maxCount
    setSlot(window, this.#place, isFull ? undefined : count)
    return isFull ? 'fire' : 'continue'
  }

  override onMerge(window: WindowEntry, merged: readonly WindowEntry[]): void {
    const count = merged.reduce((sum, one) => sum + this.#countOf(one), 0)
    if (count > 0) setSlot(window, this.#place, count)
  }

  override clear(window: WindowEntry): void {
    setSlot(window, this.#place, undefined)
  }

  #countOf(window: WindowEntry): number {
    return numberAt(window, this.#place) ?? 0
  }
}

export class OpenPurgingTrigger implements OpenTrigger {
  readonly #inner: OpenTrigger

  constructor(inner: OpenTrigger) {
    this.#inner = inner
  }

  onElement(window: WindowEntry, value: unknown, timestamp: number): TriggerResult {
    return purging(this.#inner.onElement(window, value, timestamp))
  }

  onEventTime(window: WindowEntry, timestampMs: number): TriggerResult {
    return purging(this.#inner.onEventTime(window, timestampMs))
  }

  onProcessingTime(window: WindowEntry, timestampMs: number): TriggerResult {
    return purging(this.#inner.onProcessingTime(window, timestampMs))
  }

  onMerge(window: WindowEntry, merged: readonly WindowEntry[]): void {
    this.#inner.onMerge(window, merged)
  }

  clear(window: WindowEntry): void {
    this.#inner.clear(window)
  }
}

export class OpenContinuousEventTimeTrigger extends OpenNeverTrigger {
  readonly #intervalMs: number
  readonly #place: number
  readonly #services: TriggerServices

  constructor(intervalMs: number, place: number, services: TriggerServices) {
    super()
    this.#intervalMs = intervalMs
    this.#place = place
    this.#services = services
  }

  override onElement(window: WindowEntry, _value: unknown, timestamp: number): TriggerResult {
    const services = this.#services
    const maxTimestamp = maxTimestampOf(window)
    if (maxTimestamp <= services.currentWatermark()) return 'fire'
    services.registerEventTimer(window, maxTimestamp)
    if (slotOf(window, this.#place) !== undefined) return 'continue'
    checkTimestamp(services.info, timestamp)
    this.#registerNext(window, Math.floor(timestamp / this.#intervalMs) * this.#intervalMs)
    return 'continue'
  }

  override onEventTime(window: WindowEntry, timestampMs: number): TriggerResult {
    if (timestampMs === maxTimestampOf(window)) return 'fire'
    if (timestampMs !== slotOf(window, this.#place)) return 'continue'
    this.#registerNext(window, timestampMs)
    return 'fire'
  }

  override onMerge(window: WindowEntry, merged: readonly WindowEntry[]): void {
    const next = earliestOf(merged, this.#place)
    if (next === undefined) return
    setSlot(window, this.#place, next)
    this.#services.registerEventTimer(window, next)
  }

  override clear(window: WindowEntry): void {
    this.#services.deleteEventTimer(window, maxTimestampOf(window))
    const next = numberAt(window, this.#place)
    if (next === undefined) return
    this.#services.deleteEventTimer(window, next)
    setSlot(window, this.#place, undefined)
  }

  /** At the end of the input the intervals that are left over of an endless window are one. */
  #registerNext(window: WindowEntry, timestampMs: number): void {
    const maxTimestamp = maxTimestampOf(window)
    const isOver = maxTimestamp === MAX_WATERMARK && this.#services.currentWatermark() === MAX_WATERMARK
    const next = isOver ? maxTimestamp : Math.min(timestampMs + this.#intervalMs, maxTimestamp)
    setSlot(window, this.#place, next)
    this.#services.registerEventTimer(window, next)
  }
}

export class OpenContinuousProcessingTimeTrigger extends OpenNeverTrigger {
  readonly #intervalMs: number
  readonly #place: number
  readonly #services: TriggerServices

  constructor(intervalMs: number, place: number, services: TriggerServices) {
    super()
    this.#intervalMs = intervalMs
    this.#place = place
    this.#services = services
  }

  override onElement(window: WindowEntry): TriggerResult {
    if (slotOf(window, this.#place) !== undefined) return 'continue'
    const nowMs = this.#services.processingTimeMs()
    this.#registerNext(window, Math.floor(nowMs / this.#intervalMs) * this.#intervalMs + this.#intervalMs, nowMs - 1)
    return 'continue'
  }

  override onProcessingTime(window: WindowEntry, timestampMs: number): TriggerResult {
    if (timestampMs !== slotOf(window, this.#place)) return 'continue'
    // a timer that is ahead of the clock fires because the input has ended: the intervals that are left over are one
    if (timestampMs < this.#services.processingTimeMs()) {
      this.#registerNext(window, timestampMs + this.#intervalMs, timestampMs)
    } else if (timestampMs < maxTimestampOf(window)) this.#registerNext(window, maxTimestampOf(window), timestampMs)
    return 'fire'
  }

  override onMerge(window: WindowEntry, merged: readonly WindowEntry[]): void {
    const next = earliestOf(merged, this.#place)
    if (next === undefined) return
    setSlot(window, this.#place, next)
    this.#services.registerProcessingTimer(window, next)
  }

  override clear(window: WindowEntry): void {
    const next = numberAt(window, this.#place)
    if (next === undefined) return
    this.#services.deleteProcessingTimer(window, next)
    setSlot(window, this.#place, undefined)
  }

  /** The end of a window limits it only while it is ahead of `passedMs`: a window of an earlier event time would fire without end otherwise. */
  #registerNext(window: WindowEntry, next: number, passedMs: number): void {
    const maxTimestamp = maxTimestampOf(window)
    const limited = passedMs < maxTimestamp ? Math.min(next, maxTimestamp) : next
    setSlot(window, this.#place, limited)
    this.#services.registerProcessingTimer(window, limited)
  }
}

/** Keeps the record that it fired at, boxed because a record may be anything. */
export class OpenDeltaTrigger extends OpenNeverTrigger {
  readonly #spec: DeltaTrigger<unknown>
  readonly #place: number
  readonly #services: TriggerServices

  constructor(spec: DeltaTrigger<unknown>, place: number, services: TriggerServices) {
    super()
    this.#spec = spec
    this.#place = place
    this.#services = services
  }

  override onElement(window: WindowEntry, value: unknown): TriggerResult {
    const kept = slotOf<readonly [unknown]>(window, this.#place)
    if (kept !== undefined && !(this.#deltaOf(kept[0], value) > this.#spec.threshold)) return 'continue'
    setSlot(window, this.#place, [value])
    return kept === undefined ? 'continue' : 'fire'
  }

  override clear(window: WindowEntry): void {
    setSlot(window, this.#place, undefined)
  }

  #deltaOf(last: unknown, value: unknown): number {
    try {
      return this.#spec.deltaOf(last, value)
    } catch (cause) {
      throw userError(this.#services.info, 'delta function of a trigger', cause, {
        kind: 'record',
        key: this.#services.key(),
      })
    }
  }
}

export class OpenProcessingTimeoutTrigger implements OpenTrigger {
  readonly #spec: ProcessingTimeoutTrigger<unknown>
  readonly #inner: OpenTrigger
  readonly #place: number
  readonly #services: TriggerServices

  constructor(spec: ProcessingTimeoutTrigger<unknown>, inner: OpenTrigger, place: number, services: TriggerServices) {
    this.#spec = spec
    this.#inner = inner
    this.#place = place
    this.#services = services
  }

  onElement(window: WindowEntry, value: unknown, timestamp: number): TriggerResult {
    const result = this.#inner.onElement(window, value, timestamp)
    if (isFire(result)) {
      this.clear(window)
      return result
    }
    if (this.#spec.resetTimerOnNewRecord) this.#stop(window)
    if (slotOf(window, this.#place) === undefined) this.#start(window)
    return result
  }

  onEventTime(window: WindowEntry, timestampMs: number): TriggerResult {
    return this.#onTimer(window, this.#inner.onEventTime(window, timestampMs))
  }

  onProcessingTime(window: WindowEntry, timestampMs: number): TriggerResult {
    return this.#onTimer(window, this.#inner.onProcessingTime(window, timestampMs))
  }

  onMerge(window: WindowEntry, merged: readonly WindowEntry[]): void {
    this.#inner.onMerge(window, merged)
    const next = earliestOf(merged, this.#place)
    if (next === undefined) return
    setSlot(window, this.#place, next)
    this.#services.registerProcessingTimer(window, next)
  }

  clear(window: WindowEntry): void {
    this.#stop(window)
    this.#inner.clear(window)
  }

  #onTimer(window: WindowEntry, result: TriggerResult): TriggerResult {
    if (this.#spec.shouldClearOnTimeout) this.clear(window)
    return isPurge(result) ? 'fire-and-purge' : 'fire'
  }

  #start(window: WindowEntry): void {
    const atMs = this.#services.processingTimeMs() + this.#spec.timeoutMs
    setSlot(window, this.#place, atMs)
    this.#services.registerProcessingTimer(window, atMs)
  }

  #stop(window: WindowEntry): void {
    const atMs = numberAt(window, this.#place)
    if (atMs === undefined) return
    this.#services.deleteProcessingTimer(window, atMs)
    setSlot(window, this.#place, undefined)
  }
}

function purging(result: TriggerResult): TriggerResult {
  return result === 'fire' ? 'fire-and-purge' : result
}

function numberAt(window: WindowEntry, place: number): number | undefined {
  return slotOf(window, place)
}

function earliestOf(windows: readonly WindowEntry[], place: number): number | undefined {
  let earliest: number | undefined
  for (const window of windows) {
    const timestampMs = numberAt(window, place)
    if (timestampMs !== undefined && (earliest === undefined || timestampMs < earliest)) earliest = timestampMs
  }
  return earliest
}
