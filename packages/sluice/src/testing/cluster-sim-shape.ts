/** How a simulated cluster is shaped: its machines, slots, clocks and time limits. Nothing of it may change the result of a job. */
import type { Random } from '../base/env.ts'
import { below } from '../base/random.ts'
import type { LeadershipSettings } from '../jobmanager/leadership.ts'
import type { ControlSettings } from '../jobmanager/control-server.ts'
import type { PoolSettings } from '../jobmanager/cluster-slot-pool.ts'
import type { DataLimits } from '../taskmanager/data-server.ts'
import { dataLimits } from '../taskmanager/data-server.ts'
import type { TaskManagerSettings } from '../taskmanager/task-manager.ts'
import { TASK_MANAGER_SETTINGS } from '../taskmanager/task-manager.ts'
import { type SimShape, drawShape } from './sim-shape.ts'

export interface ClusterShape extends SimShape {
  readonly jobManagers: number
  /** Slots of each TaskManager that is there from the start. */
  readonly slots: readonly number[]
  readonly networkDelayMaxMs: number
  /** Rates of the clocks of the machines, by name of the machine. */
  readonly rates: Readonly<Record<string, number>>
  readonly leadership: LeadershipSettings
  readonly control: ControlSettings
  readonly pool: PoolSettings
}

/** Most parallel instances of an operator, and with that slots of the job. */
export const PARALLELISM_MAX = 4
/** Fastest and slowest clock: this far from true time. */
const DRIFT_MAX = 0.05

export function drawClusterShape(random: Random, recordCount: number): ClusterShape {
  const pick = <T>(first: T, ...others: readonly T[]): T => others[below(random, others.length + 1)] ?? first
  const base = drawShape(random, recordCount)
  const jobManagers = pick(2, 2, 3)
  const parallelism = String(1 + below(random, PARALLELISM_MAX))
  const mode = pick<'adaptive' | 'fixed'>('adaptive', 'adaptive', 'fixed')
  // A fixed job waits for all the slots it wants.
  const slots = Array.from({ length: pick(2, 3, 4) }, () => (mode === 'fixed' || random.fraction() < 0.4 ? 2 : 1))
  const lateMaxMs = Math.min(base.delays.lateMaxMs, 20)
  const names = [...hostNames('jm', jobManagers), ...hostNames('tm', TASK_MANAGERS_MAX)]
  const rates = Object.fromEntries(names.map((name) => [name, 1 + (2 * random.fraction() - 1) * DRIFT_MAX]))
  return {
    ...base,
    eventCostMaxMs: pick(0.01, 0.05),
    diskDelayMaxMs: pick(0.2, 1),
    delays: { lateShare: pick(0, 0.02, 0.1), lateMaxMs },
    parallelism: Number(parallelism),
    ratePerSecond: Math.max(20, Math.ceil((recordCount / pick(1000, 2000, 3000)) * 1000)),
    jobManagers,
    slots,
    networkDelayMaxMs: pick(0.5, 2),
    rates,
    leadership: { renewIntervalMs: 100, leaseMs: 450, leaseTimeoutMs: 650 },
    control: { heartbeatIntervalMs: 100, heartbeatTimeoutMs: 600, leaseMs: 450 },
    pool: {
      mode,
      slotWaitMs: pick(100, 500),
      restartSlotWaitMs: pick(0, 100, 400),
      settleMs: pick(0, 50),
      startTimeoutMs: 3000,
    },
    options: {
      ...base.options,
      parallelism,
      'checkpoint.interval': `${pick(40, 100, 250)}ms`,
      'scheduler.scaleUpDelay': `${pick(20, 200)}ms`,
    },
  }
}

/** TaskManagers that may be there at once, those that come late included. */
export const TASK_MANAGERS_MAX = 6

export function hostNames(kind: 'jm' | 'tm', count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${kind}${index + 1}`)
}

export const SIM_TASK_MANAGER_SETTINGS: TaskManagerSettings = {
  connection: {
    ...TASK_MANAGER_SETTINGS.connection,
    connectTimeoutMs: 300,
    handshakeTimeoutMs: 400,
    registerTimeoutMs: 600,
    markerTimeoutMs: 2000,
    slotsEndTimeoutMs: 2000,
    backoffMinMs: 20,
    backoffMaxMs: 200,
  },
  artifacts: TASK_MANAGER_SETTINGS.artifacts,
}

const FRAME_BYTES_MAX = 1024 * 1024

export const SIM_DATA_LIMITS: DataLimits = {
  ...dataLimits(0, FRAME_BYTES_MAX),
  aliveIntervalMs: 100,
  silenceMaxMs: 700,
  toldAfterMs: 30,
  byeWaitMs: 500,
  connectMaxMs: 1500,
  tryMaxMs: 400,
  retryMs: 30,
  helloMaxMs: 500,
}
