/**
 * What comes between slots and deployments: choose the checkpoint, hand its state out to the subtasks of now, make the enumerators, prepare
 * the sinks. Runs once per restart of one or more regions, when no task of their attempts before is alive.
 *
 * Owns: the order of these steps. Does not own: which checkpoint wins (checkpoint/recovery.ts), who gets which state
 * (restore-assignment.ts).
 *
 * A1 Nothing is changed outside before the checkpoint is chosen and verified: `prepare` of a sink removes what no state refers to.
 * A2 When it fails or is not wanted any more, the enumerators it made are closed.
 * A3 Whoever is paused in here may go on when another leader runs the job: nothing is begun that is not wanted any more, and a sink is told what
 *    it must not touch even then.
 */
import type { Env } from '../base/env.ts'
import { EngineError, asEngineError } from '../base/errors.ts'
import type { CheckpointId, OperatorUid, SubtaskIndex, VertexId } from '../base/ids.ts'
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts'
import type { TaskRestore } from '../checkpoint/handles.ts'
import type { CheckpointManifest } from '../checkpoint/manifest.ts'
import type { SkippedCheckpoint } from '../checkpoint/recovery.ts'
import { restoreLatest } from '../checkpoint/restore-latest.ts'
import { COMMITTABLES_STATE, type PreparingLeader, WRITER_STATE, pendingCommittable } from '../connector/sink.ts'
import { SPLITS_STATE } from '../connector/source.ts'
import { splitsIn } from '../connector/splits.ts'
import type { GraphLayout, JobGraph, JobVertex } from '../graph/job-graph.ts'
import { diffLayouts } from '../graph/layout-diff.ts'
import type { SinkNode, SourceNode } from '../graph/logical-graph.ts'
import type { OperatorStateItems } from '../state/operator-state.ts'
import type { AlignmentDriver } from './alignment-driver.ts'
import { type RestoreAssignment, assignRestore, decodeOperatorState } from './restore-assignment.ts'
import { type HandedBack, SourceCoordinator, type SplitChannel } from './source-coordinator.ts'
import { diskWhileWanted } from './wanted-disk.ts'

export interface AttemptRestoreOptions {
  /** At the scale of now. */
  readonly graph: JobGraph
  /** Those of the regions that are restored. */
  readonly vertices: readonly JobVertex[]
  /** `part`: other regions go on from what they have done since the newest checkpoint, so no older one will do. */
  readonly scope: 'job' | 'part'
  readonly env: Env
  /** Undefined: checkpointing is off, every attempt starts from the beginning. */
  readonly store: CheckpointStore | undefined
  readonly alignment: AlignmentDriver
  readonly channelOf: (vertex: VertexId) => SplitChannel
  /** Made, and about to begin: whoever does not want the attempt any more closes it. */
  readonly onSource: (source: SourceCoordinator) => void
  /** Told at once, before the older checkpoint is tried. */
  readonly onSkipped: (skipped: SkippedCheckpoint) => void
  /** False when the job was stopped or failed meanwhile. */
  readonly isWanted: () => boolean
  /** Undefined when checkpointing is off. */
  readonly leader: PreparingLeader | undefined
  /** The newest checkpoint that this leader knows to be published. */
  readonly newestKnown: CheckpointId | undefined
}

export interface PreparedAttempt {
  /** Undefined for a fresh start. */
  readonly manifest: CheckpointManifest | undefined
  readonly restores: ReadonlyMap<VertexId, readonly TaskRestore[]>
  readonly sources: readonly SourceCoordinator[]
}

/** Resolves undefined when it is not wanted any more, `widen` when the whole job must be restored. Rejects with an EngineError. */
export async function prepareAttempt(options: AttemptRestoreOptions): Promise<PreparedAttempt | 'widen' | undefined> {
  const manifest = await chooseCheckpoint(options)
  if (!options.isWanted()) return undefined
  if (manifest === 'widen') return 'widen'
  const restores = manifest === undefined ? new Map() : withoutHandedBack(assignRestore(manifest, options), options)
  const sources: SourceCoordinator[] = []
  try {
    await startSources(options, manifest, sources)
    await prepareSinks(options, manifest)
  } catch (error) {
    await closeAll(sources)
    throw error
  }
  if (options.isWanted()) return { manifest, restores, sources }
  await closeAll(sources) // A2
  return undefined
}

async function chooseCheckpoint(options: AttemptRestoreOptions): Promise<CheckpointManifest | 'widen' | undefined> {
  const { store, graph, scope } = options
  if (store === undefined) return undefined
  const { jobName, layoutHash, layout } = graph
  const differencesFrom = (written: GraphLayout): readonly string[] => diffLayouts(written, layout)
  const decision = await restoreLatest(store, { jobName, layoutHash, differencesFrom }, options.newestKnown)
  if (decision.kind === 'refuse') throw decision.error
  if (decision.kind === 'fresh') return undefined
  if (decision.skipped.length > 0 && scope === 'part') return 'widen'
  decision.skipped.forEach(options.onSkipped)
  return decision.manifest
}

