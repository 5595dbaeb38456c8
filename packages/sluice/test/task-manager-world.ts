/** A TaskManager with scripted slots on the memory network, and scripted JobManagers for it. */
import { ScriptedJobManager } from './scripted-job-manager.ts'
import { ScriptedLauncher } from './scripted-launcher.ts'
import type { NetworkAddress } from '../src/base/env.ts'
import { EngineError } from '../src/base/errors.ts'
import { allocationId, artifactHash, jobId, slotIndex, taskManagerId, type ArtifactHash } from '../src/base/ids.ts'
import type { Secret } from '../src/base/secret.ts'
import type { JobSpec, StorageMarker } from '../src/control/cluster-messages.ts'
import type { Authority } from '../src/control/handshake.ts'
import { createManualEnv } from '../src/testing/manual-env.ts'
import { MemoryDisk } from '../src/testing/memory-disk.ts'
import { MemoryNetwork } from '../src/testing/memory-network.ts'
import { type TaskManagerEvent } from '../src/taskmanager/task-manager-events.ts'
import { createTaskManager } from '../src/taskmanager/task-manager.ts'

export const A: NetworkAddress = { host: 'jm-a', port: 6123 }
export const B: NetworkAddress = { host: 'jm-b', port: 6123 }

interface WorldOptions {
  readonly jobManagers?: readonly NetworkAddress[]
  readonly secret?: Secret
}

export function world(options: WorldOptions = {}) {
  const network = new MemoryNetwork()
  const disk = new MemoryDisk()
  const env = createManualEnv({ network, machine: 'tm', disk })
  const launcher = new ScriptedLauncher()
  const events: TaskManagerEvent[] = []
  const fatal: EngineError[] = []
  const taskManager = createTaskManager({
    env,
    facts: {
      id: taskManagerId('tm-1'),
      host: 'tm',
      pid: 1,
      slotCount: 2,
      version: '1.0.0',
      memoryBytes: 1,
      cpuCores: 1,
    },
    jobManagers: options.jobManagers ?? [A],
    secret: options.secret,
    launcher,
    artifactFolder: '/artifacts',
    vitals: () => ({ heapUsedBytes: 1, cpuRatio: 0, eventLoopDelayMs: 0 }),
    answer: async (question) => {
      if (question.kind === 'metrics') throw new EngineError('INT1001', 'there are none')
      return { kind: 'text', text: 'the log' }
    },
    listener: (event) => void events.push(event),
    onFatal: (error) => void fatal.push(error),
  })
  const jobManager = (
    address: NetworkAddress,
    more: { secret?: Secret; authority?: Authority; marker?: StorageMarker } = {},
  ) => new ScriptedJobManager({ env: { ...env, network: network.of(env, address.host) }, address, ...more })
  return {
    network,
    disk,
    env,
    launcher,
    events,
    fatal,
    taskManager,
    jobManager,
    up: async (made: ScriptedJobManager) => {
      const listening = made.listen()
      await env.settle()
      await listening
    },
    told: (kind: TaskManagerEvent['kind']) => events.filter((event) => event.kind === kind),
  }
}

type World = ReturnType<typeof world>

export async function registered(options: WorldOptions = {}): Promise<World & { readonly leader: ScriptedJobManager }> {
  const made = world(options)
  const leader = made.jobManager(A)
  await made.up(leader)
  made.taskManager.start()
  await made.env.settle()
  return { ...made, leader }
}

function spec(artifact: ArtifactHash): JobSpec {
  return {
    job: jobId('0'.repeat(32)),
    name: 'orders',
    artifact,
    params: {},
    layers: [],
  }
}

const NO_BUNDLE = artifactHash('0'.repeat(64))

export function startSlot(slot: number, artifact: ArtifactHash = NO_BUNDLE) {
  return {
    kind: 'start-slot',
    allocation: allocationId(`a-${slot}`),
    spec: spec(artifact),
    slot: slotIndex(slot),
  } as const
}
