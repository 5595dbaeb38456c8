/**
 * Performs what the checkpoint machine decides: the shell around checkpoint/checkpoint-machine.ts.
 *
 * Owns: the timers, the callers that wait, the publication in flight, removals. Does not own: any decision about checkpoints (the machine),
 * the tasks, the enumerators, when an attempt starts and ends (the job master, which embeds this).
 *
 * V1 Events are applied one after the other; what an effect causes at once waits until the effects of the step are performed.
 * V2 The answer of the enumerators comes before every other event.
 * V3 `suspend` and `stop` resolve when the storage tells the truth: no publication is undecided. A restart reads it only then.
 * V4 Removals run one at a time, in order; a failed one is told and left to the clean-up of the next start.
 * V5 After `abandon` nothing is asked of the storage any more, and no event changes anything.
 */
import { type Deferred, deferred } from '../base/deferred.ts'
import type { Clock, Random, Timer, Timers } from '../base/env.ts'
import { EngineError, type ErrorData, asEngineError, errorFromData } from '../base/errors.ts'
import type { CheckpointId, LeaderEpoch } from '../base/ids.ts'
import { isQuiescent } from '../checkpoint/checkpoint-endings.ts'
import { initialCheckpointState, stepCheckpoints } from '../checkpoint/checkpoint-machine.ts'
import type {
  CheckpointContents,
  CheckpointEffect,
  CheckpointReport,
  CheckpointSettings,
  CheckpointState,
  EnumeratorSnapshot,
  FoundManifest,
  MachineEvent,
  RequestId,
} from '../checkpoint/checkpoint-protocol.ts'
import { type CheckpointStats, NO_CHECKPOINTS, countReport } from '../checkpoint/checkpoint-stats.ts'
import type { IdBlock } from '../checkpoint/checkpoint-store.ts'
import { declineReasonOf } from '../checkpoint/decline-reason.ts'
import type { TaskAddress, TaskSnapshot } from '../checkpoint/handles.ts'
import { encodeManifest } from '../checkpoint/manifest.ts'
import { type ManifestFacts, assembleManifest } from '../checkpoint/manifest-assembly.ts'
import type { CheckpointMode } from '../stream/element.ts'

/** The tasks of the attempt that runs. */
export interface CheckpointTasks {
  /** Every task that has to acknowledge: all that run. */
  expectedAcks(): readonly TaskAddress[]
  /** To the source tasks, behind everything sent to them before. */
  trigger(checkpoint: CheckpointId, mode: CheckpointMode): void
  notifyComplete(checkpoint: CheckpointId): void
  notifyAborted(checkpoint: CheckpointId): void
}

interface EnumeratorSnapshots {
  /** States of all enumerators, now. May throw. */
  snapshot(): readonly EnumeratorSnapshot[]
}

/** The part of a checkpoint store that is used here. */
interface ManifestStore {
  reserveIds(epoch: LeaderEpoch): Promise<IdBlock>
  publish(checkpoint: CheckpointId, manifest: Uint8Array): Promise<'published' | 'exists'>
  published(): Promise<readonly CheckpointId[]>
  readManifest(checkpoint: CheckpointId): Promise<Uint8Array>
  discard(checkpoint: CheckpointId): Promise<void>
  forgetBelow(checkpoint: CheckpointId): Promise<void>
}

export interface CheckpointListener {
  onReport(report: CheckpointReport): void
  /** The job has to fail over (or fail for good: see the error's `retry`). */
  onJobFailure(error: EngineError): void
  /** Files of this checkpoint stay behind until the next start. */
  onRemovalFailed(checkpoint: CheckpointId, error: EngineError): void
}

export interface CheckpointDriverOptions {
  readonly env: { readonly clock: Clock; readonly timers: Timers; readonly random: Random }
  readonly settings: CheckpointSettings
  /** For this epoch ids are reserved. */
  readonly epoch: LeaderEpoch
  /** Those that `seal` gave. */
  readonly ids: IdBlock
  /** What the store lists as published. */
  readonly completed: readonly CheckpointId[]
  readonly store: ManifestStore
  readonly tasks: CheckpointTasks
  readonly enumerators: EnumeratorSnapshots
  readonly facts: () => ManifestFacts
  readonly listener: CheckpointListener
}

export class CheckpointDriver {
  readonly #options: CheckpointDriverOptions
  readonly #timers = new Map<string, Timer>()
  readonly #callers = new Map<RequestId, Deferred<CheckpointId>>()
  /** Manifests whose publication is not decided yet. */
  readonly #manifests = new Map<CheckpointId, Uint8Array>()
  readonly #events: MachineEvent[] = []
  #state: CheckpointState
  #stats = NO_CHECKPOINTS
  #quiet: Deferred<void> = deferred()
  #removals: Promise<void> = Promise.resolve()
  #nextRequest: RequestId = 1
  #lastReserved: CheckpointId
  #work: 'waiting' | 'applying' | 'abandoned' = 'waiting'

