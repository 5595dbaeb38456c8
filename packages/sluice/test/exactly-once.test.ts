import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WHOLE, numberedSummary } from './numbered-output.ts'
import { finishJob, runJob, stopAfterCheckpoints } from './run-job.ts'
import { tempFolder } from './temp-folder.ts'

const JOB = new URL('./jobs/numbered.ts', import.meta.url)
const COUNT = 40_000
/** Fast restarts and frequent checkpoints. */
const OPTIONS = {
  'restart.strategy': 'fixed-delay',
  'restart.attemptsMax': '5',
  'restart.delay': '10ms',
  'checkpoint.interval': '50ms',
} as const
const WHOLE_INPUT = { count: String(COUNT) }
/** So slow that checkpoints complete long before the fault, or the end of the input, on any disk. */
const PACE = { ...WHOLE_INPUT, rate: '15000' }

describe('whatever dies in the middle, the committed output is the same', () => {
  test.each(['throw', 'exit', 'hang'] as const)('a user function that makes its slot thread %s once', async (fault) => {
    const folder = tempFolder()
    const marker = `${folder}/happened`
    const { result, eventsOf } = await finishJob(JOB, {
      stateDir: `${folder}/state`,
      parallelism: 2,
      params: { ...PACE, output: `${folder}/out`, fault, faultAt: '30001', marker },
      options: { ...OPTIONS, ...(fault === 'hang' ? { 'slot.watchdog.timeout': '2s' } : {}) },
    })
    const code = { throw: 'TSK1001', exit: 'TSK1002', hang: 'TSK1004' }[fault]
    expect(existsSync(marker)).toBe(true)
    expect(eventsOf('failed').map(({ failure }) => failure.error.code)).toEqual([code])
    expect(result.restartCount).toBe(1)
    expect(eventsOf('restored').length).toBe(1)
    expect(await numberedSummary(`${folder}/out`, COUNT)).toEqual(WHOLE)
  })
})

describe('a job that was stopped goes on where it was', () => {
  test.each([
    [2, 3],
    [2, 1],
    [1, 2],
  ])('stopped at parallelism %i and resumed at parallelism %i, it commits the same output', async (before, after) => {
    const folder = tempFolder()
    const output = `${folder}/out`
    const stateDir = `${folder}/state`
    const stopped = await runJob(JOB, {
      stateDir,
      parallelism: before,
      params: { ...PACE, output },
      options: OPTIONS,
      onEvent: stopAfterCheckpoints(3),
    })
    const params = { ...WHOLE_INPUT, output }
    const resumed = await finishJob(JOB, { stateDir, parallelism: after, params, options: OPTIONS })
    expect([stopped.result.state, resumed.result.state]).toEqual(['stopped', 'finished'])
    const newest = stopped.eventsOf('checkpoint-completed').at(-1)?.checkpoint
    expect(resumed.eventsOf('restored').map(({ checkpoint }) => checkpoint)).toEqual([newest])
    expect(resumed.result.recordsRead).toBeLessThan(COUNT)
    expect(await numberedSummary(`${folder}/out`, COUNT)).toEqual(WHOLE)
  })

  test('stopped again and again, it commits the same output', async () => {
    const folder = tempFolder()
    const output = `${folder}/out`
    const run = { stateDir: `${folder}/state`, params: { ...PACE, output }, options: OPTIONS }
    const parallelisms = [1, 3, 2]
    for (const parallelism of parallelisms) {
      const { result } = await runJob(JOB, { ...run, parallelism, onEvent: stopAfterCheckpoints(2) })
      expect(result.state).toBe('stopped')
    }
    await finishJob(JOB, { ...run, params: { ...WHOLE_INPUT, output }, parallelism: 2 })
    expect(await numberedSummary(`${folder}/out`, COUNT)).toEqual(WHOLE)
  })
})

test('with at-least-once nothing is lost when a slot thread dies', async () => {
  const folder = tempFolder()
  const { result } = await finishJob(JOB, {
    stateDir: `${folder}/state`,
    parallelism: 2,
    params: { ...PACE, output: `${folder}/out`, fault: 'exit', faultAt: '30001', marker: `${folder}/happened` },
    options: { ...OPTIONS, 'checkpoint.mode': 'at-least-once' },
  })
  const { lost, leftovers } = await numberedSummary(`${folder}/out`, COUNT)
  expect([result.restartCount, lost, leftovers]).toEqual([1, 0, []])
})
