/** How ids are counted out: block n has the ids (n - 1) * 16 + 1 to n * 16. */
import { type CheckpointId, checkpointId } from '../../base/ids.ts'
import type { IdBlock } from '../checkpoint-store.ts'

/** Enough that a reservation is rare beside checkpoints, few enough that a new leader seals the rest of one at once. */
export const IDS_PER_BLOCK = 16

export function idsOfBlock(block: number): IdBlock {
  const last = block * IDS_PER_BLOCK
  return { first: checkpointId(last - IDS_PER_BLOCK + 1), last: checkpointId(last) }
}

/** The block that has this id; 0 for the id 0. */
export function blockWith(id: number): number {
  return Math.ceil(id / IDS_PER_BLOCK)
}

export function allIdsOf(block: number): readonly CheckpointId[] {
  const { first } = idsOfBlock(block)
  return Array.from({ length: IDS_PER_BLOCK }, (_, index) => checkpointId(first + index))
}
