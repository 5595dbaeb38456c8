/**
 * The manifest: what makes a checkpoint a checkpoint. One small file, written once, that names everything a restore needs.
 *
 * Owns: its content and its bytes (docs/spec/checkpoint.md, "Manifest"). Does not own: the data files it refers to.
 *
 * M1 A manifest is read completely or not at all: header, length and checksum first, then every field by type.
 * M2 Equal manifests give equal bytes.
 * M3 Every subtask of every vertex is in it exactly once.
 */
import { Buffer } from 'node:buffer'
import { crc32 } from '../base/bytes.ts'
import { EngineError, messageOf } from '../base/errors.ts'
import {
  type AttemptNumber,
  type CheckpointId,
  type LeaderEpoch,
  type VertexId,
  attemptNumber,
  checkpointId,
  leaderEpoch,
  operatorUid,
  subtaskIndex,
  vertexId,
} from '../base/ids.ts'
import { type JsonValue, canonicalJson } from '../base/json.ts'
import type { GraphLayout, OperatorLayout } from '../graph/job-graph.ts'
import { MAX_PARALLELISM_LIMIT } from '../stream/key-groups.ts'
import type { EnumeratorSnapshot } from './checkpoint-protocol.ts'
import type { DataHandle, KeyedStateHandle, OperatorSnapshot, TaskSnapshot, TaskSnapshotStats } from './handles.ts'
import { JsonFields, bytesToBase64 } from './json-fields.ts'

const MANIFEST_VERSION = 1
const MAGIC = 'sluice-manifest'
const HEADER = /^sluice-manifest (\d+) crc32=([0-9a-f]{8}) length=(\d+)$/
const HEADER_BYTES_MAX = 100

export interface CheckpointManifest {
  readonly checkpoint: CheckpointId
  readonly jobName: string
  readonly epoch: LeaderEpoch
  readonly attempt: AttemptNumber
  readonly triggeredWallMs: number
  readonly completedWallMs: number
  /** What a restoring graph must match. */
  readonly layout: GraphLayout
  readonly layoutHash: string
  /** Parameters of the job when it was written. */
  readonly parameters: Readonly<Record<string, string>>
  readonly vertices: readonly ManifestVertex[]
  readonly enumerators: readonly EnumeratorSnapshot[]
}

export interface ManifestVertex {
  readonly id: VertexId
  readonly parallelism: number
  readonly maxParallelism: number
  /** By subtask, ascending. */
  readonly tasks: readonly TaskSnapshot[]
}

export function encodeManifest(manifest: CheckpointManifest): Uint8Array {
  const body = Buffer.from(canonicalJson(manifestToJson(manifest)), 'utf8')
  const header = Buffer.from(`${MAGIC} ${MANIFEST_VERSION} crc32=${checksum(body)} length=${body.length}\n`, 'latin1')
  return new Uint8Array(Buffer.concat([header, body]))
}

/** @throws CKP1003 that says what is wrong */
export function decodeManifest(bytes: Uint8Array, checkpoint: CheckpointId): CheckpointManifest {
  const body = checkedBody(bytes, checkpoint)
  const manifest = parseBody(body, checkpoint)
  if (manifest.checkpoint === checkpoint) return manifest
  throw corrupt(checkpoint, `it says that it is checkpoint ${manifest.checkpoint}`)
}

/** All files a manifest refers to. */
export function dataHandlesOf(manifest: CheckpointManifest): readonly DataHandle[] {
  const operators = manifest.vertices.flatMap(({ tasks }) => tasks.flatMap((task) => task.operators))
  return operators.flatMap(({ keyed }) => (keyed === undefined ? [] : [keyed.data]))
}

/** M1 */
function checkedBody(bytes: Uint8Array, checkpoint: CheckpointId): Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const lineEnd = buffer.subarray(0, HEADER_BYTES_MAX).indexOf(0x0a)
  const header = lineEnd < 0 ? null : HEADER.exec(buffer.toString('latin1', 0, lineEnd))
  if (header === null) throw corrupt(checkpoint, `it does not start with a "${MAGIC}" line`)
  if (header[1] !== String(MANIFEST_VERSION))
    throw corrupt(checkpoint, `it has format version ${header[1]}, this release reads ${MANIFEST_VERSION}`)
  const body = buffer.subarray(lineEnd + 1)
  if (header[3] !== String(body.length))
    throw corrupt(checkpoint, `it has ${body.length} bytes behind its first line instead of ${header[3]}`)
  if (header[2] !== checksum(body))
    throw corrupt(checkpoint, `its checksum is ${checksum(body)} instead of ${header[2]}`)
  return body
}

function parseBody(body: Buffer, checkpoint: CheckpointId): CheckpointManifest {
  const fields = new JsonFields(parseJson(body, checkpoint), 'manifest', (problem) => corrupt(checkpoint, problem))
  const manifest = readManifest(fields)
  fields.finish()
  return manifest
}

function parseJson(body: Buffer, checkpoint: CheckpointId): JsonValue {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw corrupt(checkpoint, messageOf(error))
  }
}

function corrupt(checkpoint: CheckpointId, problem: string): EngineError {
  return new EngineError(
    'CKP1003',
    `the manifest of checkpoint ${checkpoint} is damaged: ${problem}. This checkpoint cannot be restored; older retained ones are not affected. Find out what changed the file.`,
    { context: { checkpoint } },
  )
}

