import { present } from '../base/assert.ts'
import { ByteReader } from '../base/bytes.ts'
import { operatorStateIn } from '../checkpoint/operator-state-bytes.ts'
import type { SnapshotStorage } from '../checkpoint/checkpoint-store.ts'
import type { KeyedStateHandle, TaskRestore } from '../checkpoint/handles.ts'
import type { KeyedStateBackend } from '../state/keyed-state.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { ChainLinkState, RestoredOperatorState } from './operator-chain.ts'

/** Reads a checkpoint back: keyed state into the backends, operator state by uid. */
export async function restoreChain(
  restore: TaskRestore,
  links: readonly ChainLinkState[],
  storage: SnapshotStorage,
): Promise<RestoredOperatorState> {
  const items = new Map<string, OperatorStateItems>()
  for (const operator of restore.operators) {
    if (operator.operatorState !== undefined)
      items.set(operator.uid, present(operatorStateIn(operator.operatorState), `the operator state of ${operator.uid}`))
    const link = links.find((candidate) => candidate.spec.uid === operator.uid)
    for (const handle of operator.keyed)
      await restoreKeyed(handle, present(link?.keyed, `the keyed state of ${operator.uid}`), storage)
  }
  return { checkpoint: restore.checkpoint, items }
}

async function restoreKeyed(
  handle: KeyedStateHandle,
  backend: KeyedStateBackend,
  storage: SnapshotStorage,
): Promise<void> {
  const reader = new ByteReader(await storage.readData(handle.data))
  while (reader.remaining > 0) backend.restore(reader.slice(reader.u32()))
}
