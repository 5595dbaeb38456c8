import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  MAX_PARALLELISM_LIMIT,
  checkKey,
  defaultMaxParallelism,
  hash32,
  keyGroupForHash,
  keyGroupOf,
  keyGroupRange,
  operatorIndexOf,
} from './key-groups.ts'

const INT32 = 0xffff_ffffn

/** The murmur step once more, in 64-bit arithmetic and by the names of the published algorithm. */
function murmurWithBigInts(hash: number): number {
  const rotateLeft = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (32n - bits))) & INT32
  let code = BigInt(hash) & INT32
  code = (code * 0xcc9e2d51n) & INT32
  code = rotateLeft(code, 15n)
  code = (code * 0x1b873593n) & INT32
  code = rotateLeft(code, 13n)
  code = (code * 5n + 0xe6546b64n) & INT32
  code ^= 4n
  code ^= code >> 16n
  code = (code * 0x85ebca6bn) & INT32
  code ^= code >> 13n
  code = (code * 0xc2b2ae35n) & INT32
  code ^= code >> 16n
  const signed = BigInt.asIntN(32, code)
  if (signed >= 0n) return Number(signed)
  return signed === -(2n ** 31n) ? 0 : Number(-signed)
}

/** Java's Double.hashCode from the bits as text. */
function doubleHash(value: number): number {
  const bits = Buffer.alloc(8)
  bits.writeDoubleBE(value)
  const long = BigInt(`0x${bits.toString('hex')}`)
  return Number(BigInt.asIntN(32, (long ^ (long >> 32n)) & INT32))
}

test.each([
  ['', 0],
  ['a', 97],
  ['hello', 99162322],
  ['Hello, World!', 1498789909],
  ['polygenelubricants', -2147483648],
  ['ATL', 65145],
  ['\ud83d\ude00', 1772899],
  [0, 0],
  [-0, 0],
  [42, 42],
  [-1, -1],
  [2147483647, 2147483647],
  [-2147483648, -2147483648],
  [2147483648, 1105199104],
  [1.5, 1073217536],
  [-1.5, -1074266112],
  [0.1, -1507852285],
  [Number.MAX_SAFE_INTEGER, -1128267776],
  [true, 1231],
  [false, 1237],
  [0n, 48],
  [-12n, 44814],
  [12345678901234567890n, -1902336138],
])('the hash of %s is frozen', (key, hash) => {
  expect(hash32(key)).toBe(hash)
})

test('strings hash as s[0]*31^(n-1) + … over UTF-16 units', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      let sum = 0n
      for (let i = 0; i < text.length; i++) sum += BigInt(text.charCodeAt(i)) * 31n ** BigInt(text.length - 1 - i)
      expect(hash32(text)).toBe(Number(BigInt.asIntN(32, sum)))
    }),
  )
})

test('numbers hash as int where they are one, else as double', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.maxSafeInteger()),
      (key) => {
        const isInt = Number.isInteger(key) && key >= -(2 ** 31) && key < 2 ** 31
        expect(hash32(key)).toBe(isInt ? key + 0 : doubleHash(key))
      },
    ),
  )
})

test.each([
  [0, 128, 94],
  [1, 128, 86],
  [-1, 128, 80],
  ['hello', 128, 35],
  ['ATL', 128, 39],
  ['hello', 32768, 31395],
  [1_700_000_000_000, 128, 84],
])('the key group of %s of %i is frozen', (key, maxParallelism, keyGroup) => {
  expect(keyGroupOf(key, maxParallelism)).toBe(keyGroup)
})

test('key groups are those of Flink for the same strings', () => {
  const ofGroup17 = ['UM57', 'pIUm', 'Unpw', 'HRvb', 'HwHh', 'Z6nR', 'v4fA', '6RjC', 'FLbh', 'uItr']
  for (const key of ofGroup17) expect(keyGroupOf(key, 128)).toBe(17)
})

test('key groups follow the published murmur step', () => {
  const hash = fc.oneof(fc.integer(), fc.constantFrom(0, 1, -1, 2 ** 31 - 1, -(2 ** 31)))
  fc.assert(
    fc.property(hash, fc.integer({ min: 1, max: MAX_PARALLELISM_LIMIT }), (value, maxParallelism) => {
      expect(keyGroupForHash(value, 2 ** 31)).toBe(murmurWithBigInts(value))
      expect(keyGroupForHash(value, maxParallelism)).toBe(murmurWithBigInts(value) % maxParallelism)
    }),
    { numRuns: 1000 },
  )
})

