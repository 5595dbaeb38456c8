import { z } from 'zod'
import { taskManagerId } from '../../base/ids.ts'
import type { TaskManagerView } from '../../jobmanager/cluster-api.ts'
import { EngineError } from '../../base/errors.ts'
import { type Operation, type Services, BYTES, notThere, operation, textOperation } from '../operation.ts'
import {
  artifact,
  clusterOverview,
  dashboardConfig,
  health,
  taskManagerDetails,
  taskManagers,
} from '../schemas/cluster-schemas.ts'
import { metricValues as metricValuesSchema } from '../schemas/vertex-schemas.ts'
import {
  clusterOverviewOf,
  dashboardConfigOf,
  taskManagerDetailsOf,
  taskManagerSummaryOf,
} from '../views/cluster-views.ts'
import { clusterFigures, metricValues, taskManagerFigures } from '../views/metric-views.ts'
import { listOf, metricQuery } from './queries.ts'

const TEXT = { contentType: 'text/plain; charset=utf-8' }
const PROMETHEUS = { contentType: 'text/plain; version=0.0.4; charset=utf-8' }
/** The newest bytes of a log that are shown. */
const LOG_BYTES_MAX = 1024 * 1024

export const CLUSTER_OPERATIONS: readonly Operation[] = [
  operation({
    method: 'GET',
    path: '/health',
    id: 'getHealth',
    tag: 'cluster',
    summary:
      'Whether this process serves, and whether it leads; 503 when it does neither lead nor see a leader, or cannot write.',
    where: 'here',
    open: true,
    answer: health,
    perform: async ({ services: { api, version, fitness } }) => {
      const standby = api.notLeading()
      if (standby !== undefined && standby.leaderUrl === undefined) throw leaderless()
      const problem = await fitness()
      if (problem !== undefined) throw problem
      const role = standby === undefined ? 'leader' : 'standby'
      return { status: 'ok', role, leader: standby?.leaderUrl ?? null, version }
    },
  }),
  operation({
    method: 'GET',
    path: '/config',
    id: 'getConfig',
    tag: 'cluster',
    summary: 'What a dashboard needs to know first.',
    where: 'here',
    answer: dashboardConfig,
    perform: ({ services: { version } }) => dashboardConfigOf(version),
  }),
  operation({
    method: 'GET',
    path: '/overview',
    id: 'getOverview',
    tag: 'cluster',
    summary: 'Counts of TaskManagers, slots and jobs.',
    answer: clusterOverview,
    perform: ({ services: { api } }) => clusterOverviewOf(api.overview()),
  }),
  textOperation({
    method: 'GET',
    path: '/metrics',
    id: 'getMetrics',
    tag: 'cluster',
    summary: 'Metrics in the text format of Prometheus.',
    where: 'here',
    answer: PROMETHEUS,
    perform: ({ services: { api } }) => api.metricsText(),
  }),
  operation({
    method: 'GET',
    path: '/openapi.json',
    id: 'getDescription',
    tag: 'cluster',
    summary: 'This description.',
    where: 'here',
    answer: z.looseObject({ openapi: z.string() }),
    perform: ({ services }) => ({ openapi: '3.1.0', ...services.describe() }),
  }),
  operation({
    method: 'POST',
    path: '/artifacts',
    id: 'uploadArtifact',
    tag: 'jobs',
    summary: 'Stores a job bundle; the same bytes are stored once.',
    body: BYTES,
    answer: artifact,
    perform: async ({ body, services: { api } }) => ({ artifact: await api.storeArtifact(body), size: body.length }),
  }),
  textOperation({
    method: 'GET',
    path: '/jobmanager/log',
    id: 'getJobManagerLog',
    tag: 'cluster',
    summary: 'The newest lines of the log of this JobManager.',
    where: 'here',
    answer: TEXT,
    perform: ({ services: { api } }) => api.log(LOG_BYTES_MAX),
  }),
  operation({
    method: 'GET',
    path: '/jobmanager/metrics',
    id: 'getJobManagerMetrics',
    tag: 'cluster',
    summary: 'Metrics of the cluster as a whole: names, or values of those asked for.',
    query: metricQuery,
    answer: metricValuesSchema,
    perform: ({ query, services: { api } }) => metricValues(clusterFigures(api.overview()), listOf(query.get)),
  }),
  operation({
    method: 'GET',
    path: '/taskmanagers',
    id: 'listTaskManagers',
    tag: 'taskmanagers',
    summary: 'All registered TaskManagers.',
    answer: taskManagers,
    perform: ({ services: { api } }) => ({ taskmanagers: api.taskManagers().map(taskManagerSummaryOf) }),
  }),
  operation({
    method: 'GET',
    path: '/taskmanagers/:taskmanagerid',
    id: 'getTaskManager',
    tag: 'taskmanagers',
    summary: 'One TaskManager with the slots it gave away.',
    answer: taskManagerDetails,
    perform: ({ ids, services }) => taskManagerDetailsOf(taskManagerNamed(services, ids.taskmanagerid)),
  }),
  operation({
    method: 'GET',
    path: '/taskmanagers/:taskmanagerid/metrics',
    id: 'getTaskManagerMetrics',
    tag: 'taskmanagers',
    summary: 'Metrics of one TaskManager: names, or values of those asked for.',
    query: metricQuery,
    answer: metricValuesSchema,
    perform: ({ ids, query, services }) =>
      metricValues(taskManagerFigures(taskManagerNamed(services, ids.taskmanagerid)), listOf(query.get)),
  }),
  textOperation({
    method: 'GET',
    path: '/taskmanagers/:taskmanagerid/log',
    id: 'getTaskManagerLog',
    tag: 'taskmanagers',
    summary: 'The newest lines of the log of a TaskManager.',
    answer: TEXT,
    perform: ({ ids, services }) => {
      const { id } = taskManagerNamed(services, ids.taskmanagerid)
      return services.api.taskManagerLog(taskManagerId(id), LOG_BYTES_MAX)
    },
  }),
]

function taskManagerNamed({ api }: Services, id: string): TaskManagerView {
  const found = api.taskManagers().find((view) => view.id === id)
  if (found === undefined)
    throw notThere(`there is no TaskManager ${id}; it may have been lost, GET /v1/taskmanagers lists those there are`)
  return found
}

function leaderless(): EngineError {
  return new EngineError(
    'CLU1001',
    'this JobManager does not lead and sees no leader. No job is watched over by it. A new leader is found within seconds; if not, see whether the shared storage can be written.',
  )
}
