/**
 * The timers of one kind of time of one key: a set of (timestamp, namespace).
 *
 * Nearly every key has one or two, so few timers are one flat array `[timestamp, namespace, …]` that stays an array of doubles;
 * a key with many gets an index, so that no operation is slower than constant time for long. Timers of one time are kept in the order in which they
 * were registered, also across a restore.
 */
import { assert, present } from '../base/assert.ts'
import type { TimerNamespace } from './keyed-state.ts'

/** A set that is never empty: who has no timer has no set. */
export type TimerSet = FewTimers | ManyTimers
type FewTimers = TimerNamespace[]

/** Timers of one key in the flat array before they get an index. */
export const FLAT_TIMERS_MAX = 16

export function timerSetOf(timestampMs: number, namespace: TimerNamespace): TimerSet {
  return [timestampMs, namespace]
}

export function hasTimer(timers: TimerSet, timestampMs: number, namespace: TimerNamespace): boolean {
  return timers instanceof ManyTimers
    ? timers.has(timestampMs, namespace)
    : indexOfTimer(timers, timestampMs, namespace) >= 0
}

/** The namespace of the timer of this time that was registered first. */
export function namespaceAt(timers: TimerSet, timestampMs: number): TimerNamespace | undefined {
  if (timers instanceof ManyTimers) return timers.namespaceAt(timestampMs)
  for (let i = 0; i < timers.length; i += 2) if (timers[i] === timestampMs) return timers[i + 1]
  return undefined
}

/** The set with a timer that it does not have yet. The set given must not be used any more. */
export function withTimer(timers: TimerSet, timestampMs: number, namespace: TimerNamespace): TimerSet {
  if (timers instanceof ManyTimers) {
    timers.add(timestampMs, namespace)
    return timers
  }
  if (timers.length === 2 * FLAT_TIMERS_MAX) return withTimer(indexed(timers), timestampMs, namespace)
  timers.push(timestampMs, namespace)
  return timers
}

/** The set without a timer that it has; undefined when that was the last one. The set given must not be used any more. */
export function withoutTimer(timers: TimerSet, timestampMs: number, namespace: TimerNamespace): TimerSet | undefined {
  if (timers instanceof ManyTimers) {
    timers.delete(timestampMs, namespace)
    return timers.size === 0 ? undefined : timers
  }
  if (timers.length === 2) return undefined
  // those behind it move up, so that timers of one time stay in the order in which they were registered
  const at = indexOfTimer(timers, timestampMs, namespace)
  timers.copyWithin(at, at + 2)
  timers.length -= 2
  return timers
}

export function timerCount(timers: TimerSet): number {
  return timers instanceof ManyTimers ? timers.size : timers.length / 2
}

export function forEachTimer(timers: TimerSet, visit: (timestampMs: number, namespace: TimerNamespace) => void): void {
  if (timers instanceof ManyTimers) return timers.forEach(visit)
  for (let i = 0; i < timers.length; i += 2) visit(timestampOf(timers, i), namespaceOf(timers, i))
}

/** The timestamp at an even index of a flat set. */
export function timestampOf(timers: FewTimers, index: number): number {
  const timestampMs = timers[index]
  assert(typeof timestampMs === 'number', 'even places hold timestamps')
  return timestampMs
}

/** The namespace that belongs to the timestamp at `index`. */
export function namespaceOf(timers: FewTimers, index: number): TimerNamespace {
  return present(timers[index + 1], 'the namespace behind a timestamp')
}

function indexOfTimer(timers: FewTimers, timestampMs: number, namespace: TimerNamespace): number {
  for (let i = 0; i < timers.length; i += 2) {
    if (timers[i] === timestampMs && timers[i + 1] === namespace) return i
  }
  return -1
}

function indexed(timers: FewTimers): ManyTimers {
  const many = new ManyTimers()
  for (let i = 0; i < timers.length; i += 2) many.add(timestampOf(timers, i), namespaceOf(timers, i))
  return many
}

export class ManyTimers {
  readonly #byTime = new Map<number, Set<TimerNamespace>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  has(timestampMs: number, namespace: TimerNamespace): boolean {
    return this.#byTime.get(timestampMs)?.has(namespace) === true
  }

  namespaceAt(timestampMs: number): TimerNamespace | undefined {
    return this.#byTime.get(timestampMs)?.values().next().value
  }

  add(timestampMs: number, namespace: TimerNamespace): void {
    const namespaces = this.#byTime.get(timestampMs)
    if (namespaces === undefined) this.#byTime.set(timestampMs, new Set([namespace]))
    else namespaces.add(namespace)
    this.#size++
  }

  delete(timestampMs: number, namespace: TimerNamespace): void {
    const namespaces = this.#byTime.get(timestampMs)
    if (namespaces?.delete(namespace) !== true) return
    if (namespaces.size === 0) this.#byTime.delete(timestampMs)
    this.#size--
  }

  forEach(visit: (timestampMs: number, namespace: TimerNamespace) => void): void {
    for (const [timestampMs, namespaces] of this.#byTime)
      for (const namespace of namespaces) visit(timestampMs, namespace)
  }
}
