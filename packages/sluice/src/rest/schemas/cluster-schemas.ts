import { z } from 'zod'
import type {
  ArtifactBody,
  ClusterOverviewBody,
  DashboardConfig,
  ErrorBody,
  HealthBody,
  TaskManagerDetails,
  TaskManagersBody,
} from '../rest-types.ts'
import { count, named } from './named.ts'

export const errorBody = named<ErrorBody>(
  'Errors',
  z.object({ errors: z.array(z.string()), code: z.string().exactOptional() }),
)

export const dashboardConfig = named<DashboardConfig>(
  'DashboardConfig',
  z.object({
    'refresh-interval': count,
    'timezone-name': z.string(),
    'timezone-offset': z.number().int(),
    'flink-version': z.string(),
    'flink-revision': z.string(),
    features: z.object({
      'web-submit': z.boolean(),
      'web-cancel': z.boolean(),
      'web-rescale': z.boolean(),
      'web-history': z.boolean(),
    }),
  }),
)

export const clusterOverview = named<ClusterOverviewBody>(
  'ClusterOverview',
  z.object({
    taskmanagers: count,
    'slots-total': count,
    'slots-available': count,
    'jobs-running': count,
    'jobs-finished': count,
    'jobs-cancelled': count,
    'jobs-failed': count,
    'flink-version': z.string(),
    'flink-commit': z.string(),
    sluice: z.object({ version: z.string(), epoch: count }),
  }),
)

export const health = named<HealthBody>(
  'Health',
  z.object({
    status: z.literal('ok'),
    role: z.enum(['leader', 'standby']),
    leader: z.string().nullable(),
    version: z.string(),
  }),
)

export const artifact = named<ArtifactBody>('Artifact', z.object({ artifact: z.string(), size: count }))

const taskManagerSummary = z.object({
  id: z.string(),
  path: z.string(),
  dataPort: z.number().int(),
  jmxPort: z.number().int(),
  timeSinceLastHeartbeat: z.number(),
  slotsNumber: count,
  freeSlots: count,
  hardware: z.object({
    cpuCores: z.number(),
    physicalMemory: z.number(),
    freeMemory: z.number(),
    managedMemory: z.number(),
  }),
  sluice: z.object({
    host: z.string(),
    pid: z.number().int(),
    version: z.string(),
    remote: z.string(),
    cpuRatio: z.number().nullable(),
    eventLoopDelayMs: z.number().nullable(),
  }),
})

export const taskManagers = named<TaskManagersBody>(
  'TaskManagers',
  z.object({ taskmanagers: z.array(taskManagerSummary) }),
)

export const taskManagerDetails = named<TaskManagerDetails>(
  'TaskManagerDetails',
  taskManagerSummary.extend({
    allocatedSlots: z.array(z.object({ jobId: z.string(), slot: count })),
    metrics: z.object({ heapUsed: z.number(), heapMax: z.number() }),
  }),
)
