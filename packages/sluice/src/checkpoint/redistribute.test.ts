import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { OperatorStateItems, RedistributionMode } from '../state/operator-state.ts'
import { redistributeOperatorState } from './redistribute.ts'

const one = (name: string, mode: RedistributionMode, items: readonly unknown[]): OperatorStateItems => [
  { name, mode, items },
]
const itemsOf = (states: OperatorStateItems, name: string) => states.find((state) => state.name === name)?.items

describe('split state', () => {
  test('stays where it is when the parallelism is the same', () => {
    const old = [one('s', 'split', ['a', 'b', 'c']), undefined, one('s', 'split', ['d'])]
    expect(redistributeOperatorState(old, 3).map((states) => itemsOf(states, 's'))).toEqual([
      ['a', 'b', 'c'],
      [],
      ['d'],
    ])
  })

  test('is dealt out in subtask order, the first ones getting one more', () => {
    const old = [one('s', 'split', [1, 2, 3]), one('s', 'split', [4, 5])]
    expect(redistributeOperatorState(old, 3).map((states) => itemsOf(states, 's'))).toEqual([[1, 2], [3, 4], [5]])
  })

  test('rotates who gets one more from state to state', () => {
    const old: OperatorStateItems[] = [
      [
        { name: 'a', mode: 'split', items: [1] },
        { name: 'b', mode: 'split', items: [2] },
        { name: 'c', mode: 'split', items: [3, 4] },
      ],
    ]
    const dealt = redistributeOperatorState(old, 3)
    expect(dealt.map((states) => itemsOf(states, 'a'))).toEqual([[1], [], []])
    expect(dealt.map((states) => itemsOf(states, 'b'))).toEqual([[], [2], []])
    expect(dealt.map((states) => itemsOf(states, 'c'))).toEqual([[4], [], [3]])
  })

  test('goes to exactly one subtask each, in shares that differ by one at most', () => {
    const counts = fc.array(fc.nat(20), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(counts, counts, fc.integer({ min: 1, max: 8 }), (first, second, newParallelism) => {
        fc.pre(first.length !== newParallelism)
        const old = first.map((count, subtask): OperatorStateItems => [
          { name: 'x', mode: 'split', items: Array.from({ length: count }, (_, i) => `${subtask}/${i}`) },
          {
            name: 'y',
            mode: 'split',
            items: Array.from({ length: second[subtask] ?? 0 }, (_, i) => `y${subtask}/${i}`),
          },
        ])
        const dealt = redistributeOperatorState(old, newParallelism)
        for (const name of ['x', 'y']) {
          const shares = dealt.map((states) => itemsOf(states, name) ?? [])
          const sizes = shares.map((share) => share.length)
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
          const given = old.flatMap((states) => itemsOf(states, name) ?? [])
          expect(shares.flat()).toHaveLength(given.length)
          expect(new Set(shares.flat())).toEqual(new Set(given))
        }
        const totals = dealt.map((states) => states.reduce((total, { items }) => total + items.length, 0))
        expect(Math.max(...totals) - Math.min(...totals)).toBeLessThanOrEqual(1)
      }),
    )
  })
})

test('union state goes to every subtask, in order of the old subtasks, also without rescaling', () => {
  const old = [one('u', 'union', [1, 2]), undefined, one('u', 'union', [3])]
  for (const parallelism of [1, 3, 5]) {
    const given = redistributeOperatorState(old, parallelism)
    expect(given.map((states) => itemsOf(states, 'u'))).toEqual(Array.from({ length: parallelism }, () => [1, 2, 3]))
  }
})

test('broadcast state is copied round by round, and the copy of a subtask without one comes from the next', () => {
  const old = [one('b', 'broadcast', ['zero']), undefined, one('b', 'broadcast', ['two'])]
  const given = redistributeOperatorState(old, 5)
  expect(given.map((states) => itemsOf(states, 'b'))).toEqual([['zero'], ['two'], ['two'], ['zero'], ['two']])
})

test('no operator state stays none', () => {
  expect(redistributeOperatorState([undefined, undefined], 3)).toEqual([[], [], []])
})

test('subtasks that disagree on the mode are a broken invariant', () => {
  const old = [one('s', 'split', [1]), one('s', 'union', [2])]
  expect(() => redistributeOperatorState(old, 1)).toThrow(/agree on the mode/)
})
