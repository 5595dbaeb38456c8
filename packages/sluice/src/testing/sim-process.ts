/**
 * One process that runs the job, from its start to its end: what `execute` does with a job given as an object, on a simulated world.
 *
 * Owns: the order of start and end of one process. Does not own: crashes (nothing here runs any more then), faults, checks.
 */
import type { JobDefinition } from '../api/define-job.ts'
import { type EngineError, asEngineError } from '../base/errors.ts'
import type { Disk, Env, Random } from '../base/env.ts'
import { DirectoryStore } from '../checkpoint/stores/directory-store.ts'
import { removeCheckpoints } from '../checkpoint/remove-checkpoints.ts'
import { planDefinition, slotSettingsOf, type PlannedJob } from '../cluster/job-module.ts'
import type { ProcessTable } from '../cluster/process-identity.ts'
import { openStateDirectory, type StateDirectory } from '../cluster/state-directory.ts'
import type { LogicalNode } from '../graph/logical-graph.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import type { JobMaster } from '../jobmanager/job-control.ts'
import { createJobMaster } from '../jobmanager/job-master.ts'
import type { JobResult } from '../jobmanager/job-status.ts'
import { placeTasks } from '../jobmanager/placement.ts'
import { createInlineSlots, type InlineSlotPool } from '../taskmanager/inline-slots.ts'
import { simGraph } from './sim-graph.ts'
import type { SimShape } from './sim-shape.ts'

/** Ways to break the engine from outside: for tests that show that the rules find it. */
export interface SimHooks {
  readonly wrapNode?: (node: LogicalNode) => LogicalNode
  /** The disk that checkpoints are kept on. */
  readonly wrapStoreDisk?: (disk: Disk) => Disk
  /** Stronger than what is drawn. */
  readonly options?: Readonly<Record<string, string>>
}

export interface SimProcessOptions {
  readonly job: JobDefinition
  readonly params: Readonly<Record<string, string>>
  readonly shape: SimShape
  readonly parallelism: number
  readonly env: Env
  readonly random: Random
  readonly pid: number
  readonly stateRoot: string
  readonly hooks: SimHooks
  readonly onRecord: (operator: string) => void
  readonly onEvent: (event: JobEvent) => void
}

export type ProcessOutcome =
  | { readonly kind: 'ended'; readonly result: JobResult }
  | { readonly kind: 'finished-before' }
  | { readonly kind: 'not-started'; readonly error: EngineError }

/** A finished job whose state could not be marked or cleared. */
export type UnclearedState = EngineError

export class SimProcess {
  readonly #options: SimProcessOptions
  readonly #planned: PlannedJob
  #master: JobMaster | undefined
  #slots: InlineSlotPool | undefined
  outcome: ProcessOutcome | undefined
  uncleared: UnclearedState | undefined

  constructor(options: SimProcessOptions) {
    this.#options = options
    this.#planned = planOf(options)
  }

  start(): void {
    void this.#run().then((outcome) => void (this.outcome = outcome))
  }

