import { assert } from '../base/assert.ts'
import type { AttemptNumber, CheckpointId, LeaderEpoch, VertexId } from '../base/ids.ts'
import type { GraphLayout } from '../graph/job-graph.ts'
import type { CheckpointContents } from './checkpoint-protocol.ts'
import type { CheckpointManifest, ManifestVertex } from './manifest.ts'

/** What a manifest says beside what the tasks and enumerators sent. */
export interface ManifestFacts {
  readonly jobName: string
  readonly epoch: LeaderEpoch
  readonly attempt: AttemptNumber
  readonly layout: GraphLayout
  readonly layoutHash: string
  readonly parameters: Readonly<Record<string, string>>
  readonly vertices: readonly VertexFacts[]
}

interface VertexFacts {
  readonly id: VertexId
  readonly parallelism: number
  readonly maxParallelism: number
}

export interface CheckpointTimes {
  readonly triggeredWallMs: number
  readonly completedWallMs: number
}

export function assembleManifest(
  checkpoint: CheckpointId,
  facts: ManifestFacts,
  contents: CheckpointContents,
  times: CheckpointTimes,
): CheckpointManifest {
  const { jobName, epoch, attempt, layout, layoutHash, parameters } = facts
  const vertices = facts.vertices.map((vertex) => assembleVertex(vertex, contents))
  const taskCount = vertices.reduce((sum, { tasks }) => sum + tasks.length, 0)
  assert(taskCount === contents.snapshots.length, 'a checkpoint holds tasks that the graph does not have', {
    checkpoint,
    taskCount,
    snapshotCount: contents.snapshots.length,
  })
  return {
    checkpoint,
    jobName,
    epoch,
    attempt,
    layout,
    layoutHash,
    parameters,
    ...times,
    vertices,
    enumerators: contents.enumerators,
  }
}

function assembleVertex(
  { id, parallelism, maxParallelism }: VertexFacts,
  contents: CheckpointContents,
): ManifestVertex {
  const tasks = contents.snapshots.filter(({ vertex }) => vertex === id).sort((a, b) => a.subtask - b.subtask)
  assert(tasks.length === parallelism, 'a checkpoint holds one cut of each subtask', {
    vertex: id,
    parallelism,
    cuts: tasks.length,
  })
  return { id, parallelism, maxParallelism, tasks }
}
