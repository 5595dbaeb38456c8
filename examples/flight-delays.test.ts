import { beforeAll, describe, expect, test } from 'vitest'
import { finishJob, stopAfterCheckpoints, runJob } from '../packages/sluice/test/run-job.ts'
import { committedOutput, tempFolder } from '../packages/sluice/test/temp-folder.ts'
import { batchFlightDelays } from './flight-delays/batch.ts'

const JOB = 'examples/flight-delays.ts'
const INPUT = 'node_modules/vega-datasets/data/flights-3m.parquet'
const FLIGHTS = 3_000_000

describe('the flights job over three million flights', () => {
  let expected: readonly string[] = []
  beforeAll(async () => {
    expected = await batchFlightDelays(INPUT)
  })

  test.each([1, 2])(
    'commits at parallelism %i what a plain loop over the file computes, line by line',
    async (parallelism) => {
      const folder = tempFolder()
      const { result } = await finishJob(JOB, {
        stateDir: `${folder}/state`,
        parallelism,
        params: { output: `${folder}/out` },
      })
      const { lines, leftovers } = await committedOutput(`${folder}/out`)
      expect([result.recordsRead, result.restartCount]).toEqual([FLIGHTS, 0])
      expect(firstDifference(lines, expected)).toBeUndefined()
      expect(leftovers).toEqual([])
      expect(await committedOutput(`${folder}/out/late`)).toEqual({ lines: [], leftovers: [] })
    },
  )

  test('commits the same when it is stopped and resumed with another parallelism, twice', async () => {
    const folder = tempFolder()
    const run = {
      stateDir: `${folder}/state`,
      params: { output: `${folder}/out` },
      options: { 'checkpoint.interval': '300ms' },
    } as const
    for (const parallelism of [2, 3]) {
      // So slow that it is stopped long before the end of the input.
      const params = { ...run.params, rate: '300000' }
      const { result } = await runJob(JOB, { ...run, params, parallelism, onEvent: stopAfterCheckpoints(2) })
      expect(result.state).toBe('stopped')
    }
    const { eventsOf } = await finishJob(JOB, { ...run, parallelism: 1 })
    const { lines, leftovers } = await committedOutput(`${folder}/out`)
    expect(eventsOf('restored').length).toBe(1)
    expect(firstDifference(lines, expected)).toBeUndefined()
    expect(leftovers).toEqual([])
  })

  test('with too little lateness allowed, every flight is in a window or in the late output, and in one of them only', async () => {
    const folder = tempFolder()
    const params = { output: `${folder}/out`, lateness: '2h' }
    const { result } = await finishJob(JOB, { stateDir: `${folder}/state`, params })
    const windows = await committedOutput(`${folder}/out`)
    const late = await committedOutput(`${folder}/out/late`)
    const inWindows = windows.lines.reduce((sum, line) => sum + departuresOf(line), 0)
    expect(late.lines.length).toBeGreaterThan(0)
    expect(inWindows + late.lines.length).toBe(FLIGHTS)
    expect(result.counters['late-out/writtenRecords']).toBe(late.lines.length)
    expect([...windows.leftovers, ...late.leftovers]).toEqual([])
  })
})

test('with a rate, the flights job reads no faster than that', async () => {
  const folder = tempFolder()
  const params = { output: `${folder}/out`, rate: '20000' }
  const { result, eventsOf } = await runJob(JOB, {
    stateDir: `${folder}/state`,
    params,
    options: { 'checkpoint.interval': '200ms' },
    onEvent: stopAfterCheckpoints(2),
  })
  expect(result.state).toBe('stopped')
  expect(eventsOf('checkpoint-completed').length).toBeGreaterThanOrEqual(2)
  expect(result.recordsRead).toBeGreaterThan(0)
  // However slow this machine is, it cannot have read more than the rate allows in the time that it took, one second's burst included.
  expect(result.recordsRead).toBeLessThanOrEqual(20_000 * (result.durationMs / 1000 + 1))
})

function departuresOf(line: string): number {
  const { departures } = JSON.parse(line) as { readonly departures: number } // written by the job
  return departures
}

/** Comparing the lists as a whole would print hundreds of thousands of lines. */
function firstDifference(
  actual: readonly string[],
  expected: readonly string[],
): readonly [number, string | undefined, string | undefined] | undefined {
  for (let index = 0; index < Math.max(actual.length, expected.length); index++) {
    if (actual[index] !== expected[index]) return [index, actual[index], expected[index]]
  }
  return undefined
}
