/**
 * One run of one job in this process: wires the job's graph, its state directory, its slots and its JobMaster to the real world.
 *
 * Owns: the order in which a run begins and ends. Does not own: what happens in between (jobmanager/).
 *
 * E1 When starting fails, the claim of the state directory is given back.
 * E2 The state directory is released when the run has ended, behind everything else.
 *    Not while a slot thread that could not be ended may still write: then the claim lasts as long as the process.
 * E3 A finished run leaves no checkpoint behind, and the mark that it has finished comes before the first removal: a crash in between
 *    never makes a finished job start again.
 */
import { present } from '../base/assert.ts'
import type { Env } from '../base/env.ts'
import { asEngineError, formatError } from '../base/errors.ts'
import { attemptNumber, leaderEpoch, type SlotIndex } from '../base/ids.ts'
import { DirectoryStore } from '../checkpoint/stores/directory-store.ts'
import type { SlotPool } from '../control/messages.ts'
import type { JobMaster } from '../jobmanager/job-control.ts'
import { createJobMaster } from '../jobmanager/job-master.ts'
import type { JobResult, JobStatus } from '../jobmanager/job-status.ts'
import { placeTasks } from '../jobmanager/placement.ts'
import { loadJobModule, planDefinition, slotSettingsOf, type PlannedJob } from './job-module.ts'
import { endThreads, heapLimitOf, isDefinition, type EarlyStart } from './launch.ts'
import { removeCheckpoints } from '../checkpoint/remove-checkpoints.ts'
import { createNodeEnv } from './node-env.ts'
import { systemProcesses } from './process-identity.ts'
import type { JobClient, RunFacts, RunRequest, RunResult } from './run-request.ts'
import type { SlotThread } from './slot-thread-handle.ts'
import { openStateDirectory, type FinishedRun, type StateDirectory } from './state-directory.ts'
import { stateRootOf } from './state-root.ts'
import type { JobOrigin } from './thread-messages.ts'
import { createThreadSlotPool, type ThreadSlotPool } from './thread-slots.ts'

interface RunParts {
  readonly env: Env
  readonly planned: PlannedJob
  readonly state: StateDirectory | undefined
  readonly early: readonly SlotThread[]
  /** Undefined for a job in this thread. */
  readonly origin: JobOrigin | undefined
}

/** Starts a job. Rejects with an EngineError when it cannot be started; early threads are then still alive. */
export async function startRun(request: RunRequest, { origin, threads }: EarlyStart): Promise<JobClient> {
  const env = createNodeEnv({ stdout: { writeLine: (line) => request.output.printLine(line) } })
  const definition = isDefinition(request.job) ? request.job : await loadJobModule(urlOf(origin))
  const planned = planDefinition(definition, request.params, request.layers)
  for (const warning of planned.warnings) request.warn(warning)
  const state = await openState(request, planned, env)
  request.onPlanned(factsOf(planned, state))
  return startPlanned(request, { env, planned, state, early: threads, origin })
}

function urlOf(origin: JobOrigin | undefined): string {
  return present(origin, 'the address of the job module').url
}

async function openState(
  { stateDir, start, layers }: RunRequest,
  { graph, options }: PlannedJob,
  { disk }: Env,
): Promise<StateDirectory | undefined> {
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
    await removeAll(storeIn(state.root, parts.env)).catch((thrown: unknown) => warnUncleared(request, state, thrown))
    await Promise.all([state.release(), endThreads(early)])
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
  const slots = await slotsOf(request, parts)
  const master = createJobMaster({
    graph: planned.graph,
    options: planned.options,
    env,
    store,
    slots,
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
    result: settle(master, { request, env, state, store, stuckSlots: () => stuckSlotsOf(slots) }),
  }
}

function storeIn(root: string, { disk, random }: Env): DirectoryStore {
  return new DirectoryStore({ disk, root, random })
}

async function slotsOf(
  { output }: RunRequest,
  { env, planned, state, early, origin }: RunParts,
): Promise<SlotPool | ThreadSlotPool> {
  const { graph, options } = planned
  const slotCount = placeTasks(graph).slots.length
  if (origin === undefined) {
    const { createInlineSlots } = await import('../taskmanager/inline-slots.ts') // only jobs in this thread need tasks here
    const storage = (world: Env): DirectoryStore | undefined =>
      state === undefined ? undefined : storeIn(state.root, world)
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

/** A job in this thread has no thread of its own that could be stuck. */
function stuckSlotsOf(slots: SlotPool | ThreadSlotPool): readonly SlotIndex[] {
  return 'stuckSlots' in slots ? slots.stuckSlots() : []
}

interface Ending {
  readonly request: RunRequest
  readonly env: Env
  readonly state: StateDirectory | undefined
  readonly store: DirectoryStore | undefined
  readonly stuckSlots: () => readonly SlotIndex[]
}

async function settle(master: JobMaster, { request, env, state, store, stuckSlots }: Ending): Promise<RunResult> {
  const result = await master.result
  try {
    if (result.state === 'finished' && state !== undefined && store !== undefined) {
      await state.markFinished(finishedRunOf(result, env.clock.wallMs())) // E3
      await removeAll(store)
    }
  } catch (thrown) {
    warnUncleared(request, state, thrown)
  }
  const stuck = stuckSlots()
  if (stuck.length > 0) return { ...result, stuckSlots: stuck }
  await state?.release().catch(ownerIsGone) // E2
  return result
}

/** The state directory has one owner: nobody else claims epochs. */
async function removeAll(store: DirectoryStore): Promise<void> {
  await removeCheckpoints(store, await store.currentEpoch())
}

function warnUncleared(request: RunRequest, state: StateDirectory | undefined, thrown: unknown): void {
  const error = asEngineError(thrown, 'CKP1001', 'the state of the finished job could not be cleared')
  request.warn(
    `${formatError(error)}. The output is complete; checkpoints stay in ${state?.root ?? 'the state directory'}.`,
  )
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

function isDebugged(): boolean {
  return process.execArgv.some((flag) => flag.startsWith('--inspect'))
}