async function startSources(
  options: AttemptRestoreOptions,
  manifest: CheckpointManifest | undefined,
  made: SourceCoordinator[],
): Promise<void> {
  for (const { vertex, uid, node } of sourcesOf(options.vertices)) {
    const restored = manifest?.enumerators.find((enumerator) => enumerator.uid === uid)?.state
    if (manifest !== undefined && restored === undefined) throw enumeratorMissing(manifest, uid)
    const coordinator = new SourceCoordinator({
      uid,
      node,
      parallelism: vertex.parallelism,
      env: options.env,
      restored,
      handedBack: isHandedBack(node) ? splitsBySubtask(manifest, uid) : [],
      alignment: options.alignment,
      channel: options.channelOf(vertex.id),
    })
    made.push(coordinator)
    options.onSource(coordinator)
    await coordinator.start()
    if (!options.isWanted()) return
  }
}

function isHandedBack({ source }: SourceNode): boolean {
  return source.restoredSplits === 'enumerator'
}

/** Readers whose splits go to the enumerator begin empty. */
function withoutHandedBack(restores: RestoreAssignment, { vertices }: AttemptRestoreOptions): RestoreAssignment {
  const handedBack = new Set(sourcesOf(vertices).flatMap(({ uid, node }) => (isHandedBack(node) ? [uid] : [])))
  if (handedBack.size === 0) return restores
  const emptied = (restore: TaskRestore): TaskRestore => ({
    ...restore,
    operators: restore.operators.filter(({ uid }) => !handedBack.has(uid)),
  })
  return new Map([...restores].map(([vertex, tasks]) => [vertex, tasks.map(emptied)]))
}

/** What the readers of a source had at the checkpoint. */
function splitsBySubtask(manifest: CheckpointManifest | undefined, uid: OperatorUid): readonly HandedBack[] {
  if (manifest === undefined) return []
  return statesOf(manifest, uid).flatMap(({ subtask, lists }) => {
    const splits = lists.flatMap(({ name, items }) => (name === SPLITS_STATE ? items : []))
    return splits.length === 0 ? [] : [{ subtask, splits: splitsIn(splits) }] // written by the source driver
  })
}

async function prepareSinks(options: AttemptRestoreOptions, manifest: CheckpointManifest | undefined): Promise<void> {
  for (const { uid, node } of sinksOf(options.vertices)) {
    if (!options.isWanted()) return
    await prepareSink(options, node, uid, manifest).catch((error: unknown) => {
      if (!options.isWanted()) return // nobody is there to hear of it
      const what = `sink "${uid}" (${node.sink.kind}) could not be prepared. No task was started and nothing was written. Look at the cause`
      throw asEngineError(error, 'SNK1001', what, { operator: uid })
    })
  }
}

// A3
async function prepareSink(
  { env, leader, isWanted }: AttemptRestoreOptions,
  node: SinkNode,
  uid: OperatorUid,
  manifest: CheckpointManifest | undefined,
): Promise<void> {
  const pending = itemsOf(manifest, uid, COMMITTABLES_STATE)
  await node.sink.prepare?.({
    env: { ...env, disk: diskWhileWanted(env.disk, isWanted) },
    ...(leader === undefined ? {} : { leader }),
    uid,
    restoredCheckpoint: manifest?.checkpoint,
    fresh: manifest === undefined,
    restoredCommittables: pending.map((item) => pendingCommittable(item).committable),
    restoredWriters: itemsOf(manifest, uid, WRITER_STATE),
  })
}

/** All items of one operator state, of all subtasks. */
function itemsOf(manifest: CheckpointManifest | undefined, uid: OperatorUid, name: string): readonly unknown[] {
  if (manifest === undefined) return []
  return statesOf(manifest, uid)
    .flatMap(({ lists }) => lists)
    .flatMap((list) => (list.name === name ? list.items : []))
}

/** The operator state of each subtask. */
function statesOf(
  manifest: CheckpointManifest,
  uid: OperatorUid,
): readonly { readonly subtask: SubtaskIndex; readonly lists: OperatorStateItems }[] {
  return manifest.vertices
    .flatMap((vertex) => vertex.tasks)
    .flatMap(({ subtask, operators }) =>
      operators.flatMap(({ uid: own, operatorState }) =>
        own !== uid || operatorState === undefined
          ? []
          : [{ subtask, lists: decodeOperatorState(manifest, uid, operatorState) }],
      ),
    )
}

function enumeratorMissing(manifest: CheckpointManifest, uid: OperatorUid): EngineError {
  return new EngineError(
    'CKP1003',
    `checkpoint ${manifest.checkpoint} has no split state of source "${uid}". It cannot be restored without reading input twice or leaving some out. Report this: a checkpoint is only published with the state of every source.`,
    { context: { checkpoint: manifest.checkpoint, operator: uid } },
  )
}

function sourcesOf(
  vertices: readonly JobVertex[],
): readonly { readonly vertex: JobVertex; readonly uid: OperatorUid; readonly node: SourceNode }[] {
  return vertices.flatMap((vertex) =>
    vertex.operators.flatMap(({ uid, node }) => (node.kind === 'source' ? [{ vertex, uid, node }] : [])),
  )
}

function sinksOf(vertices: readonly JobVertex[]): readonly { readonly uid: OperatorUid; readonly node: SinkNode }[] {
  return vertices.flatMap((vertex) =>
    vertex.operators.flatMap(({ uid, node }) => (node.kind === 'sink' ? [{ uid, node }] : [])),
  )
}

/** A failure to close is not worth failing for: the enumerator is given up. */
export async function closeAll(sources: readonly SourceCoordinator[]): Promise<void> {
  await Promise.allSettled(sources.map((source) => source.close()))
}
