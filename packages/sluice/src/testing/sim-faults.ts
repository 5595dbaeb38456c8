/**
 * What is to break in one process, and what did break in the whole run.
 *
 * Owns: drawing plans, deciding about single operations and records, counting. Does not own: performing crashes and losses (sim-world.ts).
 */
import { EngineError } from '../base/errors.ts'
import type { Random } from '../base/env.ts'
import { below } from '../base/random.ts'
import type { DiskFault, DiskFaults, DiskOperation } from './sim-disk.ts'
import type { CrashDraws } from './sim-disk-image.ts'

/** How much may break in a run. */
export interface FaultBudget {
  /** Processes that are to crash. */
  readonly crashes: number
  /** Share of the processes in which each of these happens. */
  readonly slotLossShare: number
  readonly userThrowShare: number
  readonly diskFailureShare: number
  readonly stopShare: number
  /** Share of the processes that run with another parallelism than the one before. */
  readonly rescaleShare: number
}

/** What really happened. */
export interface FaultCounts {
  /** The process died, or the machine lost power. */
  crashes: number
  /** Of these: with something unsynced at stake. */
  powerLosses: number
  /** Of these: when at least one checkpoint had been published. */
  crashesAfterCheckpoint: number
  /** Names of files that a loss of power took away. */
  lostNames: number
  /** Writes that a loss of power took away. */
  lostWrites: number
  /** Writes of which a loss of power left a part. */
  tornWrites: number
  /** Reads that failed. */
  failedReads: number
  /** Writes that failed. */
  failedWrites: number
  /** Syncs that failed. */
  failedSyncs: number
  /** Renames, links and removals that failed. */
  failedNames: number
  /** Slots that were lost. */
  slotLosses: number
  /** Calls of functions of the job that threw. */
  userThrows: number
  /** Stops with a last checkpoint. */
  stops: number
  /** Starts with another parallelism than before. */
  rescales: number
  /** Processes that ended because of failing disk operations. */
  failedProcesses: number
  /** Restarts of the job inside a process. */
  restarts: number
  /** Checkpoints that were given up. */
  failedCheckpoints: number
}

export function noFaultCounts(): FaultCounts {
  return {
    crashes: 0,
    powerLosses: 0,
    crashesAfterCheckpoint: 0,
    lostNames: 0,
    lostWrites: 0,
    tornWrites: 0,
    failedReads: 0,
    failedWrites: 0,
    failedSyncs: 0,
    failedNames: 0,
    slotLosses: 0,
    userThrows: 0,
    stops: 0,
    rescales: 0,
    failedProcesses: 0,
    restarts: 0,
    failedCheckpoints: 0,
  }
}

/** Something that has been reached: the n-th of one kind, counted from the start of the process, and some events more. */
export interface Moment {
  readonly of: 'steps' | 'disk-effects' | 'publications' | 'visible-files' | 'restarts'
  readonly count: number
  readonly stepsMore: number
}

export interface LifePlan {
  readonly crash: Moment | undefined
  readonly stop: Moment | undefined
  readonly slotLosses: readonly Moment[]
  /** Records of this process, over all operators, at which a user function throws. */
  readonly throwsAt: readonly number[]
  readonly diskFailures: DiskFailurePlan | undefined
}

interface DiskFailurePlan {
  readonly of: 'all' | 'writes'
  readonly probability: number
  /** Failures after which the disk is well again. */
  readonly failuresMax: number
  /** Operations before the first one may fail. */
  readonly quietOperations: number
}

export const CALM: LifePlan = {
  crash: undefined,
  stop: undefined,
  slotLosses: [],
  throwsAt: [],
  diskFailures: undefined,
}

/** How much happens in an undisturbed run: what moments are drawn from. */
export interface RunSize {
  readonly steps: number
  readonly diskEffects: number
  readonly publications: number
  readonly visibleFiles: number
  /** Handled by all operators together. */
  readonly records: number
  /** Read by the sources. */
  readonly sourceRecords: number
}

export function drawPlan(random: Random, budget: FaultBudget, size: RunSize, life: 'crashing' | 'last'): LifePlan {
  const isDrawn = (share: number): boolean => random.fraction() < share
  const slotLosses = isDrawn(budget.slotLossShare) ? drawSome(random, 3, () => drawLoss(random, size)) : []
  const throwsAt = isDrawn(budget.userThrowShare) ? drawSome(random, 3, () => 1 + below(random, size.records)) : []
  const hasRestarts = slotLosses.length > 0 || throwsAt.length > 0
  // Several crashes share the run, so that the later ones find something to interrupt.
  const share = Math.min(1, 2 / (budget.crashes + 1))
  const drawCrashMoment = (): Moment =>
    hasRestarts && isDrawn(0.25) ? drawRestart(random) : drawMoment(random, size, share)
  return {
    crash: life === 'crashing' ? drawCrashMoment() : undefined,
    stop: isDrawn(budget.stopShare) ? drawMoment(random, size) : undefined,
    slotLosses,
    throwsAt,
    diskFailures: isDrawn(budget.diskFailureShare) ? drawDiskFailures(random, size) : undefined,
  }
}

