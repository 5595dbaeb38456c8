/**
 * When a window gives a result. Frozen plain data, part of the graph; what each does is in docs/spec/windows.md, the code that does it in
 * built-in-triggers.ts and custom-trigger.ts.
 */
import type { StateDeclarations, StateHandles } from './user-states.ts'
import type { TimeWindow } from './window-definition.ts'
import { checkCount, checkThreshold, lengthOf } from './window-limits.ts'

/**
 * What a trigger decides: nothing; a result; forget what the window holds; both. Purging keeps the window's end, its timers and the trigger's state.
 */
export type TriggerResult = 'continue' | 'fire' | 'purge' | 'fire-and-purge'

/** Fires when the watermark reaches the end of the window, and for each record that comes later within the allowed lateness. */
export interface EventTimeTrigger {
  readonly kind: 'event-time'
}

/** Fires when wall time reaches the end of the window. */
export interface ProcessingTimeTrigger {
  readonly kind: 'processing-time'
}

/** Fires at every so many records of the window. */
export interface CountTrigger {
  readonly kind: 'count'
  readonly maxCount: number
}

/** Fires when another trigger does, and purges then. */
export interface PurgingTrigger<T> {
  readonly kind: 'purging'
  readonly trigger: Trigger<T>
}

/** Fires again and again, at each interval of event time, and at the end of the window. */
export interface ContinuousEventTimeTrigger {
  readonly kind: 'continuous-event-time'
  readonly intervalMs: number
}

/** Fires again and again, at each interval of wall time. */
export interface ContinuousProcessingTimeTrigger {
  readonly kind: 'continuous-processing-time'
  readonly intervalMs: number
}

/** Fires when a record is further than a threshold from the last one that it fired at. */
export interface DeltaTrigger<T> {
  readonly kind: 'delta'
  /** In the unit of `deltaOf`. */
  readonly threshold: number
  /** How far a record is from the one at which the trigger fired last. */
  deltaOf(last: T, value: T): number
}

/** Fires when another trigger does, or when that did not happen for some wall time. */
export interface ProcessingTimeoutTrigger<T> {
  readonly kind: 'processing-timeout'
  readonly trigger: Trigger<T>
  readonly timeoutMs: number
  readonly resetTimerOnNewRecord: boolean
  readonly shouldClearOnTimeout: boolean
}

/** Fires when the input has ended. */
export interface EndOfStreamTrigger {
  readonly kind: 'end-of-stream'
}

/** Never fires. */
export interface NeverTrigger {
  readonly kind: 'never'
}

/** What a trigger of the user's own works with. One object serves all calls: do not keep it. */
export interface TriggerContext<S extends StateDeclarations> {
  /** The trigger's states of this key and window. */
  readonly state: StateHandles<S>
  /** Milliseconds of event time. */
  currentWatermark(): number
  /** Milliseconds of wall time. */
  processingTimeMs(): number
  /** Calls `onEventTime` for this window when the watermark reaches `timestampMs`. */
  registerEventTimeTimer(timestampMs: number): void
  /** What the window itself needs stays: it is cleaned up in any case. */
  deleteEventTimeTimer(timestampMs: number): void
  /** Calls `onProcessingTime` for this window at or soon after `wallMs`. */
  registerProcessingTimeTimer(wallMs: number): void
  /** Does nothing when there is no such timer. */
  deleteProcessingTimeTimer(wallMs: number): void
}

/** What `onMerge` works with: `state` is that of the new window, empty at first. */
export interface TriggerMergeContext<S extends StateDeclarations> extends TriggerContext<S> {
  /**
   * Adds the states with this name of the windows that were joined, in order of their starts, to that of the new window: lists one behind the other,
   * pairs of maps (of equal keys the later wins), reducing and aggregating states by their own functions, values by `combine`.
   *
   * @throws TSK1001 for a value state without `combine`, or an aggregating state without `merge`
   */
  mergeState<N extends keyof S & string>(
    name: N,
    combine?: (first: ValueOf<S[N]>, second: ValueOf<S[N]>) => ValueOf<S[N]>,
  ): void
}

/** What a declared value state holds. */
type ValueOf<D> = D extends { readonly types?: { readonly value: infer V; readonly key: unknown } } ? V : never

