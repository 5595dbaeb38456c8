/**
 * One run of one job in this process: wires the job's graph, its state directory, its slots and its JobMaster to the real world.
 *
 * Owns: the order in which a run begins and ends. Does not own: what happens in between (jobmanager/).
 *
 * E1 When starting fails, no thread is alive, and the state directory is as it was.
 * E2 The state directory is released when the run has ended, behind everything else.
 * E3 A finished run leaves no checkpoint behind, and the mark that it has finished comes before the first removal: a crash in between
 *    never makes a finished job start again.
 */
import { totalmem } from 'node:os'
import type { JobDefinition } from '../api/define-job.ts'
import type { Env } from '../base/env.ts'
import { EngineError, formatError, asEngineError } from '../base/errors.ts'
import { attemptNumber, leaderEpoch, slotIndex } from '../base/ids.ts'
import { DirectoryStore } from '../checkpoint/stores/directory-store.ts'
import type { OptionLayer } from '../config/option-layers.ts'
import type { ResolvedOptions } from '../config/options.ts'
import type { RawParams } from '../config/param.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import type { SlotPool } from '../control/messages.ts'
import type { JobEvent } from '../jobmanager/job-events.ts'
import { createJobMaster, type JobMaster } from '../jobmanager/job-master.ts'
import type { JobResult, JobStatus } from '../jobmanager/job-status.ts'
import { placeTasks } from '../jobmanager/placement.ts'
import { createInlineSlots } from '../taskmanager/inline-slots.ts'
import { jobModuleUrl, loadJobModule, planDefinition, slotSettingsOf, type PlannedJob } from './job-module.ts'
import { createNodeEnv } from './node-env.ts'
import { systemProcesses } from './process-identity.ts'
import { SlotThread, type HeapLimit, type ThreadOutput } from './slot-thread-handle.ts'
import { openStateDirectory, type FinishedRun, type StateDirectory } from './state-directory.ts'
import { stateRootOf } from './state-root.ts'
import type { JobOrigin } from './thread-messages.ts'
import { createThreadSlotPool } from './thread-slots.ts'

export interface RunRequest {
  /** A module runs in slot threads; a definition, whose functions cannot go to other threads, in this one. */
  readonly job: JobDefinition | URL | string
  readonly params: RawParams
  /** Stronger than what the job sets, strongest first. */
  readonly layers: readonly OptionLayer[]
  readonly stateDir: string | undefined
  readonly start: 'continue' | 'fresh'
  readonly output: ThreadOutput
  /** Told once, before the first event. */
  onPlanned(facts: RunFacts): void
  /** Must not throw. */
  listener(event: JobEvent): void
  /** Whole sentences for the author of the job. */
  warn(text: string): void
}

export interface RunFacts {
  readonly jobName: string
  readonly options: ResolvedOptions
  /** Where its state is; undefined when checkpointing is off. */
  readonly stateDirectory: string | undefined
}

/** A job that was started. */
export interface JobClient extends RunFacts {
  status(): JobStatus
  /** Takes a last checkpoint, then ends the job; started again, it goes on from there. Resolves when it has ended. */
  stop(): Promise<void>
  /** Ends the job at once. Resolves when it has ended. */
  cancel(): Promise<void>
  /** Never rejects. */
  readonly result: Promise<RunResult>
}

export interface RunResult extends JobResult {
  /** Set when the job had finished in an earlier run and was not run again: when that was. */
  readonly finishedBefore?: FinishedRun
}

interface RunParts {
  readonly env: Env
  readonly planned: PlannedJob
  readonly state: StateDirectory | undefined
  readonly early: readonly SlotThread[]
  /** Undefined for a job in this thread. */
  readonly origin: JobOrigin | undefined
}

/** Starts a job. Rejects with an EngineError when it cannot be started. */
export async function startRun(request: RunRequest): Promise<JobClient> {
  const env = createNodeEnv({ stdout: { writeLine: (line) => request.output.printLine(line) } })
  const origin = originOf(request)
  const early = origin === undefined ? [] : startEarly(origin, request)
  try {
    const definition = typeof request.job === 'object' && 'build' in request.job ? request.job : await loadJobModule(urlOf(origin))
    const planned = planDefinition(definition, request.params, request.layers)
    for (const warning of planned.warnings) request.warn(warning)
    const state = await openState(request, planned, env)
    request.onPlanned(factsOf(planned, state))
    return await startPlanned(request, { env, planned, state, early, origin })
  } catch (error) {
    await Promise.all(early.map((thread) => thread.end())) // E1
    throw error
  }
}

function originOf({ job, params, layers }: RunRequest): JobOrigin | undefined {
  if (typeof job === 'object' && 'build' in job) return undefined
  return { url: jobModuleUrl(job), params, layers }
}

function urlOf(origin: JobOrigin | undefined): string {
  if (origin === undefined) throw new EngineError('JOB1002', 'this is no job. Nothing was started. Give the path of a job module or the result of defineJob')
  return origin.url
}

/** Threads load the job module while this thread does: as many as are known to be needed before it is loaded. */
function startEarly(origin: JobOrigin, { layers, output }: RunRequest): readonly SlotThread[] {
  const options = optionsBeforeJob(layers)
  if (options === undefined) return []
  const heapLimit = heapLimitOf(options, options.parallelism)
  return Array.from({ length: options.parallelism }, (_, index) => new SlotThread({ slot: slotIndex(index), origin, heapLimit, output }))
}

