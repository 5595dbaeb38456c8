/**
 * TaskManagers that only say what real ones would say: heartbeats, slots that are ready, reports of tasks, acknowledged checkpoints. Many in one
 * process, which is not the one that is measured. `node cluster-task-managers.ts <port> <how many> <vertices> <parallelism> <checkpoint interval>`
 */
import type { NetworkAddress } from '../../packages/sluice/src/base/env.ts'
import {
  leaderEpoch,
  taskManagerId,
  type AllocationId,
  type AttemptNumber,
  type CheckpointId,
} from '../../packages/sluice/src/base/ids.ts'
import type { TaskSnapshot } from '../../packages/sluice/src/checkpoint/handles.ts'
import type { FromTaskManager, ToTaskManager } from '../../packages/sluice/src/control/cluster-messages.ts'
import { ControlLink } from '../../packages/sluice/src/control/control-link.ts'
import { dial } from '../../packages/sluice/src/control/handshake.ts'
import { checkToTaskManager } from '../../packages/sluice/src/control/message-checks.ts'
import type { FromSlot, TaskDeployment, ToSlot } from '../../packages/sluice/src/control/messages.ts'
import { planWideJob } from '../workload/wide-job.ts'
import { BENCH_VERSION, HOST } from './bench-job-manager.ts'
import { benchEnv } from './process-link.ts'

type Link = ControlLink<ToTaskManager, FromTaskManager>

const [port = 0, count = 0, vertices = 0, parallelism = 0, checkpointIntervalMs = 0] = process.argv.slice(2).map(Number)
/** As the option report.interval has it by default. */
const REPORT_INTERVAL_MS = 500
const SLOTS_EACH = parallelism / count
/** Handshakes at once: a JobManager has a limit. */
const DIALS_MAX = 64
const DATA_PORT_FIRST = 20_000
const STATS = { alignmentMs: 3, syncMs: 1, asyncMs: 20, stateBytes: 100_000 }
const CRC = 0x1234_5678

const { graph } = planWideJob({ vertices, parallelism, checkpointIntervalMs })
const operatorsOf = new Map(graph.vertices.map(({ id, operators }) => [id, operators.map(({ uid }) => uid)]))
const env = benchEnv()

class ScriptedSlot {
  readonly #say: (message: FromSlot) => void
  #tasks: readonly TaskDeployment[] = []
  #reports: NodeJS.Timeout | undefined
  #recordsIn = 0

  constructor(say: (message: FromSlot) => void) {
    this.#say = say
  }

  onMessage(message: ToSlot): void {
    const attempt = message.kind === 'deploy' ? message.deployment.attempt : message.attempt
    switch (message.kind) {
      case 'deploy':
        this.#tasks = message.deployment.tasks
        return this.#say({ kind: 'deployed', attempt })
      case 'start':
        return this.#startReports(attempt)
      case 'trigger':
        return this.#tasks.forEach((task) =>
          this.#say({
            kind: 'ack',
            attempt,
            checkpoint: message.checkpoint,
            snapshot: snapshotOf(task, message.checkpoint),
          }),
        )
      case 'complete':
        return this.#tasks.forEach(({ vertex, subtask }) =>
          this.#say({ kind: 'committed', attempt, checkpoint: message.checkpoint, vertex, subtask }),
        )
      case 'finish':
        this.#tasks.forEach(({ vertex, subtask }) => this.#say({ kind: 'finished', attempt, vertex, subtask }))
        return this.#stop(attempt)
      case 'cancel':
        return this.#stop(attempt)
      case 'aborted':
      case 'assign-splits':
      case 'source-event':
      case 'align-source':
    }
  }

  end(): void {
    clearInterval(this.#reports)
  }

  #stop(attempt: AttemptNumber): void {
    this.end()
    this.#say({ kind: 'stopped', attempt })
  }

  #startReports(attempt: AttemptNumber): void {
    // not all in the same moment
    setTimeout(() => {
      this.#reports = setInterval(() => this.#report(attempt), REPORT_INTERVAL_MS)
    }, Math.random() * REPORT_INTERVAL_MS)
  }

  #report(attempt: AttemptNumber): void {
    this.#recordsIn += 1000
    this.#say({
      kind: 'report',
      attempt,
      tasks: this.#tasks.map(({ vertex, subtask }) => ({
        vertex,
        subtask,
        recordsIn: this.#recordsIn,
        recordsOut: this.#recordsIn,
        watermark: 1_767_225_600_000 + this.#recordsIn,
        busyRatio: 0.5,
        backPressuredRatio: 0.25,
        counters: { [`${operatorsOf.get(vertex)?.[0]}/lateRecords`]: 1 },
        pauseMaxMs: 2.5,
      })),
    })
  }
}

