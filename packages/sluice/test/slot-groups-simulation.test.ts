import { expect, test } from 'vitest'
import { runClusterSeed } from '../src/testing/cluster-sim-seeds.ts'
import { runSeed } from '../src/testing/sim-seeds.ts'

const scenario = 'slot-groups'
const SEEDS = Array.from({ length: 16 }, (_, at) => at + 1)
const CLUSTER_SEEDS = SEEDS.slice(0, 8)
/** Of virtual seconds there are many more; this is for a slow machine that does other things at the same time. */
const TIMEOUT_MS = 180_000

test('a job of two slot-sharing groups survives what breaks in one process', { timeout: TIMEOUT_MS }, async () => {
  const verdicts = []
  for (const seed of SEEDS) verdicts.push(await runSeed({ seed, scenario }))
  expect(verdicts.reduce((sum, { faults }) => sum + faults.slotLosses, 0)).toBeGreaterThan(3)
})

test('a job of two slot-sharing groups survives what breaks in a cluster', { timeout: TIMEOUT_MS }, async () => {
  const verdicts = []
  for (const seed of CLUSTER_SEEDS) verdicts.push(await runClusterSeed({ seed, scenario }))
  expect(verdicts.reduce((sum, { happened }) => sum + happened.rescales, 0)).toBeGreaterThan(2)
})
