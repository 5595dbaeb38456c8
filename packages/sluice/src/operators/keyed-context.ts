/**
 * What every user function with a key works with: its output, side outputs, time and timers.
 *
 * P1 One context object serves all calls; what it shows belongs to the record or timer of the running call only.
 * P2 A record keeps its timestamp, an event-time timer stamps what it emits with its own, a processing-time timer with none.
 * P3 Nothing is emitted outside a call (see user-output.ts).
 * P4 What an event-time state writes counts from the timestamp at hand, or from how far event time has come when that is later.
 */
import { EngineError } from '../base/errors.ts'
import { NO_TIMESTAMP } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import { checkTimestamp } from './event-time.ts'
import { type EmittingContext, type NoOperatorState, UserContext } from './function-context.ts'
import { ownKey } from './key-selection.ts'
import type { KeyedRuntime } from './keyed-operator.ts'
import type { OperatorStateDeclarations, OperatorStates } from './user-operator-states.ts'
import { openStates, type StateDeclarations, type StateHandles } from './user-states.ts'

export type TimeDomain = 'event' | 'processing'

/** What a keyed process function works with. One object serves all calls: do not keep it. */
export interface KeyedProcessContext<
  K extends Key,
  S extends StateDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
> extends EmittingContext<O, OS> {
  readonly key: K
  /** Of the record, or of the event-time timer; NO_TIMESTAMP in a processing-time timer. */
  readonly timestamp: number
  /** Which time the running timer belongs to; undefined while a record is processed. */
  readonly timeDomain: TimeDomain | undefined
  /** States of the current key. */
  readonly state: StateHandles<S>
  /**
   * Calls `onTimer` for this key when the watermark reaches `timestampMs`; at the next watermark when it has already. A timer is one per key
   * and time, however often it is registered.
   */
  registerEventTimeTimer(timestampMs: number): void
  /** Does nothing when there is no such timer. */
  deleteEventTimeTimer(timestampMs: number): void
  /** Calls `onTimer` for this key at or soon after `wallMs`. */
  registerProcessingTimeTimer(wallMs: number): void
  /** Does nothing when there is no such timer. */
  deleteProcessingTimeTimer(wallMs: number): void
}

/** What a context must know of the function that it serves. */
export interface ContextDefinition<S extends StateDeclarations> {
  readonly state: S
  /** Whether the function handles timers; one without must not register any. */
  readonly timers: 'handled' | 'unhandled'
}

export class KeyedContext<
  K extends Key,
  S extends StateDeclarations,
  O,
  OS extends OperatorStateDeclarations = NoOperatorState,
>
  extends UserContext<O, OS>
  implements KeyedProcessContext<K, S, O, OS>
{
  readonly state: StateHandles<S>
  timeDomain: TimeDomain | undefined
  #key: Key = ''
  readonly #runtime: KeyedRuntime
  readonly #hasTimerFunction: boolean

  constructor(definition: ContextDefinition<S>, runtime: KeyedRuntime, states?: OperatorStates<OS>) {
    super(runtime, states)
    this.#runtime = runtime
    this.#hasTimerFunction = definition.timers === 'handled'
    const { clock, context, keyed } = runtime
    keyed.useClock({
      eventTimeMs: () => clock.progressMs,
      eventTimeOfWriteMs: () => Math.max(clock.progressMs, this.timestamp), // P4
      processingTimeMs: () => context.processingTimeMs(),
    })
    this.state = openStates(definition.state, keyed)
  }

  /** Before each call of the user's function; `output.end()` or `output.failed()` goes behind it. */
  enter(key: Key, timestamp: number, timeDomain: TimeDomain | undefined): void {
    this.#key = key
    this.timestamp = timestamp
    this.timeDomain = timeDomain
    this.output.begin()
  }

  /** It has no key either: state cannot be used in it. */
  override enterWithoutRecord(): void {
    this.enter('', NO_TIMESTAMP, undefined)
  }

  get key(): K {
    return ownKey(this.#key)
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
