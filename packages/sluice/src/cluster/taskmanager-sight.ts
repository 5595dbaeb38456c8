/** What a TaskManager process shows of itself: its metrics and its health, for its own endpoint and for the REST API. */
import type { Clock } from '../base/env.ts'
import { addressText } from '../base/network-address.ts'
import { prometheusText } from '../metrics/prometheus-text.ts'
import { Registry } from '../metrics/registry.ts'
import { type Labels, samplesOf } from '../metrics/sample.ts'
import { SlotMeters } from '../taskmanager/slot-meters.ts'
import { taskManagerHealth } from '../taskmanager/task-manager-health.ts'
import { TaskManagerMeters } from '../taskmanager/task-manager-meters.ts'
import type { TaskManagerStatus } from '../taskmanager/task-manager.ts'
import type { HealthAnswer } from './metrics-server.ts'
import { logSamples, type ProcessLog } from './process-log.ts'
import type { ProcessVitals } from './process-vitals.ts'

export interface TaskManagerSightOptions {
  readonly id: string
  readonly host: string
  readonly slotCount: number
  readonly memoryBytes: number
  readonly cpuCores: number
  readonly clock: Clock
  readonly vitals: ProcessVitals
  readonly log: ProcessLog
}

export class TaskManagerSight {
  readonly meters: TaskManagerMeters
  readonly slots: SlotMeters
  readonly #options: TaskManagerSightOptions
  readonly #labels: Labels
  readonly #registry = new Registry()
  #status: (() => TaskManagerStatus) | undefined

  constructor(options: TaskManagerSightOptions) {
    const { id, host, clock, slotCount, memoryBytes } = options
    this.#options = options
    this.#labels = { tm_id: id, host }
    this.meters = new TaskManagerMeters({
      registry: this.#registry,
      clock,
      labels: this.#labels,
      slotCount,
      memoryBytes,
    })
    this.slots = new SlotMeters(clock, this.#labels)
  }

  /** The TaskManager is there. */
  show(status: () => TaskManagerStatus): void {
    this.#status = status
  }

  metricsText(): string {
    const { vitals, cpuCores, log } = this.#options
    return prometheusText([
      ...vitals.samples(),
      ...logSamples(log, vitals.labels),
      ...this.#registry.samples(),
      ...this.meters.samples(this.#status?.().slotsInUse ?? 0),
      ...samplesOf(this.#labels, {
        flink_taskmanager_Status_JVM_CPU_Load: vitals.cpuRatio() / cpuCores,
        flink_taskmanager_Status_JVM_Memory_Heap_Used: process.memoryUsage().heapUsed,
      }),
      ...this.slots.samples(),
    ])
  }

  health(): HealthAnswer {
    const { id, slotCount, clock } = this.#options
    const { state, problem } = taskManagerHealth(this.meters.registration, clock.monotonicMs())
    const status = this.#status?.()
    const jobManager = state === 'registered' ? status?.jobManager : undefined
    return {
      status: problem === undefined ? 200 : 503,
      body: {
        status: problem === undefined ? 'ok' : 'failing',
        role: 'taskmanager',
        id,
        state,
        jobManager: jobManager === undefined ? null : addressText(jobManager),
        slots: slotCount,
        slotsInUse: status?.slotsInUse ?? 0,
        ...(problem === undefined ? {} : { errors: [problem] }),
      },
    }
  }
}
