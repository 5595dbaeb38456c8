/**
 * Cuts the job of a failing run down to the parts that the failure needs.
 *
 * Owns: which parts are left out, in which order. Does not own: runs. A smaller job counts when the same rule is broken again; faults and order
 * are drawn from the same seed, but fall elsewhere in a smaller job.
 */
import { EngineError } from '../base/errors.ts'
import { brokenRule } from './cluster-sim-shrink.ts'

export interface PartsShrinkOptions {
  /** Runs the job without these parts; rejects when it fails. */
  readonly run: (without: readonly number[]) => Promise<unknown>
  /** In the order in which to try. */
  readonly parts: readonly number[]
  /** Of the whole job. */
  readonly error: EngineError
  readonly runsMax: number
}

export interface ShrunkJob {
  readonly without: readonly number[]
  /** Of the failure that is left. */
  readonly error: EngineError
}

export async function shrinkParts({ run, parts, error, runsMax }: PartsShrinkOptions): Promise<ShrunkJob> {
  let smallest: ShrunkJob = { without: [], error }
  for (const part of parts.slice(0, runsMax)) {
    const without = [...smallest.without, part]
    const found = await failureOf(() => run(without))
    if (found !== undefined && brokenRule(found) === brokenRule(error)) smallest = { without, error: found }
  }
  return smallest
}

async function failureOf(run: () => Promise<unknown>): Promise<EngineError | undefined> {
  try {
    await run()
    return undefined
  } catch (thrown) {
    // a job without an end, which is refused, breaks no rule
    if (thrown instanceof EngineError) return thrown
    throw thrown
  }
}
