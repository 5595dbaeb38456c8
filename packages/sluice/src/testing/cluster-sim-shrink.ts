/**
 * Cuts the schedule of a failing run down to what the failure needs.
 *
 * Owns: which schedules are tried, in which order. Does not own: runs. A smaller schedule counts when the same rule is broken again; the world
 * around it (delays, order) is drawn from the same seed, so it may take another course, and often does.
 */
import { EngineError } from '../base/errors.ts'
import {
  type ClusterFault,
  type Schedule,
  type ScheduledFault,
  parseSchedule,
  scheduleText,
} from './cluster-sim-schedule.ts'
import { type ClusterSeedOptions, runClusterSeed } from './cluster-sim-seeds.ts'

export interface Shrunk {
  readonly schedule: string
  /** Of the failure that is left. */
  readonly error: EngineError
  readonly runs: number
}

export interface ShrinkOptions {
  /** The run that fails, with its whole schedule. */
  readonly run: ClusterSeedOptions & { readonly schedule: string }
  readonly error: EngineError
  readonly runsMax: number
  /** Told of every smaller schedule that fails. */
  readonly onProgress?: (schedule: string) => void
}

export async function shrinkSchedule(options: ShrinkOptions): Promise<Shrunk> {
  return new Shrinker(options).run()
}

/** `O1`, `C3`. */
export function brokenRule(error: Error): string | undefined {
  return /rule (\w+) is broken/.exec(error.message)?.[1]
}

class Shrinker {
  readonly #options: ShrinkOptions
  #schedule: Schedule
  #error: EngineError
  #runs = 0

  constructor(options: ShrinkOptions) {
    this.#options = options
    this.#schedule = parseSchedule(options.run.schedule)
    this.#error = options.error
  }

  async run(): Promise<Shrunk> {
    await this.#dropParts()
    while (await this.#simplifyOne()) if (this.#isOver()) break
    return { schedule: scheduleText(this.#schedule), error: this.#error, runs: this.#runs }
  }

  /** Halves, then quarters, down to single faults; again as long as something goes. */
  async #dropParts(): Promise<void> {
    for (let size = Math.ceil(this.#schedule.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < this.#schedule.length && !this.#isOver();) {
        const rest = this.#schedule.filter((_, index) => index < at || index >= at + size)
        if (!(await this.#fails(rest))) at += size
      }
    }
  }

  async #simplifyOne(): Promise<boolean> {
    for (const [index, entry] of this.#schedule.entries()) {
      for (const simpler of simplerThan(entry)) {
        if (this.#isOver()) return false
        if (await this.#fails(this.#schedule.with(index, simpler))) return true
      }
    }
    return false
  }

  #isOver(): boolean {
    return this.#runs >= this.#options.runsMax
  }

  /** Keeps the schedule when it does. */
  async #fails(schedule: Schedule): Promise<boolean> {
    this.#runs++
    const { run, error, onProgress } = this.#options
    const text = scheduleText(schedule)
    try {
      await runClusterSeed({ ...run, schedule: text })
      return false
    } catch (thrown) {
      if (!(thrown instanceof EngineError) || brokenRule(thrown) !== brokenRule(error)) return false
      this.#schedule = schedule
      this.#error = thrown
      onProgress?.(text)
      return true
    }
  }
}

/** Shorter, sooner, rounder. */
function simplerThan({ fault, at }: ScheduledFault): readonly ScheduledFault[] {
  const shorter = simplerFaults(fault).map((simpler) => ({ fault: simpler, at }))
  const rounder = ROUNDINGS.map((unit) => Math.floor(at.count / unit) * unit)
    .filter((count) => count > 0 && count < at.count)
    .map((count) => ({ fault, at: { ...at, count } }))
  return [...shorter, ...rounder]
}

const ROUNDINGS = [1000, 100, 10]

function simplerFaults(fault: ClusterFault): readonly ClusterFault[] {
  if (fault.kind === 'cut' && fault.a.length > 1) return fault.a.map((host) => ({ ...fault, a: [host] }))
  if (fault.kind === 'cut' && fault.b.length > 1) return fault.b.map((host) => ({ ...fault, b: [host] }))
  if (fault.kind === 'break' && fault.count > 1) return [{ ...fault, count: 1 }]
  return []
}
