/**
 * Puts the checkpoint driver into a job: its tasks are the fleet's, its enumerators the attempt's.
 *
 * Owns: the driver, made once per leader. Does not own: any decision (checkpoint/checkpoint-machine.ts; when to suspend and resume:
 * job-machine.ts).
 *
 * H1 The enumerators are cut and the trigger is sent in one turn, over the streams that carry the splits.
 * H2 The storage is read for a restore only behind `ready`: no publication is undecided any more.
 */
import { present } from '../base/assert.ts'
import type { Env } from '../base/env.ts'
import { type EngineError, errorToData } from '../base/errors.ts'
import { type AttemptNumber, type CheckpointId, type LeaderEpoch, checkpointId } from '../base/ids.ts'
import type { CheckpointReport, CheckpointSettings } from '../checkpoint/checkpoint-protocol.ts'
import { type CheckpointStats, NO_CHECKPOINTS } from '../checkpoint/checkpoint-stats.ts'
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts'
import type { TaskSnapshot } from '../checkpoint/handles.ts'
import type { ManifestFacts } from '../checkpoint/manifest-assembly.ts'
import type { ResolvedOptions } from '../config/options.ts'
import type { FromSlot } from '../control/messages.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import {
  CheckpointDriver,
  type CheckpointDriverOptions,
  type CheckpointListener,
  type CheckpointTasks,
} from './checkpoint-driver.ts'
import type { JobEvent } from './job-events.ts'
import type { Placement } from './placement.ts'
import type { SlotFleet } from './slot-fleet.ts'
import type { SourceCoordinator } from './source-coordinator.ts'

/** The job that is checkpointed, as it is now. */
export interface CheckpointedJob {
  attempt(): AttemptNumber
  sources(): readonly SourceCoordinator[]
  fail(error: EngineError): void
}

export interface CheckpointHubOptions {
  readonly graph: JobGraph
  readonly options: { readonly checkpoint: ResolvedOptions['checkpoint'] }
  readonly env: Env
  readonly store: CheckpointStore
  readonly params: Readonly<Record<string, string>>
  readonly epoch: LeaderEpoch
  readonly listener: (event: JobEvent) => void
  readonly placement: Placement
  readonly fleet: SlotFleet
  readonly job: CheckpointedJob
}

export class CheckpointHub {
  readonly #options: CheckpointHubOptions
  #driver: CheckpointDriver | undefined
  #quiet: Promise<void> = Promise.resolve()

  constructor(options: CheckpointHubOptions) {
    this.#options = options
  }

  /** Resolves when the storage tells the truth (H2) and checkpoints could be taken. Rejects with an EngineError. */
  async ready(): Promise<void> {
    await this.#quiet
    if (this.#driver !== undefined) return
    const { store } = this.#options
    // Ids are never reused, not even those of checkpoints that were never published: ask before they are removed.
    const firstId = checkpointId((await store.highestId()) + 1)
    // What a crashed process left half done: nobody can complete it any more.
    const unpublished = await store.discardUnpublished(new Set())
    const completed = await store.published()
    if (completed.length === 0) this.#reportUnpublished(unpublished)
    this.#driver = new CheckpointDriver(this.#driverOptions(firstId, completed))
  }

  resume(): void {
    this.#openDriver().resume()
  }

  suspend(): void {
    if (this.#driver !== undefined) this.#quiet = this.#driver.suspend()
  }

  trigger(): Promise<CheckpointId> {
    return this.#openDriver().trigger()
  }

  onAck(checkpoint: CheckpointId, snapshot: TaskSnapshot): void {
    this.#openDriver().onAck(checkpoint, snapshot)
  }

  onDecline({ checkpoint, vertex, subtask, error }: Extract<FromSlot, { kind: 'decline' }>): void {
    this.#openDriver().onDecline(checkpoint, { vertex, subtask }, error)
  }

  /** Resolves when nothing is under way any more, removals included. */
  async stop(): Promise<void> {
    await this.#driver?.stop()
  }

  stats(): CheckpointStats {
    return this.#driver?.stats() ?? NO_CHECKPOINTS
  }

  /** A crash leaves as many as may be in progress; more of them, and nothing published, may mean that manifests were removed. */
  #reportUnpublished(checkpoints: readonly CheckpointId[]): void {
    const { options, listener } = this.#options
    if (checkpoints.length > options.checkpoint.concurrentMax) listener({ kind: 'unpublished-removed', checkpoints })
  }

  #openDriver(): CheckpointDriver {
    return present(this.#driver, 'the checkpoint driver')
  }

  #driverOptions(firstId: CheckpointId, completed: readonly CheckpointId[]): CheckpointDriverOptions {
    const { env, store, options, job } = this.#options
    return {
      env,
      settings: settingsOf(options.checkpoint),
      firstId,
      completed,
      store,
      tasks: this.#tasks(),
      enumerators: { snapshot: () => job.sources().map((source) => ({ uid: source.uid, state: source.snapshot() })) },
      facts: () => this.#facts(),
      listener: this.#listener(),
    }
  }

  #tasks(): CheckpointTasks {
    const { fleet, placement, job } = this.#options
    return {
      expectedAcks: () => placement.tasks,
      trigger: (checkpoint, mode) => fleet.trigger(job.attempt(), checkpoint, mode), // H1
      notifyComplete: (checkpoint) => fleet.broadcast({ kind: 'complete', attempt: job.attempt(), checkpoint }),
      notifyAborted: (checkpoint) => fleet.broadcast({ kind: 'aborted', attempt: job.attempt(), checkpoint }),
    }
  }

  #facts(): ManifestFacts {
    const { graph, epoch, params, job } = this.#options
    const { jobName, layout, layoutHash, vertices } = graph
    return { jobName, layout, layoutHash, vertices, epoch, attempt: job.attempt(), parameters: params }
  }

  #listener(): CheckpointListener {
    const { listener, job } = this.#options
    return {
      onReport: (report) => eventsOf(report).forEach(listener),
      onJobFailure: (error) => job.fail(error),
      onRemovalFailed: (checkpoint, error) =>
        listener({ kind: 'checkpoint-not-removed', checkpoint, error: errorToData(error) }),
    }
  }
}

function settingsOf(options: ResolvedOptions['checkpoint']): CheckpointSettings {
  const { mode, intervalMs, pauseMinMs, timeoutMs, concurrentMax, failuresMax, retained } = options
  return {
    mode,
    intervalMs: intervalMs === 'off' ? undefined : intervalMs,
    pauseMinMs,
    timeoutMs,
    concurrentMax,
    failuresMax,
    retained,
  }
}

/** What of the reports people want to see; the rest is in the counts. */
function eventsOf(report: CheckpointReport): readonly JobEvent[] {
  switch (report.kind) {
    case 'completed':
      return [{ ...report.summary, kind: 'checkpoint-completed' }]
    case 'failed':
      if (report.reason === 'suspended' || report.reason === 'subsumed') return []
      return [{ kind: 'checkpoint-failed', checkpoint: report.checkpoint, error: errorToData(report.error) }]
    case 'triggered':
    case 'postponed':
    case 'ignored':
    case 'subsumed':
      return []
  }
}
