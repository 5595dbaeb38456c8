/**
 * What every user function with a key works with: its output, side outputs, time and timers.
 *
 * P1 One context object serves all calls; what it shows belongs to the record or timer of the running call only.
 * P2 A record keeps its timestamp, an event-time timer stamps what it emits with its own, a processing-time timer with none.
 * P3 Nothing is emitted outside a call (see user-output.ts).
 */
import { EngineError } from '../base/errors.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import { checkTimestamp } from './event-time.ts'
import type { KeyedRuntime } from './keyed-operator.ts'
import type { RecordReceiver } from './operator.ts'
import type { OutputTag } from './output-tag.ts'
import { UserOutput } from './user-output.ts'
import { openStates, type StateDeclarations, type StateHandles } from './user-states.ts'

export type TimeDomain = 'event' | 'processing'

/** What a keyed process function works with. One object serves all calls: do not keep it. */
export interface KeyedProcessContext<K extends Key, S extends StateDeclarations, O> {
  readonly key: K
  /** Of the record, or of the event-time timer; NO_TIMESTAMP in a processing-time timer. */
  readonly timestamp: number
  /** Which time the running timer belongs to; undefined while a record is processed. */
  readonly timeDomain: TimeDomain | undefined
  /** States of the current key. */
  readonly state: StateHandles<S>
  /** Milliseconds of event time. */
  currentWatermark(): number
  /** Milliseconds of wall time. */
  processingTimeMs(): number
  /** Calls `onTimer` for this key when the watermark reaches `timestampMs`; at the next watermark when it has already. */
  registerEventTimeTimer(timestampMs: number): void
  deleteEventTimeTimer(timestampMs: number): void
  /** Calls `onTimer` for this key at or soon after `wallMs`. */
  registerProcessingTimeTimer(wallMs: number): void
  deleteProcessingTimeTimer(wallMs: number): void
  /** Emits with `timestamp`. */
  emit(value: O): void
  emitWithTimestamp(value: O, timestampMs: number): void
  /** Emits to a side output, with `timestamp` when none is given. */
  sideOutput<V>(tag: OutputTag<V> | string, value: V, timestampMs?: number): void
}

/** What a context must know of the function that it serves. */
export interface ContextDefinition<S extends StateDeclarations> {
  readonly state: S
  /** Whether the function handles timers; one without must not register any. */
  readonly timers: 'handled' | 'unhandled'
}

export class KeyedContext<K extends Key, S extends StateDeclarations, O> implements KeyedProcessContext<K, S, O> {
  readonly state: StateHandles<S>
  readonly output: UserOutput
  timestamp = NO_TIMESTAMP
  timeDomain: TimeDomain | undefined
  #key: Key = ''
  readonly #runtime: KeyedRuntime
  readonly #hasTimerFunction: boolean
  readonly #sideOutputs = new Map<string, RecordReceiver>()

  constructor(definition: ContextDefinition<S>, runtime: KeyedRuntime) {
    this.#runtime = runtime
    this.#hasTimerFunction = definition.timers === 'handled'
    this.state = openStates(definition.state, runtime.keyed)
    this.output = new UserOutput(runtime.context)
  }

  /** Before each call of the user's function; `output.end()` or `output.failed()` goes behind it. */
  enter(key: Key, timestamp: number, timeDomain: TimeDomain | undefined): void {
    this.#key = key
    this.timestamp = timestamp
    this.timeDomain = timeDomain
    this.output.begin()
  }

  get key(): K {
    return this.#key as K // every key of this operator came from its own selector
  }

  currentWatermark(): number {
    return this.#runtime.clock.watermark
  }

  processingTimeMs(): number {
    return this.#runtime.context.processingTimeMs()
  }

  registerEventTimeTimer(timestampMs: number): void {
    this.#checkTimer(timestampMs)
    this.#runtime.keyed.eventTimers.register(timestampMs)
  }

  deleteEventTimeTimer(timestampMs: number): void {
    this.#runtime.keyed.eventTimers.remove(timestampMs)
  }

  registerProcessingTimeTimer(wallMs: number): void {
    this.#checkTimer(wallMs)
    this.#runtime.keyed.processingTimers.register(wallMs)
    this.#runtime.context.wakeAt(wallMs)
  }

  deleteProcessingTimeTimer(wallMs: number): void {
    this.#runtime.keyed.processingTimers.remove(wallMs)
  }

  emit(value: O): void {
    this.output.emit(this.#runtime.context.output, value, this.timestamp)
  }

  emitWithTimestamp(value: O, timestampMs: number): void {
    const { context } = this.#runtime
    this.output.emit(context.output, value, checkTimestamp(context.info, timestampMs))
  }

  sideOutput<V>(tag: OutputTag<V> | string, value: V, timestampMs?: number): void {
    const { info } = this.#runtime.context
    const timestamp = timestampMs === undefined ? this.timestamp : checkTimestamp(info, timestampMs)
    this.output.emit(this.#sideOutput(typeof tag === 'string' ? tag : tag.name), value, timestamp)
  }

  #sideOutput(name: string): RecordReceiver {
    let receiver = this.#sideOutputs.get(name)
    if (receiver === undefined) {
      receiver = this.#runtime.context.sideOutput(name)
      this.#sideOutputs.set(name, receiver)
    }
    return receiver
  }

  #checkTimer(timestampMs: number): void {
    const { info } = this.#runtime.context
    checkTimestamp(info, timestampMs, 'a timer')
    if (this.#hasTimerFunction) return
    throw new EngineError(
      'GRA1005',
      `operator "${info.name}" registered a timer but has no onTimer function. The timer would never do anything, so the task stops. ` +
        'Add onTimer to the definition, or do not register timers.',
      { context: { operator: info.uid, subtask: info.subtask } },
    )
  }
}