  /** A last checkpoint, then the end. Nothing happens before the job was started. */
  stop(): 'asked' | 'too-early' {
    if (this.#master === undefined) return 'too-early'
    void this.#master.stop()
    return 'asked'
  }

  /** Ends one of the living slots; 'none' when there is none. */
  loseSlot(): 'lost' | 'none' {
    const alive = this.#slots?.alive() ?? []
    const slot = alive[Math.floor(this.#options.random.fraction() * alive.length)]
    if (slot === undefined) return 'none'
    this.#slots?.lose(slot)
    return 'lost'
  }

  /** What the job is doing, for people. */
  describe(): string {
    const status = this.#master?.status()
    if (status === undefined) return 'the process opens its state directory'
    const vertices = status.vertices.map((vertex) => JSON.stringify(vertex)).join('\n    ')
    return `the job is ${status.state}, attempt ${status.attempt}, checkpoints ${JSON.stringify(status.checkpoints)}\n    ${vertices}`
  }

  /** Never rejects. */
  async #run(): Promise<ProcessOutcome> {
    try {
      const state = await this.#openState()
      if (state.finishedBefore !== undefined) {
        const store = this.#storeOn(this.#options.env)
        await removeCheckpoints(store, await store.currentEpoch())
        await state.release()
        return { kind: 'finished-before' }
      }
      return { kind: 'ended', result: await this.#runJob(state) }
    } catch (thrown) {
      return { kind: 'not-started', error: asEngineError(thrown, 'INT1001', 'a simulated process could not start') }
    }
  }

  #openState(): Promise<StateDirectory> {
    const { env, stateRoot, pid } = this.#options
    const { jobName } = this.#planned.graph
    return openStateDirectory({
      disk: env.disk,
      root: stateRoot,
      jobName,
      start: 'continue',
      processes: processTable(pid),
    })
  }

  async #runJob(state: StateDirectory): Promise<JobResult> {
    const { env, params } = this.#options
    const { graph, options } = this.#planned
    const store = this.#storeOn(env)
    const epoch = await this.#claimEpoch(store, state)
    this.#slots = this.#createSlots()
    const listener = (event: JobEvent): void => this.#options.onEvent(event)
    this.#master = createJobMaster({ graph, options, env, store, slots: this.#slots, params, epoch, listener })
    this.#master.start()
    const result = await this.#master.result
    if (result.state === 'finished') await this.#clear(state, store, result)
    await state.release().catch(ownerIsGone)
    return result
  }

  async #claimEpoch(store: DirectoryStore, state: StateDirectory): ReturnType<DirectoryStore['claimEpoch']> {
    try {
      return await store.claimEpoch()
    } catch (error) {
      await state.release().catch(ownerIsGone)
      throw error
    }
  }

  #createSlots(): InlineSlotPool {
    const { env, shape, random } = this.#options
    const { graph, options } = this.#planned
    const { linkDelayMaxMs, itemsPerTurn } = shape
    return createInlineSlots({
      env,
      graph,
      settings: slotSettingsOf(options),
      slotCount: placeTasks(graph).slots.length,
      storage: (world) => this.#storeOn(world),
      limits: { turnMs: 2, stepsMax: shape.loopSteps },
      messagesPerTurn: itemsPerTurn,
      framesPerTurn: itemsPerTurn,
      linkDelay: () => (linkDelayMaxMs === 0 ? undefined : random.fraction() * linkDelayMaxMs),
    })
  }

  #storeOn({ disk, random }: Env): DirectoryStore {
    const { hooks, stateRoot } = this.#options
    return new DirectoryStore({ disk: hooks.wrapStoreDisk?.(disk) ?? disk, root: stateRoot, random })
  }

  async #clear(state: StateDirectory, store: DirectoryStore, result: JobResult): Promise<void> {
    const { durationMs, recordsRead, restartCount } = result
    const wallMs = this.#options.env.clock.wallMs()
    try {
      await state.markFinished({
        wallMs,
        durationMs,
        recordsRead,
        restartCount,
        checkpointsCompleted: result.checkpoints?.completed ?? 0,
      })
      await removeCheckpoints(store, await store.currentEpoch())
    } catch (thrown) {
      this.uncleared = asEngineError(thrown, 'CKP1001', 'the state of the finished job could not be cleared')
    }
  }
}

function planOf(options: SimProcessOptions): PlannedJob {
  const { job, params, shape, parallelism, hooks, onRecord } = options
  const values = { ...shape.options, ...hooks.options, parallelism: String(parallelism) }
  const planned = planDefinition(job, params, [{ origin: 'simulator', values }])
  const wrapNode = hooks.wrapNode
  const graphOptions = { onRecord, ratePerSecond: shape.ratePerSecond, ...(wrapNode === undefined ? {} : { wrapNode }) }
  return { ...planned, graph: simGraph(planned.graph, graphOptions) }
}

/** Of two processes one is always gone. */
function processTable(pid: number): ProcessTable {
  return { own: { host: 'simulated', pid, start: '' }, stateOf: (other) => (other.pid === pid ? 'alive' : 'gone') }
}

/** The claim of a process that is gone is removed by the next one. */
function ownerIsGone(): void {}
