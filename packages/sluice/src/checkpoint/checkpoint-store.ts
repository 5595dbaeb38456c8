/**
 * Durable storage of checkpoints.
 *
 * Owns: the interface; implementations in stores/ pass one conformance suite. An object store and a directory both fit it.
 *
 * D1 `publish` is the decision point: before it resolves `published` nothing of the checkpoint is restorable, after it the checkpoint is
 *    complete for ever (until discarded) and its commits must eventually succeed.
 * D2 A data handle is returned only when its bytes survive a power loss.
 *    `published` and `readManifest` show only what survives a power loss.
 * D3 A failed sync or publish poisons nothing but its own checkpoint; ids are never reused, so a retry is a new checkpoint.
 * D4 Two leaders never both publish after one of them has read: an id is published only when its epoch reserved it, and `seal` of a higher
 *    epoch has made every older id that is not published unpublishable before it resolves. docs/spec/checkpoint.md, "Fencing".
 *    It takes nothing but conditional create, list, read and remove, so that an object store can do it too.
 */
import type { CheckpointId, LeaderEpoch } from '../base/ids.ts'
import type { DataHandle } from './handles.ts'

/** What a task needs of the storage. */
export interface SnapshotStorage {
  /** A new data file of this checkpoint; `name` is unique within checkpoint and attempt. */
  openData(checkpoint: CheckpointId, name: string): Promise<DataWriter>
  /** The whole content; CKP1003 when size or checksum differ, CKP1002 when it cannot be read. */
  readData(handle: DataHandle): Promise<Uint8Array>
}

export interface DataWriter {
  write(bytes: Uint8Array): Promise<void>
  /** Syncs content and name, closes. */
  finish(): Promise<DataHandle>
  /** Gives the file up; never fails. */
  abandon(): Promise<void>
}

/** Ids that one epoch may use, one after the other. */
export interface IdBlock {
  readonly first: CheckpointId
  readonly last: CheckpointId
}

/** What the coordinator needs. */
export interface CheckpointStore extends SnapshotStorage {
  /**
   * For a new leader, before it reads: what older epochs did not publish until now they never will (D4). Resolves with its first ids, greater
   * than all that left a trace. Rejects with CKP1007 when a higher epoch was claimed.
   */
  seal(epoch: LeaderEpoch): Promise<IdBlock>
  /** More ids, behind those reserved before. Rejects with CKP1007 when a higher epoch was claimed: its owner has taken over. */
  reserveIds(epoch: LeaderEpoch): Promise<IdBlock>
  /** Creates the manifest if there is none with this id and it was not sealed. `exists` means that somebody else decided it. */
  publish(checkpoint: CheckpointId, manifest: Uint8Array): Promise<'published' | 'exists'>
  /** Ids of all published checkpoints, ascending; sealed ones are none. */
  published(): Promise<readonly CheckpointId[]>
  /** The greatest id that left a trace here, reserved, published or not; 0 if none. The next leader takes greater ones (D3). */
  highestId(): Promise<number>
  /** Bytes of a manifest, as published; CKP1003 when there is none, CKP1002 when it cannot be read. */
  readManifest(checkpoint: CheckpointId): Promise<Uint8Array>
  /** Where its manifest is, for people to look at. */
  manifestPlace(checkpoint: CheckpointId): string
  /** Removes a checkpoint: first its manifest, then its data. Fine when it is half gone or was never published. A seal stays (D4). */
  discard(checkpoint: CheckpointId): Promise<void>
  /**
   * Removes data of checkpoints below this id that are not published; resolves with their ids, ascending. Below the ids of a leader nobody works
   * any more; whoever has overtaken it works above them. All removals until then are durable when it resolves.
   */
  discardUnpublished(below: CheckpointId): Promise<readonly CheckpointId[]>
  /**
   * For the leader, behind `discard`: nothing below this id is published, and nothing will be. What is left there (seals, reservations) may be
   * forgotten, and stays unpublishable.
   */
  forgetBelow(checkpoint: CheckpointId): Promise<void>
  /**
   * Claims the next epoch by conditional create. `leader`: the epoch of the cluster's leader that claims; those of a higher one are higher, and
   * once there is one the claim is refused with CKP1007.
   */
  claimEpoch(leader?: LeaderEpoch): Promise<LeaderEpoch>
  /** The highest claimed epoch, 0 if none. */
  currentEpoch(): Promise<LeaderEpoch>
}
