import { expect, test } from 'vitest'
import { copyOf } from './pane-copy.ts'

test.each([
  { value: 5 },
  { value: 'text' },
  { value: null },
  { value: 10n },
  { value: { sum: 1, count: 2 } },
  { value: { a: { b: [1, { c: null }] }, d: undefined } },
  { value: [[1], [2, [3]]] },
  { value: new Map<unknown, unknown>([['a', { n: 1 }]]) },
  { value: new Set<unknown>([[1], 'x']) },
  { value: new Date(5) },
  { value: new Uint8Array([1, 2, 3]) },
  { value: Object.assign(Object.create(null) as object, { a: 1 }) },
])('the copy of $value is equal and shares nothing that can change', ({ value }) => {
  const copy = copyOf<unknown>(value)
  expect(copy).toStrictEqual(value)
  expect(sharedObjects(copy, value)).toEqual([])
})

test('deep values are copied to the bottom', () => {
  const nested = (depth: number): unknown => (depth === 0 ? { n: 1 } : [nested(depth - 1)])
  const value = nested(60)
  const copy = copyOf(value)
  expect(copy).toStrictEqual(value)
  expect(sharedObjects(copy, value)).toEqual([])
})

test('what no state can hold is refused with the path', () => {
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  expect(() => copyOf({ owner: new URL('file:///a') })).toThrow(expect.objectContaining({ code: 'SER1001' }))
  expect(() => copyOf(cyclic)).toThrow(expect.objectContaining({ code: 'SER1001' }))
})

function sharedObjects(a: unknown, b: unknown): unknown[] {
  const ofA = new Set(objectsIn(a))
  return objectsIn(b).filter((object) => ofA.has(object))
}

function objectsIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return []
  const inner = value instanceof Map || value instanceof Set ? [...value].flat() : Object.values(value)
  return [value, ...inner.flatMap(objectsIn)]
}