  constructor(options: CheckpointDriverOptions) {
    this.#options = options
    this.#state = initialCheckpointState(options)
    this.#lastReserved = options.ids.last
  }

  /** All tasks of an attempt run: the first one, or one after `suspend`. */
  start(): void {
    this.#quiet = deferred()
    this.#apply({ kind: 'run', fraction: this.#options.env.random.fraction() })
  }

  /** The same as `start`, for a restarted job. */
  resume(): void {
    this.start()
  }

  onAck(checkpoint: CheckpointId, snapshot: TaskSnapshot): void {
    this.#apply({ kind: 'ack', checkpoint, snapshot })
  }

  onDecline(checkpoint: CheckpointId, task: TaskAddress, data: ErrorData): void {
    const error = errorFromData(data)
    this.#apply({ kind: 'decline', checkpoint, task, reason: declineReasonOf(error), error })
  }

  /** A checkpoint of its own for the caller, as soon as possible. Resolves when it is restorable; rejects when it was given up. */
  trigger(): Promise<CheckpointId> {
    const request = this.#nextRequest++
    const caller = deferred<CheckpointId>()
    if (this.#isAbandoned()) caller.reject(notLeading())
    this.#callers.set(request, caller)
    this.#apply({ kind: 'request', request })
    return caller.promise
  }

  /** The attempt is over. V3 */
  suspend(): Promise<void> {
    this.#apply({ kind: 'suspend' })
    return isQuiescent(this.#state) ? Promise.resolve() : this.#quiet.promise
  }

  /** No checkpoint will be taken any more; also waits for removals. V3 */
  async stop(): Promise<void> {
    this.#apply({ kind: 'stop' })
    if (!isQuiescent(this.#state)) await this.#quiet.promise
    await this.#removals
  }

  /** V5 */
  abandon(): void {
    this.#work = 'abandoned'
    this.#events.length = 0
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    for (const caller of this.#callers.values()) caller.reject(notLeading())
    this.#callers.clear()
    this.#quiet.resolve()
  }

  /** It may have become so meanwhile. */
  #isAbandoned(): boolean {
    return this.#work === 'abandoned'
  }

  stats(): CheckpointStats {
    return this.#stats
  }

  /** No id above it was used by this leader, nor by one before. */
  lastReserved(): CheckpointId {
    return this.#lastReserved
  }

  /** Newest restorable checkpoint. */
  newestCompleted(): CheckpointId | undefined {
    return this.#state.completed.at(-1)
  }

  /** V1 */
  #apply(event: MachineEvent): void {
    if (this.#work === 'abandoned') return
    this.#events.push(event)
    if (this.#work === 'applying') return
    this.#work = 'applying'
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#step(next)
    } finally {
      if (!this.#isAbandoned()) this.#work = 'waiting'
    }
  }

  #step(event: MachineEvent): void {
    const { state, effects } = stepCheckpoints(this.#state, event, this.#options.env.clock.monotonicMs())
    this.#state = state
    for (const effect of effects) if (!this.#isAbandoned()) this.#perform(effect)
  }

  #perform(effect: CheckpointEffect): void {
    const { tasks, listener } = this.#options
    switch (effect.kind) {
      case 'reserve-ids':
        return this.#feedBack(this.#reserveIds())
      case 'snapshot-enumerators':
        return this.#snapshotEnumerators(effect.checkpoint)
      case 'send-trigger':
        return tasks.trigger(effect.checkpoint, effect.mode)
      case 'start-timer':
        return this.#startTimer(effect)
      case 'cancel-timer':
        return this.#cancelTimer(effect.name)
      case 'publish':
        return this.#feedBack(this.#publish(effect.checkpoint, effect.contents))
      case 'look-up':
        return this.#feedBack(this.#lookUp(effect.checkpoint))
      case 'notify-complete':
        return tasks.notifyComplete(effect.checkpoint)
      case 'notify-aborted':
        return tasks.notifyAborted(effect.checkpoint)
      case 'discard':
        return this.#remove([effect.checkpoint])
      case 'subsume':
        return this.#remove(effect.checkpoints, effect.decidedBelow)
      case 'request-done':
        return this.#takeCaller(effect.request)?.resolve(effect.checkpoint)
      case 'request-failed':
        return this.#takeCaller(effect.request)?.reject(effect.error)
      case 'quiesced':
        return this.#quiet.resolve()
      case 'fail-job':
        return listener.onJobFailure(effect.error)
      case 'report':
        return this.#report(effect.report)
    }
  }

  /** The answer of the store, once it is there. What throws then is a bug of ours and must not pass in silence. */
  #feedBack(answer: Promise<MachineEvent>): void {
    answer
      .then((event) => this.#apply(event))
      .catch((thrown: unknown) => {
        this.#options.listener.onJobFailure(asEngineError(thrown, 'INT1001', 'a checkpoint could not be carried on'))
      })
  }

  /** V2 */
  #snapshotEnumerators(checkpoint: CheckpointId): void {
    const { enumerators, tasks } = this.#options
    try {
      const states = enumerators.snapshot()
      this.#events.unshift({ kind: 'snapshotted', checkpoint, enumerators: states, tasks: tasks.expectedAcks() })
    } catch (thrown) {
      const error = asEngineError(thrown, 'SRC1003', 'the state of a split enumerator cannot be taken')
      this.#events.unshift({ kind: 'snapshot-failed', checkpoint, error })
    }
  }

  async #reserveIds(): Promise<MachineEvent> {
    const { store, epoch } = this.#options
    try {
      const ids = await store.reserveIds(epoch)
      this.#lastReserved = ids.last
      return { kind: 'reserved', ids }
    } catch (thrown) {
      const error = asEngineError(thrown, 'CKP1001', 'checkpoint ids cannot be reserved')
      return error.code === 'CKP1007' ? { kind: 'reserve-refused', error } : { kind: 'reserve-failed' }
    }
  }

  async #publish(checkpoint: CheckpointId, contents: CheckpointContents): Promise<MachineEvent> {
    try {
      const manifest = encodeManifest(
        assembleManifest(checkpoint, this.#options.facts(), contents, this.#times(contents)),
      )
      this.#manifests.set(checkpoint, manifest)
      return { kind: await this.#options.store.publish(checkpoint, manifest), checkpoint }
    } catch (thrown) {
      const error = asEngineError(thrown, 'CKP1001', `the manifest of checkpoint ${checkpoint} cannot be written`)
      return { kind: 'publish-unknown', checkpoint, error }
    }
  }

  async #lookUp(checkpoint: CheckpointId): Promise<MachineEvent> {
    try {
      return { kind: 'found', checkpoint, content: await this.#find(checkpoint) }
    } catch (thrown) {
      const error = asEngineError(thrown, 'CKP1002', `the manifest of checkpoint ${checkpoint} cannot be read`)
      return { kind: 'look-up-failed', checkpoint, error }
    }
  }

  async #find(checkpoint: CheckpointId): Promise<FoundManifest> {
    const { store } = this.#options
    const published = await store.published()
    if (!published.includes(checkpoint)) return 'none'
    return isSame(await store.readManifest(checkpoint), this.#manifests.get(checkpoint)) ? 'ours' : 'foreign'
  }

  /** Durations come from the monotonic clock, so the moment of the trigger is counted back from now. */
  #times({ triggeredAtMs }: CheckpointContents): {
    readonly triggeredWallMs: number
    readonly completedWallMs: number
  } {
    const { clock } = this.#options.env
    const completedWallMs = clock.wallMs()
    return {
      triggeredWallMs: Math.max(0, Math.round(completedWallMs - (clock.monotonicMs() - triggeredAtMs))),
      completedWallMs,
    }
  }

  /** V4 */
  #remove(checkpoints: readonly CheckpointId[], decidedBelow?: CheckpointId): void {
    const { store } = this.#options
    for (const checkpoint of checkpoints) this.#afterRemovals(checkpoint, () => store.discard(checkpoint))
    if (decidedBelow !== undefined) this.#afterRemovals(decidedBelow, () => store.forgetBelow(decidedBelow))
  }

  #afterRemovals(checkpoint: CheckpointId, remove: () => Promise<void>): void {
    const removeUnlessAbandoned = async (): Promise<void> => {
      if (!this.#isAbandoned()) await remove() // V5
    }
    this.#removals = this.#removals.then(removeUnlessAbandoned).catch((thrown: unknown) => {
      const error = asEngineError(thrown, 'CKP1001', `checkpoint ${checkpoint} cannot be removed`)
      this.#options.listener.onRemovalFailed(checkpoint, error)
    })
  }

