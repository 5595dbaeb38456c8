/** Where the ids of checkpoints come from: blocks that were reserved in the storage, ahead of the need. */
import { assert } from '../base/assert.ts'
import { type CheckpointId, checkpointId } from '../base/ids.ts'
import { type CheckpointDraft, RESERVE_TIMER } from './checkpoint-draft.ts'
import type { LifecycleEvent } from './checkpoint-protocol.ts'
import type { IdBlock } from './checkpoint-store.ts'

/** With fewer ids left more are reserved, so that no checkpoint waits for the storage. */
const IDS_LEFT_MIN = 8
const RETRY_MS = 1_000

export function takeId(draft: CheckpointDraft): CheckpointId | undefined {
  const [block, ...later] = draft.state.ids
  if (block === undefined) return undefined
  const { first, last } = block
  draft.change({ ids: first === last ? later : [{ first: checkpointId(first + 1), last }, ...later] })
  return first
}

export function reserveAhead(draft: CheckpointDraft): void {
  const { lifecycle, reservation, ids } = draft.state
  if (lifecycle !== 'running' || reservation !== 'none' || idCount(ids) >= IDS_LEFT_MIN) return
  draft.change({ reservation: 'asked' })
  draft.emit({ kind: 'reserve-ids' })
}

export function addIds(draft: CheckpointDraft, { ids }: LifecycleEvent<'reserved'>): void {
  const last = draft.state.ids.at(-1)?.last ?? 0
  assert(ids.first > last, 'ids are reserved behind those before', { first: ids.first, last })
  draft.change({ ids: [...draft.state.ids, ids], reservation: 'none' })
}

export function retryReservation(draft: CheckpointDraft): void {
  draft.change({ reservation: 'retrying' })
  draft.emit({ kind: 'start-timer', name: RESERVE_TIMER, atMs: draft.nowMs + RETRY_MS, fires: { kind: 'reserve-due' } })
}

/** Whether there is still a need is asked at the end of every step. */
export function forgetReservation(draft: CheckpointDraft): void {
  draft.change({ reservation: 'none' })
}

/** No timer outlives the life cycle it belongs to; an answer that is on its way is heard. */
export function stopRetrying(draft: CheckpointDraft): void {
  if (draft.state.reservation !== 'retrying') return
  forgetReservation(draft)
  draft.emit({ kind: 'cancel-timer', name: RESERVE_TIMER })
}

function idCount(ids: readonly IdBlock[]): number {
  return ids.reduce((sum, { first, last }) => sum + last - first + 1, 0)
}
