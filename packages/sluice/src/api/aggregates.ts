import type { AggregateFunction } from '../operators/window-definition.ts'

/** Accumulators are objects that are changed in place: one is made per key and window, none per record. */
export interface AverageAccumulator {
  sum: number
  count: number
}

export interface NumberAccumulator {
  value: number
}

/**
 * The mean of a number.
 *
 * @example flights.keyBy((flight) => flight.origin).window(TumblingEventTimeWindows.of('1h')).aggregate(average((flight) => flight.delay))
 */
export function average<T>(numberOf: (value: T) => number): AggregateFunction<T, AverageAccumulator, number> {
  return Object.freeze({
    createAccumulator: () => ({ sum: 0, count: 0 }),
    add(value: T, accumulator: AverageAccumulator) {
      accumulator.sum += numberOf(value)
      accumulator.count += 1
      return accumulator
    },
    getResult: ({ sum, count }: AverageAccumulator) => sum / count,
    merge(first: AverageAccumulator, second: AverageAccumulator) {
      first.sum += second.sum
      first.count += second.count
      return first
    },
  })
}

/**
 * How many records.
 *
 * @example windows.aggregate(count())
 */
export function count<T>(): AggregateFunction<T, NumberAccumulator, number> {
  // Not by folding(): the most common of all is also the one where a call for each record shows.
  return Object.freeze({
    createAccumulator: () => ({ value: 0 }),
    add(_value: T, accumulator: NumberAccumulator) {
      accumulator.value += 1
      return accumulator
    },
    getResult: ({ value }: NumberAccumulator) => value,
    merge(first: NumberAccumulator, second: NumberAccumulator) {
      first.value += second.value
      return first
    },
  })
}

/**
 * The sum of a number.
 *
 * @example windows.aggregate(sum((order) => order.price))
 */
export function sum<T>(numberOf: (value: T) => number): AggregateFunction<T, NumberAccumulator, number> {
  return folding<T>(0, (total, value) => total + numberOf(value), plus)
}

/**
 * The smallest value of a number.
 *
 * @example windows.aggregate(min((order) => order.price))
 */
export function min<T>(numberOf: (value: T) => number): AggregateFunction<T, NumberAccumulator, number> {
  return folding<T>(Infinity, (smallest, value) => Math.min(smallest, numberOf(value)), Math.min)
}

/**
 * The greatest value of a number.
 *
 * @example windows.aggregate(max((order) => order.price))
 */
export function max<T>(numberOf: (value: T) => number): AggregateFunction<T, NumberAccumulator, number> {
  return folding<T>(-Infinity, (greatest, value) => Math.max(greatest, numberOf(value)), Math.max)
}

function folding<T>(
  start: number,
  fold: (folded: number, value: T) => number,
  join: (first: number, second: number) => number,
): AggregateFunction<T, NumberAccumulator, number> {
  return Object.freeze({
    createAccumulator: () => ({ value: start }),
    add(value: T, accumulator: NumberAccumulator) {
      accumulator.value = fold(accumulator.value, value)
      return accumulator
    },
    getResult: ({ value }: NumberAccumulator) => value,
    merge(first: NumberAccumulator, second: NumberAccumulator) {
      first.value = join(first.value, second.value)
      return first
    },
  })
}

function plus(first: number, second: number): number {
  return first + second
}
