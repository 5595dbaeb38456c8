/**
 * What every keyed operator does in the same way: keys, event time, timers, restore.
 *
 * Owns: the watermark of the operator, when its timers fire. Does not own: what a record or a timer means (`KeyedLogic`).
 *
 * Y1 The clock shows the new watermark before the first timer of it fires.
 * Y2 A timer fires once: a turn that ends between two timers continues behind the last one that fired.
 * Y3 Processing-time timers whose time passed while the operator was down fire soon after the restore.
 */
import { assert, present } from '../base/assert.ts'
import type { JsonValue } from '../base/json.ts'
import type { KeyedStateBackend, TimerNamespace } from '../state/keyed-state.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance, Turn } from '../state/turn.ts'
import type { Key } from '../stream/key-groups.ts'
import { BaseOperator } from './base-operator.ts'
import { EventClock } from './event-clock.ts'
import type { Operator, OperatorContext, OperatorSpec, RecordReceiver } from './operator.ts'

/** An opened keyed operator: states are declared when it is made. */
export interface KeyedLogic extends RecordReceiver {
  /** Of an operator with two inputs. */
  readonly secondInput?: RecordReceiver
  /** The timer's key is current. */
  onEventTimer(timestampMs: number, key: Key, namespace: TimerNamespace): void
  onProcessingTimer(timestampMs: number, key: Key, namespace: TimerNamespace): void
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
  readonly open: (runtime: KeyedRuntime) => KeyedLogic
}

export function keyedOperator(spec: KeyedSpec): OperatorSpec {
  return Object.freeze({
    kind: spec.kind,
    keyed: true,
    stateful: true,
    layout: spec.layout,
    inputCount: spec.inputCount ?? 1,
    create: (): Operator => new KeyedOperator(spec.open),
  })
}

interface Running extends KeyedRuntime {
  readonly logic: KeyedLogic
  readonly fireEvent: (timestampMs: number, key: Key, namespace: TimerNamespace) => void
  readonly fireProcessing: (timestampMs: number, key: Key, namespace: TimerNamespace) => void
}

class KeyedOperator extends BaseOperator {
  readonly #openLogic: (runtime: KeyedRuntime) => KeyedLogic
  #logic: KeyedLogic | undefined
  #running: Running | undefined

  constructor(openLogic: (runtime: KeyedRuntime) => KeyedLogic) {
    super()
    this.#openLogic = openLogic
  }

  override open(context: OperatorContext): void {
    assert(context.keyed !== undefined, 'a keyed operator gets a keyed state backend', { uid: context.info.uid })
    const runtime = { context, keyed: context.keyed, clock: new EventClock() }
    runtime.clock.restore(context.restored)
    const logic = this.#openLogic(runtime)
    this.#logic = logic
    this.#running = {
      ...runtime,
      logic,
      fireEvent: (timestampMs, key, namespace) => logic.onEventTimer(timestampMs, key, namespace),
      fireProcessing: (timestampMs, key, namespace) => logic.onProcessingTimer(timestampMs, key, namespace),
    }
    if (context.restoredCheckpoint !== undefined) context.wakeAt(context.processingTimeMs()) // Y3
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
    clock.advanceTo(watermark) // Y1
    return keyed.eventTimers.advance(clock.watermark, turn, fireEvent)
  }

  override onProcessingTime(nowMs: number, turn: Turn): Advance {
    const { context, keyed, fireProcessing } = this.#opened()
    const advance = keyed.processingTimers.advance(nowMs, turn, fireProcessing)
    const nextMs = keyed.processingTimers.earliestMs()
    if (advance === 'done' && nextMs !== undefined) context.wakeAt(nextMs)
    return advance
  }

  override snapshot(_checkpoint: number): OperatorStateItems {
    return this.#opened().clock.snapshot()
  }

  #opened(): Running {
    return present(this.#running, 'the state of an open operator')
  }
}
