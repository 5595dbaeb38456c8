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
import type { Env, Timer } from '../base/env.ts'
import { type ErrorData, errorToData } from '../base/errors.ts'
import type { AttemptNumber, LeaderEpoch, SlotIndex } from '../base/ids.ts'
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts'
import type { FromSlot, SlotPool } from '../control/messages.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { type AttemptRestoreOptions, type PreparedAttempt, closeAll, prepareAttempt } from './attempt-restore.ts'
import { CheckpointHub, type CheckpointedJob } from './checkpoint-hub.ts'
import type { JobEvent, JobFailure, JobOutcome } from './job-events.ts'
import { type JobOptions, factsOf, failureOf, graphsDiffer, restoredFrom } from './job-facts.ts'
import { createJobState, stateName, step } from './job-machine.ts'
import { type Effect, type JobState, type MachineEvent, type TimerName, taskKey } from './job-state.ts'
import type { JobResult, JobStatus } from './job-status.ts'
import { placeTasks } from './placement.ts'
import { SlotFleet, asErrorData } from './slot-fleet.ts'
import type { SourceCoordinator } from './source-coordinator.ts'
import { TaskStatistics } from './task-statistics.ts'

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

export interface JobMaster {
  start(): void
  /** Takes a last checkpoint, then ends the tasks; the job can be resumed. Resolves when it has ended, in whatever way. */
  stop(): Promise<void>
  /** Ends the tasks at once. Resolves when the job has ended. */
  cancel(): Promise<void>
  readonly result: Promise<JobResult>
  status(): JobStatus
}

export function createJobMaster(options: JobMasterOptions): JobMaster {
  const master = new JobShell(options)
  return {
    start: () => master.dispatch({ kind: 'start' }),
    stop: () => master.tell({ kind: 'stop' }),
    cancel: () => master.tell({ kind: 'cancel' }),
    result: master.result,
    status: () => master.status(),
  }
}

/** What a shell that met a bug of ours does no more. */
type ShellMode = 'idle' | 'stepping' | 'broken'

class JobShell {
  readonly #options: JobMasterOptions
  readonly #fleet: SlotFleet
  readonly #checkpoints: CheckpointHub | undefined
  readonly #statistics: TaskStatistics
  readonly #timers = new Map<TimerName, Timer>()
  readonly #done: Deferred<JobResult> = deferred()
  readonly #events: MachineEvent[] = []
  readonly #startedMs: number
  #state: JobState
  #mode: ShellMode = 'idle'
  #prepared: PreparedAttempt | undefined
  #preparation: Promise<void> = Promise.resolve()
  #released: Promise<void> = Promise.resolve()
  #staleMessageCount = 0

