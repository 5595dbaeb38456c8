import { type LeaderEpoch, checkpointId } from '../base/ids.ts'
import type { CheckpointStore } from './checkpoint-store.ts'

/**
 * Removes all checkpoints of a job of which nothing will be restored any more: it has finished, or it starts over. Again at every later
 * start, because a crash may leave some. Ids stay used.
 *
 * Whoever has overtaken this epoch keeps what is its own: only ids below those that are reserved here are touched. Rejects with CKP1007 when that is
 * known already.
 */
export async function removeCheckpoints(store: CheckpointStore, epoch: LeaderEpoch): Promise<void> {
  const { last } = await store.seal(epoch)
  const below = checkpointId(last + 1)
  for (const checkpoint of await store.published()) if (checkpoint < below) await store.discard(checkpoint)
  await store.forgetBelow(below)
  await store.discardUnpublished(below)
}
