/** Random jobs in whole clusters. */
import { describe, expect, test } from 'vitest'
import { type ClusterVerdict, runClusterSeed } from '../src/testing/cluster-sim-seeds.ts'

const scenario = 'random'
const SEEDS_IN_TEST = 40
const SEEDS_PER_TEST = 10
/** Of virtual seconds there are many more; this is for a slow machine that does other things at the same time. */
const TIMEOUT_MS = 180_000

const verdicts: ClusterVerdict[] = []

describe('random jobs in simulated clusters keep every rule', () => {
  for (let first = 1; first <= SEEDS_IN_TEST; first += SEEDS_PER_TEST) {
    test(`seeds ${first} to ${first + SEEDS_PER_TEST - 1}`, { timeout: TIMEOUT_MS }, async () => {
      for (let seed = first; seed < first + SEEDS_PER_TEST; seed++)
        verdicts.push(await runClusterSeed({ seed, scenario }))
    })
  }

  test('and what they were to survive really happened', () => {
    const total = (of: (verdict: ClusterVerdict) => number): number =>
      verdicts.reduce((sum, verdict) => sum + of(verdict), 0)
    expect(verdicts.length).toBe(SEEDS_IN_TEST)
    expect(total(({ happened }) => happened.restarts)).toBeGreaterThan(20)
    expect(total(({ happened }) => happened.rescales)).toBeGreaterThan(10)
    expect(total(({ happened }) => happened.checkpoints)).toBeGreaterThan(SEEDS_IN_TEST * 10)
  })
})
