/** A manifest for tests. */
import { attemptNumber, checkpointId, leaderEpoch, operatorUid, subtaskIndex, vertexId } from '../src/base/ids.ts'
import type { DataHandle, TaskSnapshot } from '../src/checkpoint/handles.ts'
import type { CheckpointManifest } from '../src/checkpoint/manifest.ts'

export function sampleManifest(fields: Partial<CheckpointManifest> = {}): CheckpointManifest {
  return {
    checkpoint: checkpointId(42),
    jobName: 'orders',
    epoch: leaderEpoch(3),
    attempt: attemptNumber(1),
    triggeredWallMs: 1_700_000_000_000,
    completedWallMs: 1_700_000_000_250,
    layout: {
      version: 1,
      jobName: 'orders',
      operators: [
        { uid: 'sum', kind: 'window', layout: { states: ['acc'] }, maxParallelism: 128, inputs: [{ from: 'source' }] },
      ],
    },
    layoutHash: 'c0ffee',
    parameters: { input: 'a.jsonl', lateness: '48h' },
    vertices: [{ id: vertexId('sum'), parallelism: 2, maxParallelism: 128, tasks: [sampleTask(0), sampleTask(1)] }],
    enumerators: [{ uid: operatorUid('source'), state: new Uint8Array([0, 255, 7]) }],
    ...fields,
  }
}

export function sampleTask(subtask: number, data?: DataHandle): TaskSnapshot {
  const file = data ?? { path: `checkpoints/chk-000042/sum-${subtask}`, sizeBytes: 10, crc32: 99 }
  return {
    vertex: vertexId('sum'),
    subtask: subtaskIndex(subtask),
    operators: [
      {
        uid: operatorUid('sum'),
        keyed: { data: file, keyGroups: { first: subtask * 64, last: subtask * 64 + 63 }, entryCount: 5 },
        operatorState: new Uint8Array([1, 2, 3]),
      },
      { uid: operatorUid('late') },
    ],
    stats: { alignmentMs: 1.5, syncMs: 0.25, asyncMs: 12, stateBytes: 10 },
  }
}
