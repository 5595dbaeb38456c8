import { EngineError } from '../base/errors.ts'
import { type StateTtl, type TimeToLive, timeToLive } from './time-to-live.ts'

export type DescriptorKind = 'value' | 'list' | 'map' | 'reducing' | 'aggregating'

/** Declares a state of an operator. Frozen: it is part of the graph, and its name and kind are part of every checkpoint. */
export interface StateDescriptor<Kind extends DescriptorKind = DescriptorKind, V = unknown, K = unknown> {
  readonly kind: Kind
  readonly name: string
  /** Value of a key that has none yet (value state only); a function makes a fresh one for each key. */
  readonly defaultValue?: V | (() => V)
  /** Absent: what is put into the state stays until it is cleared. */
  readonly ttl?: TimeToLive
  /** Only for the type checker. */
  readonly types?: { readonly value: V; readonly key: K }
}

export type ValueStateDescriptor<T> = StateDescriptor<'value', T>
/** A value state whose `value()` is never undefined. */
export type DefaultedStateDescriptor<T> = ValueStateDescriptor<T> & { readonly defaultValue: T | (() => T) }
export type ListStateDescriptor<T> = StateDescriptor<'list', T>
export type MapStateDescriptor<K, V> = StateDescriptor<'map', V, K>

export interface ReducingStateDescriptor<T> extends StateDescriptor<'reducing', T> {
  readonly reduce: (reduced: T, value: T) => T
}

/** How values become an accumulator, and an accumulator a result. Every `AggregateFunction` of a window is one. */
export interface StateAggregate<T, A, R> {
  /** A fresh accumulator: each call makes a new one. */
  createAccumulator(): A
  /** Adds one value. May change `accumulator` and return it, or return another; never undefined. */
  add(value: T, accumulator: A): A
  /** What `get()` of the state gives. */
  getResult(accumulator: A): R
}

export interface AggregatingStateDescriptor<T, A, R> extends StateDescriptor<'aggregating', A> {
  readonly aggregate: StateAggregate<T, A, R>
}

/** A descriptor by its kind. */
type KnownDescriptor =
  | StateDescriptor<'value'>
  | StateDescriptor<'list'>
  | StateDescriptor<'map'>
  | ReducingStateDescriptor<unknown>
  | AggregatingStateDescriptor<unknown, unknown, unknown>

/** A descriptor with what its kind declares besides: a switch over the kind finds it. */
export function ofItsKind(descriptor: StateDescriptor): KnownDescriptor {
  return descriptor as KnownDescriptor // the functions below make all there are
}

/** What else is declared about a state. */
export interface StateOptions {
  /**
   * How long the state keeps what was put into it: a duration, counted from the last write in processing time, or a `StateTtlConfig`.
   * Default: until it is cleared.
   */
  readonly ttl?: StateTtl
}

/**
 * One value per key.
 *
 * @param name unique within the operator; it names the state in checkpoints
 * @param defaultValue what `value()` returns for a key without one; a value is shared by all keys, so give a function for one that is
 *   changed in place, and `update` it
 * @throws STA1003 when the name is empty or the time to live is not valid; CFG1002 when it is no duration
 * @example state: { count: valueState<number>('count', 0), user: valueState<User>('user', undefined, { ttl: '1d' }) }
 */
export function valueState<T>(name: string, defaultValue?: undefined, options?: StateOptions): ValueStateDescriptor<T>
export function valueState<T>(
  name: string,
  defaultValue: T | (() => T),
  options?: StateOptions,
): DefaultedStateDescriptor<T>
export function valueState<T>(
  name: string,
  defaultValue?: T | (() => T),
  options?: StateOptions,
): ValueStateDescriptor<T>
export function valueState<T>(
  name: string,
  defaultValue?: T | (() => T),
  options?: StateOptions,
): ValueStateDescriptor<T> {
  return Object.freeze({
    kind: 'value',
    ...common(name, options),
    ...(defaultValue === undefined ? {} : { defaultValue }),
  })
}

/**
 * A list per key, appended to cheaply. A time to live is each element's own.
 *
 * @throws STA1003 when the name is empty or the time to live is not valid; CFG1002 when it is no duration
 * @example state: { recent: listState<Event>('recent', { ttl: '10m' }) }
 */
export function listState<T>(name: string, options?: StateOptions): ListStateDescriptor<T> {
  return Object.freeze({ kind: 'list', ...common(name, options) })
}

/**
 * A map per key. A time to live is each pair's own.
 *
 * @throws STA1003 when the name is empty or the time to live is not valid; CFG1002 when it is no duration
 * @example state: { perDevice: mapState<string, number>('perDevice') }
 */
export function mapState<K, V>(name: string, options?: StateOptions): MapStateDescriptor<K, V> {
  return Object.freeze({ kind: 'map', ...common(name, options) })
}

/**
 * One value per key, into which every added value is folded.
 *
 * @param reduce must not change its arguments, and never returns undefined (TSK1001 while the job runs)
 * @throws STA1003 when the name is empty, the time to live is not valid, or `reduce` is no function; CFG1002 when it is no duration
 * @example state: { highest: reducingState<number>('highest', Math.max) }
 */
export function reducingState<T>(
  name: string,
  reduce: (reduced: T, value: T) => T,
  options?: StateOptions,
): ReducingStateDescriptor<T> {
  checkFunctions(name, { reduce }, ['reduce'])
  return Object.freeze({ kind: 'reducing', ...common(name, options), reduce })
}

/**
 * One accumulator per key, to which values are added, and a result made from it when it is asked for.
 *
 * @param aggregate plain functions, e.g. `average(…)`; the accumulator is plain data that can be encoded
 * @throws STA1003 when the name is empty, the time to live is not valid, or a function is missing; CFG1002 when it is no duration
 * @example state: { delay: aggregatingState('delay', average((flight: Flight) => flight.delay)) }
 */
export function aggregatingState<T, A, R>(
  name: string,
  aggregate: StateAggregate<T, A, R>,
  options?: StateOptions,
): AggregatingStateDescriptor<T, A, R> {
  checkFunctions(name, aggregate, ['createAccumulator', 'add', 'getResult'])
  return Object.freeze({ kind: 'aggregating', ...common(name, options), aggregate })
}

function common(name: string, options: StateOptions | undefined): { readonly name: string; readonly ttl?: TimeToLive } {
  checkStateName(name)
  return options?.ttl === undefined ? { name } : { name, ttl: timeToLive(name, options.ttl) }
}

/** Checkpoints find a state by its name. */
export function checkStateName(name: string): void {
  if (typeof name === 'string' && name !== '') return
  throw new EngineError(
    'STA1003',
    `a state was declared with ${JSON.stringify(name)} as its name. The job was not built, because a checkpoint finds state by its name. Give it a name that is a text.`,
  )
}

function checkFunctions(state: string, given: unknown, names: readonly string[]): void {
  const missing = names.find((name) => typeof Reflect.get(Object(given), name) !== 'function')
  if (missing === undefined) return
  throw new EngineError(
    'STA1003',
    `state "${state}" was declared without the function ${missing}. The job was not built, because nothing could be added to the state. Give it that function.`,
  )
}
