/**
 * What every keyed operator does in the same way: keys, event time, timers, restore.
 *
 * Owns: the watermark of the operator, when its timers fire. Does not own: what a record or a timer means (`KeyedLogic`).
 *
 * Y1 The clock shows the new watermark before the first timer of it fires.
 * Y2 A timer fires once: a turn that ends between two timers continues behind the last one that fired.
 * Y4 Only a watermark that is higher than all before fires timers: one registered at or below the watermark waits for the next, and a source that begins
 *    anew behind a restore does not bring it forward.
 * Y3 Processing-time timers whose time passed while the operator was down fire soon after the restore.
 */
import { assert, present } from '../base/assert.ts'
import type { JsonValue } from '../base/json.ts'
import type { StateClock } from '../state/expiry.ts'
import type { KeyedStateBackend, TimerNamespace } from '../state/keyed-state.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance, Turn } from '../state/turn.ts'
import { MAX_WATERMARK } from '../stream/element.ts'
import type { Key } from '../stream/key-groups.ts'
import { BaseOperator } from './base-operator.ts'
import { EventClock } from './event-clock.ts'
import type { LifecycleHooks } from './function-lifecycle.ts'
import { guardedTimer, type FireTimer } from './guarded-timer.ts'
import type { Operator, OperatorContext, OperatorSpec, RecordReceiver } from './operator.ts'

/** Entries that are looked at behind each watermark, so that what expires by event time goes also while no record comes. */
const EXPIRED_LOOKS_PER_WATERMARK = 100

/** An opened keyed operator: states are declared when it is made. */
export interface KeyedLogic extends RecordReceiver {
  /** Of an operator with two inputs. */
  readonly secondInput?: RecordReceiver
  /** The timer's key is current. */
  onEventTimer(timestampMs: number, key: Key, namespace: TimerNamespace): void
  onProcessingTimer(timestampMs: number, key: Key, namespace: TimerNamespace): void
  /** Processing-time timers that are not due yet when the input ends fire then; without it they never do. */
  readonly timersAtEnd?: 'fire'
  /** State that belongs to no key, at the cut; restored from `context.restored`. Without it there is none but the watermark. */
  operatorState?(): OperatorStateItems
  /** No key is current in them. */
  readonly lifecycle?: LifecycleHooks
}

/** What a logic works with. */
export interface KeyedRuntime {
  readonly context: OperatorContext
  readonly keyed: KeyedStateBackend
  readonly clock: EventClock
}

export interface KeyedSpec {
  readonly kind: string
  readonly layout: JsonValue
  /** Default 1. */
  readonly inputCount?: 1 | 2
  readonly warning?: string | undefined
  readonly open: (runtime: KeyedRuntime) => KeyedLogic
}

export function keyedOperator(spec: KeyedSpec): OperatorSpec {
  return Object.freeze({
    kind: spec.kind,
    keyed: true,
    stateful: true,
    layout: spec.layout,
    inputCount: spec.inputCount ?? 1,
    ...(spec.warning === undefined ? {} : { warning: spec.warning }),
    create: (): Operator => new KeyedOperator(spec.open),
  })
}

interface Running extends KeyedRuntime {
  readonly logic: KeyedLogic
  readonly fireEvent: FireTimer
  readonly fireProcessing: FireTimer
}

class KeyedOperator extends BaseOperator {
  readonly #openLogic: (runtime: KeyedRuntime) => KeyedLogic
  #logic: KeyedLogic | undefined
  /** `more` while a watermark is half handled. */
  #advance: Advance = 'done'
  #running: Running | undefined

  constructor(openLogic: (runtime: KeyedRuntime) => KeyedLogic) {
    super()
    this.#openLogic = openLogic
  }

  override open(context: OperatorContext): void {
    assert(context.keyed !== undefined, 'a keyed operator gets a keyed state backend', { uid: context.info.uid })
    const runtime = { context, keyed: context.keyed, clock: new EventClock() }
    runtime.clock.restore(context.restored)
    runtime.keyed.useClock(stateClockOf(runtime))
    const logic = this.#openLogic(runtime)
    this.#logic = logic
    this.#running = {
      ...runtime,
      logic,
      fireEvent: guardedTimer(context, (timestampMs, key, namespace) => {
        runtime.clock.fire(timestampMs)
        logic.onEventTimer(timestampMs, key, namespace)
      }),
      fireProcessing: guardedTimer(context, (timestampMs, key, namespace) =>
        logic.onProcessingTimer(timestampMs, key, namespace),
      ),
    }
    if (context.restoredCheckpoint !== undefined) context.wakeAt(context.processingTimeMs()) // Y3
    logic.lifecycle?.open()
  }

  override inputPort(port: number): RecordReceiver {
    if (port === 0) return this
    assert(port === 1, 'a keyed operator has at most two inputs', { port })
    return present(this.#logic?.secondInput, 'the second input of an open operator')
  }

  override onRecord(value: unknown, timestamp: number): void {
    present(this.#logic, 'the logic of an open operator').onRecord(value, timestamp)
  }

  override onWatermark(watermark: number, turn: Turn): Advance {
    const { clock, keyed, fireEvent } = this.#opened()
    if (watermark <= clock.watermark && this.#advance === 'done') return 'done' // Y4
    clock.advanceTo(watermark) // Y1
    this.#advance = keyed.eventTimers.advance(clock.watermark, turn, fireEvent)
    if (this.#advance === 'done') this.#advance = this.#fireAtEnd(turn)
    if (this.#advance === 'more') return 'more'
    clock.settle()
    keyed.removeExpired(EXPIRED_LOOKS_PER_WATERMARK)
    return 'done'
  }

  override onProcessingTime(nowMs: number, turn: Turn): Advance {
    const { context, keyed, fireProcessing } = this.#opened()
    const advance = keyed.processingTimers.advance(nowMs, turn, fireProcessing)
    const nextMs = keyed.processingTimers.earliestMs()
    if (advance === 'done' && nextMs !== undefined) context.wakeAt(nextMs)
    return advance
  }

  override snapshot(_checkpoint: number): OperatorStateItems {
    const { clock, logic } = this.#opened()
    const items = clock.snapshot()
    return logic.operatorState === undefined ? items : [...items, ...logic.operatorState()]
  }

  override onEnd(): void {
    this.#opened().logic.lifecycle?.onEnd()
  }

  override close(): Promise<void> | undefined {
    const logic = this.#logic
    this.#logic = undefined
    return logic?.lifecycle?.close()
  }

  #fireAtEnd(turn: Turn): Advance {
    const { clock, keyed, logic, fireProcessing } = this.#opened()
    if (clock.watermark < MAX_WATERMARK || logic.timersAtEnd === undefined) return 'done'
    return keyed.processingTimers.advance(MAX_WATERMARK, turn, fireProcessing)
  }

  #opened(): Running {
    return present(this.#running, 'the state of an open operator')
  }
}

/** For states with a time to live. Where the time of the record at hand is known, a context puts its own clock in the place of this one. */
function stateClockOf({ clock, context }: KeyedRuntime): StateClock {
  return {
    eventTimeMs: () => clock.progressMs,
    eventTimeOfWriteMs: () => clock.progressMs,
    processingTimeMs: () => context.processingTimeMs(),
  }
}
