/** What the shell of a job passes on to the machine, in the machine's words. Pure. */
import type { Env } from '../base/env.ts'
import { EngineError } from '../base/errors.ts'
import type { SlotIndex } from '../base/ids.ts'
import type { CheckpointManifest } from '../checkpoint/manifest.ts'
import type { ResolvedOptions } from '../config/options.ts'
import type { FromSlot } from '../control/messages.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { regionsOf } from '../graph/regions.ts'
import { slotsWantedBy } from '../graph/scale-graph.ts'
import { slotStepsOf } from '../graph/slot-groups.ts'
import type { JobFailure, JobStateName } from './job-events.ts'
import type { JobFacts, JobLimits, RestoredFrom } from './job-state.ts'

/** Longest wait for all slots to be ready; user code may load slowly. */
const ACQUIRE_TIMEOUT_MS = 300_000
/** Longest wait for the loss of a killed slot: longer than a pool takes to tell that a thread does not end. */
const KILL_GRACE_MS = 10_000
/** Pause before a final checkpoint is tried again. */
const FINAL_RETRY_MS = 1000
/** Tries of a final checkpoint, at least. */
const FINAL_ATTEMPTS_MIN = 10

/** The slice of the options that the life of a job needs. */
export interface JobOptions extends Pick<ResolvedOptions, 'checkpoint' | 'restart' | 'task'> {
  readonly scheduler: Pick<ResolvedOptions['scheduler'], 'scaleUpDelayMs'>
}

export interface JobFactsInput {
  readonly graph: JobGraph
  readonly options: JobOptions
  readonly checkpointing: JobFacts['checkpointing']
}

export function factsOf({ graph, options, checkpointing }: JobFactsInput): JobFacts {
  return {
    jobName: graph.jobName,
    slotsWanted: slotsWantedBy(graph),
    slotSteps: slotStepsOf(graph),
    regionCount: regionsOf(graph).length,
    checkpointing,
    restart: options.restart,
    limits: limitsOf(options),
  }
}

function limitsOf({ checkpoint, task, scheduler }: JobOptions): JobLimits {
  return {
    acquireTimeoutMs: ACQUIRE_TIMEOUT_MS,
    deployTimeoutMs: task.deployTimeoutMs,
    cancellationTimeoutMs: task.cancellationTimeoutMs,
    killGraceMs: KILL_GRACE_MS,
    commitTimeoutMs: checkpoint.timeoutMs,
    finalRetryMs: FINAL_RETRY_MS,
    finalAttemptsMax: Math.max(FINAL_ATTEMPTS_MIN, checkpoint.failuresMax + 1),
    scaleUpDelayMs: scheduler.scaleUpDelayMs,
  }
}

export function restoredFrom(manifest: CheckpointManifest | undefined, env: Env): RestoredFrom | undefined {
  if (manifest === undefined) return undefined
  return { checkpoint: manifest.checkpoint, ageMs: Math.max(0, env.clock.wallMs() - manifest.completedWallMs) }
}

export function failureOf(
  slot: SlotIndex,
  { error, vertex, subtask }: Extract<FromSlot, { kind: 'failed' }>,
): JobFailure {
  return { error, slot, ...(vertex === undefined ? {} : { vertex }), ...(subtask === undefined ? {} : { subtask }) }
}

export function graphsDiffer(job: string, slot: SlotIndex): EngineError {
  return new EngineError(
    'JOB1007',
    `slot ${slot} built another graph of job "${job}" than the JobManager. The job was not started. Make the job module build the same graph every time: no clock, randomness or environment in names, uids and parallelism`,
    { context: { job } },
  )
}

export function tooFewSlots(job: string, slots: number, slotsMin: number): EngineError {
  return new EngineError(
    'CLU1005',
    `job "${job}" got ${slots} of the slots it asked for and needs ${slotsMin} at least, one for each of its slot-sharing groups. It was not started and tries again. Give it more slots, or give its operators fewer slot-sharing groups.`,
    { context: { job } },
  )
}

export function checkpointingIsOff(job: string): EngineError {
  return new EngineError(
    'CKP1010',
    `no checkpoint of job "${job}" can be taken: its checkpointing is off. Nothing was changed. Set checkpoint.interval and start it again.`,
    { context: { job } },
  )
}

export function notRunning(job: string, state: JobStateName): EngineError {
  return new EngineError(
    'CKP1009',
    `no checkpoint of job "${job}" can be taken: the job is ${state}. Nothing was changed. Ask again once it is running.`,
    { context: { job } },
  )
}