function snapshotOf({ vertex, subtask }: TaskDeployment, checkpoint: CheckpointId): TaskSnapshot {
  const operators = (operatorsOf.get(vertex) ?? []).map((uid) => ({
    uid,
    keyed: {
      data: { path: `data/chk-${checkpoint}/${vertex}-${subtask}.keyed`, sizeBytes: STATS.stateBytes, crc32: CRC },
      keyGroups: { first: subtask, last: subtask },
      entryCount: 1000,
    },
  }))
  return { vertex, subtask, operators, stats: STATS }
}

class ScriptedTaskManager {
  readonly #index: number
  readonly #link: Link
  readonly #slots = new Map<AllocationId, ScriptedSlot>()
  #seq = 0

  constructor(index: number, link: Link) {
    this.#index = index
    this.#link = link
  }

  register(): void {
    const link = this.#link
    link.receive({ onMessage: (message) => this.#onMessage(message), onClosed: () => process.exit(0) })
    link.sendMessage({
      kind: 'register',
      facts: {
        id: taskManagerId(`tm-${this.#index}`),
        host: `host-${this.#index}`,
        pid: process.pid,
        slotCount: SLOTS_EACH,
        version: BENCH_VERSION,
        memoryBytes: 8e9,
        cpuCores: 4,
        wallMs: Date.now(),
      },
    })
  }

  #onMessage(message: ToTaskManager): void {
    switch (message.kind) {
      case 'registered':
        return void setTimeout(
          () => setInterval(() => this.#beat(), message.heartbeatIntervalMs),
          Math.random() * message.heartbeatIntervalMs,
        )
      case 'start-slot':
        return this.#startSlot(message.allocation)
      case 'to-slot':
        return this.#slots.get(message.allocation)?.onMessage(message.message)
      case 'kill-slot':
      case 'release-slot':
        this.#slots.get(message.allocation)?.end()
        return void this.#slots.delete(message.allocation)
      case 'heartbeat-ack':
      case 'artifact-part':
      case 'artifact-missing':
      case 'ask':
    }
  }

  #startSlot(allocation: AllocationId): void {
    this.#slots.set(
      allocation,
      new ScriptedSlot((message) => this.#link.sendMessage({ kind: 'from-slot', allocation, message })),
    )
    const data: NetworkAddress = { host: HOST, port: DATA_PORT_FIRST + this.#index }
    this.#link.sendMessage({ kind: 'slot-ready', allocation, layoutHash: graph.layoutHash, data })
  }

  #beat(): void {
    const vitals = { heapUsedBytes: 1e8, cpuRatio: 0.5, eventLoopDelayMs: 1, slotsInUse: this.#slots.size }
    this.#link.sendMessage({ kind: 'heartbeat', seq: ++this.#seq, vitals })
  }
}

async function connect(index: number): Promise<void> {
  const { connection } = await dial(
    env,
    { host: HOST, port },
    {
      role: 'taskmanager',
      version: BENCH_VERSION,
      secret: undefined,
      epoch: leaderEpoch(0),
    },
  )
  new ScriptedTaskManager(index, new ControlLink(connection, { check: checkToTaskManager })).register()
}

for (let first = 0; first < count; first += DIALS_MAX)
  await Promise.all(Array.from({ length: Math.min(DIALS_MAX, count - first) }, (_, at) => connect(first + at)))
