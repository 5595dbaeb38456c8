/**
 * Runs one job: performs the effects of the job machine and feeds their results back.
 *
 * Owns: the slots, the enumerators, the checkpoint driver and all timers of the job. Does not own: any decision about the job's life
 * (job-machine.ts) or about checkpoints (checkpoint/checkpoint-machine.ts).
 * Called by: the composition roots (cluster/), one per job and leader epoch.
 *
 * S1 Events are handled one after the other; an effect never leads to a step inside the step that asked for it.
 * S2 What comes back after an `await` carries the attempt it belongs to; the machine drops it when that is over.
 * S3 `result` resolves once, when nothing of the job is alive any more, and never rejects.
 */
import { present } from '../base/assert.ts'
import { type Deferred, deferred } from '../base/deferred.ts'
import type { Env } from '../base/env.ts'
import { type EngineError, type ErrorData, errorToData } from '../base/errors.ts'
import type { AttemptNumber, CheckpointId, LeaderEpoch, SlotIndex } from '../base/ids.ts'
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts'
import type { FromSlot, SlotPool } from '../control/messages.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { slotsAtHeight, usableSlots } from '../graph/slot-groups.ts'
import { CheckpointHub, type CheckpointedJob } from './checkpoint-hub.ts'
import type { JobEvent, JobFailure, JobOutcome, JobStateName } from './job-events.ts'
import {
  type JobOptions,
  checkpointingIsOff,
  factsOf,
  failureOf,
  graphsDiffer,
  notRunning,
  restoredFrom,
  tooFewSlots,
} from './job-facts.ts'
import { createJobState, stateName, step } from './job-machine.ts'
import { allRegions, attemptOf, regionOf } from './job-regions.ts'
import { type JobRegion, type JobScale, machineScale, scaleJob } from './job-scale.ts'
import {
  type CheckpointReason,
  type Effect,
  type JobState,
  type MachineEvent,
  type RegionAttempt,
  type TimerName,
  taskKey,
} from './job-state.ts'
import type { JobMaster } from './job-control.ts'
import type { JobResult, LiveJobStatus, TaskStatus } from './job-status.ts'
import { NamedTimers } from './named-timers.ts'
import { RegionRuns, type RegionRunsOwner } from './region-runs.ts'
import { type AcquiredSlots, SlotFleet, asErrorData } from './slot-fleet.ts'
import { TaskStatistics } from './task-statistics.ts'
import { taskStatuses } from './task-status.ts'

export interface JobMasterOptions {
  readonly graph: JobGraph
  readonly options: JobOptions
  readonly env: Env
  /** Undefined: checkpointing is off. */
  readonly store: CheckpointStore | undefined
  readonly slots: SlotPool
  /** Parameters of the job, kept in every checkpoint. */
  readonly params: Readonly<Record<string, string>>
  readonly epoch: LeaderEpoch
  /** Must not throw. */
  readonly listener: (event: JobEvent) => void
}

export function createJobMaster(options: JobMasterOptions): JobMaster {
  const master = new JobShell(options)
  return {
    start: () => master.dispatch({ kind: 'start' }),
    stop: () => master.tell({ kind: 'stop' }),
    cancel: () => master.tell({ kind: 'cancel' }),
    suspend: () => master.leave(),
    checkpoint: () => master.checkpoint(),
    setParallelismMax: (parallelism) => master.setParallelismMax(parallelism),
    result: master.result,
    status: () => master.status(),
    tasks: () => master.tasks(),
  }
}

/** What a shell that met a bug of ours does no more. */
type ShellMode = 'idle' | 'stepping' | 'broken'

class JobShell {
  readonly #options: JobMasterOptions
  readonly #fleet: SlotFleet
  readonly #checkpoints: CheckpointHub | undefined
  readonly #statistics: TaskStatistics
  readonly #timers: NamedTimers<TimerName>
  readonly #done: Deferred<JobResult> = deferred()
  /** Nobody here leads the job any more. */
  readonly #left: Deferred<void> = deferred()
  readonly #events: MachineEvent[] = []
  readonly #startedMs: number
  #state: JobState
  #mode: ShellMode = 'idle'
  #scale: JobScale
  readonly #runs: RegionRuns
  readonly #timestamps: Partial<Record<JobStateName, number>> = {}
  #waiting: string | undefined
  #released: Promise<void> = Promise.resolve()
  #staleMessageCount = 0

