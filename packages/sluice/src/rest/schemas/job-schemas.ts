import { z } from 'zod'
import { PUBLIC_JOB_STATES } from '../../jobmanager/cluster-api.ts'
import type {
  ExceptionsBody,
  ExecutionResultBody,
  JobConfigBody,
  JobDetails,
  JobIdsBody,
  JobPlanBody,
  JobStatusBody,
  JobsOverviewBody,
  ResourceRequirements,
  SubmitBody,
  SubmittedBody,
} from '../rest-types.ts'
import { count, counts, moment, named, texts } from './named.ts'
import { vertexSummary } from './vertex-schemas.ts'

const jobState = z.enum(PUBLIC_JOB_STATES)

export const jobIds = named<JobIdsBody>(
  'JobIds',
  z.object({ jobs: z.array(z.object({ id: z.string(), status: jobState })) }),
)

const jobPhase = z.object({
  phase: z.string(),
  attempt: count,
  restartCount: count,
  waiting: z.string().nullable(),
})

export const jobsOverview = named<JobsOverviewBody>(
  'JobsOverview',
  z.object({
    jobs: z.array(
      z.object({
        jid: z.string(),
        name: z.string(),
        state: jobState,
        'start-time': moment,
        'end-time': moment,
        duration: count,
        'last-modification': moment,
        tasks: z.object({
          total: count,
          created: count,
          scheduled: count,
          deploying: count,
          running: count,
          finished: count,
          canceling: count,
          canceled: count,
          failed: count,
          reconciling: count,
          initializing: count,
        }),
        sluice: jobPhase,
      }),
    ),
  }),
)

export const jobStatus = named<JobStatusBody>('JobStatus', z.object({ status: jobState }))

const plan = z.object({
  jid: z.string(),
  name: z.string(),
  type: z.literal('STREAMING'),
  nodes: z.array(
    z.object({
      id: z.string(),
      parallelism: count,
      operator: z.string(),
      operator_strategy: z.string(),
      description: z.string(),
      inputs: z.array(z.object({ num: count, id: z.string(), ship_strategy: z.string(), exchange: z.string() })),
    }),
  ),
})

export const jobPlan = named<JobPlanBody>('JobPlan', z.object({ plan }))

const errorView = z.object({
  code: z.string(),
  message: z.string(),
  context: z.record(z.string(), z.union([z.string(), z.number()])),
  stack: z.string().nullable(),
})

const checkpointCounts = z.object({
  completed: count,
  failed: count,
  last: z
    .object({
      checkpoint: count,
      durationMs: z.number(),
      stateBytes: z.number(),
      alignmentMaxMs: z.number(),
      syncMaxMs: z.number(),
      asyncMaxMs: z.number(),
    })
    .nullable(),
})

export const jobDetails = named<JobDetails>(
  'JobDetails',
  z.object({
    jid: z.string(),
    name: z.string(),
    isStoppable: z.boolean(),
    state: jobState,
    'job-type': z.literal('STREAMING'),
    schedulerType: z.literal('Adaptive'),
    'start-time': moment,
    'end-time': moment,
    duration: count,
    maxParallelism: z.number().int(),
    now: moment,
    timestamps: counts,
    vertices: z.array(vertexSummary),
    'status-counts': counts,
    plan,
    sluice: jobPhase.extend({
      artifact: z.string(),
      params: texts,
      options: texts,
      slotsWanted: count,
      slotsHeld: count,
      restoredCheckpoint: count.nullable(),
      recordsRead: count,
      counters: counts,
      checkpoints: checkpointCounts.nullable(),
      error: errorView.nullable(),
    }),
  }),
)

export const jobConfig = named<JobConfigBody>(
  'JobConfig',
  z.object({
    jid: z.string(),
    name: z.string(),
    'execution-config': z.object({
      'execution-mode': z.literal('PIPELINED'),
      'restart-strategy': z.string(),
      'job-parallelism': count,
      'object-reuse-mode': z.boolean(),
      'user-config': texts,
    }),
  }),
)

const failureCause = z.object({ class: z.string(), 'stack-trace': z.string() })

export const executionResult = named<ExecutionResultBody>(
  'ExecutionResult',
  z.object({
    status: z.object({ id: z.enum(['IN_PROGRESS', 'COMPLETED']) }),
    'job-execution-result': z
      .object({
        id: z.string(),
        'application-status': z.enum(['SUCCEEDED', 'FAILED', 'CANCELED', 'UNKNOWN']),
        'accumulator-results': texts,
        'net-runtime': count,
        'failure-cause': failureCause.exactOptional(),
      })
      .exactOptional(),
  }),
)

export const exceptions = named<ExceptionsBody>(
  'Exceptions',
  z.object({
    exceptionHistory: z.object({
      entries: z.array(
        z.object({
          exceptionName: z.string(),
          stacktrace: z.string(),
          timestamp: moment,
          failureLabels: texts,
          taskName: z.string().nullable(),
          endpoint: z.string().nullable(),
          taskManagerId: z.string().nullable(),
          concurrentExceptions: z.array(z.never()),
          sluice: z.object({
            code: z.string(),
            attempt: count,
            restoredCheckpoint: count.nullable(),
            mergedCount: count,
          }),
        }),
      ),
      truncated: z.boolean(),
    }),
  }),
)

/** Above what any job can use: refuses numbers that are mistakes. */
const PARALLELISM_MAX = 32_768

const bound = z.number().int().min(1).max(PARALLELISM_MAX)

export const resourceRequirements = named<ResourceRequirements>(
  'ResourceRequirements',
  z.record(
    z.string(),
    z.object({
      parallelism: z
        .object({ lowerBound: bound, upperBound: bound })
        .refine(({ lowerBound, upperBound }) => lowerBound <= upperBound, 'lowerBound is above upperBound'),
    }),
  ),
)

const ARTIFACT_HASH = /^[0-9a-f]{64}$/
const NAME_CHARS_MAX = 256
const VALUE_CHARS_MAX = 65_536

const givenTexts = z.record(z.string().min(1).max(NAME_CHARS_MAX), z.string().max(VALUE_CHARS_MAX))

export const submission = named<SubmitBody>(
  'Submission',
  z.object({
    artifact: z.string().regex(ARTIFACT_HASH, 'expected the 64 hexadecimal digits that POST /artifacts gave'),
    params: givenTexts.default({}),
    options: givenTexts.default({}),
    start: z.enum(['continue', 'fresh']).default('continue'),
    workingDirectory: z.string().max(4096).exactOptional(),
  }),
)

export const submitted = named<SubmittedBody>('Submitted', z.object({ jobid: z.string() }))
