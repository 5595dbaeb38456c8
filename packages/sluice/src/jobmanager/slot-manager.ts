/**
 * All slots of the cluster: which job has which, who waits for more. Spec: docs/spec/scheduling.md.
 *
 * Owns: the allocations, the order of the jobs, when a plan is made. Does not own: the plan (slot-policy.ts), connections
 * (control-server.ts), the slots' part in a job (cluster-slot-pool.ts).
 *
 * N1 An allocation belongs to one job and one TaskManager from its start to its end, and its id is never used again.
 * N2 A plan is made in a later turn than what made it necessary: many changes of one turn make one plan.
 * N3 A slot that was killed counts as used until its TaskManager says that it has ended.
 * N4 What is said about an allocation that is over is dropped and counted.
 */
import { assert, present } from '../base/assert.ts'
import type { Env, Timer } from '../base/env.ts'
import { EngineError, errorToData } from '../base/errors.ts'
import {
  type AllocationId,
  type ArtifactHash,
  type JobId,
  type LeaderEpoch,
  type SlotIndex,
  type TaskManagerId,
  allocationId,
} from '../base/ids.ts'
import type { ToTaskManager } from '../control/cluster-messages.ts'
import type { ToSlot } from '../control/messages.ts'
import type { TaskManagerView } from './cluster-api.ts'
import { type ClusterSlotPool, Pool, type PooledJob, type SlotBroker } from './cluster-slot-pool.ts'
import { type SlotDemand, type SlotHost, type SlotPlan, planSlots } from './slot-policy.ts'
import { waitingWords } from './slot-words.ts'
import type { RegisteredTaskManager, SlotReport, TaskManagerListener } from './task-manager-registry.ts'

/** What the slot manager needs of the connections to the TaskManagers. */
export interface TaskManagerLinks {
  attach(listener: TaskManagerListener): void
  /** Dropped when it is not registered: its loss is told, or was. */
  send(taskManager: TaskManagerId, message: ToTaskManager): void
  taskManagers(): readonly RegisteredTaskManager[]
  /** The one that is led under; undefined: not leading, and no TaskManager is registered. */
  epoch(): LeaderEpoch | undefined
  /** Leads no more: all TaskManagers are gone. */
  stepDown(): void
}

export interface SlotManagerOptions {
  readonly env: Env
  readonly server: TaskManagerLinks
  /** Something that `taskManagers()` shows may have changed. */
  readonly onChange?: () => void
}

export interface SlotManager {
  /** The slots of one job; jobs are served in the order of these calls. */
  poolFor(job: PooledJob): ClusterSlotPool
  taskManagers(): readonly TaskManagerView[]
  readonly slotsTotal: number
  readonly slotsFree: number
  /** Messages about allocations that were over. */
  readonly staleMessageCount: number
  /** Leadership is lost: all TaskManagers are dropped, and every pool refuses from now on. Nothing is told to the jobs. */
  dropAll(reason: string): void
}

export function createSlotManager(options: SlotManagerOptions): SlotManager {
  return new AllSlots(options)
}

interface Allocation {
  readonly host: TaskManagerId
  readonly slot: SlotIndex
  readonly job: JobId
  readonly pool: Pool
  isKilled: boolean
}

class AllSlots implements SlotManager, SlotBroker, TaskManagerListener {
  readonly #options: SlotManagerOptions
  readonly #allocations = new Map<AllocationId, Allocation>()
  /** Those that hold slots or wait for some, in their order. */
  #pools: readonly Pool[] = []
  #poolCount = 0
  #over: { readonly upTo: number; readonly error: EngineError } | undefined
  #startedCount = 0
  #staleCount = 0
  #planning: 'none' | 'due' = 'none'
  #timer: Timer | undefined

  constructor(options: SlotManagerOptions) {
    this.#options = options
    options.server.attach(this)
  }

  get slotsTotal(): number {
    return this.#options.server.taskManagers().reduce((sum, { facts }) => sum + facts.slotCount, 0)
  }

  get slotsFree(): number {
    return this.slotsTotal - this.#allocations.size
  }

  get staleMessageCount(): number {
    return this.#staleCount
  }

