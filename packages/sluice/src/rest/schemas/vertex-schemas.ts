import { z } from 'zod'
import type { AggregatedMetric, BackPressureBody, MetricValue, VertexDetails, VertexSummary } from '../rest-types.ts'
import { count, counts, moment, named } from './named.ts'

const taskState = z.enum([
  'CREATED',
  'SCHEDULED',
  'DEPLOYING',
  'INITIALIZING',
  'RUNNING',
  'FINISHED',
  'CANCELING',
  'CANCELED',
  'FAILED',
  'RECONCILING',
])

const metrics = z.object({
  'read-bytes': count,
  'read-bytes-complete': z.boolean(),
  'write-bytes': count,
  'write-bytes-complete': z.boolean(),
  'read-records': count,
  'read-records-complete': z.boolean(),
  'write-records': count,
  'write-records-complete': z.boolean(),
  'accumulated-backpressured-time': count,
  'accumulated-idle-time': count,
  'accumulated-busy-time': count,
})

export const vertexSummary = named<VertexSummary>(
  'VertexSummary',
  z.object({
    id: z.string(),
    slotSharingGroupId: z.string(),
    name: z.string(),
    maxParallelism: count,
    parallelism: count,
    status: taskState,
    'start-time': moment,
    'end-time': moment,
    duration: moment,
    tasks: counts,
    metrics,
    sluice: z.object({
      uid: z.string(),
      wantedParallelism: count,
      slotSharingGroup: z.string(),
      reportingCount: count,
      watermark: z.union([z.number(), z.enum(['none', 'end'])]),
      busyRatio: z.number(),
      busyRatioMax: z.number(),
      backPressuredRatio: z.number(),
      backPressuredRatioMax: z.number(),
      pauseMaxMs: z.number(),
      counters: counts,
    }),
  }),
)

export const vertexDetails = named<VertexDetails>(
  'VertexDetails',
  z.object({
    id: z.string(),
    name: z.string(),
    parallelism: count,
    maxParallelism: count,
    now: moment,
    subtasks: z.array(
      z.object({
        subtask: count,
        status: taskState,
        attempt: count,
        endpoint: z.string(),
        'taskmanager-id': z.string(),
        'start-time': moment,
        'end-time': moment,
        duration: moment,
        metrics,
        'status-duration': counts,
        sluice: z.object({ slot: count.nullable() }),
      }),
    ),
  }),
)

const level = z.enum(['ok', 'low', 'high'])

export const backPressure = named<BackPressureBody>(
  'BackPressure',
  z.object({
    status: z.enum(['ok', 'deprecated']),
    backpressureLevel: level,
    'end-timestamp': moment,
    subtasks: z.array(
      z.object({
        subtask: count,
        'attempt-number': count,
        backpressureLevel: level,
        ratio: z.number(),
        idleRatio: z.number(),
        busyRatio: z.number(),
      }),
    ),
  }),
)

export const metricValues = named<readonly MetricValue[]>(
  'MetricValues',
  z.array(z.object({ id: z.string(), value: z.string().exactOptional() })),
)

const figure = z.number().exactOptional()

export const aggregatedMetrics = named<readonly AggregatedMetric[]>(
  'AggregatedMetrics',
  z.array(z.object({ id: z.string(), min: figure, max: figure, avg: figure, sum: figure, skew: figure })),
)
