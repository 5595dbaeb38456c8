/**
 * Keys, their hash, and which subtask owns them.
 *
 * G1 `hash32` and the key group of a key never change: every snapshot and every checkpoint depends on them (docs/spec/bytes.md, "Keys").
 * G2 The ranges of all subtasks partition [0, maxParallelism), and `operatorIndexOf` agrees with them.
 * G3 Max parallelism is fixed for the life of the state; parallelism may change at every restore.
 */
import { assert } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'

/** What can be a key. Numbers are finite; 1 and `1` are different keys. */
export type Key = string | number | boolean | bigint

/** Both ends belong to the range. */
export interface KeyGroupRange {
  readonly first: number
  readonly last: number
}

export const MAX_PARALLELISM_LIMIT = 32768
const DEFAULT_MAX_PARALLELISM_MIN = 128
const FIELDS_NAMED_MAX = 5

const scratch = new DataView(new ArrayBuffer(8))

/** The value as a key; KEY1001 for what cannot be one. */
export function checkKey(value: unknown): Key {
  if (typeof value === 'string') return value
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value + 0 // 0 and -0 are one key: 0
  } else if (typeof value === 'boolean' || typeof value === 'bigint') return value
  throw new EngineError(
    'KEY1001',
    `keyBy returned ${describeNonKey(value)}, which cannot be a key. The record was not processed: without a key it belongs to no subtask. ` +
      'Return a string, a finite number, a boolean or a bigint for every record, e.g. a default for a missing field, ' +
      'or several fields joined into one string.',
  )
}

/** 32-bit signed hash, as Java would compute it for the same value. */
export function hash32(key: Key): number {
  if (typeof key === 'string') return hashString(key)
  if (typeof key === 'number') return key === (key | 0) ? key | 0 : hashDouble(key)
  if (typeof key === 'boolean') return key ? 1231 : 1237
  return hashString(key.toString())
}

export function keyGroupOf(key: Key, maxParallelism: number): number {
  return keyGroupForHash(hash32(key), maxParallelism)
}

export function keyGroupForHash(hash: number, maxParallelism: number): number {
  return murmur(hash) % maxParallelism
}

/** Index of the subtask that owns the key group. */
export function operatorIndexOf(keyGroup: number, maxParallelism: number, parallelism: number): number {
  return Math.floor((keyGroup * parallelism) / maxParallelism)
}

/** The key groups of one subtask. */
export function keyGroupRange(index: number, maxParallelism: number, parallelism: number): KeyGroupRange {
  assert(parallelism >= 1 && parallelism <= maxParallelism, 'parallelism is between 1 and max parallelism', {
    parallelism,
    maxParallelism,
  })
  assert(index >= 0 && index < parallelism, 'a subtask index is below the parallelism', { index, parallelism })
  return {
    first: Math.floor((index * maxParallelism + parallelism - 1) / parallelism),
    last: Math.floor(((index + 1) * maxParallelism - 1) / parallelism),
  }
}

/** Max parallelism of an operator for which the user named none: room to grow by half, and a power of two. */
export function defaultMaxParallelism(parallelism: number): number {
  const wanted = roundUpToPowerOfTwo(parallelism + Math.floor(parallelism / 2))
  return Math.min(Math.max(wanted, DEFAULT_MAX_PARALLELISM_MIN), MAX_PARALLELISM_LIMIT)
}

function hashString(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0
  return hash
}

function hashDouble(value: number): number {
  scratch.setFloat64(0, value)
  return scratch.getInt32(0) ^ scratch.getInt32(4)
}

/** Never negative. */
function murmur(hash: number): number {
  let code = Math.imul(hash, 0xcc9e2d51)
  code = (code << 15) | (code >>> 17)
  code = Math.imul(code, 0x1b873593)
  code = (code << 13) | (code >>> 19)
  code = (Math.imul(code, 5) + 0xe6546b64) | 0
  code = mixBits(code ^ 4)
  if (code >= 0) return code
  return code === -0x8000_0000 ? 0 : -code
}

function mixBits(bits: number): number {
  let mixed = bits ^ (bits >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

function roundUpToPowerOfTwo(value: number): number {
  let power = 1
  while (power < value) power *= 2
  return power
}

function describeNonKey(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number') return String(value)
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  if (Array.isArray(value)) return `an array of ${value.length} elements`
  if (value instanceof Promise) return 'a promise'
  if (value instanceof Date) return 'a Date'
  const fields = Object.keys(value)
  const more = fields.length > FIELDS_NAMED_MAX ? ', …' : ''
  return fields.length === 0
    ? 'an object'
    : `an object with the fields ${fields.slice(0, FIELDS_NAMED_MAX).join(', ')}${more}`
}
