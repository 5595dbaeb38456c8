import { asEngineError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { CheckpointStore, SnapshotStorage } from './checkpoint-store.ts'
import { type CheckpointManifest, dataHandlesOf, decodeManifest } from './manifest.ts'
import {
  type RecoveryState,
  type RestoreDecision,
  type RestoreExpectation,
  failed,
  loaded,
  nextRecoveryStep,
  startRecovery,
} from './recovery.ts'

/**
 * Finds the checkpoint to restore: the newest one whose manifest and files are whole. Reads every file of it once. One that is known to have been
 * published counts as such when it is not listed any more: it is reported as missing, and the job does not begin anew (R3).
 *
 * @example const decision = await restoreLatest(store, { jobName, layoutHash, differencesFrom })
 */
export async function restoreLatest(
  store: CheckpointStore,
  expectation: RestoreExpectation,
  known?: CheckpointId,
): Promise<RestoreDecision> {
  const listed = await store.published()
  const candidates = known === undefined || listed.includes(known) ? listed : [...listed, known].sort((a, b) => a - b)
  let state = startRecovery(candidates, expectation)
  for (;;) {
    const step = nextRecoveryStep(state)
    if (step.kind !== 'load') return step
    state = await tryCheckpoint(store, state, step.checkpoint)
  }
}

/** Reads every file the manifest refers to. @throws CKP1003 when one is missing, truncated or changed */
async function verify(manifest: CheckpointManifest, storage: SnapshotStorage): Promise<void> {
  for (const handle of dataHandlesOf(manifest)) await storage.readData(handle)
}

async function tryCheckpoint(
  store: CheckpointStore,
  state: RecoveryState,
  checkpoint: CheckpointId,
): Promise<RecoveryState> {
  try {
    return loaded(state, await load(store, checkpoint))
  } catch (error) {
    return failed(
      state,
      checkpoint,
      asEngineError(error, 'CKP1002', `checkpoint ${checkpoint} cannot be read`, {
        path: store.manifestPlace(checkpoint),
      }),
    )
  }
}

async function load(store: CheckpointStore, checkpoint: CheckpointId): Promise<CheckpointManifest> {
  const manifest = decodeManifest(await store.readManifest(checkpoint), checkpoint)
  await verify(manifest, store)
  return manifest
}