/** A trigger of the user's own. Its functions are synchronous; those that are missing do nothing. */
export interface TriggerFunctions<T, S extends StateDeclarations> {
  /** Part of what a checkpoint must match. */
  readonly name: string
  /** Every state that the trigger keeps for each key and window. They are freed with the window. */
  readonly state?: S
  /** A record was added to the window. */
  onElement(value: T, timestamp: number, window: TimeWindow, ctx: TriggerContext<S>): TriggerResult
  /** An event-time timer of this window is due. Also called when the window is about to be cleaned up by event time. */
  onEventTime?(timestampMs: number, window: TimeWindow, ctx: TriggerContext<S>): TriggerResult
  /** A processing-time timer of this window is due. Also called when the window is about to be cleaned up by processing time. */
  onProcessingTime?(timestampMs: number, window: TimeWindow, ctx: TriggerContext<S>): TriggerResult
  /** Windows were joined to `window`. Needed where windows merge (sessions): register the new window's timers here. */
  onMerge?(window: TimeWindow, ctx: TriggerMergeContext<S>): void
  /** The window goes: delete the timers that were registered for it. Its states are freed anyway. */
  clear?(window: TimeWindow, ctx: TriggerContext<S>): void
}

/** A trigger of your own, made by `customTrigger`. */
export interface CustomTrigger<T> {
  readonly kind: 'custom'
  readonly name: string
  readonly functions: TriggerFunctions<T, StateDeclarations>
}

/** Says when a window of records of type T gives a result. */
export type Trigger<T = never> =
  | EventTimeTrigger
  | ProcessingTimeTrigger
  | CountTrigger
  | PurgingTrigger<T>
  | ContinuousEventTimeTrigger
  | ContinuousProcessingTimeTrigger
  | DeltaTrigger<T>
  | ProcessingTimeoutTrigger<T>
  | EndOfStreamTrigger
  | NeverTrigger
  | CustomTrigger<T>

const EVENT_TIME: EventTimeTrigger = Object.freeze({ kind: 'event-time' })
const PROCESSING_TIME: ProcessingTimeTrigger = Object.freeze({ kind: 'processing-time' })
const END_OF_STREAM: EndOfStreamTrigger = Object.freeze({ kind: 'end-of-stream' })
const NEVER: NeverTrigger = Object.freeze({ kind: 'never' })

export const EventTimeTrigger = Object.freeze({
  /**
   * Fires when the watermark reaches the end of the window. The default of windows in event time.
   *
   * @example windows.trigger(EventTimeTrigger.create())
   */
  create(): EventTimeTrigger {
    return EVENT_TIME
  },
})

export const ProcessingTimeTrigger = Object.freeze({
  /**
   * Fires when wall time reaches the end of the window. The default of windows in processing time.
   *
   * @example windows.trigger(ProcessingTimeTrigger.create())
   */
  create(): ProcessingTimeTrigger {
    return PROCESSING_TIME
  },
})

export const CountTrigger = Object.freeze({
  /**
   * Fires at every `maxCount` records of a window, and not at its end.
   *
   * @throws GRA1005 when the count is no whole number from 1
   * @example windows.trigger(CountTrigger.of(100))
   */
  of(maxCount: number): CountTrigger {
    return Object.freeze({ kind: 'count', maxCount: checkCount(maxCount, 'count trigger') })
  },
})

export const PurgingTrigger = Object.freeze({
  /**
   * Fires when `trigger` does and forgets what the window holds then, so that each result covers only what came since the last one.
   *
   * @example windows.trigger(PurgingTrigger.of(CountTrigger.of(100)))
   */
  of<T = never>(trigger: Trigger<T>): PurgingTrigger<T> {
    return Object.freeze({ kind: 'purging', trigger })
  },
})

export const ContinuousEventTimeTrigger = Object.freeze({
  /**
   * Fires at each multiple of `interval` in event time that follows a record, and at the end of the window.
   *
   * @param interval a duration such as `'1m'`, at least one millisecond
   * @throws GRA1005 when the interval is out of its limits, CFG1002 when it is no duration
   * @example keyed.window(TumblingEventTimeWindows.of('1d')).trigger(ContinuousEventTimeTrigger.of('10m'))
   */
  of(interval: string): ContinuousEventTimeTrigger {
    return Object.freeze({ kind: 'continuous-event-time', intervalMs: lengthOf(interval, 'interval') })
  },
})

