/** Declarations of operator state: state of a subtask that belongs to no key. */
import { checkStateName } from './descriptors.ts'
import type { RedistributionMode } from './operator-state.ts'

/** Frozen plain data: it is part of the graph, and its name and mode are part of every checkpoint. */
export interface OperatorStateDescriptor<
  Mode extends RedistributionMode = RedistributionMode,
  V = unknown,
  K = unknown,
> {
  readonly mode: Mode
  readonly name: string
  /** Only for the type checker. */
  readonly types?: { readonly value: V; readonly key: K }
}

export type OperatorListStateDescriptor<T> = OperatorStateDescriptor<'split', T>
export type UnionListStateDescriptor<T> = OperatorStateDescriptor<'union', T>
export type BroadcastStateDescriptor<K, V> = OperatorStateDescriptor<'broadcast', V, K>

/**
 * A list of a subtask. When the parallelism changes, its elements are dealt out evenly: each one goes to exactly one subtask.
 *
 * @param name unique among the operator states of the operator; it names the state in checkpoints
 * @throws STA1003 when the name is empty
 * @example operatorState: { pending: operatorListState<Request>('pending') }
 */
export function operatorListState<T>(name: string): OperatorListStateDescriptor<T> {
  return described('split', name)
}

/**
 * A list of a subtask. After every restore each subtask has the elements of all of them, and keeps what it needs.
 *
 * @throws STA1003 when the name is empty
 * @example operatorState: { offsets: unionListState<Offset>('offsets') }
 */
export function unionListState<T>(name: string): UnionListStateDescriptor<T> {
  return described('union', name)
}

/**
 * A map that is the same in every subtask, because each one makes the same changes; subtasks that are new after a restore get a copy.
 *
 * @throws STA1003 when the name is empty
 * @example operatorState: { limits: broadcastState<string, number>('limits') }
 */
export function broadcastState<K, V>(name: string): BroadcastStateDescriptor<K, V> {
  return described('broadcast', name)
}

function described<Mode extends RedistributionMode>(mode: Mode, name: string): { mode: Mode; name: string } {
  checkStateName(name)
  return Object.freeze({ mode, name })
}
