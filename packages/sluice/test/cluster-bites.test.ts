import { describe, expect, test } from 'vitest'
import { EngineError } from '../src/base/errors.ts'
import { parseSchedule } from '../src/testing/cluster-sim-schedule.ts'
import { runClusterSeed } from '../src/testing/cluster-sim-seeds.ts'
import { brokenRule, shrinkSchedule } from '../src/testing/cluster-sim-shrink.ts'
import { CLUSTER_BITES, type ClusterBite } from './cluster-bites.ts'

const TIMEOUT_MS = 180_000

function runOf({ scenario, hooks, schedule }: ClusterBite, seed: number) {
  return { seed, scenario, hooks: hooks(), ...(schedule === undefined ? {} : { schedule: schedule(seed) }) }
}

async function firstFailure(bite: ClusterBite): Promise<string | undefined> {
  for (let seed = 1; seed <= bite.seeds; seed++) {
    const found = await failureOf(runOf(bite, seed))
    if (found !== undefined) return found.message
  }
  return undefined
}

async function failureOf(run: Parameters<typeof runClusterSeed>[0]): Promise<EngineError | undefined> {
  try {
    await runClusterSeed(run)
    return undefined
  } catch (thrown) {
    if (thrown instanceof EngineError) return thrown
    throw thrown
  }
}

describe('the rules of the simulated cluster find', () => {
  test.each(CLUSTER_BITES)('$what', { timeout: TIMEOUT_MS }, async (bite) => {
    const found = await firstFailure(bite)
    expect(found).toMatch(bite.rules)
    expect(found).toContain('npm run sim -- --cluster --seed')
  })
})

describe('a failing schedule', () => {
  test('is cut down to what the failure needs', { timeout: TIMEOUT_MS }, async () => {
    const bite = CLUSTER_BITES.find(({ what }) => what.startsWith('a source that goes on one record too late'))
    if (bite === undefined) throw new TypeError('there is no such bite')
    const schedule = 'clock(tm2,1000)@t90; lag(3,150)@t300; crash(tm1,10)@p2; throw()@p3; join(tm6,1)@t700; break(1)@p4'
    const run = { seed: 1, scenario: bite.scenario, hooks: bite.hooks(), schedule }
    const error = await failureOf(run)
    if (error === undefined) throw new TypeError('the run was to fail')
    const shrunk = await shrinkSchedule({ run, error, runsMax: 40 })
    expect(parseSchedule(shrunk.schedule).length).toBe(1)
    expect(brokenRule(shrunk.error)).toBe(brokenRule(error))
    expect(shrunk.error.message).toContain(`--schedule '${shrunk.schedule}'`)
  })
})

describe('one seed gives one cluster', () => {
  test.each([3, 26])('the run of seed %i is the same again', { timeout: TIMEOUT_MS }, async (seed) => {
    const [first, second] = [await runClusterSeed({ seed }), await runClusterSeed({ seed })]
    expect(second).toEqual(first)
  })

  test(
    'the schedule that is printed gives the same run as the seed that drew it',
    { timeout: TIMEOUT_MS },
    async () => {
      const drawn = await runClusterSeed({ seed: 5 })
      const replayed = await runClusterSeed({ seed: 5, schedule: drawn.schedule })
      expect(replayed).toEqual(drawn)
    },
  )
})

describe('clusters in which nothing breaks', () => {
  test('neither restart nor change their leader nor give anything up', { timeout: TIMEOUT_MS }, async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { happened, faults } = await runClusterSeed({ seed, schedule: '' })
      expect(Object.values(faults).every((count) => count === 0)).toBe(true)
      expect(happened.restarts).toBe(0)
      expect(happened.leaders, 'one, and one after the start of all processes at the end').toBe(2)
      expect([happened.selfEnds, happened.recoveries, happened.submissions]).toEqual([0, 0, 1])
    }
  })
})

describe('schedules that found something', () => {
  test.each([
    [
      1,
      '',
      'a new leader answered before it knew its jobs: a job that had finished was not there, and was submitted again',
    ],
    [9, '', 'a TaskManager compared the epoch of a deployment with that of its leader, dropped it and said nothing'],
    [
      10_217,
      'power(1000)@t2000; leave(jm3)@f820',
      'the removal of the checkpoints of a finished job was not durable: a power loss brought them back for good',
    ],
  ])('seed %i with "%s": %s', { timeout: TIMEOUT_MS }, async (seed, schedule) => {
    await runClusterSeed({ seed, schedule })
  })
})
