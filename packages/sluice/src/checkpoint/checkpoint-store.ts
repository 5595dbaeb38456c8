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

/** What the coordinator needs. */
export interface CheckpointStore extends SnapshotStorage {
  /** Creates the manifest if there is none with this id. `exists` means that somebody else decided it. */
  publish(checkpoint: CheckpointId, manifest: Uint8Array): Promise<'published' | 'exists'>
  /** Ids of all published checkpoints, ascending. */
  published(): Promise<readonly CheckpointId[]>
  /** The greatest id that left a trace here, published or not; 0 if none. The next job takes greater ones (D3). */
  highestId(): Promise<number>
  /** Bytes of a manifest, as published; CKP1003 when there is none, CKP1002 when it cannot be read. */
  readManifest(checkpoint: CheckpointId): Promise<Uint8Array>
  /** Where its manifest is, for people to look at. */
  manifestPlace(checkpoint: CheckpointId): string
  /** Removes a checkpoint: first its manifest, then its data. Fine when it is half gone or was never published. */
  discard(checkpoint: CheckpointId): Promise<void>
  /** Removes data of checkpoints that are not published and not `inProgress`; resolves with their ids, ascending. */
  discardUnpublished(inProgress: ReadonlySet<CheckpointId>): Promise<readonly CheckpointId[]>
  /** Claims the next leader epoch by conditional create. */
  claimEpoch(): Promise<LeaderEpoch>
  /** The highest claimed epoch, 0 if none. */
  currentEpoch(): Promise<LeaderEpoch>
}
