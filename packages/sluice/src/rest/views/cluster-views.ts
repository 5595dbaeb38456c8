/** What the API shows of the cluster and its TaskManagers. Pure. */
import type { ClusterOverview, TaskManagerView } from '../../jobmanager/cluster-api.ts'
import type { ClusterOverviewBody, DashboardConfig, TaskManagerDetails, TaskManagerSummary } from '../rest-types.ts'

const REFRESH_INTERVAL_MS = 3000
const NO_REVISION = 'unknown'

export function dashboardConfigOf(version: string): DashboardConfig {
  return {
    'refresh-interval': REFRESH_INTERVAL_MS,
    'timezone-name': 'UTC',
    'timezone-offset': 0,
    'flink-version': version,
    'flink-revision': NO_REVISION,
    features: { 'web-submit': false, 'web-cancel': true, 'web-rescale': true, 'web-history': false },
  }
}

export function clusterOverviewOf(overview: ClusterOverview): ClusterOverviewBody {
  return {
    taskmanagers: overview.taskManagers,
    'slots-total': overview.slotsTotal,
    'slots-available': overview.slotsFree,
    'jobs-running': overview.jobsRunning,
    'jobs-finished': overview.jobsFinished,
    'jobs-cancelled': overview.jobsCancelled,
    'jobs-failed': overview.jobsFailed,
    'flink-version': overview.version,
    'flink-commit': NO_REVISION,
    sluice: { version: overview.version, epoch: overview.epoch },
  }
}

export function taskManagerSummaryOf(view: TaskManagerView): TaskManagerSummary {
  const { id, host, pid, vitals, memoryBytes, version, remote } = view
  return {
    id,
    path: `${host}/${pid}`,
    dataPort: view.metricsAddress?.port ?? -1,
    jmxPort: -1,
    timeSinceLastHeartbeat: view.lastHeartbeatWallMs,
    slotsNumber: view.slotCount,
    freeSlots: view.slotsFree,
    hardware: {
      cpuCores: view.cpuCores,
      physicalMemory: memoryBytes,
      freeMemory: Math.max(0, memoryBytes - (vitals?.heapUsedBytes ?? 0)),
      managedMemory: 0,
    },
    sluice: {
      host,
      pid,
      version,
      remote,
      cpuRatio: vitals?.cpuRatio ?? null,
      eventLoopDelayMs: vitals?.eventLoopDelayMs ?? null,
    },
  }
}

export function taskManagerDetailsOf(view: TaskManagerView): TaskManagerDetails {
  return {
    ...taskManagerSummaryOf(view),
    allocatedSlots: view.allocations.map(({ job, slot }) => ({ jobId: job, slot })),
    metrics: { heapUsed: view.vitals?.heapUsedBytes ?? 0, heapMax: view.memoryBytes },
  }
}
