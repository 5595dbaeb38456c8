import { describe, expect, test } from 'vitest'
import { type SeedVerdict, runSeed, scenarioNames } from '../src/testing/sim-seeds.ts'
import { BITES } from './simulation-bites.ts'

const SEEDS_IN_TEST = 200
const SEEDS_PER_TEST = 25
/** Seeds within which a broken engine has to be found. */
const SEEDS_TO_FIND = 12

const verdicts: SeedVerdict[] = []

describe('simulated runs keep every rule', () => {
  for (let first = 1; first <= SEEDS_IN_TEST; first += SEEDS_PER_TEST) {
    test(`seeds ${first} to ${first + SEEDS_PER_TEST - 1}`, async () => {
      for (let seed = first; seed < first + SEEDS_PER_TEST; seed++) verdicts.push(await runSeed({ seed }))
    })
  }

  test('and what they were to survive really happened', () => {
    const total = (of: (verdict: SeedVerdict) => number): number =>
      verdicts.reduce((sum, verdict) => sum + of(verdict), 0)
    expect(verdicts.length).toBe(SEEDS_IN_TEST)
    expect(new Set(verdicts.map(({ scenario }) => scenario))).toEqual(new Set(scenarioNames()))
    const happened = Object.keys(verdicts[0]?.faults ?? {}).filter(
      (name) => total(({ faults }) => Object.entries(faults).find(([key]) => key === name)?.[1] ?? 0) === 0,
    )
    expect(happened, 'kinds of faults that never happened').toEqual([])
    expect(total(({ faults }) => faults.crashesAfterCheckpoint)).toBeGreaterThan(SEEDS_IN_TEST / 2)
    expect(total(({ checkpoints }) => checkpoints)).toBeGreaterThan(SEEDS_IN_TEST * 5)
  })
})

describe('one seed gives one run', () => {
  test.each([3, 26, 117])('the trace of seed %i is the same again', async (seed) => {
    const [first, second] = [await runSeed({ seed }), await runSeed({ seed })]
    expect(second).toEqual(first)
  })

  test('and another seed another one', async () => {
    const [first, second] = [
      await runSeed({ seed: 1, scenario: 'union' }),
      await runSeed({ seed: 2, scenario: 'union' }),
    ]
    expect(second.traceHash).not.toBe(first.traceHash)
  })
})

describe('seeds that found something', () => {
  test.each([
    [2, 'names of new directories above the output were not synced: a power loss took committed files'],
    [31, 'a crash while the state of a finished job was cleared left its checkpoints behind for ever'],
    [2315, 'the late news of a lost slot was taken for the loss of its successor, which was then deployed twice'],
  ])('%i: %s', async (seed) => {
    await runSeed({ seed })
  })
})

describe('the rules find', () => {
  test.each(BITES)('$what', async ({ scenario, hooks, rules }) => {
    const found: string[] = []
    for (let seed = 1; seed <= SEEDS_TO_FIND && found.length === 0; seed++) {
      await runSeed({ seed, scenario, hooks }).catch((error: unknown) =>
        found.push(error instanceof Error ? error.message : ''),
      )
    }
    expect(found[0]).toMatch(rules)
    expect(found[0]).toContain(`npm run sim -- --seed`)
  })
})
