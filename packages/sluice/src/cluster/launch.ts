/**
 * Begins a run as early as possible: slot threads load the job module while this thread loads the engine and the job module.
 *
 * Owns: the threads until the run has taken them over. Imports little on purpose: what is imported here delays the threads.
 */
import { totalmem } from 'node:os'
import type { JobDefinition } from '../api/define-job.ts'
import { EngineError } from '../base/errors.ts'
import { slotIndex } from '../base/ids.ts'
import type { OptionLayer } from '../config/option-layers.ts'
import type { ResolvedOptions } from '../config/options.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import { jobModuleUrl } from './job-address.ts'
import type { JobClient, RunRequest } from './run-request.ts'
import { SlotThread, type HeapLimit } from './slot-thread-handle.ts'
import type { JobOrigin } from './thread-messages.ts'

export interface EarlyStart {
  /** Undefined for a job that runs in this thread. */
  readonly origin: JobOrigin | undefined
  /** By slot. */
  readonly threads: readonly SlotThread[]
}

/** Starts a job. Rejects with an EngineError when it cannot be started; then nothing of it is alive. */
export async function launch(request: RunRequest): Promise<JobClient> {
  const early = startEarly(request)
  try {
    const { startRun } = await import('./job-run.ts')
    return await startRun(request, early)
  } catch (error) {
    await endThreads(early.threads)
    throw error
  }
}

export async function endThreads(threads: readonly SlotThread[]): Promise<void> {
  await Promise.all(threads.map((thread) => thread.end()))
}

export function isDefinition(job: RunRequest['job']): job is JobDefinition {
  return typeof job === 'object' && 'build' in job
}

/** As many threads as are known to be needed before the job itself is known. */
function startEarly({ job, params, layers, output }: RunRequest): EarlyStart {
  if (isDefinition(job)) return { origin: undefined, threads: [] }
  const origin: JobOrigin = { url: jobModuleUrl(job), params, layers }
  const options = optionsBeforeJob(layers)
  const slots = Array.from({ length: options?.parallelism ?? 0 }, (_, index) => slotIndex(index))
  return {
    origin,
    threads: slots.map(
      (slot) => new SlotThread({ slot, origin, heapLimit: heapLimitOf(options, slots.length), output }),
    ),
  }
}

/** Undefined when they contradict each other: what the job sets may repair that. */
export function optionsBeforeJob(layers: readonly OptionLayer[]): ResolvedOptions | undefined {
  try {
    return resolveOptions(layers)
  } catch (error) {
    if (error instanceof EngineError && error.code === 'CFG1003') return undefined
    throw error
  }
}

/** Of the machine's memory, what all slots together may use as heap. */
const HEAP_SHARE = 0.75

export function heapLimitOf(options: ResolvedOptions | undefined, slotCount: number): HeapLimit {
  const limit = options?.slot.memoryHeapMaxBytes ?? 'auto'
  if (limit !== 'auto') return { origin: 'set', bytes: limit }
  const machineBytes = Math.min(totalmem(), process.constrainedMemory() || Infinity)
  return { origin: 'auto', bytes: (machineBytes * HEAP_SHARE) / slotCount }
}
