/** Declares a state of an operator. Frozen plain data: it is part of the graph and of every checkpoint. */
export interface StateDescriptor<
  Kind extends 'value' | 'list' | 'map' = 'value' | 'list' | 'map',
  V = unknown,
  K = unknown,
> {
  readonly kind: Kind
  readonly name: string
  /** Value of a key that has none yet (value state only); a function makes a fresh one for each key. */
  readonly defaultValue?: V | (() => V)
  /** Only for the type checker. */
  readonly types?: { readonly value: V; readonly key: K }
}

export type ValueStateDescriptor<T> = StateDescriptor<'value', T>
/** A value state whose `value()` is never undefined. */
export type DefaultedStateDescriptor<T> = ValueStateDescriptor<T> & { readonly defaultValue: T | (() => T) }
export type ListStateDescriptor<T> = StateDescriptor<'list', T>
export type MapStateDescriptor<K, V> = StateDescriptor<'map', V, K>

/**
 * One value per key.
 *
 * @param name unique within the operator; it names the state in checkpoints
 * @param defaultValue what `value()` returns for a key without one; a value is shared by all keys, so give a function for one that is
 *   changed in place, and `update` it
 * @example state: { count: valueState<number>('count', 0) }
 */
export function valueState<T>(name: string, defaultValue: T | (() => T)): DefaultedStateDescriptor<T>
export function valueState<T>(name: string, defaultValue?: T | (() => T)): ValueStateDescriptor<T>
export function valueState<T>(name: string, defaultValue?: T | (() => T)): ValueStateDescriptor<T> {
  return Object.freeze({ kind: 'value', name, ...(defaultValue === undefined ? {} : { defaultValue }) })
}

/**
 * A list per key, appended to cheaply.
 *
 * @example state: { recent: listState<Event>('recent') }
 */
export function listState<T>(name: string): ListStateDescriptor<T> {
  return Object.freeze({ kind: 'list', name })
}

/**
 * A map per key.
 *
 * @example state: { perDevice: mapState<string, number>('perDevice') }
 */
export function mapState<K, V>(name: string): MapStateDescriptor<K, V> {
  return Object.freeze({ kind: 'map', name })
}