export const ContinuousProcessingTimeTrigger = Object.freeze({
  /**
   * Fires at each multiple of `interval` in wall time that follows a record; for windows in processing time at their end too.
   *
   * @param interval a duration such as `'10s'`, at least one millisecond
   * @throws GRA1005 when the interval is out of its limits, CFG1002 when it is no duration
   * @example keyed.window(TumblingEventTimeWindows.of('1d')).trigger(ContinuousProcessingTimeTrigger.of('10s'))
   */
  of(interval: string): ContinuousProcessingTimeTrigger {
    return Object.freeze({ kind: 'continuous-processing-time', intervalMs: lengthOf(interval, 'interval') })
  },
})

export const DeltaTrigger = Object.freeze({
  /**
   * Fires when `deltaOf(last, value)` is greater than `threshold`, where `last` is the record at which it fired last, or the first of the window.
   *
   * @throws GRA1005 when the threshold is no finite number
   * @example cars.keyBy((car) => car.plate).window(GlobalWindows.create()).trigger(DeltaTrigger.of(10, (last: Car, car) => car.km - last.km))
   */
  of<T>(threshold: number, deltaOf: (last: T, value: T) => number): DeltaTrigger<T> {
    return Object.freeze({ kind: 'delta', threshold: checkThreshold(threshold, 'delta trigger'), deltaOf })
  },
})

/** How a timeout works. */
export interface ProcessingTimeoutOptions {
  /** Whether each record starts the time anew; otherwise it runs from the first record behind a firing. Default false. */
  readonly resetTimerOnNewRecord?: boolean
  /** Whether the other trigger starts anew behind a timeout. Default true. */
  readonly shouldClearOnTimeout?: boolean
}

export const ProcessingTimeoutTrigger = Object.freeze({
  /**
   * Fires when `trigger` does, or when it has not for `timeout` of wall time.
   *
   * @param timeout a duration such as `'5s'`, at least one millisecond
   * @throws GRA1005 when the timeout is out of its limits, CFG1002 when it is no duration
   * @example windows.trigger(PurgingTrigger.of(ProcessingTimeoutTrigger.of(CountTrigger.of(1000), '5s')))
   */
  of<T = never>(
    trigger: Trigger<T>,
    timeout: string,
    options: ProcessingTimeoutOptions = {},
  ): ProcessingTimeoutTrigger<T> {
    return Object.freeze({
      kind: 'processing-timeout',
      trigger,
      timeoutMs: lengthOf(timeout, 'timeout'),
      resetTimerOnNewRecord: options.resetTimerOnNewRecord ?? false,
      shouldClearOnTimeout: options.shouldClearOnTimeout ?? true,
    })
  },
})

export const EndOfStreamTrigger = Object.freeze({
  /**
   * Fires when the input has ended.
   *
   * @example keyed.window(GlobalWindows.create()).trigger(EndOfStreamTrigger.create())
   */
  create(): EndOfStreamTrigger {
    return END_OF_STREAM
  },
})

export const NeverTrigger = Object.freeze({
  /**
   * Never fires: the default of global windows.
   *
   * @example windows.trigger(NeverTrigger.create())
   */
  create(): NeverTrigger {
    return NEVER
  },
})

/**
 * A trigger of your own.
 *
 * @example
 * const atGoal = customTrigger({
 *   name: 'at-goal',
 *   state: { total: valueState<number>('total', 0) },
 *   onElement(sale: Sale, _timestamp, _window, ctx) {
 *     const total = ctx.state.total.value() + sale.amount
 *     ctx.state.total.update(total)
 *     return total >= 1000 ? 'fire-and-purge' : 'continue'
 *   },
 * })
 */
export function customTrigger<T, S extends StateDeclarations = Readonly<Record<string, never>>>(
  functions: TriggerFunctions<T, S>,
): CustomTrigger<T> {
  const erased = functions as TriggerFunctions<T, StateDeclarations> // the context is opened from the same declarations
  return Object.freeze({ kind: 'custom', name: functions.name, functions: erased })
}
