/**
 * The rows of the option table that are about a cluster: its processes, their addresses, heartbeats, leadership and slots, and the
 * shape in which the processes see them. Part of the table of options.ts; the same rules hold.
 */
import type { LogLevel } from '../base/log.ts'
import type { OptionRow } from './option-row.ts'

export const CLUSTER_OPTIONS = {
  'heartbeat.interval': {
    type: 'duration',
    default: '1s',
    min: '10ms',
    max: '1m',
    scope: 'cluster',
    doc: 'How often a TaskManager tells its JobManager that it lives.',
    flinkKey: 'heartbeat.interval',
  },
  'heartbeat.timeout': {
    type: 'duration',
    default: '5s',
    min: '50ms',
    max: '10m',
    scope: 'cluster',
    doc: 'Silence after which a JobManager gives a TaskManager up and starts its tasks elsewhere. A TaskManager that is cut off ends its tasks a little earlier by itself.',
    flinkKey: 'heartbeat.timeout',
  },
  'leader.renewInterval': {
    type: 'duration',
    default: '1s',
    min: '10ms',
    max: '1m',
    scope: 'cluster',
    doc: 'How often the leading JobManager renews its leadership on the shared storage, and how often the others look.',
    flinkKey: 'high-availability.kubernetes.leader-election.retry-period',
  },
  'leader.lease': {
    type: 'duration',
    default: '3500ms',
    min: '30ms',
    max: '10m',
    scope: 'cluster',
    doc: 'How long a renewal lets a JobManager lead, counted from the moment the renewal began.',
    flinkKey: 'high-availability.kubernetes.leader-election.renew-deadline',
  },
  'leader.timeout': {
    type: 'duration',
    default: '5s',
    min: '50ms',
    max: '10m',
    scope: 'cluster',
    doc: 'Time without a renewal after which a standby JobManager takes over. Longer than `leader.lease`, by more than clocks drift meanwhile.',
    flinkKey: 'high-availability.kubernetes.leader-election.lease-duration',
  },
  'scheduler.mode': {
    type: 'choice',
    default: 'adaptive',
    choices: ['adaptive', 'fixed'],
    scope: 'job',
    doc: '`adaptive` runs a job with the slots that are there, if there are fewer than it wants, and scales it up when more come; `fixed` waits for all of them.',
    flinkKey: 'jobmanager.scheduler',
  },
  'scheduler.slotWait': {
    type: 'duration',
    default: '10s',
    min: '0ms',
    max: '1d',
    scope: 'job',
    doc: 'How long the first start of a job waits for all the slots it wants before it goes on with fewer (`adaptive`).',
    flinkKey: 'jobmanager.adaptive-scheduler.submission.resource-wait-timeout',
  },
  'scheduler.restartSlotWait': {
    type: 'duration',
    default: '1s',
    min: '0ms',
    max: '1d',
    scope: 'job',
    doc: 'How long a restart waits for as many slots as before, when some were lost, before it goes on with fewer (`adaptive`).',
    flinkKey: 'jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout',
  },
  'scheduler.settle': {
    type: 'duration',
    default: '1s',
    min: '0ms',
    max: '1h',
    scope: 'job',
    doc: 'For how long the number of free slots must stay the same before a job goes on with fewer than it wants (`adaptive`).',
    flinkKey: 'jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout',
  },
  'scheduler.scaleUpDelay': {
    type: 'duration',
    default: '5s',
    min: '0ms',
    max: '1d',
    scope: 'job',
    doc: 'For how long there must be slots for more subtasks before a job that runs with fewer than it wants is scaled up (`adaptive`).',
    flinkKey: 'jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling',
  },
  'slot.startTimeout': {
    type: 'duration',
    default: '60s',
    min: '100ms',
    max: '1h',
    scope: 'job',
    doc: 'How long a slot may take from the wish to start it until it has loaded the job.',
    flinkKey: 'slot.request.timeout',
  },
  'exchange.debloat.target': {
    type: 'duration',
    default: '1s',
    min: '1ms',
    max: '1h',
    scope: 'job',
    doc: "How much of its consumer's work may wait in one channel: batches are made smaller where it would be more, so that barriers arrive soon.",
    flinkKey: 'taskmanager.network.memory.buffer-debloat.target',
  },
  'jobmanager.host': {
    type: 'host',
    default: '127.0.0.1',
    scope: 'process',
    doc: 'Where a JobManager listens for TaskManagers. Beyond this machine (anything but a loopback address) a secret or mutual TLS is needed.',
    flinkKey: 'jobmanager.bind-host',
  },
  'jobmanager.port': {
    type: 'integer',
    default: '6123',
    min: '0',
    max: '65535',
    scope: 'process',
    doc: 'Port for TaskManagers; `0` means any free one.',
    flinkKey: 'jobmanager.rpc.port',
  },
  'rest.host': {
    type: 'host',
    default: '127.0.0.1',
    scope: 'process',
    doc: 'Where a JobManager serves its REST API. Beyond this machine a token or mutual TLS is needed.',
    flinkKey: 'rest.bind-address',
  },
  'rest.port': {
    type: 'integer',
    default: '8081',
    min: '0',
    max: '65535',
    scope: 'process',
    doc: 'Port of the REST API; `0` means any free one.',
    flinkKey: 'rest.bind-port',
  },
  'rest.bodyBytesMax': {
    type: 'size',
    default: '1mb',
    min: '1kb',
    max: '64mb',
    scope: 'process',
    doc: 'Largest JSON body of a request. Bundles have a limit of their own: `artifact.bytesMax`.',
    flinkKey: 'rest.server.max-content-length',
  },
  'taskmanager.slots': {
    type: 'integer',
    default: '1',
    min: '1',
    max: '1024',
    scope: 'process',
    doc: 'Slots of a TaskManager: threads that each run one parallel slice of a job.',
    flinkKey: 'taskmanager.numberOfTaskSlots',
  },
  'taskmanager.host': {
    type: 'host',
    default: '127.0.0.1',
    scope: 'process',
    doc: 'The address of a TaskManager under which others reach its slots. Beyond this machine a secret or mutual TLS is needed.',
    flinkKey: 'taskmanager.host',
  },
  'taskmanager.dataPort': {
    type: 'integer',
    default: '0',
    min: '0',
    max: '65535',
    scope: 'process',
    doc: 'First of the ports for data between slots: one for each slot, in a row, and for a moment the next ones while slots are replaced. `0` means any free ones.',
    flinkKey: 'taskmanager.data.port',
  },
  'taskmanager.localDir': {
    type: 'path',
    default: '',
    scope: 'process',
    doc: 'Where a TaskManager keeps local copies of checkpoints (`state.localRecovery`), in a folder of its own that goes with it: a disk of its machine with room for three checkpoints of its slots. Empty: below the work directory of the TaskManager, which is in the temporary folder of the system unless set.',
    flinkKey: 'execution.checkpointing.local-backup.dirs',
  },
  'metrics.port': {
    type: 'integer',
    default: 'off',
    words: ['off'],
    min: '0',
    max: '65535',
    scope: 'process',
    doc: 'Port on which a TaskManager gives its own metrics as Prometheus text (`/metrics`) and its health (`/health`); `0` means any free one. Those of the cluster are at `/metrics` of the REST API.',
    flinkKey: 'metrics.reporter.prom.port',
  },
  'cluster.storage': {
    type: 'path',
    default: '',
    scope: 'cluster',
    doc: 'The folder that all JobManagers and TaskManagers share: leadership, jobs, bundles and checkpoints. Empty: `./.sluice-cluster/storage`, for clusters on one machine.',
    flinkKey: 'high-availability.storageDir',
  },
  'artifact.bytesMax': {
    type: 'size',
    default: '100mb',
    min: '64kb',
    max: '1gb',
    scope: 'cluster',
    doc: 'Largest bundle of a job.',
    flinkKey: 'rest.server.max-content-length',
  },
  'network.frameBytesMax': {
    type: 'size',
    default: '64mb',
    min: '1mb',
    max: '64mb',
    scope: 'cluster',
    doc: 'Largest message between two processes.',
    flinkKey: 'pekko.framesize',
  },
  'log.level': {
    type: 'choice',
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error'],
    scope: 'process',
    doc: 'The least important lines that a JobManager or TaskManager logs.',
  },
  'log.format': {
    type: 'choice',
    default: 'text',
    choices: ['text', 'json'],
    scope: 'process',
    doc: 'Log lines for people, or one JSON object a line for programs.',
  },
} as const satisfies Record<string, OptionRow>

/** Whether and how a job waits for slots. */
export interface ResolvedSchedulerOptions {
  readonly mode: 'adaptive' | 'fixed'
  readonly slotWaitMs: number
  readonly restartSlotWaitMs: number
  readonly settleMs: number
  readonly scaleUpDelayMs: number
}

/** What the processes of a cluster need. */
export interface ResolvedClusterOptions {
  readonly heartbeat: { readonly intervalMs: number; readonly timeoutMs: number }
  readonly leader: { readonly renewIntervalMs: number; readonly leaseMs: number; readonly timeoutMs: number }
  readonly jobManager: { readonly host: string; readonly port: number }
  readonly rest: { readonly host: string; readonly port: number; readonly bodyBytesMax: number }
  readonly taskManager: {
    readonly slotCount: number
    readonly host: string
    readonly dataPort: number
    /** Empty: below its work directory. */
    readonly localDir: string
  }
  readonly metrics: { readonly port: number | 'off' }
  /** Empty: the folder of a local cluster. */
  readonly storage: string
  readonly artifactBytesMax: number
  readonly frameBytesMax: number
  readonly log: { readonly level: LogLevel; readonly format: 'text' | 'json' }
}
