/**
 * The time that windows go by, for operators that are written once for both times.
 *
 * Processing time is event time whose watermark is the clock: a record has the moment of its arrival as its timestamp, and the watermark is the
 * millisecond before, because more records may arrive in this one. So the operators know no difference.
 *
 * Owns: the translation of clock and timers. Does not own: what windows are.
 *
 * M1 The end of a window in processing time is the first moment at which it may fire: records that arrive in its last millisecond are in it.
 * M2 The clock of an operator does not go back when that of the machine does by little: it stands until that has caught up. So a window does not fire
 *    twice for it. By more, or by a restore on another machine, it does: records belong to the windows of the time that is shown now, and
 *    windows that have fired may get another result. No record is ever late.
 */
import type { KeyedStateBackend, TimerNamespace } from '../state/keyed-state.ts'
import { MIN_WATERMARK } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import type { KeyedLogic, KeyedRuntime } from './keyed-operator.ts'
import type { OperatorContext } from './operator.ts'

export type WindowingTime = 'event' | 'processing'

interface WindowTimers {
  /** Registers for the current key: due when the watermark reaches the timestamp. */
  register(timestampMs: number, namespace?: TimerNamespace): void
  remove(timestampMs: number, namespace?: TimerNamespace): void
}

interface WindowClock {
  readonly watermark: number
}

/** What a window operator works with, in either time. */
export interface WindowRuntime {
  readonly context: OperatorContext
  readonly keyed: KeyedStateBackend
  readonly clock: WindowClock
  readonly timers: WindowTimers
}

/** Opens a logic of event time in the time of its windows: in processing time, its event-time timers are those of the wall clock. */
export function openInTime(
  time: WindowingTime,
  runtime: KeyedRuntime,
  open: (runtime: WindowRuntime) => KeyedLogic,
): KeyedLogic {
  if (time === 'processing') return new InProcessingTime(runtime, open)
  const { context, keyed, clock } = runtime
  return open({ context, keyed, clock, timers: keyed.eventTimers })
}

class InProcessingTime implements KeyedLogic {
  /** What windows hold when the input ends is not lost. */
  readonly timersAtEnd = 'fire'
  readonly #context: OperatorContext
  readonly #clock = new WallClock()
  readonly #logic: KeyedLogic

  constructor({ context, keyed }: KeyedRuntime, open: (runtime: WindowRuntime) => KeyedLogic) {
    this.#context = context
    this.#logic = open({ context, keyed, clock: this.#clock, timers: new WallTimers(context, keyed) })
  }

  onRecord(value: unknown): void {
    this.#logic.onRecord(value, this.#clock.advanceTo(this.#context.processingTimeMs()))
  }

  onEventTimer(): void {}

  onProcessingTimer(timestampMs: number, key: Key, namespace: TimerNamespace): void {
    this.#clock.advanceTo(this.#context.processingTimeMs())
    this.#logic.onEventTimer(timestampMs - 1, key, namespace) // M1
  }
}

/** A machine's clock that is set back by more than this was wrong before. */
const SET_BACK_MAX_MS = 10_000

export class WallClock implements WindowClock {
  watermark = MIN_WATERMARK

  /** Returns the moment that the clock shows then (M2). */
  advanceTo(nowMs: number): number {
    const shownMs = this.watermark + 1
    if (nowMs > shownMs || nowMs < shownMs - SET_BACK_MAX_MS) this.watermark = nowMs - 1
    return this.watermark + 1
  }
}

class WallTimers implements WindowTimers {
  readonly #context: OperatorContext
  readonly #keyed: KeyedStateBackend

  constructor(context: OperatorContext, keyed: KeyedStateBackend) {
    this.#context = context
    this.#keyed = keyed
  }

  register(timestampMs: number, namespace?: TimerNamespace): void {
    const wallMs = timestampMs + 1 // M1
    this.#keyed.processingTimers.register(wallMs, namespace)
    this.#context.wakeAt(wallMs)
  }

  remove(timestampMs: number, namespace?: TimerNamespace): void {
    this.#keyed.processingTimers.remove(timestampMs + 1, namespace)
  }
}
