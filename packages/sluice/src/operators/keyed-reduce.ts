import { valueState } from '../state/descriptors.ts'
import type { ValueState } from '../state/keyed-state.ts'
import type { Key } from '../stream/key-groups.ts'
import { selectKey } from './key-selection.ts'
import { keyedOperator, type KeyedLogic, type KeyedRuntime } from './keyed-operator.ts'
import type { OperatorSpec } from './operator.ts'
import { refusePromise, userError, userResultError } from './user-error.ts'

export interface KeyedReduceDefinition<T, K extends Key> {
  readonly keySelector: (value: T) => K
  /** Must not change its arguments: what it returned before has left the operator already. */
  readonly reduce: (reduced: T, value: T) => T
}

/**
 * Emits, for each record, everything of its key so far reduced to one value. The first record of a key is its own result.
 *
 * @example
 * const totals = keyedReduceOperator({
 *   keySelector: (sale: Sale) => sale.shop,
 *   reduce: (total: Sale, sale) => ({ ...total, amount: total.amount + sale.amount }),
 * })
 */
export function keyedReduceOperator<T, K extends Key>(definition: KeyedReduceDefinition<T, K>): OperatorSpec {
  return keyedOperator({
    kind: 'keyed-reduce',
    layout: { states: [{ name: 'reduced', kind: 'value' }] },
    open: (runtime) => new KeyedReduce(definition, runtime),
  })
}

class KeyedReduce<T> implements KeyedLogic {
  readonly #definition: KeyedReduceDefinition<T, Key>
  readonly #runtime: KeyedRuntime
  readonly #reduced: ValueState<T>

  constructor(definition: KeyedReduceDefinition<T, Key>, runtime: KeyedRuntime) {
    this.#definition = definition
    this.#runtime = runtime
    this.#reduced = runtime.keyed.valueState(valueState<T>('reduced'))
  }

  onRecord(value: T, timestamp: number): void {
    const { context, keyed } = this.#runtime
    const key = selectKey(this.#definition.keySelector, value, context.info)
    keyed.setCurrentKey(key)
    const before = this.#reduced.value()
    const reduced = before === undefined ? value : this.#reduce(key, before, value)
    this.#reduced.update(reduced)
    context.output.onRecord(reduced, timestamp)
  }

  onEventTimer(): void {}

  onProcessingTimer(): void {}

  #reduce(key: Key, before: T, value: T): T {
    const { info } = this.#runtime.context
    let reduced: T
    try {
      reduced = this.#definition.reduce(before, value)
    } catch (cause) {
      throw userError(info, 'reduce function', cause, { kind: 'record', key })
    }
    refusePromise(info, 'reduce function', reduced)
    if (reduced === undefined)
      throw userResultError(info, 'reduce function', 'returned undefined. Return the reduced value.')
    return reduced
  }
}
