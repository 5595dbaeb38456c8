/** TaskManagers behind the slot manager that do what the test says, and jobs that note what they are told. */
import { expect } from 'vitest'
import { present } from '../src/base/assert.ts'
import { EngineError, errorToData } from '../src/base/errors.ts'
import type { ErrorData } from '../src/base/errors.ts'
import {
  type AllocationId,
  type TaskManagerId,
  artifactHash,
  attemptNumber,
  jobId,
  leaderEpoch,
  taskManagerId,
} from '../src/base/ids.ts'
import type { ToTaskManager } from '../src/control/cluster-messages.ts'
import type { SlotDeployment, SlotEvents, SlotGateway } from '../src/control/messages.ts'
import type { ClusterSlotPool, PoolSettings } from '../src/jobmanager/cluster-slot-pool.ts'
import { type SlotManager, createSlotManager } from '../src/jobmanager/slot-manager.ts'
import type { RegisteredTaskManager, TaskManagerListener } from '../src/jobmanager/task-manager-registry.ts'
import { type ManualEnv, createManualEnv } from '../src/testing/manual-env.ts'

const SETTINGS: PoolSettings = {
  mode: 'adaptive',
  slotWaitMs: 10_000,
  restartSlotWaitMs: 1000,
  settleMs: 1000,
  startTimeoutMs: 60_000,
}

export class ScriptedCluster {
  readonly env: ManualEnv = createManualEnv()
  readonly sent: string[] = []
  readonly deployed: SlotDeployment[] = []
  readonly manager: SlotManager
  readonly starting = new Map<AllocationId, TaskManagerId>()
  readonly #registered = new Map<TaskManagerId, RegisteredTaskManager>()
  #listener: TaskManagerListener | undefined
  /** Whether slots become ready by themselves. */
  starts: 'at once' | 'never' = 'at once'

  constructor() {
    this.manager = createSlotManager({
      env: this.env,
      server: {
        attach: (listener) => void (this.#listener = listener),
        send: (id, message) => this.#onSent(id, message),
        taskManagers: () => [...this.#registered.values()],
        epoch: () => leaderEpoch(7),
        stepDown: () => this.#registered.clear(),
      },
    })
  }

  get listener(): TaskManagerListener {
    return present(this.#listener, 'the listener')
  }

  join(name: string, slotCount: number): void {
    const id = taskManagerId(name)
    const facts = { id, host: `${name}.lan`, pid: 1, slotCount, version: '1', memoryBytes: 0, cpuCores: 1, wallMs: 0 }
    const one = { facts, remote: `${name}:1`, vitals: undefined, heardWallMs: 0, artifacts: new Set<never>() }
    this.#registered.set(id, one)
    this.listener.onJoined(one)
  }

  leave(name: string): void {
    this.#registered.delete(taskManagerId(name))
    this.listener.onGone(taskManagerId(name), new EngineError('CLU1006', `${name} is gone`))
  }

  ready(allocation: AllocationId): void {
    const host = present(this.starting.get(allocation), allocation)
    const data = { host, port: Number(allocation.split('-')[1]) }
    this.listener.onReport(host, { kind: 'slot-ready', allocation, layoutHash: `hash of ${allocation}`, data })
  }

  lose(allocation: string, error: ErrorData = errorToData(new EngineError('TSK1003', 'no memory'))): void {
    const [id, host] = [...this.starting].find(([known]) => known === allocation) ?? expect.unreachable()
    this.listener.onReport(host, { kind: 'slot-lost', allocation: id, error })
  }

  say(allocation: string): void {
    const [id, host] = [...this.starting].find(([known]) => known === allocation) ?? expect.unreachable()
    const message = { kind: 'deployed', attempt: attemptNumber(0) } as const
    this.listener.onReport(host, { kind: 'from-slot', allocation: id, message })
  }

  /** What was sent since the last look. */
  take(): string {
    return this.sent.splice(0).join(' ')
  }

  #onSent(host: TaskManagerId, message: ToTaskManager): void {
    if (!('allocation' in message)) return
    const { kind, allocation } = message
    this.sent.push(`${host}:${kind}:${allocation}${kind === 'start-slot' ? `#${message.slot}` : ''}`)
    if (kind === 'to-slot' && message.message.kind === 'deploy') this.deployed.push(message.message.deployment)
    if (kind !== 'start-slot') return
    this.starting.set(allocation, host)
    if (this.starts === 'at once') this.env.turns.next(() => this.ready(allocation))
  }
}

/** A job and all it was told. */
export class Asking implements SlotEvents {
  readonly told: string[] = []
  readonly waits: string[] = []
  readonly pool: ClusterSlotPool
  gateways: readonly SlotGateway[] = []

  constructor(cluster: ScriptedCluster, name: string, slotCount: number, settings: Partial<PoolSettings> = {}) {
    const spec = { job: jobId(name), name, artifact: artifactHash(name), params: {}, layers: [] }
    this.pool = cluster.manager.poolFor({ spec, slotCount, settings: { ...SETTINGS, ...settings } })
  }

  ask(): void {
    this.pool.acquire(this).then(
      (gateways) => {
        this.gateways = gateways
        this.told.push(`got ${gateways.map(({ slot }) => slot).join(',')}`)
      },
      (error: unknown) => void this.told.push(error instanceof EngineError ? `refused ${error.code}` : 'broken'),
    )
  }

  onMessage(slot: number, message: { readonly kind: string }): void {
    this.told.push(`${message.kind} ${slot}`)
  }

  onSlotLost(slot: number, error: ErrorData): void {
    this.told.push(`lost ${slot} ${error.code}`)
  }

  onCapacity(slots: number): void {
    this.told.push(`capacity ${slots}`)
  }

  onWaiting(message: string): void {
    this.waits.push(message)
  }

  take(): string {
    return this.told.splice(0).join(' ')
  }
}
