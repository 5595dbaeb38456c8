import type { AggregateFunction } from './window-definition.ts'

/** The reduced value so far, boxed because a record may be anything. */
export interface ReduceAccumulator<T> {
  reduced: T | undefined
  isEmpty: boolean
}

/** Aggregates that are reduce functions: a failure of one names the function that the user wrote. */
const reducing = new WeakSet<object>()

/** In the words of the user, e.g. `reduce function`. */
export function nameOfAdd(aggregate: object): string {
  return reducing.has(aggregate) ? 'reduce function' : 'add function'
}

/** A reduce function as an aggregate: the first record is its own result. `reduce` must not change its arguments. */
export function reduceAggregate<T>(reduce: (reduced: T, value: T) => T): AggregateFunction<T, ReduceAccumulator<T>, T> {
  const reduceInto = (accumulator: ReduceAccumulator<T>, value: T): ReduceAccumulator<T> => {
    accumulator.reduced = accumulator.isEmpty ? value : reduce(reducedOf(accumulator), value)
    accumulator.isEmpty = false
    return accumulator
  }
  const aggregate = Object.freeze({
    createAccumulator: (): ReduceAccumulator<T> => ({ reduced: undefined, isEmpty: true }),
    add: (value: T, accumulator: ReduceAccumulator<T>) => reduceInto(accumulator, value),
    getResult: (accumulator: ReduceAccumulator<T>) => reducedOf(accumulator),
    merge: (first: ReduceAccumulator<T>, second: ReduceAccumulator<T>) => reduceInto(first, reducedOf(second)),
  })
  reducing.add(aggregate)
  return aggregate
}

/** Of one that is not empty: a window exists from its first record on. */
function reducedOf<T>(accumulator: ReduceAccumulator<T>): T {
  return accumulator.reduced as T // a T, which may be undefined itself
}
