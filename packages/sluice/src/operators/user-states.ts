/**
 * States as a user declares them on a function, and as the function sees them. The graph knows every state's name and kind before the job runs.
 */
import { EngineError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import { recordOf } from '../base/record-of.ts'
import {
  type AggregatingStateDescriptor,
  type DefaultedStateDescriptor,
  ofItsKind,
  type ReducingStateDescriptor,
  type StateDescriptor,
} from '../state/descriptors.ts'
import type {
  AggregatingState,
  KeyedStateBackend,
  ListState,
  MapState,
  ReducingState,
  ValueState,
} from '../state/keyed-state.ts'

/** The states of an operator, by the name under which the context shows them. */
export type StateDeclarations = Readonly<Record<string, StateDescriptor>>

/** A value state with a declared default. */
interface DefaultedValueState<T> extends ValueState<T> {
  value(): T
}

/** What a declared state looks like at run time. */
type StateHandle<D> =
  D extends DefaultedStateDescriptor<infer T>
    ? DefaultedValueState<T>
    : D extends StateDescriptor<'value', infer T, unknown>
      ? ValueState<T>
      : D extends StateDescriptor<'list', infer T, unknown>
        ? ListState<T>
        : D extends StateDescriptor<'map', infer V, infer K>
          ? MapState<K, V>
          : D extends ReducingStateDescriptor<infer T>
            ? ReducingState<T>
            : D extends AggregatingStateDescriptor<infer T, infer _A, infer R>
              ? AggregatingState<T, R>
              : never

/** What `ctx.state` shows for the declarations. */
export type StateHandles<S extends StateDeclarations> = { readonly [Name in keyof S]: StateHandle<S[Name]> }

/** What of the declarations must match between a checkpoint and the graph; GRA1006 when two share a name. */
export function layoutOfStates(states: StateDeclarations): JsonValue {
  const layout = Object.values(states).map(({ name, kind }) => ({ name, kind }))
  const twice = layout.find((state, index) => layout.findIndex(({ name }) => name === state.name) !== index)
  if (twice === undefined) return layout
  throw new EngineError(
    'GRA1006',
    `an operator declares the state name "${twice.name}" twice. The job was not built, because state is found by its name in a checkpoint. ` +
      'Give each of its states another name.',
  )
}

/** Declares them in the backend. */
export function openStates<S extends StateDeclarations>(states: S, keyed: KeyedStateBackend): StateHandles<S> {
  return recordOf<StateHandles<S>>(Object.entries(states).map(([name, declared]) => [name, openState(declared, keyed)]))
}

function openState(declared: StateDescriptor, keyed: KeyedStateBackend): unknown {
  const descriptor = ofItsKind(declared)
  switch (descriptor.kind) {
    case 'value':
      return keyed.valueState(descriptor)
    case 'list':
      return keyed.listState(descriptor)
    case 'map':
      return keyed.mapState(descriptor)
    case 'reducing':
      return keyed.reducingState(descriptor)
    case 'aggregating':
      return keyed.aggregatingState(descriptor)
  }
}
