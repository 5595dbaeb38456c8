import { z } from 'zod'
import { artifactHash, jobId } from '../../base/ids.ts'
import type { JobDetail } from '../../jobmanager/cluster-api.ts'
import { type Operation, type Services, notUnderstood, operation } from '../operation.ts'
import type { ResourceRequirements } from '../rest-types.ts'
import * as schemas from '../schemas/job-schemas.ts'
import { metricValues as metricValuesSchema } from '../schemas/vertex-schemas.ts'
import {
  exceptionsOf,
  executionResultOf,
  jobConfigOf,
  jobDetailsOf,
  jobSummaryOf,
  requirementsOf,
} from '../views/job-views.ts'
import { jobFigures, metricValues } from '../views/metric-views.ts'
import { planOf, vertexKey } from '../views/vertex-views.ts'
import { jobOf, listOf, livingJob, metricQuery } from './queries.ts'

const EXCEPTIONS_MAX = 20

const exceptionQuery = z.object({
  maxExceptions: z
    .string()
    .regex(/^\d{1,4}$/, 'expected a number')
    .optional(),
})
const cancelQuery = z.object({ mode: z.enum(['cancel']).optional() })
const empty = z.record(z.string(), z.never())

async function cancel(services: Services, id: string): Promise<Record<string, never>> {
  const { job } = livingJob(services, id, 'cancelled')
  await services.api.cancel(job)
  return {}
}

/** Slots are shared by all vertices: the largest number asked for is what the job gets. */
function boundsOf(detail: JobDetail, asked: ResourceRequirements): { readonly lower: number; readonly upper: number } {
  const known = new Set(detail.vertices.flatMap(({ vertex }): string[] => [vertex, vertexKey(vertex)]))
  const unknown = Object.keys(asked).find((id) => !known.has(id))
  if (unknown !== undefined) throw notUnderstood(`job "${detail.name}" has no vertex ${unknown}`)
  const missing = detail.vertices.find(({ vertex }) => !(vertex in asked) && !(vertexKey(vertex) in asked))
  if (missing !== undefined)
    throw notUnderstood(`vertex ${missing.vertex} of job "${detail.name}" is missing: name all of them`)
  const bounds = Object.values(asked).map(({ parallelism }) => parallelism)
  return {
    lower: Math.max(1, ...bounds.map(({ lowerBound }) => lowerBound)),
    upper: Math.max(1, ...bounds.map(({ upperBound }) => upperBound)),
  }
}

export const JOB_OPERATIONS: readonly Operation[] = [
  operation({
    method: 'GET',
    path: '/jobs',
    id: 'listJobs',
    tag: 'jobs',
    summary: 'Ids and states of all jobs.',
    answer: schemas.jobIds,
    perform: ({ services: { api } }) => ({ jobs: api.jobs().map(({ job, state }) => ({ id: job, status: state })) }),
  }),
  operation({
    method: 'POST',
    path: '/jobs',
    id: 'submitJob',
    tag: 'jobs',
    summary: 'Starts a job from a stored bundle.',
    body: schemas.submission,
    answer: schemas.submitted,
    perform: async ({ body, services: { api } }) => ({
      jobid: await api.submit({ ...body, artifact: artifactHash(body.artifact) }),
    }),
  }),
  operation({
    method: 'GET',
    path: '/jobs/overview',
    id: 'getJobsOverview',
    tag: 'jobs',
    summary: 'All jobs with states, times and counts of tasks.',
    answer: schemas.jobsOverview,
    perform: ({ services: { api, clock } }) => ({
      jobs: api.jobs().map(({ job }) => jobSummaryOf(api.job(job), clock.wallMs())),
    }),
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid',
    id: 'getJob',
    tag: 'jobs',
    summary: 'One job with its vertices and its plan.',
    answer: schemas.jobDetails,
    perform: ({ ids, services }) =>
      jobDetailsOf(jobOf(services, ids.jobid), services.clock.wallMs(), services.secretNames),
  }),
  operation({
    method: 'PATCH',
    path: '/jobs/:jobid',
    id: 'cancelJob',
    tag: 'jobs',
    summary: 'Ends the job at once. Its checkpoints are kept.',
    query: cancelQuery,
    status: 202,
    answer: empty,
    perform: ({ ids, services }) => cancel(services, ids.jobid),
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/yarn-cancel',
    id: 'cancelJobByGet',
    tag: 'jobs',
    summary: 'The same, for clients that can only GET.',
    changes: true,
    status: 202,
    answer: empty,
    perform: ({ ids, services }) => cancel(services, ids.jobid),
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/status',
    id: 'getJobStatus',
    tag: 'jobs',
    summary: 'The state of the job.',
    answer: schemas.jobStatus,
    perform: ({ ids, services }) => ({ status: jobOf(services, ids.jobid).state }),
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/plan',
    id: 'getJobPlan',
    tag: 'jobs',
    summary: 'The graph of the job.',
    answer: schemas.jobPlan,
    perform: ({ ids, services }) => {
      const { job, name, vertices } = jobOf(services, ids.jobid)
      return { plan: planOf(job, name, vertices) }
    },
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/config',
    id: 'getJobConfig',
    tag: 'jobs',
    summary: 'Options and parameters of the job, secrets hidden.',
    answer: schemas.jobConfig,
    perform: ({ ids, services }) => jobConfigOf(jobOf(services, ids.jobid), services.secretNames),
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/exceptions',
    id: 'getJobExceptions',
    tag: 'jobs',
    summary: 'The failures of the job, newest first.',
    query: exceptionQuery,
    answer: schemas.exceptions,
    perform: ({ ids, query, services }) =>
      exceptionsOf(jobOf(services, ids.jobid), Number(query.maxExceptions ?? EXCEPTIONS_MAX)),
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/execution-result',
    id: 'getExecutionResult',
    tag: 'jobs',
    summary: 'How the job ended, once it has.',
    answer: schemas.executionResult,
    perform: ({ ids, services }) => executionResultOf(jobOf(services, ids.jobid), services.clock.wallMs()),
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/metrics',
    id: 'getJobMetrics',
    tag: 'jobs',
    summary: 'Metrics of the job: names, or values of those asked for.',
    query: metricQuery,
    answer: metricValuesSchema,
    perform: ({ ids, query, services }) =>
      metricValues(jobFigures(jobOf(services, ids.jobid), services.clock.wallMs()), listOf(query.get)),
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/resource-requirements',
    id: 'getResourceRequirements',
    tag: 'jobs',
    summary: 'The bounds of the parallelism of each vertex.',
    answer: schemas.resourceRequirements,
    perform: ({ ids, services }) => {
      const detail = jobOf(services, ids.jobid)
      return requirementsOf(detail, services.api.parallelism(jobId(ids.jobid)))
    },
  }),
  operation({
    method: 'PUT',
    path: '/jobs/:jobid/resource-requirements',
    id: 'setResourceRequirements',
    tag: 'jobs',
    summary: 'Rescales the job in place. Slots are shared: the largest bounds of any vertex count for the whole job.',
    body: schemas.resourceRequirements,
    answer: empty,
    perform: async ({ ids, body, services }) => {
      const detail = livingJob(services, ids.jobid, 'rescaled')
      await services.api.setParallelism(detail.job, boundsOf(detail, body))
      return {}
    },
  }),
]
