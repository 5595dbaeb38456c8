/** The sources of a hybrid source in their order, and what its enumerator and readers say to each other. */
import { assert, present } from '../base/assert.ts'
import { EngineError } from '../base/errors.ts'
import type { Source, SourceEvent, SourceSplit } from './source.ts'

/** What a source that is made late knows. */
export interface SourceSwitchContext {
  /** What `endState` of the enumerator of the source before gave; undefined when it has no such method. */
  readonly previousEndState: unknown
}

/** Makes the same source for the same context, without side effects: it is called on the JobManager and in every reader. */
export type SourceFactory<T> = (context: SourceSwitchContext) => Source<T>

export type HybridStage<T> =
  | { readonly kind: 'source'; readonly source: Source<T> }
  | { readonly kind: 'factory'; readonly create: SourceFactory<T>; readonly boundedness: Source<T>['boundedness'] }

/** A split of one of the sources. */
export interface HybridSplit extends SourceSplit {
  readonly stage: number
  readonly inner: SourceSplit
}

export type ToHybridReader =
  /** The source of this number is read from here on. */
  | { readonly kind: 'switch'; readonly stage: number; readonly previousEndState: unknown }
  /** No more splits of a source that is not the last one. */
  | { readonly kind: 'no-more' }
  | { readonly kind: 'inner'; readonly event: SourceEvent }

export type FromHybridReader =
  /** All splits of that source that the reader had are read, and no more will come. */
  | { readonly kind: 'finished'; readonly stage: number }
  | { readonly kind: 'inner'; readonly stage: number; readonly event: SourceEvent }

/** What a HybridEnumerator sent. */
export function toHybridReader(event: SourceEvent): ToHybridReader {
  assert(isForReader(event), 'the readers of a hybrid source hear from its enumerator only')
  return event
}

/** What a HybridReader sent. */
export function fromHybridReader(event: SourceEvent): FromHybridReader {
  assert(isFromReader(event), 'the enumerator of a hybrid source hears from its readers only')
  return event
}

function isForReader(event: SourceEvent): event is ToHybridReader {
  if (!hasKind(event)) return false
  return event.kind === 'no-more' || (event.kind === 'switch' && hasStage(event)) || isInner(event)
}

function isFromReader(event: SourceEvent): event is FromHybridReader {
  return hasKind(event) && hasStage(event) && (event.kind === 'finished' || isInner(event))
}

function hasKind(event: SourceEvent): event is { readonly kind: unknown } {
  return typeof event === 'object' && event !== null && 'kind' in event
}

function hasStage(event: object): boolean {
  return 'stage' in event && typeof event.stage === 'number'
}

function isInner(event: { readonly kind: unknown }): boolean {
  return event.kind === 'inner' && 'event' in event
}

export function boundednessOf(stage: HybridStage<unknown>): Source<unknown>['boundedness'] {
  return stage.kind === 'source' ? stage.source.boundedness : stage.boundedness
}

/** @throws SRC1007 when a factory gives something else than it was to give */
export function sourceOf<T>(stages: readonly HybridStage<T>[], index: number, previousEndState: unknown): Source<T> {
  const stage = present(stages[index], 'a source of the hybrid source')
  if (stage.kind === 'source') return stage.source
  const source = stage.create({ previousEndState })
  if (source.boundedness === stage.boundedness) return source
  throw new EngineError(
    'SRC1007',
    `the function for source ${index + 1} of a hybrid source made a ${source.boundedness} source (${source.kind}) where a ${stage.boundedness} one was announced. Nothing of it was read. ` +
      'Say in addSource(…) what the function makes.',
  )
}

/** In front of the ids of a source's splits. */
export function prefixOf(stage: number): string {
  return `${stage}/`
}

export function wrapSplit(stage: number, inner: SourceSplit): HybridSplit {
  const prefix = prefixOf(stage)
  const sequence = inner.sequence === undefined ? {} : { sequence: prefix + inner.sequence }
  return { id: prefix + inner.id, ...sequence, stage, inner }
}
