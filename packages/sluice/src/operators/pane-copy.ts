/**
 * Copies of accumulators. A merge function may change what it is given, keep parts of it, or return the one or the other, so panes that
 * stay in use are never given to it, only copies.
 *
 * An accumulator is encodable, and most are flat objects of numbers: those cost one clone.
 */
import { bytesToValue, valueToBytes } from '../serde/value-codec.ts'

/** Deeper than this the codec copies, which has a limit of its own for what refers to itself. */
const DEPTH_MAX = 32

/** A value that shares nothing changeable with the one given. @throws SER1001 when it is not encodable */
export function copyOf<V>(value: V): V {
  return isObject(value) ? (copyOfObject(value, 0) as V) : value // a copy has the type of its original
}

function copyOfAny(value: unknown, depth: number): unknown {
  return isObject(value) ? copyOfObject(value, depth) : value
}

function copyOfObject(value: object, depth: number): unknown {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (depth < DEPTH_MAX) {
    if (prototype === Object.prototype) return copyOfPlain(value as Record<string, unknown>, depth + 1) // any plain object is one
    if (Array.isArray(value) && prototype === Array.prototype) return copyOfArray(value, depth + 1)
    if (value instanceof Map && prototype === Map.prototype) return copyOfMap(value, depth + 1)
    if (value instanceof Set && prototype === Set.prototype) return copyOfSet(value, depth + 1)
  }
  return bytesToValue(valueToBytes(value))
}

function copyOfPlain(value: Readonly<Record<string, unknown>>, depth: number): unknown {
  const copy = { ...value }
  for (const name in copy) {
    const inner = copy[name]
    if (isObject(inner) && Object.hasOwn(copy, name)) copy[name] = copyOfObject(inner, depth)
  }
  return copy
}

function copyOfArray(values: readonly unknown[], depth: number): unknown[] {
  const copy = values.slice()
  for (let i = 0; i < copy.length; i++) {
    const inner = copy[i]
    if (isObject(inner)) copy[i] = copyOfObject(inner, depth)
  }
  return copy
}

function copyOfMap(pairs: ReadonlyMap<unknown, unknown>, depth: number): Map<unknown, unknown> {
  const copy = new Map<unknown, unknown>()
  for (const [key, value] of pairs) copy.set(copyOfAny(key, depth), copyOfAny(value, depth))
  return copy
}

function copyOfSet(values: ReadonlySet<unknown>, depth: number): Set<unknown> {
  const copy = new Set<unknown>()
  for (const value of values) copy.add(copyOfAny(value, depth))
  return copy
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
