/**
 * Running aggregations of one field per key: each record gives the result of everything of its key so far.
 *
 * A1 `sum`, `min` and `max` change one field and keep the others as they were in the first record of the key; `min-by` and `max-by`
 *    give the whole record that has the smallest or greatest value.
 * A2 A record whose value cannot be aggregated is refused before the state changes.
 */
import { EngineError } from '../base/errors.ts'
import { valueState } from '../state/descriptors.ts'
import type { ValueState } from '../state/keyed-state.ts'
import type { Key } from '../stream/key-groups.ts'
import { selectKey } from './key-selection.ts'
import { keyedOperator, type KeyedLogic, type KeyedRuntime } from './keyed-operator.ts'
import type { OperatorSpec } from './operator.ts'
import { userError } from './user-error.ts'

/** What has an order: numbers and bigints by value, strings by their UTF-16 units. */
export type Comparable = number | bigint | string

/** Which of several records with the same value `minBy` and `maxBy` give. */
export type Ties = 'first' | 'last'

type AggregationKind = 'sum' | 'min' | 'max' | 'min-by' | 'max-by'

export interface KeyedAggregationDefinition<T, K extends Key> {
  readonly keySelector: (value: T) => K
  readonly kind: AggregationKind
  /** Name of a field, or for `min-by` and `max-by` a function. */
  readonly of: string | ((value: T) => Comparable)
  /** Default `first`. */
  readonly ties?: Ties | undefined
}

export function keyedAggregationOperator<T, K extends Key>(definition: KeyedAggregationDefinition<T, K>): OperatorSpec {
  const { kind, of, ties = 'first' } = definition
  return keyedOperator({
    kind: `keyed-${kind}`,
    layout: {
      states: [{ name: 'reduced', kind: 'value' }],
      of: typeof of === 'string' ? of : null,
      ties,
    },
    open: (runtime) => new KeyedAggregation(definition, runtime),
  })
}

class KeyedAggregation<T> implements KeyedLogic {
  readonly #definition: KeyedAggregationDefinition<T, Key>
  readonly #runtime: KeyedRuntime
  readonly #reduced: ValueState<T>
  readonly #combine: (reduced: T, value: T) => T

  constructor(definition: KeyedAggregationDefinition<T, Key>, runtime: KeyedRuntime) {
    this.#definition = definition
    this.#runtime = runtime
    this.#reduced = runtime.keyed.valueState(valueState<T>('reduced'))
    this.#combine = combinerOf(
      definition,
      (value) => this.#valueOf(value),
      (first, second) => this.#checkAlike(first, second),
    )
  }

  onRecord(value: T, timestamp: number): void {
    const { context, keyed } = this.#runtime
    const key = selectKey(this.#definition.keySelector, value, context.info)
    keyed.setCurrentKey(key)
    const before = this.#reduced.value()
    if (before === undefined) this.#valueOf(value) // A2
    const reduced = before === undefined ? value : this.#combine(before, value)
    this.#reduced.update(reduced)
    context.output.onRecord(reduced, timestamp)
  }

  onEventTimer(): void {}

  onProcessingTimer(): void {}

  #valueOf(record: T): Comparable {
    const { of, kind } = this.#definition
    const value = typeof of === 'string' ? fieldOf(record, of) : this.#select(of, record)
    if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isNaN(value))) return value
    if (typeof value === 'string' && kind !== 'sum') return value
    throw this.#refused(value)
  }

  #select(select: (value: T) => Comparable, record: T): unknown {
    try {
      return select(record)
    } catch (cause) {
      throw userError(this.#runtime.context.info, `${this.#definition.kind} function`, cause)
    }
  }

  #refused(value: unknown): EngineError {
    const { of } = this.#definition
    const shown = typeof value === 'number' || value === null ? String(value) : `a value of type ${typeof value}`
    const where = typeof of === 'string' ? `found ${shown} in the field "${of}" of a record` : `was given ${shown}`
    return this.#recordError(where)
  }

  #checkAlike(first: Comparable, second: Comparable): void {
    const isAlike =
      this.#definition.kind === 'sum'
        ? typeof first === typeof second
        : (typeof first === 'string') === (typeof second === 'string')
    if (!isAlike) throw this.#recordError(`has a ${typeof first} so far and was given a ${typeof second}`)
  }

  /** A fault of the record, so that it goes by the error policy. */
  #recordError(problem: string): EngineError {
    const { info } = this.#runtime.context
    const { kind } = this.#definition
    return new EngineError(
      'TSK1001',
      `the ${kind} of operator "${info.name}" ${problem}. The record was not processed and the task stops. It takes numbers and bigints${kind === 'sum' ? ', one of the two' : ', or strings'}: ` +
        'filter other records out, or give the operator an error policy.',
      { context: { operator: info.uid, subtask: info.subtask }, cause: new TypeError(problem) },
    )
  }
}

/** `checkAlike` throws for two values that cannot be put together. */
function combinerOf<T>(
  { kind, of, ties }: KeyedAggregationDefinition<T, Key>,
  valueOf: (record: T) => Comparable,
  checkAlike: (first: Comparable, second: Comparable) => void,
): (reduced: T, value: T) => T {
  const sign = kind === 'min' || kind === 'min-by' ? -1 : 1
  const replacesAt = ties === 'last' ? 0 : 1
  const compared = (reduced: Comparable, value: Comparable): number => {
    checkAlike(reduced, value)
    return sign * compare(value, reduced)
  }
  switch (kind) {
    case 'sum':
      return (reduced, value) => {
        const first = valueOf(reduced)
        const second = valueOf(value)
        checkAlike(first, second)
        return withField(reduced, String(of), plus(first, second))
      }
    case 'min':
    case 'max':
      return (reduced, value) => {
        const candidate = valueOf(value)
        return compared(valueOf(reduced), candidate) > 0 ? withField(reduced, String(of), candidate) : reduced
      }
    case 'min-by':
    case 'max-by':
      return (reduced, value) => (compared(valueOf(reduced), valueOf(value)) >= replacesAt ? value : reduced)
  }
}

/** 1 when the first one is greater, -1 when it is smaller. */
function compare(first: Comparable, second: Comparable): number {
  if (first > second) return 1
  return first < second ? -1 : 0
}

/** Both are of one kind: numbers and bigints do not add up. */
function plus(first: Comparable, second: Comparable): Comparable {
  return typeof first === 'bigint' || typeof second === 'bigint'
    ? BigInt(first) + BigInt(second)
    : Number(first) + Number(second)
}

function fieldOf(record: unknown, field: string): unknown {
  return typeof record === 'object' && record !== null ? Reflect.get(record, field) : undefined
}

/** A new object: what was emitted before stays as it was. */
function withField<T>(record: T, field: string, value: Comparable): T {
  return { ...record, [field]: value }
}
