/** What window joins and coGroups are made of. */
import { parseDuration } from '../base/duration.ts'
import type { CoGroupDefinition } from '../operators/co-group-definition.ts'
import type { OperatorSpec } from '../operators/operator.ts'
import type { Key } from '../stream/key-groups.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import { byKey } from './stream-origin.ts'
import { attachBehindBoth, type TwoInputs } from './two-inputs.ts'

/** A method, so that a stream of a subtype can be joined as one of its supertype. */
export interface LeftKey<L, K extends Key> {
  leftKey(value: L): K
}

/** Two streams and the keys that must be equal. */
export interface EqualKeys<L, R, K extends Key> extends LeftKey<L, K> {
  readonly inputs: TwoInputs
  rightKey(value: R): K
}

/** What is said about the windows. */
export type BothWindows<L, R, K extends Key> = Pick<
  CoGroupDefinition<L, R, K, unknown>,
  'assigner' | 'trigger' | 'evictor' | 'allowedLatenessMs' | 'lateTag'
>

/** The same without the types of records: what is private to a class counts when streams of subtypes are given for their supertypes. */
export type ErasedWindows = BothWindows<unknown, unknown, Key>

/** What is said about the windows, and one thing more. */
export function withChange<L, R, K extends Key>(
  windows: ErasedWindows,
  change: Partial<BothWindows<L, R, K>>,
): ErasedWindows {
  return { ...windows, ...(change as Partial<ErasedWindows>) } // only the operator of streams with these types will see it
}

/** With the types that they came with. */
export function typedWindows<L, R, K extends Key>(windows: ErasedWindows): BothWindows<L, R, K> {
  return windows as BothWindows<L, R, K> // likewise
}

/** The allowed lateness as the user writes it; CFG1002 when it is no duration. */
export function latenessOf(lateness: string): { readonly allowedLatenessMs: number } {
  return { allowedLatenessMs: parseDuration(lateness, 'allowed lateness') }
}

/** The keys as functions. */
export function keySelectors<L, R, K extends Key>(
  keys: EqualKeys<L, R, K>,
): Pick<CoGroupDefinition<L, R, K, unknown>, 'leftKey' | 'rightKey'> {
  return { leftKey: (value) => keys.leftKey(value), rightKey: (value) => keys.rightKey(value) }
}

/** Puts the operator behind both streams, each brought to the subtask of its key. */
export function attachByKeys<L, R, K extends Key, O>(
  keys: EqualKeys<L, R, K>,
  operator: OperatorSpec,
): SingleOutputStreamOperator<O> {
  const { first, second, attach } = keys.inputs
  const { leftKey, rightKey } = keySelectors(keys)
  return attachBehindBoth({ first: byKey(first, leftKey), second: byKey(second, rightKey), attach }, operator)
}
