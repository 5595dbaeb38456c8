/**
 * The tasks of a job under test: all in one slot of this thread, on a manual clock.
 *
 * Owns: the slot runner of one attempt, and the part of a JobManager that a test needs: deploy, trigger, gather, cancel. The tasks are the
 * ones that every other host runs.
 *
 * T1 After every call all that can happen without the clock moving has happened.
 * T2 The first failure of a task is thrown by the call that brought it about, and by every call behind it.
 */
import { assert, present } from '../base/assert.ts'
import { errorFromData, type EngineError } from '../base/errors.ts'
import { attemptNumber, leaderEpoch, slotIndex, subtaskIndex, type CheckpointId, type VertexId } from '../base/ids.ts'
import type { TaskRestore, TaskSnapshot } from '../checkpoint/handles.ts'
import type { SnapshotStorage } from '../checkpoint/checkpoint-store.ts'
import type { FromSlot, SlotDeployment, TaskDeployment } from '../control/messages.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { slotsWantedBy } from '../graph/scale-graph.ts'
import type { SlotSettings } from '../taskmanager/slot-environment.ts'
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

const SLOT = slotIndex(0)
const EPOCH = leaderEpoch(1)

export class HarnessTasks {
  readonly #options: HarnessTasksOptions
  readonly #runner: SlotRunner
  readonly #attempt
  #snapshots: TaskSnapshot[] = []
  #failure: EngineError | undefined
  #counters: Readonly<Record<string, number>> = {}
  #isStopped = false

  private constructor(options: HarnessTasksOptions) {
    this.#options = options
    this.#attempt = attemptNumber(options.attempt)
    const { env, graph, settings, storage } = options
    const send = (message: FromSlot): void => this.#onMessage(message)
    const progress = { enter() {}, leave() {} }
    const limits = { turnMs: Number.POSITIVE_INFINITY, stepsMax: 256 }
    this.#runner = new SlotRunner({ env, graph, settings, storage, progress, limits, send })
  }

  static async start(options: HarnessTasksOptions): Promise<HarnessTasks> {
    const tasks = new HarnessTasks(options)
    tasks.#runner.onMessage({ kind: 'deploy', deployment: tasks.#deployment() })
    await tasks.settle()
    tasks.#runner.onMessage({ kind: 'start', attempt: tasks.#attempt })
    await tasks.settle()
    return tasks
  }

  // T1
  async settle(): Promise<void> {
    await this.#options.env.settle()
    this.#throwFailure()
  }

  async advance(ms: number): Promise<void> {
    await this.#options.env.advanceAndSettle(ms)
    this.#throwFailure()
  }

  /** A cut of all tasks; it is complete for them when this resolves. */
  async cut(checkpoint: CheckpointId): Promise<readonly TaskSnapshot[]> {
    this.#snapshots = []
    const attempt = this.#attempt
    this.#runner.onMessage({ kind: 'trigger', attempt, checkpoint, mode: 'exactly-once' })
    await this.settle()
    const wanted = this.#options.graph.vertices.reduce((sum, { parallelism }) => sum + parallelism, 0)
    assert(this.#snapshots.length === wanted, 'not every task acknowledged the snapshot', {
      wanted,
      acknowledged: this.#snapshots.length,
    })
    this.#runner.onMessage({ kind: 'complete', attempt, checkpoint })
    await this.settle()
    return this.#snapshots
  }

  /** By `uid/name`, since the start of these tasks. */
  counters(): Readonly<Record<string, number>> {
    this.#runner.report()
    return this.#counters
  }

  /** Idempotent; never fails: what failed has been told. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#runner.onMessage({ kind: 'cancel', attempt: this.#attempt })
    await this.#options.env.settle()
    assert(this.#isStopped, 'the tasks of a test did not stop')
  }

  #onMessage(message: FromSlot): void {
    if (message.kind === 'ack') this.#snapshots.push(message.snapshot)
    else if (message.kind === 'failed' || message.kind === 'decline') this.#failure ??= errorFromData(message.error)
    else if (message.kind === 'stopped') this.#isStopped = true
    else if (message.kind === 'report') this.#counters = sumOf(message.tasks.map(({ counters }) => counters))
  }

  // T2
  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #deployment(): SlotDeployment {
    const { graph, restores } = this.#options
    const placement = Object.fromEntries(
      graph.vertices.map(({ id, parallelism }) => [id, Array.from({ length: parallelism }, () => SLOT)]),
    )
    return {
      epoch: EPOCH,
      attempt: this.#attempt,
      slot: SLOT,
      slotCount: slotsWantedBy(graph),
      layoutHash: graph.layoutHash,
      tasks: graph.vertices.flatMap(({ id, parallelism }) =>
        Array.from({ length: parallelism }, (_, at): TaskDeployment => {
          const restore = restores === undefined ? undefined : present(restores.get(id)?.[at], 'the state of a subtask')
          return { vertex: id, subtask: subtaskIndex(at), ...(restore === undefined ? {} : { restore }) }
        }),
      ),
      placement,
    }
  }
}

function sumOf(counted: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const sum: Record<string, number> = {}
  for (const counters of counted)
    for (const [name, count] of Object.entries(counters)) sum[name] = (sum[name] ?? 0) + count
  return sum
}
