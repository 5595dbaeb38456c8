/** Seeds of the simulated cluster as tests, a part of them in each test file so that the workers share them. */
import { describe, expect, test } from 'vitest'
import { FAULT_KINDS } from '../src/testing/cluster-sim-schedule.ts'
import { type ClusterVerdict, clusterScenarioNames, runClusterSeed } from '../src/testing/cluster-sim-seeds.ts'

const SEEDS_PER_FILE = 80
const SEEDS_PER_TEST = 10
/** Times that each kind of fault happens at least in the seeds of one file. */
const EACH_FAULT_MIN = 2

/** @param part of 1, 2, 3 … */
export function describeClusterSeeds(part: number): void {
  const verdicts: ClusterVerdict[] = []
  const from = 1 + (part - 1) * SEEDS_PER_FILE

  describe('simulated clusters keep every rule', () => {
    for (let first = from; first < from + SEEDS_PER_FILE; first += SEEDS_PER_TEST) {
      test(`seeds ${first} to ${first + SEEDS_PER_TEST - 1}`, { timeout: TIMEOUT_MS }, async () => {
        for (let seed = first; seed < first + SEEDS_PER_TEST; seed++) verdicts.push(await runClusterSeed({ seed }))
      })
    }

    test('and what they were to survive really happened', () => {
      const total = (of: (verdict: ClusterVerdict) => number): number =>
        verdicts.reduce((sum, verdict) => sum + of(verdict), 0)
      expect(verdicts.length).toBe(SEEDS_PER_FILE)
      expect(new Set(verdicts.map(({ scenario }) => scenario))).toEqual(new Set(clusterScenarioNames()))
      const rare = FAULT_KINDS.filter((kind) => total(({ faults }) => faults[kind]) < EACH_FAULT_MIN)
      expect(rare, 'kinds of faults that hardly happened').toEqual([])
      expect(total(({ faults }) => faults.leaderCrash)).toBeGreaterThan(2)
      expect(total(({ faults }) => faults.longPause)).toBeGreaterThan(0)
      expect(total(({ faults }) => faults.diskFailure)).toBeGreaterThan(5)
      expect(total(({ network }) => network.halfOpen)).toBeGreaterThan(10)
      expect(total(({ network }) => network.framesHeld)).toBeGreaterThan(10)
      expect(total(({ disk }) => disk.lostNames)).toBeGreaterThan(0)
      // Each run changes its leader once at its end; these are the others.
      expect(total(({ happened }) => happened.leaders - 2)).toBeGreaterThan(10)
      expect(total(({ happened }) => happened.recoveries)).toBeGreaterThan(10)
      expect(total(({ happened }) => happened.restarts)).toBeGreaterThan(20)
      expect(total(({ happened }) => happened.regionRestarts)).toBeGreaterThan(0)
      expect(total(({ happened }) => happened.rescales)).toBeGreaterThan(10)
      expect(total(({ happened }) => happened.checkpoints)).toBeGreaterThan(SEEDS_PER_FILE * 5)
    })
  })
}

/** Of virtual seconds there are many more; this is for a slow machine that does other things at the same time. */
const TIMEOUT_MS = 180_000