  constructor(options: JobMasterOptions) {
    const { graph, slots, epoch, env, store } = options
    this.#options = options
    this.#timers = new NamedTimers(env.timers)
    const checkpointing = store === undefined ? 'off' : 'on'
    const facts = factsOf({ graph, options: options.options, checkpointing })
    this.#state = createJobState(facts)
    this.#scale = scaleJob(graph, facts.slotsWanted)
    this.#statistics = new TaskStatistics(graph)
    this.#startedMs = env.clock.monotonicMs()
    this.#timestamps.created = env.clock.wallMs()
    this.#runs = new RegionRuns({ env, store, owner: this.#runsOwner() })
    this.#fleet = new SlotFleet({ pool: slots, epoch, listener: this }, this.#scale)
    this.#checkpoints =
      store === undefined
        ? undefined
        : new CheckpointHub({ ...options, store, fleet: this.#fleet, job: this.#checkpointed() })
  }

  get result(): Promise<JobResult> {
    return this.#done.promise
  }

  async tell(command: MachineEvent): Promise<void> {
    this.dispatch(command)
    await this.result
  }

  /** Also when it has ended and waits for the storage only. */
  leave(): Promise<void> {
    this.#checkpoints?.abandon()
    this.#left.resolve()
    return this.tell({ kind: 'suspend' })
  }

  // S1
  dispatch(event: MachineEvent): void {
    if (this.#mode === 'broken') return
    this.#events.push(event)
    if (this.#mode === 'idle') this.#drain()
  }

  async checkpoint(): Promise<CheckpointId> {
    if (this.#checkpoints === undefined) throw checkpointingIsOff(this.#options.graph.jobName)
    if (this.#state.phase.name === 'running') return this.#checkpoints.trigger()
    throw notRunning(this.#options.graph.jobName, stateName(this.#state.phase))
  }

  setParallelismMax(parallelism: number): void {
    const slots = slotsAtHeight(this.#options.graph, Math.max(1, parallelism))
    this.#options.slots.want?.(slots)
    this.dispatch({ kind: 'slots-max', slots })
  }

  onMessage(slot: SlotIndex, message: FromSlot): void {
    if (this.#mode === 'broken') return
    if (message.kind === 'ready') this.#checkReady(slot, message.layoutHash)
    else if (regionOf(this.#state.core, message.attempt) === undefined) this.#staleMessageCount++
    else this.#guard(() => this.#handle(slot, message))
  }

  onSlotLost(slot: SlotIndex, error: ErrorData): void {
    this.dispatch({ kind: 'slot-lost', slot, error })
  }

  onCapacity(slots: number): void {
    this.dispatch({ kind: 'capacity', slots })
  }

  onWaiting(message: string): void {
    if (this.#state.phase.name === 'acquiring') this.#waiting = message
    this.dispatch({ kind: 'waiting', message })
  }

  status(): LiveJobStatus {
    const { core, phase } = this.#state
    return {
      jobName: core.facts.jobName,
      state: stateName(phase),
      attempt: core.attempt,
      restartCount: core.restartCount,
      restoredCheckpoint: core.restoredCheckpoint,
      failures: core.failures,
      vertices: this.#statistics.vertices(),
      counters: this.#statistics.counters(),
      recordsRead: this.#statistics.recordsRead(),
      checkpoints: this.#checkpoints?.stats(),
      checkpointHistory: this.#checkpoints?.history() ?? [],
      slotsWanted: core.facts.slotsWanted,
      slotsHeld: core.scale?.slotCount ?? 0,
      waiting: phase.name === 'acquiring' ? this.#waiting : undefined,
      timestamps: this.#timestamps,
      vertexAttempts: new Map(
        this.#scale.regions.flatMap(({ index, vertices }) =>
          vertices.map(({ id }) => [id, attemptOf(core, index)] as const),
        ),
      ),
      staleMessageCount: core.staleEventCount + this.#staleMessageCount,
    }
  }

  tasks(): readonly TaskStatus[] {
    return taskStatuses(this.#state, this.#scale, (task) => this.#statistics.reportOf(task.vertex, task.subtask))
  }

  get #attempt(): AttemptNumber {
    return this.#state.core.attempt
  }

  #drain(): void {
    this.#mode = 'stepping'
    this.#guard(() => {
      for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) this.#step(event)
      this.#mode = 'idle'
    })
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#breakDown(error)
    }
  }

  #step(event: MachineEvent): void {
    const { clock, random } = this.#options.env
    const next = step(this.#state, event, { nowMs: clock.monotonicMs(), wallMs: clock.wallMs(), random })
    this.#state = next.state
    for (const effect of next.effects) this.#perform(effect)
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'acquire-slots':
        return void this.#acquire(this.#attempt)
      case 'restore':
        return this.#restore(effect.regions)
      case 'deploy':
        return this.#forEach(effect.regions, (region, attempt) =>
          this.#fleet.deploy(region, attempt, this.#runs.restoresOf(region.index)),
        )
      case 'start-tasks':
        return this.#forEach(effect.regions, ({ slots }, attempt) =>
          this.#fleet.sendAll(slots, { kind: 'start', attempt }),
        )
      case 'open-sources':
        return effect.regions.forEach(({ region }) => this.#runs.sourcesOf(region).forEach((source) => source.open()))
      case 'close-sources':
        return this.#runs.close(effect.regions.map(({ region }) => region))
      case 'finish-tasks':
        return this.#forEach(effect.regions, ({ slots }, attempt) =>
          this.#fleet.sendAll(slots, { kind: 'finish', attempt }),
        )
      case 'cancel-tasks':
        return effect.tasks.forEach(({ slot, attempt }) => this.#fleet.send(slot, { kind: 'cancel', attempt }))
      case 'kill-slots':
        return this.#fleet.kill(effect.slots)
      case 'release-slots':
        return void (this.#released = this.#fleet.release())
      case 'resume-checkpoints':
        return this.#checkpoints?.resume()
      case 'suspend-checkpoints':
        return this.#checkpoints?.suspend()
      case 'abandon-checkpoints':
        return this.#checkpoints?.abandon()
      case 'trigger-checkpoint':
        return void this.#trigger(this.#attempt, effect.reason)
      case 'start-timer':
        return this.#startTimer(effect.timer, effect.delayMs)
      case 'cancel-timer':
        return this.#timers.cancel(effect.timer)
      case 'cancel-timers':
        return this.#timers.cancelAll()
      case 'report':
        return this.#report(effect.event)
      case 'end':
        return void this.#end(effect.outcome, effect.error)
    }
  }

  #forEach(regions: readonly RegionAttempt[], act: (region: JobRegion, attempt: AttemptNumber) => void): void {
    for (const { region, attempt } of regions) act(this.#region(region), attempt)
  }

  #region(index: number): JobRegion {
    return present(this.#scale.regions[index], `region ${index}`)
  }

  #report(event: JobEvent): void {
    if (event.kind === 'state-changed') this.#timestamps[event.state] = this.#options.env.clock.wallMs()
    this.#options.listener(event)
  }

  async #acquire(attempt: AttemptNumber): Promise<void> {
    this.#waiting = undefined
    try {
      const acquired = await this.#fleet.acquire(this.#state.core.slotsMax)
      if (acquired === undefined || this.#mode === 'broken') return
      if (this.#isIn('acquiring', attempt)) this.#onAcquired(attempt, acquired)
    } catch (error) {
      this.#fail(attempt, { error: asErrorData(error) })
    }
  }

  #onAcquired(attempt: AttemptNumber, { slots, available }: AcquiredSlots): void {
    const usable = usableSlots(this.#state.core.facts.slotSteps, slots)
    if (usable === 0) return this.#fail(attempt, { error: errorToData(this.#tooFewSlots(slots)) })
    if (usable !== this.#scale.slotCount) this.#rescale(usable)
    this.dispatch({ kind: 'acquired', attempt, scale: machineScale(this.#scale), available })
  }

  #tooFewSlots(slots: number): EngineError {
    const { jobName, slotSteps } = this.#state.core.facts
    return tooFewSlots(jobName, slots, slotSteps?.[0] ?? 1)
  }

  #rescale(slots: number): void {
    this.#scale = scaleJob(this.#options.graph, slots)
    this.#fleet.rescale(this.#scale)
    this.#statistics.rescale(this.#scale.graph)
  }

  /** Whether what was asked for is still waited for. */
  #isIn(phase: 'acquiring' | 'restoring', attempt: AttemptNumber): boolean {
    return this.#attempt === attempt && this.#state.phase.name === phase
  }

  #restore(regions: readonly RegionAttempt[]): void {
    const restored = regions.map(({ region, attempt }) => ({ region: this.#region(region), attempt }))
    this.#statistics.reset(restored.flatMap(({ region }) => region.vertices.map(({ id }) => id)))
    this.#runs.restore({ scale: this.#scale, regions: restored, attempt: this.#attempt })
  }

  #runsOwner(): RegionRunsOwner {
    return {
      ready: async () => this.#checkpoints?.ready(),
      isWanted: (attempt) => this.#isIn('restoring', attempt),
      leader: () => this.#checkpoints?.leader(),
      newestCheckpoint: () => this.#checkpoints?.newestCompleted(),
      tellReader: (attempt, vertex, message) => this.#fleet.tellReader(attempt, vertex, message),
      fail: (attempt, failure) => this.#fail(attempt, failure),
      onSkipped: ({ checkpoint, error }) =>
        this.#options.listener({ kind: 'fell-back', checkpoint, error: errorToData(error) }),
      onWiden: (attempt) => this.dispatch({ kind: 'restore-widened', attempt }),
      onRestored: (attempt, manifest) =>
        this.dispatch({ kind: 'restored', attempt, restored: restoredFrom(manifest, this.#options.env) }),
    }
  }

  async #trigger(attempt: AttemptNumber, reason: CheckpointReason): Promise<void> {
    try {
      const checkpoint = await present(this.#checkpoints, 'the checkpoint driver').trigger()
      if (reason === 'rescale') this.dispatch({ kind: 'rescale-checkpoint', attempt, outcome: 'published' })
      else this.dispatch({ kind: 'checkpoint-published', attempt, checkpoint })
    } catch (error) {
      if (reason === 'rescale') this.dispatch({ kind: 'rescale-checkpoint', attempt, outcome: 'failed' })
      else this.dispatch({ kind: 'checkpoint-failed', attempt, error: asErrorData(error) })
    }
  }

  #fail(attempt: AttemptNumber, failure: JobFailure): void {
    this.dispatch({ kind: 'failure', attempt, failure })
  }

  #checkReady(slot: SlotIndex, layoutHash: string): void {
    const { graph } = this.#options
    if (layoutHash === graph.layoutHash) return
    this.dispatch({ kind: 'job-failure', failure: { error: errorToData(graphsDiffer(graph.jobName, slot)), slot } })
  }

  #handle(slot: SlotIndex, message: Exclude<FromSlot, { kind: 'ready' }>): void {
    const { attempt } = message
    switch (message.kind) {
      case 'deployed':
        return this.dispatch({ kind: 'deployed', attempt, slot })
      case 'stopped':
        return this.dispatch({ kind: 'slot-stopped', attempt, slot })
      case 'failed':
        return this.#fail(attempt, failureOf(slot, message))
      case 'drained':
      case 'finished':
        return this.dispatch({ kind: message.kind, attempt, task: taskKey(message) })
      case 'committed':
        return this.dispatch({ kind: 'committed', attempt, task: taskKey(message), checkpoint: message.checkpoint })
      case 'request-split':
      case 'source-event':
      case 'source-watermark':
        return this.#runs.onReaderMessage(message)
      case 'ack':
        return this.#checkpoints?.onAck(message.checkpoint, message.snapshot)
      case 'decline':
        return this.#checkpoints?.onDecline(message)
      case 'report':
        return message.tasks.forEach((task) => this.#statistics.note(task))
    }
  }

  #startTimer(timer: TimerName, delayMs: number): void {
    const attempt = this.#attempt
    this.#timers.start(timer, delayMs, () => this.dispatch({ kind: 'timer', attempt, timer }))
  }

  // S3
  async #end(state: JobOutcome, error: ErrorData | undefined): Promise<void> {
    // A storage that hangs keeps nobody who does not lead any more from going on.
    const settled = Promise.allSettled([this.#runs.settled(), this.#checkpoints?.stop()])
    if (state !== 'suspended') await Promise.race([settled, this.#left.promise])
    await Promise.allSettled([this.#released])
    const durationMs = this.#options.env.clock.monotonicMs() - this.#startedMs
    this.#done.resolve({ ...this.status(), state, durationMs, ...(error === undefined ? {} : { error }) })
  }

  /** A bug of ours: the job cannot be led any further. Its checkpoints are kept. */
  #breakDown(thrown: unknown): void {
    this.#mode = 'broken'
    const error = asErrorData(thrown)
    this.#timers.cancelAll()
    this.#runs.closeAll()
    this.#released = this.#fleet.release()
    this.#options.listener({ kind: 'ended', outcome: 'failed', error })
    void this.#end('failed', error)
  }

  #checkpointed(): CheckpointedJob {
    return {
      attempt: () => this.#attempt,
      scale: () => this.#scale,
      regions: () => {
        const { core } = this.#state
        return [...allRegions(core)].map((index) => ({ region: this.#region(index), attempt: attemptOf(core, index) }))
      },
      sources: () => this.#runs.sources(),
      fail: (error) => this.dispatch({ kind: 'job-failure', failure: { error: errorToData(error) } }),
    }
  }
}
