/**
 * Hands the state of a checkpoint out to the subtasks of a graph, which may have another parallelism and other chains.
 *
 * Owns: who gets which file and which operator state. Does not own: reading files; how lists are split (checkpoint/redistribute.ts).
 *
 * A1 State belongs to operators, not to vertices: chains may have changed since.
 * A2 A keyed file goes to every subtask whose key groups it touches; the subtask skips foreign groups.
 */
import { EngineError } from '../base/errors.ts'
import type { OperatorUid, SubtaskIndex, VertexId } from '../base/ids.ts'
import type { KeyedStateHandle, OperatorRestore, OperatorSnapshot, TaskRestore } from '../checkpoint/handles.ts'
import type { CheckpointManifest } from '../checkpoint/manifest.ts'
import type { JobGraph, JobVertex } from '../graph/job-graph.ts'
import { operatorStateIn } from '../checkpoint/operator-state-bytes.ts'
import { valueToBytes } from '../serde/value-codec.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import { redistributeOperatorState } from '../checkpoint/redistribute.ts'
import { type KeyGroupRange, keyGroupRange } from '../stream/key-groups.ts'

/** By vertex, one entry per new subtask. */
export type RestoreAssignment = ReadonlyMap<VertexId, readonly TaskRestore[]>

export function assignRestore(manifest: CheckpointManifest, graph: Pick<JobGraph, 'vertices'>): RestoreAssignment {
  const written = snapshotsByOperator(manifest)
  return new Map(graph.vertices.map((vertex) => [vertex.id, restoreVertex(manifest, vertex, written)]))
}

interface WrittenSnapshot {
  readonly subtask: SubtaskIndex
  readonly parallelism: number
  readonly snapshot: OperatorSnapshot
}

type WrittenByOperator = ReadonlyMap<OperatorUid, readonly WrittenSnapshot[]>

/** A1 */
function snapshotsByOperator(manifest: CheckpointManifest): WrittenByOperator {
  const written = manifest.vertices.flatMap(({ parallelism, tasks }) =>
    tasks.flatMap(({ subtask, operators }) => operators.map((snapshot) => ({ subtask, parallelism, snapshot }))),
  )
  return Map.groupBy(written, ({ snapshot }) => snapshot.uid)
}

function restoreVertex(
  manifest: CheckpointManifest,
  vertex: JobVertex,
  written: WrittenByOperator,
): readonly TaskRestore[] {
  const operators = vertex.operators.map(({ uid }) => restoreOperator(manifest, vertex, uid, written.get(uid) ?? []))
  return Array.from({ length: vertex.parallelism }, (_, subtask) => ({
    checkpoint: manifest.checkpoint,
    operators: operators.flatMap((bySubtask) => bySubtask[subtask] ?? []),
  }))
}

/** By new subtask; undefined where there is nothing to restore. */
function restoreOperator(
  manifest: CheckpointManifest,
  { parallelism, maxParallelism }: JobVertex,
  uid: OperatorUid,
  written: readonly WrittenSnapshot[],
): readonly (OperatorRestore | undefined)[] {
  const handles = written.flatMap(({ snapshot }) => snapshot.keyed ?? [])
  const states = redistribute(manifest, uid, written, parallelism)
  return Array.from({ length: parallelism }, (_, subtask) => {
    const keyed = handlesFor(keyGroupRange(subtask, maxParallelism, parallelism), handles)
    const operatorState = states[subtask]
    if (keyed.length === 0 && operatorState === undefined) return undefined
    return { uid, keyed, ...(operatorState === undefined ? {} : { operatorState }) }
  })
}

/** A2 */
function handlesFor(range: KeyGroupRange, handles: readonly KeyedStateHandle[]): readonly KeyedStateHandle[] {
  return handles.filter(
    ({ keyGroups, entryCount }) => entryCount > 0 && keyGroups.first <= range.last && keyGroups.last >= range.first,
  )
}

function redistribute(
  manifest: CheckpointManifest,
  uid: OperatorUid,
  written: readonly WrittenSnapshot[],
  parallelism: number,
): readonly Uint8Array[] {
  const withState = written.filter(({ snapshot }) => snapshot.operatorState !== undefined)
  const oldParallelism = withState[0]?.parallelism
  if (oldParallelism === undefined) return []
  const old: (OperatorStateItems | undefined)[] = Array.from({ length: oldParallelism }, () => undefined)
  for (const { subtask, snapshot } of withState) {
    if (snapshot.operatorState !== undefined) old[subtask] = decodeOperatorState(manifest, uid, snapshot.operatorState)
  }
  return redistributeOperatorState(old, parallelism).map((items) => valueToBytes(items))
}

/** @throws CKP1003 */
export function decodeOperatorState(
  manifest: CheckpointManifest,
  uid: OperatorUid,
  bytes: Uint8Array,
): OperatorStateItems {
  const items = operatorStateIn(bytes)
  if (items !== undefined) return items
  throw new EngineError(
    'CKP1003',
    `the state of operator "${uid}" in checkpoint ${manifest.checkpoint} is not a list of named states. The checkpoint cannot be restored. It was written by another release: run that one.`,
    { context: { operator: uid, checkpoint: manifest.checkpoint } },
  )
}