/** Undefined when they contradict each other: what the job sets may repair that. */
function optionsBeforeJob(layers: readonly OptionLayer[]): ResolvedOptions | undefined {
  try {
    return resolveOptions(layers)
  } catch (error) {
    if (error instanceof EngineError && error.code === 'CFG1003') return undefined
    throw error
  }
}

async function openState({ stateDir, start, layers }: RunRequest, { graph, options }: PlannedJob, { disk }: Env): Promise<StateDirectory | undefined> {
  if (options.checkpoint.intervalMs === 'off') return undefined
  const { jobName } = graph
  const root = stateRootOf({ jobName, stateDir, layers, storageUri: options.checkpoint.storageUri })
  return openStateDirectory({ disk, root, jobName, start, processes: systemProcesses() })
}

function factsOf({ graph, options }: PlannedJob, state: StateDirectory | undefined): RunFacts {
  return { jobName: graph.jobName, options, stateDirectory: state?.root }
}

async function startPlanned(request: RunRequest, parts: RunParts): Promise<JobClient> {
  const { state, early } = parts
  if (state?.finishedBefore !== undefined) {
    await Promise.all([state.release(), ...early.map((thread) => thread.end())])
    return finishedClient(factsOf(parts.planned, state), state.finishedBefore)
  }
  try {
    return await startMaster(request, parts)
  } catch (error) {
    await state?.release()
    throw error
  }
}

async function startMaster(request: RunRequest, parts: RunParts): Promise<JobClient> {
  const { env, planned, state } = parts
  const store = state === undefined ? undefined : storeIn(state.root, env)
  const master = createJobMaster({
    graph: planned.graph,
    options: planned.options,
    env,
    store,
    slots: slotsOf(request, parts),
    params: request.params,
    epoch: store === undefined ? leaderEpoch(env.clock.wallMs()) : await store.claimEpoch(),
    listener: (event) => request.listener(event),
  })
  master.start()
  return {
    ...factsOf(planned, state),
    status: () => master.status(),
    stop: () => master.stop(),
    cancel: () => master.cancel(),
    result: settle(master, { request, env, state, store }),
  }
}

function storeIn(root: string, { disk, random }: Env): DirectoryStore {
  return new DirectoryStore({ disk, root, random })
}

function slotsOf({ output }: RunRequest, { env, planned, state, early, origin }: RunParts): SlotPool {
  const { graph, options } = planned
  const slotCount = placeTasks(graph).slots.length
  if (origin === undefined) {
    const storage = (world: Env): DirectoryStore | undefined => (state === undefined ? undefined : storeIn(state.root, world))
    return createInlineSlots({ env, graph, settings: slotSettingsOf(options), slotCount, storage })
  }
  return createThreadSlotPool({
    origin,
    slotCount,
    storageRoot: state?.root,
    heapLimit: heapLimitOf(options, slotCount),
    watchdogTimeoutMs: isDebugged() ? 'off' : options.slot.watchdogTimeoutMs,
    output,
    early,
  })
}

interface Ending {
  readonly request: RunRequest
  readonly env: Env
  readonly state: StateDirectory | undefined
  readonly store: DirectoryStore | undefined
}

async function settle(master: JobMaster, { request, env, state, store }: Ending): Promise<RunResult> {
  const result = await master.result
  try {
    if (result.state === 'finished' && state !== undefined && store !== undefined) {
      await state.markFinished(finishedRunOf(result, env.clock.wallMs())) // E3
      for (const checkpoint of await store.published()) await store.discard(checkpoint)
      await store.discardUnpublished(new Set())
    }
  } catch (thrown) {
    const error = asEngineError(thrown, 'CKP1001', 'the state of the finished job could not be cleared')
    request.warn(`${formatError(error)}. The output is complete; checkpoints stay in ${state?.root ?? 'the state directory'}.`)
  }
  await state?.release().catch(ownerIsGone) // E2
  return result
}

/** A claim that cannot be removed is one of a process that is gone, as soon as this one is. */
function ownerIsGone(): void {}

function finishedRunOf(result: JobResult, wallMs: number): FinishedRun {
  return {
    wallMs,
    durationMs: Math.round(result.durationMs),
    recordsRead: result.recordsRead,
    checkpointsCompleted: result.checkpoints?.completed ?? 0,
    restartCount: result.restartCount,
  }
}

/** Stands for a job that had finished before. */
function finishedClient(facts: RunFacts, finishedBefore: FinishedRun): JobClient {
  const status: Omit<JobStatus, 'state'> = {
    jobName: facts.jobName,
    attempt: attemptNumber(0),
    restartCount: finishedBefore.restartCount,
    restoredCheckpoint: undefined,
    failures: [],
    vertices: [],
    counters: {},
    recordsRead: finishedBefore.recordsRead,
    checkpoints: undefined,
    staleMessageCount: 0,
  }
  return {
    ...facts,
    status: () => ({ ...status, state: 'finished' }),
    stop: async () => {},
    cancel: async () => {},
    result: Promise.resolve({ ...status, state: 'finished', durationMs: finishedBefore.durationMs, finishedBefore }),
  }
}

/** Of the machine's memory, what all slots together may use as heap. */
const HEAP_SHARE = 0.75

function heapLimitOf({ slot }: ResolvedOptions, slotCount: number): HeapLimit {
  if (slot.memoryHeapMaxBytes !== 'auto') return { origin: 'set', bytes: slot.memoryHeapMaxBytes }
  const machineBytes = Math.min(totalmem(), process.constrainedMemory() || Infinity)
  return { origin: 'auto', bytes: (machineBytes * HEAP_SHARE) / slotCount }
}

function isDebugged(): boolean {
  return process.execArgv.some((flag) => flag.startsWith('--inspect'))
}
