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
import type { AttemptNumber, CheckpointId, LeaderEpoch } from '../base/ids.ts'
import type { CheckpointReport, CheckpointSettings } from '../checkpoint/checkpoint-protocol.ts'
import { type CheckpointStats, NO_CHECKPOINTS } from '../checkpoint/checkpoint-stats.ts'
import type { CheckpointStore, IdBlock } from '../checkpoint/checkpoint-store.ts'
import type { TaskSnapshot } from '../checkpoint/handles.ts'
import type { ManifestFacts } from '../checkpoint/manifest-assembly.ts'
import type { ResolvedOptions } from '../config/options.ts'
import type { PreparingLeader } from '../connector/sink.ts'
import type { FromSlot } from '../control/messages.ts'
import {
  CheckpointDriver,
  type CheckpointDriverOptions,
  type CheckpointListener,
  type CheckpointTasks,
  notLeading,
} from './checkpoint-driver.ts'
import { CheckpointHistory, HISTORY_KEPT_DEFAULT } from './checkpoint-history.ts'
import type { CheckpointRecord } from './cluster-api.ts'
import type { JobEvent } from './job-events.ts'
import type { JobRegion, JobScale } from './job-scale.ts'
import type { SlotFleet } from './slot-fleet.ts'
import type { SourceCoordinator } from './source-coordinator.ts'

/** A region and the attempt that runs. */
interface RunningRegion {
  readonly region: JobRegion
  readonly attempt: AttemptNumber
}

/** The job that is checkpointed, as it is now. */
export interface CheckpointedJob {
  /** The newest of its attempts. */
  attempt(): AttemptNumber
  scale(): JobScale
  regions(): readonly RunningRegion[]
  sources(): readonly SourceCoordinator[]
  fail(error: EngineError): void
}

export interface CheckpointHubOptions {
  readonly options: { readonly checkpoint: ResolvedOptions['checkpoint'] }
  readonly env: Env
  readonly store: CheckpointStore
  readonly params: Readonly<Record<string, string>>
  readonly epoch: LeaderEpoch
  readonly listener: (event: JobEvent) => void
  readonly fleet: SlotFleet
  readonly job: CheckpointedJob
}

export class CheckpointHub {
  readonly #options: CheckpointHubOptions
  #driver: CheckpointDriver | undefined
  #quiet: Promise<void> = Promise.resolve()
  #isAbandoned = false
  readonly #history: CheckpointHistory

  constructor(options: CheckpointHubOptions) {
    this.#options = options
    const { env, store } = options
    this.#history = new CheckpointHistory({
      clock: env.clock,
      kept: HISTORY_KEPT_DEFAULT,
      placeOf: (checkpoint) => store.manifestPlace(checkpoint),
    })
  }

  /** Resolves when the storage tells the truth (H2) and checkpoints could be taken. Rejects with an EngineError. */
  async ready(): Promise<void> {
    await this.#quiet
    if (this.#driver !== undefined) return
    const { store, epoch } = this.#options
    // From here on what an older leader has not published never will be (docs/spec/checkpoint.md, "Fencing").
    const ids = await store.seal(epoch)
    this.#checkLeading()
    // What a crashed process left half done: nobody can complete it any more.
    const unpublished = await store.discardUnpublished(ids.first)
    const completed = await store.published()
    this.#checkLeading()
    if (completed.length === 0) this.#reportUnpublished(unpublished)
    await store.forgetBelow(completed[0] ?? ids.first)
    this.#checkLeading()
    this.#driver = new CheckpointDriver(this.#driverOptions(ids, completed))
  }

  /** Whose checkpoints these are, after `ready`. */
  leader(): PreparingLeader {
    return { epoch: this.#options.epoch, checkpointMax: this.#openDriver().lastReserved() }
  }

  newestCompleted(): CheckpointId | undefined {
    return this.#driver?.newestCompleted()
  }

  resume(): void {
    this.#openDriver().resume()
  }

  suspend(): void {
    if (this.#driver !== undefined && !this.#isAbandoned) this.#quiet = this.#driver.suspend()
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
    if (!this.#isAbandoned) await this.#driver?.stop()
  }

  /**
   * Another process leads: nothing is written or removed any more, and nobody waits for what is under way. A publication that has begun is
   * the storage's to refuse.
   */
  abandon(): void {
    this.#isAbandoned = true
    this.#driver?.abandon()
  }

  /** Newest last, bounded. */
  history(): readonly CheckpointRecord[] {
    return this.#history.records()
  }

  stats(): CheckpointStats {
    return this.#driver?.stats() ?? NO_CHECKPOINTS
  }

  /** A crash leaves as many as may be in progress; more of them, and nothing published, may mean that manifests were removed. */
  #reportUnpublished(checkpoints: readonly CheckpointId[]): void {
    const { options, listener } = this.#options
    if (checkpoints.length > options.checkpoint.concurrentMax) listener({ kind: 'unpublished-removed', checkpoints })
  }

  /** Whoever waits for the storage may find that the job goes on elsewhere. */
  #checkLeading(): void {
    if (this.#isAbandoned) throw notLeading()
  }

  #openDriver(): CheckpointDriver {
    return present(this.#driver, 'the checkpoint driver')
  }

  #driverOptions(ids: IdBlock, completed: readonly CheckpointId[]): CheckpointDriverOptions {
    const { env, store, options, job, epoch } = this.#options
    return {
      env,
      settings: settingsOf(options.checkpoint),
      epoch,
      ids,
      completed,
      store,
      tasks: this.#tasks(),
      enumerators: { snapshot: () => job.sources().map((source) => ({ uid: source.uid, state: source.snapshot() })) },
      facts: () => this.#facts(),
      listener: this.#listener(),
    }
  }

  #tasks(): CheckpointTasks {
    const { fleet, job } = this.#options
    return {
      expectedAcks: () => job.scale().placement.tasks,
      // H1
      trigger: (checkpoint, mode) => {
        for (const { region, attempt } of job.regions()) fleet.trigger(region, attempt, checkpoint, mode)
      },
      notifyComplete: (checkpoint) => {
        this.#tell('complete', checkpoint)
        for (const source of job.sources()) source.notifyCheckpointComplete(checkpoint)
      },
      notifyAborted: (checkpoint) => this.#tell('aborted', checkpoint),
    }
  }

  /** Each region under its own attempt. */
  #tell(kind: 'complete' | 'aborted', checkpoint: CheckpointId): void {
    const { fleet, job } = this.#options
    for (const { region, attempt } of job.regions()) fleet.sendAll(region.slots, { kind, attempt, checkpoint })
  }

  #facts(): ManifestFacts {
    const { epoch, params, job } = this.#options
    const { jobName, layout, layoutHash, vertices } = job.scale().graph
    return { jobName, layout, layoutHash, vertices, epoch, attempt: job.attempt(), parameters: params }
  }

  #listener(): CheckpointListener {
    const { listener, job } = this.#options
    return {
      onReport: (report) => {
        this.#history.note(report)
        eventsOf(report).forEach(listener)
      },
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