  #startTimer({ name, atMs, fires }: Extract<CheckpointEffect, { kind: 'start-timer' }>): void {
    const { clock, timers } = this.#options.env
    this.#cancelTimer(name)
    const fire = (): void => {
      this.#timers.delete(name)
      this.#apply(fires)
    }
    this.#timers.set(name, timers.after(atMs - clock.monotonicMs(), fire))
  }

  #cancelTimer(name: string): void {
    this.#timers.get(name)?.cancel()
    this.#timers.delete(name)
  }

  #takeCaller(request: RequestId): Deferred<CheckpointId> | undefined {
    const caller = this.#callers.get(request)
    this.#callers.delete(request)
    return caller
  }

  #report(report: CheckpointReport): void {
    this.#stats = countReport(this.#stats, report)
    const ended =
      report.kind === 'completed' ? report.summary.checkpoint : report.kind === 'failed' ? report.checkpoint : undefined
    if (ended !== undefined) this.#manifests.delete(ended)
    this.#options.listener.onReport(report)
  }
}

function isSame(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return a.length === b?.length && a.every((byte, index) => byte === b[index])
}

/** To whoever asks a process that has lost the job. */
export function notLeading(): EngineError {
  return new EngineError(
    'CKP1009',
    'no checkpoint can be taken here: this process does not lead the job any more. What was completed is kept. Ask the leader.',
  )
}
