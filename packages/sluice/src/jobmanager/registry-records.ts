/** What the files of the job registry say: JSON, of which every field is checked when it is read. */
import type { EngineError, ErrorContext, ErrorData } from '../base/errors.ts'
import { knownErrorCode } from '../base/error-codes.ts'
import { type ArtifactHash, type JobId, type LeaderEpoch, artifactHash, jobId, leaderEpoch } from '../base/ids.ts'
import type { JsonValue } from '../base/json.ts'
import { JsonFields } from '../checkpoint/json-fields.ts'
import type { JobSpec, SpecLayer } from '../control/cluster-messages.ts'
import type { ParallelismBounds, PublicJobState } from './cluster-api.ts'
import type { JobEnd } from './cluster-job.ts'

export interface SubmittedJob {
  readonly spec: JobSpec
  readonly submittedWallMs: number
}

/** One step in the life of a job, each under the next number: who leads it, or how it ended. */
export type Turn =
  | { readonly kind: 'led'; readonly epoch: LeaderEpoch }
  | { readonly kind: 'ended'; readonly epoch: LeaderEpoch; readonly end: JobEnd }

const JOB_ID = /^[0-9a-f]{32}$/
const HASH = /^[0-9a-f]{64}$/

/** Undefined for what is no id of a job: it never becomes part of a path. */
export function jobIdOf(text: string): JobId | undefined {
  return JOB_ID.test(text) ? jobId(text) : undefined
}

export function artifactHashOf(text: string): ArtifactHash | undefined {
  return HASH.test(text) ? artifactHash(text) : undefined
}

export function encodeRecord(value: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, undefined, 2)}\n`)
}

type Refuse = (problem: string) => EngineError

export function decodeSubmitted(bytes: Uint8Array, refuse: Refuse): SubmittedJob {
  return decode(bytes, refuse, (fields) => ({
    spec: fields.object('spec', readSpec),
    submittedWallMs: fields.amount('submittedWallMs'),
  }))
}

export function decodeTurn(bytes: Uint8Array, refuse: Refuse): Turn {
  return decode(bytes, refuse, (fields) => {
    const epoch = leaderEpoch(fields.integer('epoch', 0))
    const kind = oneOf(fields, 'kind', ['led', 'ended'])
    return kind === 'led' ? { kind, epoch } : { kind, epoch, end: fields.object('end', readEnd) }
  })
}

export function decodeNameHolder(bytes: Uint8Array, refuse: Refuse): JobId {
  return decode(bytes, refuse, (fields) => readJobId(fields, 'job'))
}

export function decodeBounds(bytes: Uint8Array, refuse: Refuse): ParallelismBounds {
  return decode(bytes, refuse, (fields) => ({ lower: fields.integer('lower', 1), upper: fields.integer('upper', 1) }))
}

function decode<T>(bytes: Uint8Array, refuse: Refuse, read: (fields: JsonFields) => T): T {
  const fields = new JsonFields(parse(bytes, refuse), 'it', refuse)
  const value = read(fields)
  fields.finish()
  return value
}

function parse(bytes: Uint8Array, refuse: Refuse): JsonValue {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw refuse('it is not JSON')
  }
}

function readSpec(fields: JsonFields): JobSpec {
  const artifact = artifactHashOf(fields.string('artifact')) ?? fields.fail('artifact', 'is not the hash of a bundle')
  return {
    job: readJobId(fields, 'job'),
    name: fields.string('name'),
    artifact,
    params: fields.strings('params'),
    layers: fields.list('layers', readLayer),
    ...(fields.has('storageRoot') ? { storageRoot: fields.string('storageRoot') } : {}),
  }
}

function readLayer(fields: JsonFields): SpecLayer {
  return { origin: fields.string('origin'), values: fields.strings('values') }
}

function readEnd(fields: JsonFields): JobEnd {
  return {
    state: oneOf(fields, 'state', END_STATES),
    outcome: oneOf(fields, 'outcome', OUTCOMES),
    startedWallMs: fields.amount('startedWallMs'),
    endedWallMs: fields.amount('endedWallMs'),
    restartCount: fields.integer('restartCount', 0),
    recordsRead: fields.integer('recordsRead', 0),
    checkpointsCompleted: fields.integer('checkpointsCompleted', 0),
    ...(fields.has('error') ? { error: fields.object('error', readError) } : {}),
  }
}

const END_STATES = ['FINISHED', 'CANCELED', 'FAILED'] as const satisfies readonly PublicJobState[]
const OUTCOMES = ['finished', 'stopped', 'canceled', 'failed'] as const satisfies readonly JobEnd['outcome'][]

function readError(fields: JsonFields): ErrorData {
  const context: unknown = fields.value('context')
  return {
    code: knownErrorCode(fields.string('code')),
    message: fields.string('message'),
    context: context as ErrorContext, // shown as it is
    ...(fields.has('stack') ? { stack: fields.string('stack') } : {}),
    ...(fields.has('cause') ? { cause: fields.string('cause') } : {}),
  }
}

function readJobId(fields: JsonFields, name: string): JobId {
  return jobIdOf(fields.string(name)) ?? fields.fail(name, 'is not the id of a job')
}

function oneOf<Word extends string>(fields: JsonFields, name: string, words: readonly Word[]): Word {
  const text = fields.string(name)
  return words.find((word) => word === text) ?? fields.fail(name, `is ${JSON.stringify(text)}`)
}
