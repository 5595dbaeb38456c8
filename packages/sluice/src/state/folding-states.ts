/** States into which values are folded: they keep one value per key, in a value state. */
import { EngineError } from '../base/errors.ts'
import type { AggregatingStateDescriptor, ReducingStateDescriptor, StateAggregate } from './descriptors.ts'
import type { AggregatingState, ReducingState, ValueState } from './keyed-state.ts'

export class FoldingReducingState<T> implements ReducingState<T> {
  readonly #value: ValueState<T>
  readonly #name: string
  readonly #reduce: (reduced: T, value: T) => T

  constructor(value: ValueState<T>, descriptor: ReducingStateDescriptor<T>) {
    this.#value = value
    this.#name = descriptor.name
    this.#reduce = descriptor.reduce
  }

  get(): T | undefined {
    return this.#value.value()
  }

  add(value: T): void {
    if (value === undefined) throw nothingAdded(this.#name)
    const reduced = this.#value.value()
    if (reduced === undefined) return this.#value.update(value)
    const next = this.#reduce(reduced, value)
    if (next === undefined) throw returnedUndefined(this.#name, 'reduce')
    this.#value.update(next)
  }

  clear(): void {
    this.#value.clear()
  }
}

export class FoldingAggregatingState<T, A, R> implements AggregatingState<T, R> {
  readonly #value: ValueState<A>
  readonly #name: string
  readonly #aggregate: StateAggregate<T, A, R>

  constructor(value: ValueState<A>, descriptor: AggregatingStateDescriptor<T, A, R>) {
    this.#value = value
    this.#name = descriptor.name
    this.#aggregate = descriptor.aggregate
  }

  get(): R | undefined {
    const accumulator = this.#value.value()
    return accumulator === undefined ? undefined : this.#aggregate.getResult(accumulator)
  }

  add(value: T): void {
    const accumulator = this.#value.value() ?? this.#aggregate.createAccumulator()
    const next = this.#aggregate.add(value, accumulator)
    if (next === undefined) throw returnedUndefined(this.#name, 'add')
    this.#value.update(next)
  }

  clear(): void {
    this.#value.clear()
  }
}

function returnedUndefined(state: string, name: string): EngineError {
  return new EngineError(
    'TSK1001',
    `the ${name} function of state "${state}" returned undefined. The state stays as it was, and the task stops, because what was added would be lost. Return the new value.`,
  )
}

function nothingAdded(state: string): EngineError {
  return new EngineError(
    'TSK1001',
    `undefined was added to state "${state}". The state stays as it was, and the task stops, because undefined cannot be told from nothing. Add a value, or do not add.`,
  )
}
