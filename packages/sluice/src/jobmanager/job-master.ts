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
import { assert } from '../base/assert.ts'
import { type Deferred, deferred } from '../base/deferred.ts'
import type { Env, Timer } from '../base/env.ts'
import { type ErrorData, type EngineError, errorToData } from '../base/errors.ts'
import type { AttemptNumber, CheckpointId, LeaderEpoch, SlotIndex } from '../base/ids.ts'
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts'
import type { ResolvedOptions } from '../config/options.ts'
import type { FromSlot, SlotPool } from '../control/messages.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { type PreparedAttempt, closeAll, prepareAttempt, sourcesOf } from './attempt-restore.ts'
import { CheckpointHub } from './checkpoint-hub.ts'
import type { JobEvent, JobOutcome } from './job-events.ts'
import { createJobState, stateName, step } from './job-machine.ts'
import type { Effect, JobFacts, JobLimits, JobState, MachineEvent, TimerName } from './job-state.ts'
import { taskKey } from './job-state.ts'
import type { JobResult, JobStatus } from './job-status.ts'
import { layoutMismatch } from './layout-mismatch.ts'
import { type Placement, placeTasks } from './placement.ts'
import { SlotFleet, asErrorData } from './slot-fleet.ts'
import { SourceHub } from './source-hub.ts'
import { TaskStatistics } from './task-statistics.ts'

export interface JobMasterOptions {
  readonly graph: JobGraph
  readonly options: Pick<ResolvedOptions, 'checkpoint' | 'restart' | 'task'>
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

/** Longest wait for all slots to be ready; user code may load slowly. */
const ACQUIRE_TIMEOUT_MS = 300_000
/** Longest wait for the loss of a killed slot. */
const KILL_GRACE_MS = 5000
/** Pause before a final checkpoint is tried again. */
const FINAL_RETRY_MS = 1000
/** Tries of a final checkpoint, at least. */
const FINAL_ATTEMPTS_MIN = 10

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

class JobShell {
  readonly #options: JobMasterOptions
  readonly #fleet: SlotFleet
  readonly #sources: SourceHub
  readonly #checkpoints: CheckpointHub | undefined
  readonly #statistics: TaskStatistics
  readonly #timers = new Map<TimerName, Timer>()
  readonly #done: Deferred<JobResult> = deferred()
  readonly #events: MachineEvent[] = []
  readonly #startedMs: number
  #state: JobState
  #mode: 'idle' | 'stepping' | 'broken' = 'idle'
  #prepared: PreparedAttempt | undefined
  #preparation: Promise<void> = Promise.resolve()
  #released: Promise<void> = Promise.resolve()
  #staleMessageCount = 0

  constructor(options: JobMasterOptions) {
    const placement = placeTasks(options.graph)
    const { graph, slots, epoch, env } = options
    this.#options = options
    this.#state = createJobState(factsOf(options, placement))
    this.#statistics = new TaskStatistics(graph)
    this.#startedMs = env.clock.monotonicMs()
    this.#fleet = new SlotFleet({ pool: slots, graph, placement, epoch, listener: this })
    this.#sources = new SourceHub(graph, (vertex, assignment) => this.#fleet.assign(this.#attempt, vertex, assignment))
    this.#checkpoints = options.store === undefined ? undefined : this.#createCheckpoints(options.store, placement)
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
    if (message.kind === 'ready') return this.#checkReady(slot, message.layoutHash)
    if (message.attempt !== this.#attempt) {
      this.#staleMessageCount++
      return
    }
    this.#handle(slot, message)
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
      checkpoints: this.#checkpoints?.stats(),
      staleMessageCount: core.staleEventCount + this.#staleMessageCount,
    }
  }

  get #attempt(): AttemptNumber {
    return this.#state.core.attempt
  }

  #drain(): void {
    this.#mode = 'stepping'
    try {
      for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) this.#step(event)
      this.#mode = 'idle'
    } catch (error) {
      this.#breakDown(error)
    }
  }

  #step(event: MachineEvent): void {
    const { clock, random } = this.#options.env
    const moment = { nowMs: clock.monotonicMs(), wallMs: clock.wallMs(), random }
    const next = step(this.#state, event, moment)
    this.#state = next.state
    for (const effect of next.effects) this.#perform(effect)
  }

  #perform(effect: Effect): void {
    const attempt = this.#attempt
    switch (effect.kind) {
      case 'restore':
        return this.#restore()
      case 'acquire-slots':
        return this.#acquire()
      case 'deploy':
        return this.#fleet.deploy(attempt, this.#prepared?.restores ?? new Map())
      case 'start-tasks':
        return this.#fleet.broadcast({ kind: 'start', attempt })
      case 'open-sources':
        return this.#sources.open()
      case 'close-sources':
        return this.#sources.close()
      case 'resume-checkpoints':
        return this.#checkpoints?.resume()
      case 'suspend-checkpoints':
        return this.#checkpoints?.suspend()
      case 'trigger-checkpoint':
        return this.#trigger()
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
        this.#released = this.#fleet.release()
        return
      case 'report':
        return this.#options.listener(effect.event)
      case 'end':
        void this.#end(effect.outcome, effect.error)
        return
    }
  }

  #restore(): void {
    const attempt = this.#attempt
    this.#statistics.reset()
    this.#prepared = undefined
    // An attempt that is not wanted any more may still be closing what it made.
    this.#preparation = this.#preparation.then(() => this.#prepare(attempt))
  }

  /** Never rejects. */
  async #prepare(attempt: AttemptNumber): Promise<void> {
    const isWanted = (): boolean => this.#attempt === attempt && this.#state.phase.name === 'restoring'
    const { graph, env, store, listener } = this.#options
    try {
      await this.#checkpoints?.quiesced()
      const prepared = await prepareAttempt({
        graph,
        env,
        store,
        channel: this.#sources.channelsFor((source, error) => this.#fail(attempt, error, source)),
        onSkipped: ({ checkpoint, error }) => listener({ kind: 'fell-back', checkpoint, error: errorToData(error) }),
        isWanted,
      })
      await this.#checkpoints?.prepare(prepared?.manifest)
      if (prepared !== undefined && isWanted()) this.#adopt(attempt, prepared)
      else await closeAll(prepared?.sources ?? [])
    } catch (error) {
      this.dispatch({ kind: 'failure', attempt, failure: { error: asErrorData(error) } })
    }
  }
}
