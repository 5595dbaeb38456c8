import { EngineError, asEngineError, errorToData } from '../../base/errors.ts'
import type { JobId } from '../../base/ids.ts'
import type { JobDetail } from '../../jobmanager/cluster-api.ts'
import type { AsyncKind, AsyncOutcome, Probe } from '../async-operations.ts'
import { type Operation, type Services, notThere, operation } from '../operation.ts'
import type { TriggeredBody } from '../checkpoint-types.ts'
import * as schemas from '../schemas/checkpoint-schemas.ts'
import { checkpointConfigOf, checkpointViewOf, checkpointsOf } from '../views/checkpoint-views.ts'
import { failureCauseOf, hasEnded } from '../views/job-views.ts'
import { jobOf, livingJob } from './queries.ts'

/** @throws NET1009, as Flink's 404 */
function checkpointedJob(services: Services, id: string): JobDetail {
  const detail = jobOf(services, id)
  if (detail.checkpoints === undefined) throw notThere(`checkpointing is off for job "${detail.name}"`)
  return detail
}

async function startStop(services: Services, id: string, triggerId: string | undefined): Promise<TriggeredBody> {
  const request = await services.requests.start({ kind: 'stop', job: id }, triggerId, async () => {
    const { job } = livingJob(services, id, 'stopped')
    await services.api.stop(job)
    return () => stopOutcome(services, job)
  })
  return { 'request-id': request }
}

/** Undefined until the job has ended. */
function stopOutcome({ api }: Services, job: JobId): AsyncOutcome | undefined {
  try {
    const detail = api.job(job)
    if (!hasEnded(detail)) return undefined
    if (detail.state === 'FINISHED') return { kind: 'stopped', location: lastPlaceOf(detail) }
    const { error = endedOtherwise(detail) } = detail
    return { kind: 'failed', error }
  } catch (thrown) {
    return { kind: 'failed', error: errorToData(asEngineError(thrown, 'INT1001', 'how the stop ended cannot be told')) }
  }
}

/** Empty without checkpointing. */
function lastPlaceOf({ checkpointHistory }: JobDetail): string {
  return checkpointHistory.findLast(({ status }) => status === 'COMPLETED')?.place ?? ''
}

function endedOtherwise({ name, state }: JobDetail): NonNullable<JobDetail['error']> {
  const message = `job "${name}" was to be stopped and is ${state}. No last checkpoint was taken. It resumes from its last completed one.`
  return { code: 'JOB1106', message, context: { job: name } }
}

async function startCheckpoint(services: Services, id: string, triggerId: string | undefined): Promise<TriggeredBody> {
  const request = await services.requests.start({ kind: 'checkpoint', job: id }, triggerId, async () => {
    livingJob(services, id, 'checkpointed')
    const { job } = checkpointedJob(services, id)
    return probeOf(services.api.checkpoint(job))
  })
  return { 'request-id': request }
}

function probeOf(published: Promise<number>): Probe {
  let outcome: AsyncOutcome | undefined
  published.then(
    (checkpoint) => void (outcome = { kind: 'done', checkpoint }),
    (thrown: unknown) => {
      const error = asEngineError(thrown, 'INT1001', 'the checkpoint could not be taken')
      outcome = { kind: 'failed', error: errorToData(error) }
    },
  )
  return () => outcome
}

function knownOutcome(
  services: Services,
  kind: AsyncKind,
  { jobid, triggerid }: TriggerIds,
): AsyncOutcome | 'under-way' {
  const outcome = services.requests.outcome({ kind, job: jobid }, triggerid)
  if (outcome !== 'unknown') return outcome
  throw notThere(
    `there is no request ${triggerid} for this job; outcomes are kept for 5 minutes and are lost when the leader changes`,
  )
}

interface TriggerIds {
  readonly jobid: string
  readonly triggerid: string
}

const IN_PROGRESS = { status: { id: 'IN_PROGRESS' } } as const
const COMPLETED = { id: 'COMPLETED' } as const

function notSupported(what: string): EngineError {
  return new EngineError('NET1011', `${what} is not supported. Nothing was done.`)
}