test('the hash whose murmur step gives the smallest integer is in group 0', () => {
  expect(keyGroupForHash(-2_089_875_627, MAX_PARALLELISM_LIMIT)).toBe(0)
  expect(Object.is(keyGroupForHash(-2_089_875_627, 127), 0)).toBe(true)
})

test('a key of the same value has the same group, whatever way it was made', () => {
  expect(keyGroupOf(-0, 128)).toBe(keyGroupOf(0, 128))
  expect(keyGroupOf(['o', 'k'].join(''), 128)).toBe(keyGroupOf('ok', 128))
})

test.each([1, 2, 3, 7, 100, 127, 128, 129, 1000, 4096, MAX_PARALLELISM_LIMIT])(
  'the ranges of every parallelism up to 128 partition %i key groups and agree with the owner of each',
  (maxParallelism) => {
    for (let parallelism = 1; parallelism <= Math.min(128, maxParallelism); parallelism++) {
      let next = 0
      for (let index = 0; index < parallelism; index++) {
        const { first, last } = keyGroupRange(index, maxParallelism, parallelism)
        if (first !== next || last < first) throw new Error(`hole before range ${index} of ${parallelism}`)
        for (const keyGroup of [first, (first + last) >>> 1, last]) {
          if (operatorIndexOf(keyGroup, maxParallelism, parallelism) !== index) throw new Error(`owner of ${keyGroup}`)
        }
        next = last + 1
      }
      expect(next).toBe(maxParallelism)
    }
  },
)

test('every key group has the owner whose range holds it', () => {
  const parallelisms = fc
    .integer({ min: 1, max: MAX_PARALLELISM_LIMIT })
    .chain((max) => fc.tuple(fc.constant(max), fc.integer({ min: 1, max }), fc.integer({ min: 0, max: max - 1 })))
  fc.assert(
    fc.property(parallelisms, ([maxParallelism, parallelism, keyGroup]) => {
      const index = operatorIndexOf(keyGroup, maxParallelism, parallelism)
      const { first, last } = keyGroupRange(index, maxParallelism, parallelism)
      expect(first <= keyGroup && keyGroup <= last).toBe(true)
    }),
    { numRuns: 1000 },
  )
})

test('a range outside of the parallelism is our bug', () => {
  expect(() => keyGroupRange(2, 128, 2)).toThrow(/subtask index/)
  expect(() => keyGroupRange(-1, 128, 2)).toThrow(/subtask index/)
  expect(() => keyGroupRange(0, 4, 5)).toThrow(/max parallelism/)
})

test.each([
  [1, 128],
  [85, 128],
  [86, 256],
  [128, 256],
  [170, 256],
  [171, 256],
  [172, 512],
  [1000, 2048],
  [21845, 32768],
  [32768, 32768],
])('parallelism %i gets %i key groups by default', (parallelism, expected) => {
  expect(defaultMaxParallelism(parallelism)).toBe(expected)
})

test('strings, finite numbers, booleans and bigints are keys', () => {
  for (const key of ['', 'a', 0, -1.5, 2 ** 60, true, false, 7n]) expect(checkKey(key)).toBe(key)
})

test.each([
  [undefined, 'undefined'],
  [null, 'null'],
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, 'Infinity'],
  [{}, 'an object'],
  [{ a: 1, b: 2 }, 'an object with the fields a, b'],
  [{ a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 }, 'an object with the fields a, b, c, d, e, …'],
  [['x'], 'an array of 1 elements'],
  [() => 'x', 'a function'],
  [Symbol('x'), 'a symbol'],
  [Promise.resolve('x'), 'a promise'],
  [new Date(0), 'a Date'],
])('%o cannot be a key, and the error names it', (value, name) => {
  const message = expect.stringContaining(`keyBy returned ${name}, which cannot be a key`)
  expect(() => checkKey(value)).toThrow(expect.objectContaining({ code: 'KEY1001', message }))
})
