/** Schedules that once broke a rule, with what it was. */
import { expect, test } from 'vitest'
import { runClusterSeed } from '../src/testing/cluster-sim-seeds.ts'

test.for([
  [
    274,
    'pause(leader,700)@t1499; pause(worker,150)@p5',
    'two leaders cleared up behind the same job at once, the second one failed and never tried again',
  ],
] as const)('seed %i with %s: %s', async ([seed, schedule]) => {
  const verdict = await runClusterSeed({ seed, schedule })
  expect(verdict.happened.leaders).toBeGreaterThan(1)
})
