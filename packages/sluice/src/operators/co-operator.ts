/**
 * What operators with two inputs and no keys do in the same way: inputs, event time, restore.
 *
 * Owns: the watermark of the operator. Does not own: what a record means (`CoLogic`).
 *
 * Z1 The watermark that functions see is part of the cut: it never goes back by a restore.
 */
import { assert, present } from '../base/assert.ts'
import type { JsonValue } from '../base/json.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { Advance, Turn } from '../state/turn.ts'
import { BaseOperator } from './base-operator.ts'
import { EventClock } from './event-clock.ts'
import type { FunctionRuntime } from './function-context.ts'
import type { LifecycleHooks } from './function-lifecycle.ts'
import type { Operator, OperatorContext, OperatorSpec, RecordReceiver } from './operator.ts'

/** An opened operator with two inputs. */
export interface CoLogic {
  readonly first: RecordReceiver
  readonly second: RecordReceiver
  /** Own state at the cut; restored from `context.restored`. */
  operatorState?(): OperatorStateItems
  readonly lifecycle?: LifecycleHooks
}

export interface CoSpec {
  readonly kind: string
  readonly stateful: boolean
  readonly layout: JsonValue
  readonly open: (runtime: FunctionRuntime) => CoLogic
}

export function coOperator({ kind, stateful, layout, open }: CoSpec): OperatorSpec {
  return Object.freeze({
    kind,
    keyed: false,
    stateful,
    inputCount: 2,
    layout,
    create: (): Operator => new CoOperator(open),
  })
}

class CoOperator extends BaseOperator {
  readonly #openLogic: (runtime: FunctionRuntime) => CoLogic
  readonly #clock = new EventClock()
  #logic: CoLogic | undefined

  constructor(openLogic: (runtime: FunctionRuntime) => CoLogic) {
    super()
    this.#openLogic = openLogic
  }

  override open(context: OperatorContext): void {
    this.#clock.restore(context.restored)
    const logic = this.#openLogic({ context, clock: this.#clock })
    this.#logic = logic
    logic.lifecycle?.open()
  }

  override inputPort(port: number): RecordReceiver {
    assert(port === 0 || port === 1, 'an operator with two inputs was asked for another', { port })
    const { first, second } = this.#opened()
    return port === 0 ? first : second
  }

  override onRecord(value: unknown, timestamp: number): void {
    this.#opened().first.onRecord(value, timestamp)
  }

  override onWatermark(watermark: number, _turn: Turn): Advance {
    this.#clock.advanceTo(watermark)
    return 'done'
  }

  override snapshot(_checkpoint: number): OperatorStateItems {
    const logic = this.#opened()
    const items = this.#clock.snapshot()
    return logic.operatorState === undefined ? items : [...items, ...logic.operatorState()]
  }

  override onEnd(): void {
    this.#opened().lifecycle?.onEnd()
  }

  override close(): Promise<void> | undefined {
    const logic = this.#logic
    this.#logic = undefined
    return logic?.lifecycle?.close()
  }

  #opened(): CoLogic {
    return present(this.#logic, 'the inputs of an open operator')
  }
}