export const CHECKPOINT_OPERATIONS: readonly Operation[] = [
  operation({
    method: 'GET',
    path: '/jobs/:jobid/checkpoints',
    id: 'getCheckpoints',
    tag: 'checkpoints',
    summary: 'Counts and history of the checkpoints of a job.',
    answer: schemas.checkpoints,
    perform: ({ ids, services }) => checkpointsOf(checkpointedJob(services, ids.jobid)),
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/checkpoints/config',
    id: 'getCheckpointConfig',
    tag: 'checkpoints',
    summary: 'How the job takes checkpoints.',
    answer: schemas.checkpointConfig,
    perform: ({ ids, services }) => {
      const { checkpointConfig, name, spec } = jobOf(services, ids.jobid)
      if (checkpointConfig === undefined) throw notThere(`checkpointing is off for job "${name}"`)
      return checkpointConfigOf(checkpointConfig, spec.storageRoot ?? '')
    },
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/checkpoints/details/:checkpointid',
    id: 'getCheckpoint',
    tag: 'checkpoints',
    summary: 'One checkpoint of the history.',
    answer: schemas.checkpointView,
    perform: ({ ids, services }) => {
      const { checkpointHistory, vertices } = checkpointedJob(services, ids.jobid)
      const record = checkpointHistory.find(({ checkpoint }) => checkpoint === Number(ids.checkpointid))
      if (record === undefined) throw notThere(`checkpoint ${ids.checkpointid} is not in the history of the job`)
      return checkpointViewOf(
        record,
        vertices.reduce((sum, { parallelism }) => sum + parallelism, 0),
      )
    },
  }),
  operation({
    method: 'POST',
    path: '/jobs/:jobid/checkpoints',
    id: 'triggerCheckpoint',
    tag: 'checkpoints',
    summary: 'Takes a checkpoint now.',
    body: schemas.checkpointTrigger,
    status: 202,
    answer: schemas.triggered,
    perform: ({ ids, body, services }) => {
      if (body.checkpointType === 'INCREMENTAL') throw notSupported('an incremental checkpoint')
      return startCheckpoint(services, ids.jobid, body.triggerId ?? undefined)
    },
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/checkpoints/:triggerid',
    id: 'getCheckpointOutcome',
    tag: 'checkpoints',
    summary: 'What became of a checkpoint that was asked for.',
    answer: schemas.checkpointOutcome,
    perform: ({ ids, services }) => {
      const outcome = knownOutcome(services, 'checkpoint', ids)
      if (outcome === 'under-way' || outcome.kind === 'stopped') return IN_PROGRESS
      if (outcome.kind === 'done') return { status: COMPLETED, operation: { checkpointId: outcome.checkpoint } }
      return { status: COMPLETED, operation: { failureCause: failureCauseOf(outcome.error) } }
    },
  }),
  operation({
    method: 'POST',
    path: '/jobs/:jobid/stop',
    id: 'stopJob',
    tag: 'checkpoints',
    summary: 'Takes a last checkpoint, then ends the job; submitted again, it goes on from there.',
    body: schemas.stopTrigger,
    status: 202,
    answer: schemas.triggered,
    perform: ({ ids, body, services }) => {
      if (body.drain === true) throw notSupported('a stop that drains')
      if (typeof body.targetDirectory === 'string') throw notSupported('another place for the last checkpoint')
      return startStop(services, ids.jobid, body.triggerId ?? undefined)
    },
  }),
  operation({
    method: 'POST',
    path: '/jobs/:jobid/savepoints',
    id: 'triggerSavepoint',
    tag: 'checkpoints',
    summary: 'With `cancel-job` the same as a stop. Savepoints of running jobs are not supported: 501.',
    body: schemas.savepointTrigger,
    status: 202,
    answer: schemas.triggered,
    perform: ({ ids, body, services }) => {
      if (body['cancel-job'] !== true)
        throw notSupported('a savepoint of a running job (take a checkpoint, or stop the job)')
      if (typeof body['target-directory'] === 'string') throw notSupported('another place for the last checkpoint')
      return startStop(services, ids.jobid, body.triggerId ?? undefined)
    },
  }),
  operation({
    method: 'GET',
    path: '/jobs/:jobid/savepoints/:triggerid',
    id: 'getSavepointOutcome',
    tag: 'checkpoints',
    summary: 'What became of a stop. The location is empty when checkpointing is off.',
    answer: schemas.savepointOutcome,
    perform: ({ ids, services }) => {
      const outcome = knownOutcome(services, 'stop', ids)
      if (outcome === 'under-way' || outcome.kind === 'done') return IN_PROGRESS
      if (outcome.kind === 'stopped') return { status: COMPLETED, operation: { location: outcome.location } }
      return { status: COMPLETED, operation: { 'failure-cause': failureCauseOf(outcome.error) } }
    },
  }),
]
