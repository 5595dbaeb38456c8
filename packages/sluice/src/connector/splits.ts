import { assert } from '../base/assert.ts'
import type { SourceSplit } from './source.ts'

/** Splits as they come out of messages and checkpoints: what the source itself keeps in them is its own affair. */
export function splitsIn(items: readonly unknown[]): readonly SourceSplit[] {
  assert(items.every(isSplit), 'a split has an id that is a text')
  return items
}

function isSplit(item: unknown): item is SourceSplit {
  return typeof item === 'object' && item !== null && 'id' in item && typeof item.id === 'string'
}
