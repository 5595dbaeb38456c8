import type { Key } from '../stream/key-groups.ts'
import type { CoProcessContext } from './co-process.ts'
import type { Evictor } from './evictors.ts'
import type { Trigger } from './triggers.ts'
import type { WindowAssigner } from './window-assigners.ts'
import type { TimeWindow } from './window-definition.ts'

/** A record of one of two inputs, where both come together. */
export type CoGroupedRecord<L, R> =
  | { readonly side: 'left'; readonly value: L }
  | { readonly side: 'right'; readonly value: R }

/** What the function of a coGroup works with. One object serves all calls: do not keep it. */
export interface CoGroupContext<K extends Key, O> extends CoProcessContext<O> {
  readonly key: K
  readonly window: TimeWindow
  /** The last millisecond of the window: what `emit` stamps. */
  readonly timestamp: number
}

/** Methods, because the operators see definitions of any records: the graph guarantees those of each input. */
export interface CoGroupDefinition<L, R, K extends Key, O> {
  /** What the operator is called in plans. */
  readonly kind: 'co-group' | 'window-join'
  leftKey(this: void, value: L): K
  rightKey(this: void, value: R): K
  readonly assigner: WindowAssigner<CoGroupedRecord<L, R>>
  /** Default: that of the assigner. */
  readonly trigger?: Trigger<CoGroupedRecord<L, R>> | undefined
  readonly evictor?: Evictor<CoGroupedRecord<L, R>> | undefined
  /** Called at each firing of a window; one of the lists may be empty. */
  coGroup(this: void, lefts: readonly L[], rights: readonly R[], context: CoGroupContext<K, O>): void
  readonly allowedLatenessMs?: number | undefined
  /** Name of the side output for late records, as `CoGroupedRecord`; `lateRecords` counts them with and without one. */
  readonly lateTag?: string | undefined
}
