import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AggregateFunction } from '../operators/window-definition.ts'
import { average, count, max, min, sum } from './aggregates.ts'

function aggregated<A, R>(aggregate: AggregateFunction<number, A, R>, values: readonly number[]): R {
  const filled = values.reduce((accumulator, value) => aggregate.add(value, accumulator), aggregate.createAccumulator())
  return aggregate.getResult(filled)
}

const itself = (value: number): number => value

describe('aggregates', () => {
  test('give what their names say', () => {
    const values = [3, -1, 4, 4]
    expect(aggregated(average(itself), values)).toBe(2.5)
    expect(aggregated(count(), values)).toBe(4)
    expect(aggregated(sum(itself), values)).toBe(10)
    expect(aggregated(min(itself), values)).toBe(-1)
    expect(aggregated(max(itself), values)).toBe(4)
  })

  const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 })

  function checkMerge<A, R>(aggregate: AggregateFunction<number, A, R>): void {
    const fill = (items: readonly number[]): A =>
      items.reduce((accumulator, value) => aggregate.add(value, accumulator), aggregate.createAccumulator())
    fc.assert(
      fc.property(values, values, (first, second) => {
        const merged = aggregate.merge?.(fill(first), fill(second))
        const result = merged === undefined ? undefined : aggregate.getResult(merged)
        expect(result).toBe(aggregated(aggregate, [...first, ...second]))
      }),
    )
  }

  test('of two merged parts are those of the whole', () => {
    checkMerge(average(itself))
    checkMerge(count<number>())
    checkMerge(sum(itself))
    checkMerge(min(itself))
    checkMerge(max(itself))
  })
})
