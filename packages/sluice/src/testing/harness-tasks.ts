/**
 * The tasks of a job under test: in as many slots as the job wants, all in this thread, on a manual clock.
 *
 * Owns: the slot runners of one attempt, and the part of a JobManager that a test needs: deploy, trigger, gather, cancel. The tasks are the
 * ones that every other host runs.
 *
 * T1 After every call all that can happen without the clock moving has happened.
 * T2 The first failure of a task is thrown by the call that brought it about, and by every call behind it. One that came behind the last call is
 *    thrown by `close`.
 * T3 Between slots records are encoded as between threads: what cannot be encoded is found here.
 * T4 A job that never comes to rest fails the call instead of keeping the thread for ever.
 */
import { assert, present } from '../base/assert.ts'
import { EngineError, errorFromData } from '../base/errors.ts'
import {
  attemptNumber,
  leaderEpoch,
  type AttemptNumber,
  type CheckpointId,
  type SlotIndex,
  type VertexId,
} from '../base/ids.ts'
import type { TaskReport } from '../base/task-report.ts'
import type { TaskRestore, TaskSnapshot } from '../checkpoint/handles.ts'
import type { SnapshotStorage } from '../checkpoint/checkpoint-store.ts'
import type { FromSlot, SlotDeployment, TaskDeployment, ToSlot } from '../control/messages.ts'
import type { DataLink } from '../exchange/data-link.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { placeTasks, tasksOf, type Placement } from '../jobmanager/placement.ts'
import { inlineLink } from '../taskmanager/inline-links.ts'
import type { SlotLinks, SlotSettings } from '../taskmanager/slot-environment.ts'
import { SlotRunner } from '../taskmanager/slot-runner.ts'
import type { ManualEnv } from './manual-env.ts'

export interface HarnessTasksOptions {
  readonly env: ManualEnv
  readonly graph: JobGraph
  readonly storage: SnapshotStorage
  readonly attempt: number
  readonly settings: SlotSettings
  /** By vertex and subtask; absent for a fresh start. */
  readonly restores?: ReadonlyMap<VertexId, readonly TaskRestore[]>
}

const EPOCH = leaderEpoch(1)
const LINK_SHAPE = { framesPerTurn: Number.POSITIVE_INFINITY }
const STEPS_PER_TURN = 256
/** Turns of all slots in which no task reads, sends or counts a record: ten thousand steps, each of up to a thousand timers. */
const IDLE_TURNS_MAX = 50
/** Records that one call may lead to: what a timer brings that is due again and again would fill the memory. */
const RECORDS_MAX = 10_000_000

export class HarnessTasks {
  readonly #options: HarnessTasksOptions
  readonly #placement: Placement
  readonly #runners: ReadonlyMap<SlotIndex, SlotRunner>
  readonly #attempt: AttemptNumber
  readonly #stopped = new Set<SlotIndex>()
  #checkpoint: CheckpointId | undefined
  #snapshots: TaskSnapshot[] = []
  #failure: EngineError | undefined
  #isFailureTold = false
  #counters: Record<string, number> = {}
  /** Since tasks were seen to move records. */
  #idleTurns = 0
  /** Records read and sent, and what was counted. */
  #moved = 0
  #movedBefore = 0

  private constructor(options: HarnessTasksOptions) {
    this.#options = options
    this.#attempt = attemptNumber(options.attempt)
    this.#placement = placeTasks(options.graph)
    this.#runners = new Map(this.#placement.slots.map((slot) => [slot, this.#runner(slot)]))
  }

  static async start(options: HarnessTasksOptions): Promise<HarnessTasks> {
    const tasks = new HarnessTasks(options)
    tasks.#deploy()
    await tasks.settle()
    tasks.#tellAll({ kind: 'start', attempt: tasks.#attempt })
    await tasks.settle()
    return tasks
  }

  // T1
  async settle(): Promise<void> {
    this.#beginCall()
    await this.#options.env.settle()
    this.#throwFailure()
  }

  async advance(ms: number): Promise<void> {
    this.#beginCall()
    await this.#options.env.advanceAndSettle(ms)
    this.#throwFailure()
  }