function checksum(body: Uint8Array): string {
  return crc32(body).toString(16).padStart(8, '0')
}

function manifestToJson(manifest: CheckpointManifest): JsonValue {
  return {
    checkpoint: manifest.checkpoint,
    jobName: manifest.jobName,
    epoch: manifest.epoch,
    attempt: manifest.attempt,
    triggeredWallMs: manifest.triggeredWallMs,
    completedWallMs: manifest.completedWallMs,
    layout: {
      version: manifest.layout.version,
      jobName: manifest.layout.jobName,
      operators: manifest.layout.operators.map((operator) => ({ ...operator })),
    },
    layoutHash: manifest.layoutHash,
    parameters: manifest.parameters,
    vertices: manifest.vertices.map((vertex) => ({ ...vertex, tasks: vertex.tasks.map(taskToJson) })),
    enumerators: manifest.enumerators.map(({ uid, state }) => ({ uid, state: bytesToBase64(state) })),
  }
}

function taskToJson(task: TaskSnapshot): JsonValue {
  return {
    vertex: task.vertex,
    subtask: task.subtask,
    operators: task.operators.map(operatorToJson),
    stats: { ...task.stats },
  }
}

function operatorToJson({ uid, keyed, operatorState }: OperatorSnapshot): JsonValue {
  return {
    uid,
    ...(keyed === undefined ? {} : { keyed: { ...keyed, data: { ...keyed.data }, keyGroups: { ...keyed.keyGroups } } }),
    ...(operatorState === undefined ? {} : { operatorState: bytesToBase64(operatorState) }),
  }
}

function readManifest(fields: JsonFields): CheckpointManifest {
  return {
    checkpoint: checkpointId(fields.integer('checkpoint', 1)),
    jobName: fields.string('jobName'),
    epoch: leaderEpoch(fields.integer('epoch', 0)),
    attempt: attemptNumber(fields.integer('attempt', 0)),
    triggeredWallMs: fields.integer('triggeredWallMs', 0),
    completedWallMs: fields.integer('completedWallMs', 0),
    layout: fields.object('layout', readLayout),
    layoutHash: fields.string('layoutHash'),
    parameters: fields.strings('parameters'),
    vertices: fields.list('vertices', readVertex),
    enumerators: fields.list('enumerators', readEnumerator),
  }
}

function readLayout(fields: JsonFields): GraphLayout {
  if (fields.integer('version', 1) !== 1) fields.fail('version', 'is newer than this release')
  return { version: 1, jobName: fields.string('jobName'), operators: fields.list('operators', readOperatorLayout) }
}

function readOperatorLayout(fields: JsonFields): OperatorLayout {
  return {
    uid: fields.string('uid'),
    kind: fields.string('kind'),
    layout: fields.value('layout'),
    maxParallelism: fields.integer('maxParallelism', 1),
    inputs: fields.values('inputs'),
  }
}

function readVertex(fields: JsonFields): ManifestVertex {
  const id = vertexId(fields.string('id'))
  const parallelism = fields.integer('parallelism', 1)
  const maxParallelism = fields.integer('maxParallelism', parallelism)
  if (maxParallelism > MAX_PARALLELISM_LIMIT) fields.fail('maxParallelism', `is above ${MAX_PARALLELISM_LIMIT}`)
  const tasks = fields.list('tasks', readTask)
  const isComplete =
    tasks.length === parallelism && tasks.every((task, index) => task.subtask === index && task.vertex === id)
  if (!isComplete) fields.fail('tasks', `does not hold subtasks 0 to ${parallelism - 1} of ${id} in order`) // M3
  return { id, parallelism, maxParallelism, tasks }
}

function readTask(fields: JsonFields): TaskSnapshot {
  return {
    vertex: vertexId(fields.string('vertex')),
    subtask: subtaskIndex(fields.integer('subtask', 0)),
    operators: fields.list('operators', readOperator),
    stats: fields.object('stats', readStats),
  }
}

function readOperator(fields: JsonFields): OperatorSnapshot {
  return {
    uid: operatorUid(fields.string('uid')),
    ...(fields.has('keyed') ? { keyed: fields.object('keyed', readKeyed) } : {}),
    ...(fields.has('operatorState') ? { operatorState: fields.bytes('operatorState') } : {}),
  }
}

function readKeyed(fields: JsonFields): KeyedStateHandle {
  return {
    data: fields.object('data', readData),
    keyGroups: fields.object('keyGroups', (range) => {
      const first = range.integer('first', 0)
      return { first, last: range.integer('last', first) }
    }),
    entryCount: fields.integer('entryCount', 0),
  }
}

function readData(fields: JsonFields): DataHandle {
  return { path: fields.string('path'), sizeBytes: fields.integer('sizeBytes', 0), crc32: fields.integer('crc32', 0) }
}

function readStats(fields: JsonFields): TaskSnapshotStats {
  return {
    alignmentMs: fields.amount('alignmentMs'),
    syncMs: fields.amount('syncMs'),
    asyncMs: fields.amount('asyncMs'),
    stateBytes: fields.amount('stateBytes'),
  }
}

function readEnumerator(fields: JsonFields): EnumeratorSnapshot {
  return { uid: operatorUid(fields.string('uid')), state: fields.bytes('state') }
}