/** Often while the job recovers from something else. */
function drawLoss(random: Random, size: RunSize): Moment {
  return random.fraction() < 0.4 ? drawRestart(random) : drawMoment(random, size)
}

function drawRestart(random: Random): Moment {
  return { of: 'restarts', count: 1 + below(random, 3), stepsMore: below(random, RECOVERY_STEPS) }
}

/** About as many events as it takes from a failure until tasks run again. */
const RECOVERY_STEPS = 150

function drawSome<T>(random: Random, countMax: number, draw: () => T): readonly T[] {
  return Array.from({ length: 1 + below(random, countMax) }, draw)
}

function drawMoment(random: Random, size: RunSize, share = 1): Moment {
  const kinds = ['steps', 'disk-effects', 'publications', 'visible-files'] as const
  const of = kinds[below(random, kinds.length)] ?? 'steps'
  const count = 1 + below(random, Math.max(1, Math.ceil(totalOf(size, of) * share)))
  if (of === 'steps') return { of, count, stepsMore: 0 }
  return { of, count, stepsMore: random.fraction() < 0.3 ? below(random, 200) : below(random, 8) }
}

function totalOf(size: RunSize, of: Exclude<Moment['of'], 'restarts'>): number {
  if (of === 'steps') return size.steps
  if (of === 'disk-effects') return size.diskEffects
  return of === 'publications' ? size.publications : size.visibleFiles
}

function drawDiskFailures(random: Random, size: RunSize): DiskFailurePlan {
  return {
    of: random.fraction() < 0.6 ? 'writes' : 'all',
    probability: [0.02, 0.1, 0.5][below(random, 3)] ?? 0.1,
    failuresMax: 1 + below(random, 12),
    quietOperations: below(random, Math.max(1, size.diskEffects)),
  }
}

/** Decides about operations and records of one process. */
export class LifeFaults implements DiskFaults {
  readonly #plan: LifePlan
  readonly #random: Random
  readonly #counts: FaultCounts
  readonly #throwsAt: Set<number>
  #records = 0
  #operations = 0
  #diskFailures = 0
  #injected = 0

  constructor(plan: LifePlan, random: Random, counts: FaultCounts) {
    this.#plan = plan
    this.#random = random
    this.#counts = counts
    this.#throwsAt = new Set(plan.throwsAt)
  }

  /** Faults of this process so far, crashes aside. */
  get injectedCount(): number {
    return this.#injected
  }

  get diskFailureCount(): number {
    return this.#diskFailures
  }

  get recordCount(): number {
    return this.#records
  }

  noteInjected(): void {
    this.#injected++
  }

  /** Called by every operator for every record. */
  onRecord(operator: string): void {
    this.#records++
    if (!this.#throwsAt.has(this.#records)) return
    this.#injected++
    this.#counts.userThrows++
    throw new EngineError(
      'TSK1001',
      `a simulated failure of operator "${operator}". The job restarts. Nothing needs to be done.`,
    )
  }

  faultOf(operation: DiskOperation): DiskFault | undefined {
    const plan = this.#plan.diskFailures
    if (plan === undefined || operation.kind === 'close' || this.#diskFailures >= plan.failuresMax) return undefined
    if (plan.of === 'writes' && operation.kind === 'read') return undefined
    if (++this.#operations <= plan.quietOperations || this.#random.fraction() >= plan.probability) return undefined
    this.#diskFailures++
    this.#injected++
    this.#count(operation)
    return { failure: this.#failureOf(operation), effect: this.#effect() }
  }

  #failureOf({ kind }: DiskOperation): DiskFault['failure'] {
    return (kind === 'write' || kind === 'name') && this.#random.fraction() < 0.5 ? 'no-space' : 'io'
  }

  #effect(): DiskFault['effect'] {
    return (['none', 'part', 'whole'] as const)[below(this.#random, 3)] ?? 'none'
  }

  #count({ kind }: DiskOperation): void {
    if (kind === 'read') this.#counts.failedReads++
    if (kind === 'write') this.#counts.failedWrites++
    if (kind === 'sync') this.#counts.failedSyncs++
    if (kind === 'name') this.#counts.failedNames++
  }
}

/** What a crash does to what was not synced; counted. */
export function drawCrash(random: Random, counts: FaultCounts): CrashDraws {
  counts.crashes++
  const kind = (['process', 'power', 'power', 'power-keeps-nothing'] as const)[below(random, 4)]
  if (kind === 'process') return { keepsName: () => true, keptBytes: (lengthBytes) => lengthBytes }
  counts.powerLosses++
  const keptShare = kind === 'power' ? random.fraction() : 0
  return {
    keepsName: () => {
      if (random.fraction() < keptShare) return true
      counts.lostNames++
      return false
    },
    keptBytes: (lengthBytes) => drawKeptBytes(random, keptShare, lengthBytes, counts),
  }
}

function drawKeptBytes(random: Random, keptShare: number, lengthBytes: number, counts: FaultCounts): number {
  if (random.fraction() >= keptShare) {
    counts.lostWrites++
    return 0
  }
  if (lengthBytes < 2 || random.fraction() < 0.5) return lengthBytes
  counts.tornWrites++
  return 1 + below(random, lengthBytes - 1)
}