  poolFor(job: PooledJob): ClusterSlotPool {
    return new Pool({ ...job, order: ++this.#poolCount, env: this.#options.env, broker: this })
  }

  taskManagers(): readonly TaskManagerView[] {
    return this.#options.server.taskManagers().map(({ facts, remote, vitals, heardWallMs }) => {
      const own = [...this.#allocations.values()].filter(({ host }) => host === facts.id)
      return {
        ...facts,
        slotsFree: facts.slotCount - own.length,
        lastHeartbeatWallMs: heardWallMs,
        remote,
        vitals,
        allocations: own.map(({ job, slot }) => ({ job, slot })),
      }
    })
  }

  dropAll(reason: string): void {
    this.#timer?.cancel()
    this.#allocations.clear()
    const error = new EngineError(
      'CLU1002',
      `this JobManager does not lead any more: ${reason}. It gave up its TaskManagers; the next leader goes on with the jobs. Nothing needs to be done.`,
    )
    const pools = this.#pools
    this.#pools = []
    this.#over = { upTo: this.#poolCount, error }
    for (const pool of pools) pool.close(error)
    this.#options.server.stepDown()
    this.#options.onChange?.()
  }

  // TaskManagerListener

  onJoined(): void {
    this.replan()
  }

  onGone(taskManager: TaskManagerId, error: EngineError): void {
    const lost = [...this.#allocations].filter(([, { host }]) => host === taskManager)
    for (const [id] of lost) this.#allocations.delete(id)
    for (const [id, { pool }] of lost) pool.onLost(id, errorToData(error), 'task-manager')
    this.replan()
  }

  onReport(taskManager: TaskManagerId, message: SlotReport): void {
    const allocation = this.#allocations.get(message.allocation)
    if (allocation?.host !== taskManager) return this.countStale() // N4
    switch (message.kind) {
      case 'slot-ready':
        return allocation.pool.onReady(message.allocation, message.layoutHash, message.data)
      case 'from-slot':
        return allocation.pool.onMessage(message.allocation, message.message)
      case 'slot-lost':
        this.#allocations.delete(message.allocation)
        allocation.pool.onLost(message.allocation, message.error, 'slot')
        return this.replan()
    }
  }

  // SlotBroker

  enter(pool: Pool): EngineError | undefined {
    if (this.#over !== undefined && pool.order <= this.#over.upTo) return this.#over.error
    const others = this.#pools.filter((other) => other !== pool)
    this.#pools = [...others, pool].toSorted((a, b) => a.order - b.order)
    return undefined
  }

  leave(pool: Pool): void {
    this.#pools = this.#pools.filter((other) => other !== pool)
    this.replan()
  }

  // N2
  replan(): void {
    if (this.#planning === 'due') return
    this.#planning = 'due'
    this.#options.env.turns.next(() => {
      this.#planning = 'none'
      this.#plan()
    })
  }

  start(pool: Pool, host: TaskManagerId, slot: SlotIndex): AllocationId {
    const { server } = this.#options
    const id = allocationId(`${present(server.epoch(), 'the epoch of the leader')}-${++this.#startedCount}`) // N1
    this.#allocations.set(id, { host, slot, job: pool.spec.job, pool, isKilled: false })
    server.send(host, { kind: 'start-slot', allocation: id, spec: pool.spec, slot })
    return id
  }

  send(allocation: AllocationId, message: ToSlot): void {
    const host = this.#allocations.get(allocation)?.host
    if (host === undefined) this.countStale()
    else this.#options.server.send(host, { kind: 'to-slot', allocation, message })
  }

  // N3
  kill(id: AllocationId): void {
    const allocation = this.#allocations.get(id)
    if (allocation === undefined || allocation.isKilled) return
    allocation.isKilled = true
    this.#options.server.send(allocation.host, { kind: 'kill-slot', allocation: id })
  }

  free(id: AllocationId): void {
    const allocation = this.#allocations.get(id)
    if (allocation === undefined || allocation.isKilled) return // N3
    this.#allocations.delete(id)
    this.#options.server.send(allocation.host, { kind: 'release-slot', allocation: id })
  }

  countStale(): void {
    this.#staleCount++
  }

  #plan(): void {
    this.#timer?.cancel()
    const nowMs = this.#options.env.clock.monotonicMs()
    let plan = this.#carryOut(nowMs)
    for (let rounds = 0; plan.yields.length > 0; rounds++) {
      assert(rounds <= this.#pools.length, 'jobs give back slots without end', { rounds })
      for (const pool of this.#poolsOf(plan.yields)) pool.giveAllBack()
      plan = this.#carryOut(nowMs)
    }
    this.#tell(plan)
    this.#lookAgain(plan.lookAgainAtMs - nowMs)
    this.#options.onChange?.()
  }

  #carryOut(nowMs: number): SlotPlan {
    const plan = planSlots(this.#demand(), nowMs)
    for (const { job, hosts } of plan.grants) this.#poolsOf([job])[0]?.granted(hosts)
    return plan
  }

  #tell({ waiting, offers }: SlotPlan): void {
    const hosts = this.#hosts()
    for (const claim of waiting) {
      const [pool] = this.#poolsOf([claim.job])
      pool?.waitsOn(claim, waitingWords(pool.spec.name, claim, hosts))
    }
    for (const pool of this.#pools) {
      const offer = offers.get(pool.spec.job)
      if (offer !== undefined) pool.offered(offer)
    }
  }

  #lookAgain(inMs: number): void {
    this.#timer = Number.isFinite(inMs) ? this.#options.env.timers.after(inMs, () => this.#plan()) : undefined
  }

  #demand(): SlotDemand {
    return {
      hosts: this.#hosts(),
      claims: this.#pools.flatMap((pool) => pool.claim() ?? []),
      wishes: this.#pools.flatMap((pool) => pool.wish() ?? []),
    }
  }

  #hosts(): readonly SlotHost[] {
    const used = new Map<TaskManagerId, Map<JobId, number>>()
    const artifacts = new Map<TaskManagerId, Set<ArtifactHash>>()
    for (const { host, job, pool } of this.#allocations.values()) {
      const ofHost = used.get(host) ?? new Map<JobId, number>()
      used.set(host, ofHost.set(job, (ofHost.get(job) ?? 0) + 1))
      artifacts.set(host, (artifacts.get(host) ?? new Set()).add(pool.spec.artifact))
    }
    return this.#options.server.taskManagers().map(({ facts: { id, slotCount }, artifacts: fetched }) => ({
      id,
      slotCount,
      used: used.get(id) ?? new Map(),
      artifacts: new Set([...fetched, ...(artifacts.get(id) ?? [])]),
    }))
  }

  #poolsOf(jobs: readonly JobId[]): readonly Pool[] {
    return this.#pools.filter((pool) => jobs.includes(pool.spec.job))
  }
}
