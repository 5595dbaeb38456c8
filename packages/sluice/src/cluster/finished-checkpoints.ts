import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts'

/** Removes all checkpoints of a job that has finished: nothing will be restored any more. Again at every later start, because a crash may leave some. */
export async function removeCheckpoints(store: CheckpointStore): Promise<void> {
  for (const checkpoint of await store.published()) await store.discard(checkpoint)
  await store.discardUnpublished(new Set())
}
