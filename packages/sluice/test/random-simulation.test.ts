/** Random jobs in one process: drawn pipelines, plain loops beside them, and everything that may break. */
import { describe, expect, test } from 'vitest'
import { EngineError } from '../src/base/errors.ts'
import { brokenRule } from '../src/testing/cluster-sim-shrink.ts'
import { shrinkParts } from '../src/testing/sim-random-shrink.ts'
import { type SeedOptions, type SeedVerdict, drawnJob, runSeed } from '../src/testing/sim-seeds.ts'
import { RANDOM_BITES, type RandomBite } from './random-bites.ts'

const scenario = 'random'
const SEEDS_IN_TEST = 100
const SEEDS_PER_TEST = 20
/** Of virtual seconds there are many more; this is for a slow machine that does other things at the same time. */
const TIMEOUT_MS = 180_000

const verdicts: SeedVerdict[] = []

describe('random jobs keep every rule', () => {
  for (let first = 1; first <= SEEDS_IN_TEST; first += SEEDS_PER_TEST) {
    test(`seeds ${first} to ${first + SEEDS_PER_TEST - 1}`, { timeout: TIMEOUT_MS }, async () => {
      for (let seed = first; seed < first + SEEDS_PER_TEST; seed++) verdicts.push(await runSeed({ seed, scenario }))
    })
  }

  test('and what they were to survive really happened', () => {
    const total = (of: (verdict: SeedVerdict) => number): number =>
      verdicts.reduce((sum, verdict) => sum + of(verdict), 0)
    expect(verdicts.length).toBe(SEEDS_IN_TEST)
    expect(total(({ faults }) => faults.crashesAfterCheckpoint)).toBeGreaterThan(SEEDS_IN_TEST)
    expect(total(({ faults }) => faults.restarts)).toBeGreaterThan(SEEDS_IN_TEST)
    expect(total(({ faults }) => faults.userThrows)).toBeGreaterThan(20)
    expect(total(({ faults }) => faults.rescales)).toBeGreaterThan(20)
    expect(total(({ checkpoints }) => checkpoints)).toBeGreaterThan(SEEDS_IN_TEST * 10)
  })
})

describe('one seed gives one run', () => {
  test.each([3, 26])('the trace of seed %i is the same again', async (seed) => {
    const [first, second] = [await runSeed({ seed, scenario }), await runSeed({ seed, scenario })]
    expect(second).toEqual(first)
  })
})

describe('seeds that found something', () => {
  test.each([
    [20, 'a function was told of the end of the input again behind a checkpoint that was taken after the first time'],
    [45, 'the same, with a subtask that had ended while others went on'],
  ])('%i: %s', { timeout: TIMEOUT_MS }, async (seed) => {
    await runSeed({ seed, scenario })
  })
})

async function firstFailure({ hooks, needs, seeds }: RandomBite): Promise<{ run: SeedOptions; error: EngineError }> {
  let tried = 0
  for (let seed = 1; tried < seeds; seed++) {
    const run = { seed, scenario, hooks: hooks() }
    if (!needs.test(drawnJob(run).text)) continue
    tried++
    const error = await failureOf(run)
    if (error !== undefined) return { run, error }
  }
  throw new TypeError(`it was not found in ${seeds} seeds`)
}

async function failureOf(run: SeedOptions): Promise<EngineError | undefined> {
  try {
    await runSeed(run)
    return undefined
  } catch (thrown) {
    if (thrown instanceof EngineError) return thrown
    throw thrown
  }
}

describe('random jobs find', () => {
  test.each(RANDOM_BITES)('$what', { timeout: TIMEOUT_MS }, async (bite) => {
    const { error } = await firstFailure(bite)
    expect(error.message).toMatch(/rule O[17] is broken/)
    expect(error.message).toContain('The job:')
    expect(error.message).toMatch(/npm run sim -- --seed \d+ --job random/)
  })
})

test('a failing job is cut down to the parts that the failure needs', { timeout: TIMEOUT_MS }, async () => {
  const bite = RANDOM_BITES.find(({ what }) => what.startsWith('a watermark that overtakes'))
  if (bite === undefined) throw new TypeError('there is no such bite')
  const { run, error } = await firstFailure(bite)
  const { parts } = drawnJob(run)
  const smaller = (without: readonly number[]): Promise<unknown> => runSeed({ ...run, hooks: bite.hooks(), without })
  const shrunk = await shrinkParts({ run: smaller, parts, error, runsMax: 40 })
  expect(brokenRule(shrunk.error)).toBe(brokenRule(error))
  expect(shrunk.without.length).toBeGreaterThan(0)
  expect(shrunk.error.message).toContain(`--without ${shrunk.without.join(',')}`)
  expect(shrunk.error.message).toMatch(/orderedWait/)
})