  /** A cut of all tasks; it is complete for them when this resolves. */
  async cut(checkpoint: CheckpointId): Promise<readonly TaskSnapshot[]> {
    this.#checkpoint = checkpoint
    this.#snapshots = []
    const attempt = this.#attempt
    this.#tellAll({ kind: 'trigger', attempt, checkpoint, mode: 'exactly-once' })
    await this.settle()
    const wanted = this.#placement.tasks.length
    if (this.#snapshots.length !== wanted) throw cutIncomplete(this.#snapshots.length, wanted)
    this.#tellAll({ kind: 'complete', attempt, checkpoint })
    await this.settle()
    return this.#snapshots
  }

  /** By `uid/name`, since the start of these tasks. */
  counters(): Readonly<Record<string, number>> {
    if (!this.#hasStopped()) this.#report()
    return this.#counters
  }

  /** As `stop`, behind everything that can still happen. Throws a failure that no call has told yet. */
  async close(): Promise<void> {
    if (this.#failure === undefined && !this.#hasStopped()) await this.#options.env.settle()
    await this.stop()
    if (!this.#isFailureTold) this.#throwFailure()
  }

  /** Idempotent. A failure that no call has told is not told any more. */
  async stop(): Promise<void> {
    if (this.#hasStopped()) return
    this.#counters = {} // each slot reports once more
    this.#tellAll({ kind: 'cancel', attempt: this.#attempt })
    this.#beginCall()
    await this.#options.env.settle()
    assert(this.#hasStopped(), 'the tasks of a test did not stop')
  }

  #hasStopped(): boolean {
    return this.#stopped.size === this.#runners.size
  }

  #runner(slot: SlotIndex): SlotRunner {
    const { env, graph, settings, storage } = this.#options
    return new SlotRunner({
      env,
      graph,
      settings,
      storage,
      progress: { enter: () => this.#countTurn(), leave() {} },
      limits: { turnMs: Number.POSITIVE_INFINITY, stepsMax: STEPS_PER_TURN },
      send: (message) => this.#onMessage(slot, message),
    })
  }

  // T4
  #countTurn(): void {
    if (++this.#idleTurns < IDLE_TURNS_MAX) return
    const before = this.#moved
    this.#report()
    if (this.#moved === before || this.#moved - this.#movedBefore > RECORDS_MAX)
      throw this.#fail(neverRests(this.#options.env.clock.wallMs()))
    this.#idleTurns = 0
  }

  #report(): void {
    this.#counters = {}
    this.#moved = 0
    for (const runner of this.#runners.values()) runner.report()
  }

  #beginCall(): void {
    this.#idleTurns = 0
    this.#movedBefore = this.#moved
  }

  #fail(error: EngineError): EngineError {
    this.#failure ??= error
    this.#isFailureTold = true
    return error
  }

  #tellAll(message: ToSlot): void {
    for (const runner of this.#runners.values()) runner.onMessage(message)
  }

  #onMessage(slot: SlotIndex, message: FromSlot): void {
    if (message.kind === 'ack') {
      if (message.checkpoint === this.#checkpoint) this.#snapshots.push(message.snapshot)
    } else if (message.kind === 'failed' || message.kind === 'decline') this.#failure ??= errorFromData(message.error)
    else if (message.kind === 'stopped') this.#stopped.add(slot)
    else if (message.kind === 'report') for (const task of message.tasks) this.#count(task)
  }

  #count({ counters, recordsIn, recordsOut }: TaskReport): void {
    this.#moved += recordsIn + recordsOut
    for (const [name, count] of Object.entries(counters)) {
      this.#moved += count
      this.#counters[name] = (this.#counters[name] ?? 0) + count
    }
  }

  // T2
  #throwFailure(): void {
    if (this.#failure === undefined) return
    this.#isFailureTold = true
    throw this.#failure
  }

  #deploy(): void {
    const links = this.#links()
    for (const [slot, runner] of this.#runners)
      runner.onMessage({ kind: 'deploy', deployment: this.#deployment(slot) }, links.get(slot))
  }

  // T3
  #links(): ReadonlyMap<SlotIndex, SlotLinks> {
    const { env } = this.#options
    const { slots } = this.#placement
    const links = new Map(slots.map((slot) => [slot, new Map<SlotIndex, DataLink>()]))
    for (const [index, a] of slots.entries()) {
      for (const b of slots.slice(index + 1)) {
        const [ofA, ofB] = inlineLink({ slot: a, env }, { slot: b, env }, LINK_SHAPE)
        links.get(a)?.set(b, ofA)
        links.get(b)?.set(a, ofB)
      }
    }
    return links
  }

  #deployment(slot: SlotIndex): SlotDeployment {
    const { graph, restores } = this.#options
    return {
      epoch: EPOCH,
      attempt: this.#attempt,
      slot,
      slotCount: this.#placement.slots.length,
      layoutHash: graph.layoutHash,
      tasks: tasksOf(this.#placement, slot).map((task): TaskDeployment => {
        if (restores === undefined) return task
        return { ...task, restore: present(restores.get(task.vertex)?.[task.subtask], 'the state of a subtask') }
      }),
      placement: this.#placement.table,
    }
  }
}

function cutIncomplete(acknowledged: number, wanted: number): EngineError {
  return new EngineError(
    'SIM1001',
    `the snapshot was not completed: ${acknowledged} of ${wanted} tasks have taken theirs, the others read no further. The job goes on. A task waits ` +
      'like this while an asynchronous function has as many requests under way as its capacity allows: let some of them have their answers ' +
      'before snapshot(), or raise the capacity.',
  )
}

function neverRests(nowMs: number): EngineError {
  return new EngineError(
    'SIM1001',
    `the job under test does not come to rest at processing time ${nowMs}: its tasks go on and on. The test cannot go on. The usual reason is a timer ` +
      'that registers itself again for the moment at which it fires.',
  )
}
