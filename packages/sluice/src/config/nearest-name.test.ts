import { expect, test } from 'vitest'
import { nearestName } from './nearest-name.ts'

const KNOWN = ['checkpoint.interval', 'checkpoint.timeout', 'watermark.interval', 'parallelism']

test('a small mistake finds the name that was meant', () => {
  expect(nearestName('checkpoint.intervall', KNOWN)).toBe('checkpoint.interval')
  expect(nearestName('Parallelism', KNOWN)).toBe('parallelism')
  expect(nearestName('paralelism', KNOWN)).toBe('parallelism')
})

test('the last part of a name finds the first key that ends so', () => {
  expect(nearestName('timeout', KNOWN)).toBe('checkpoint.timeout')
})

test('a name that is near to nothing finds nothing', () => {
  expect(nearestName('colour', KNOWN)).toBeUndefined()
})
