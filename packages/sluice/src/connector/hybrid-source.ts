/** Several sources one after the other: bounded history first, then what goes on. docs/spec/connectors.md, "Hybrid source". */
import { EngineError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import { HybridEnumerator, type HybridState } from './hybrid-enumerator.ts'
import { HybridReader } from './hybrid-reader.ts'
import { type HybridSplit, type HybridStage, type SourceFactory, boundednessOf } from './hybrid-stages.ts'
import type { Source } from './source.ts'

/** Sources in the order in which they are read. Immutable: each call gives another builder. */
export interface HybridSourceBuilder<T> {
  /**
   * A source that is read when all readers have read the one before to its end.
   *
   * @throws SRC1007 when the one before never ends
   */
  addSource(source: Source<T>): HybridSourceBuilder<T>
  /**
   * The same, made when its turn comes, from where the one before has ended.
   *
   * @param boundedness of the source that `create` makes
   * @throws SRC1007 when the one before never ends
   */
  addSource(create: SourceFactory<T>, boundedness: Source<T>['boundedness']): HybridSourceBuilder<T>
  /** The source, for `env.fromSource`. */
  build(): Source<T, HybridSplit, HybridState>
}

/**
 * Reads several sources one after the other as one: all readers change to the next one together, when each has read the current one to its end. Event
 * time stands still until then in a reader that is done before the others.
 *
 * @example
 * const source = HybridSource.builder(parquetSource<Order>('history'))
 *   .addSource(({ previousEndState }) => liveOrders({ since: previousEndState }), 'continuous')
 *   .build()
 */
export const HybridSource = Object.freeze({
  /**
   * @param first bounded, or the only one
   * @throws SRC1007 when something is to follow a source that never ends
   */
  builder<T>(first: Source<T>): HybridSourceBuilder<T> {
    return builderOf([Object.freeze<HybridStage<T>>({ kind: 'source', source: first })])
  },
})

function builderOf<T>(stages: readonly HybridStage<T>[]): HybridSourceBuilder<T> {
  return Object.freeze<HybridSourceBuilder<T>>({
    addSource(next: Source<T> | SourceFactory<T>, boundedness?: Source<T>['boundedness']) {
      refuseBehindEndless(stages)
      return builderOf([...stages, Object.freeze(stageOf(next, boundedness, stages.length))])
    },
    build: () => hybridSource(stages),
  })
}

function stageOf<T>(
  next: Source<T> | SourceFactory<T>,
  boundedness: Source<T>['boundedness'] | undefined,
  index: number,
): HybridStage<T> {
  if (typeof next !== 'function') return { kind: 'source', source: next }
  if (boundedness !== undefined) return { kind: 'factory', create: next, boundedness }
  throw new EngineError(
    'SRC1007',
    `addSource() was given a function for source ${index + 1} and no boundedness, which has to be known before the function is called. The job was not built. ` +
      "Add 'bounded' or 'continuous' behind the function.",
  )
}

function refuseBehindEndless(stages: readonly HybridStage<unknown>[]): void {
  const index = stages.findIndex((stage) => boundednessOf(stage) === 'continuous')
  if (index < 0) return
  throw new EngineError(
    'SRC1007',
    `source ${index + 1} of a hybrid source never ends, so nothing behind it would ever be read. The job was not built. Make it bounded, or put it last.`,
  )
}

function hybridSource<T>(stages: readonly HybridStage<T>[]): Source<T, HybridSplit, HybridState> {
  const last = stages.at(-1)
  const isHandedBack = stages.some((stage) => stage.kind === 'source' && stage.source.restoredSplits === 'enumerator')
  return Object.freeze<Source<T, HybridSplit, HybridState>>({
    kind: 'hybrid',
    identity: { sources: stages.map(identityOf) },
    boundedness: last === undefined ? 'bounded' : boundednessOf(last),
    ...(isHandedBack ? { restoredSplits: 'enumerator' } : {}),
    createEnumerator: (context, restored) => new HybridEnumerator(stages, context, restored),
    createReader: (context) => new HybridReader(stages, context),
  })
}

function identityOf(stage: HybridStage<unknown>): JsonValue {
  return stage.kind === 'source'
    ? { kind: stage.source.kind, identity: stage.source.identity }
    : { kind: 'made later', boundedness: stage.boundedness }
}