  constructor(options: JobMasterOptions) {
    const { graph, slots, epoch, env, store } = options
    const placement = placeTasks(graph)
    this.#options = options
    this.#state = createJobState(
      factsOf({
        jobName: graph.jobName,
        options: options.options,
        placement,
        checkpointing: store === undefined ? 'off' : 'on',
      }),
    )
    this.#statistics = new TaskStatistics(graph)
    this.#startedMs = env.clock.monotonicMs()
    this.#fleet = new SlotFleet({ pool: slots, graph, placement, epoch, listener: this })
    this.#checkpoints =
      store === undefined
        ? undefined
        : new CheckpointHub({ ...options, store, placement, fleet: this.#fleet, job: this.#checkpointed() })
  }

  get result(): Promise<JobResult> {
    return this.#done.promise
  }

  async tell(command: MachineEvent): Promise<void> {
    this.dispatch(command)
    await this.result
  }

  // S1
  dispatch(event: MachineEvent): void {
    if (this.#mode === 'broken') return
    this.#events.push(event)
    if (this.#mode === 'idle') this.#drain()
  }

  onMessage(slot: SlotIndex, message: FromSlot): void {
    if (this.#mode === 'broken') return
    if (message.kind === 'ready') this.#checkReady(slot, message.layoutHash)
    else if (message.attempt === this.#attempt) this.#guard(() => this.#handle(slot, message))
    else this.#staleMessageCount++
  }

  onSlotLost(slot: SlotIndex, error: ErrorData): void {
    this.dispatch({ kind: 'slot-lost', attempt: this.#attempt, slot, error })
  }

  status(): JobStatus {
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
      staleMessageCount: core.staleEventCount + this.#staleMessageCount,
    }
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
    const attempt = this.#attempt
    switch (effect.kind) {
      case 'restore':
        return this.#restore(attempt)
      case 'acquire-slots':
        return void this.#acquire(attempt)
      case 'deploy':
        return this.#fleet.deploy(attempt, this.#prepared?.restores ?? NO_RESTORES)
      case 'start-tasks':
        return this.#fleet.broadcast({ kind: 'start', attempt })
      case 'open-sources':
        return this.#sources().forEach((source) => source.open())
      case 'close-sources':
        return void closeAll(this.#sources())
      case 'resume-checkpoints':
        return this.#checkpoints?.resume()
      case 'suspend-checkpoints':
        return this.#checkpoints?.suspend()
      case 'trigger-checkpoint':
        return void this.#trigger(attempt)
      case 'finish-tasks':
        return this.#fleet.broadcast({ kind: 'finish', attempt })
      case 'cancel-tasks':
        return effect.slots.forEach((slot) => this.#fleet.send(slot, { kind: 'cancel', attempt }))
      case 'kill-slots':
        return this.#fleet.kill(effect.slots)
      case 'start-timer':
        return this.#startTimer(effect.timer, effect.delayMs)
      case 'cancel-timers':
        return this.#cancelTimers()
      case 'release-slots':
        return void (this.#released = this.#fleet.release())
      case 'report':
        return this.#options.listener(effect.event)
      case 'end':
        return void this.#end(effect.outcome, effect.error)
    }
  }

  #sources(): readonly SourceCoordinator[] {
    return this.#prepared?.sources ?? []
  }

  #restore(attempt: AttemptNumber): void {
    this.#statistics.reset()
    this.#prepared = undefined
    // An attempt that is not wanted any more may still be closing what it made.
    this.#preparation = this.#preparation.then(() => this.#prepare(attempt))
  }

  /** Never rejects. */
  async #prepare(attempt: AttemptNumber): Promise<void> {
    try {
      await this.#checkpoints?.ready()
      const options = this.#restoreOptions(attempt)
      const prepared = await prepareAttempt(options)
      if (prepared === undefined) return
      if (!options.isWanted()) return await closeAll(prepared.sources)
      this.#prepared = prepared
      this.dispatch({ kind: 'restored', attempt, restored: restoredFrom(prepared, this.#options.env) })
    } catch (error) {
      this.#fail(attempt, { error: asErrorData(error) })
    }
  }

  #restoreOptions(attempt: AttemptNumber): AttemptRestoreOptions {
    const { graph, env, store, listener } = this.#options
    return {
      graph,
      env,
      store,
      channelOf: (vertex) => ({
        assign: (assignment) => this.#fleet.assign(attempt, vertex, assignment),
        fail: (error) => this.#fail(attempt, { error: errorToData(error), vertex }),
      }),
      onSkipped: ({ checkpoint, error }) => listener({ kind: 'fell-back', checkpoint, error: errorToData(error) }),
      isWanted: () => this.#attempt === attempt && this.#state.phase.name === 'restoring',
    }
  }

  async #acquire(attempt: AttemptNumber): Promise<void> {
    try {
      await this.#fleet.acquire()
      this.dispatch({ kind: 'acquired', attempt })
    } catch (error) {
      this.#fail(attempt, { error: asErrorData(error) })
    }
  }

  async #trigger(attempt: AttemptNumber): Promise<void> {
    try {
      const checkpoint = await present(this.#checkpoints, 'the checkpoint driver').trigger()
      this.dispatch({ kind: 'checkpoint-published', attempt, checkpoint })
    } catch (error) {
      this.dispatch({ kind: 'checkpoint-failed', attempt, error: asErrorData(error) })
    }
  }

  #fail(attempt: AttemptNumber, failure: JobFailure): void {
    this.dispatch({ kind: 'failure', attempt, failure })
  }

  #checkReady(slot: SlotIndex, layoutHash: string): void {
    const { graph } = this.#options
    if (layoutHash !== graph.layoutHash)
      this.#fail(this.#attempt, { error: errorToData(graphsDiffer(graph.jobName, slot)), slot })
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
        return this.#sources()
          .find(({ uid }) => uid === message.source)
          ?.onSplitRequest(message.subtask)
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
    this.#timers.get(timer)?.cancel()
    const fire = (): void => {
      this.#timers.delete(timer)
      this.dispatch({ kind: 'timer', attempt, timer })
    }
    this.#timers.set(timer, this.#options.env.timers.after(delayMs, fire))
  }

  #cancelTimers(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  // S3
  async #end(state: JobOutcome, error: ErrorData | undefined): Promise<void> {
    await Promise.allSettled([this.#preparation, this.#checkpoints?.stop(), this.#released])
    const durationMs = this.#options.env.clock.monotonicMs() - this.#startedMs
    this.#done.resolve({ ...this.status(), state, durationMs, ...(error === undefined ? {} : { error }) })
  }

  /** A bug of ours: the job cannot be led any further. Its checkpoints are kept. */
  #breakDown(thrown: unknown): void {
    this.#mode = 'broken'
    const error = asErrorData(thrown)
    this.#cancelTimers()
    void closeAll(this.#sources())
    this.#released = this.#fleet.release()
    this.#options.listener({ kind: 'ended', outcome: 'failed', error })
    void this.#end('failed', error)
  }

  #checkpointed(): CheckpointedJob {
    return {
      attempt: () => this.#attempt,
      sources: () => this.#sources(),
      fail: (error) => this.#fail(this.#attempt, { error: errorToData(error) }),
    }
  }
}

const NO_RESTORES: PreparedAttempt['restores'] = new Map()
