import { writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import type { ErrorData } from '../src/base/errors.ts'
import { type FinishedJob, runJob } from './run-job.ts'
import { committedOutput, filesBelow, tempFolder } from './temp-folder.ts'

const GOOD_LINES = 500
/** With as many keys, some belong to another slot than the one that reads them. */
const BAD_LINES = 20
const NO_RESTART = { 'restart.strategy': 'none' } as const

type Mistake =
  | 'function-in-record'
  | 'instance-in-state'
  | `throw-in-${'timestamp' | 'map' | 'key' | 'process' | 'format'}`

describe('the error of a job whose code does what it must not', () => {
  test.each([
    ['throw-in-timestamp', 'lines', 1, 'withTimestamp() threw: no bad 0'],
    ['throw-in-map', 'itemize', 1, 'the map function of operator "itemize" threw: no bad 0'],
    ['throw-in-key', 'baskets', 1, 'the keyBy function of operator "baskets" threw: no bad 0'],
    ['throw-in-key', 'baskets', 2, 'the keyBy function of operator "baskets" threw: no bad 0'],
    ['throw-in-process', 'baskets', 1, 'the onRecord function of operator "baskets" threw: no bad 0'],
    ['throw-in-format', 'out', 1, 'the format function of a file sink threw: no bad 0'],
  ] as const)(
    'names operator and line of code when a function throws (%s, operator %s, parallelism %i)',
    async (mistake, operator, parallelism, words) => {
      const { error } = await failingRun(mistake, parallelism)
      expect(error.message).toContain(words)
      expect(error.context).toMatchObject({ operator, subtask: expect.any(Number) })
      expect(error.cause).toContain('jobs/refused-values.ts')
    },
  )

  test('names file and byte offset of the record when a function throws in the task of the source', async () => {
    const { error, badOffset, result } = await failingRun('throw-in-map', 1)
    expect(error.context.record).toBe(`lines.txt byte ${badOffset}`)
    expect(result.error?.message).toContain(`in operator "itemize", subtask 0, at record lines.txt byte ${badOffset}`)
  })

  test('names the field and the operator when a record with a function in it has to cross slots', async () => {
    const { error } = await failingRun('function-in-record', 2)
    expect(error.code).toBe('SER1001')
    expect(error.message).toContain('.detail.compute')
    expect(error.message).toContain('it is a function')
    expect(error.context.operator).toBe('itemize')
    expect(error.context.record).toContain('"detail"')
  })

  test('names the field, the state and the operator when an instance of a class is in state', async () => {
    const { error } = await failingRun('instance-in-state', 1)
    expect(error.code).toBe('CKP1005')
    expect(error.message).toContain(
      'declined by "baskets" subtask 0: the field .owner of state "basket" of key "bad 0"',
    )
    expect(error.message).toContain('it is an instance of Basket')
  })
})

test('a record that fails every time is called a crash loop when the restarts are used up', async () => {
  const { result, eventsOf } = await failingRun('throw-in-map', 1, {
    'restart.strategy': 'fixed-delay',
    'restart.attemptsMax': '2',
    'restart.delay': '1ms',
  })
  expect([result.restartCount, eventsOf('failed').length]).toEqual([2, 3])
  expect(result.error?.code).toBe('TSK1007')
  expect(result.error?.message).toMatch(
    /^crash loop: record lines\.txt byte \d+ of operator "itemize" failed job "refused-values" 3 times in a row: \[TSK1001\]/,
  )
  expect(eventsOf('failed').map(({ failure }) => failure.crashLoop?.failureCount)).toEqual([undefined, undefined, 3])
})

test('a graph that is another one in every build is refused, and nothing is started or left behind', async () => {
  const folder = tempFolder()
  const { result, printed } = await runJob(new URL('./jobs/unsteady-graph.ts', import.meta.url), {
    stateDir: `${folder}/state`,
  })
  expect([result.state, result.restartCount, printed]).toEqual(['failed', 0, []])
  const [failure] = result.failures
  expect(failure?.error.code).toBe('JOB1007')
  expect(result.error?.message).toContain('the same graph every time')
  expect(
    (await filesBelow(`${folder}/state`)).filter((path) => path.includes('manifest') || path.includes('chk-')),
  ).toEqual([])
})

interface FailingRun extends FinishedJob {
  /** Of the first failure. */
  readonly error: ErrorData
  readonly badOffset: number
}

/** Runs the job of mistakes over lines of which the last ones are bad; it must fail, and nothing of a failed attempt be visible. */
async function failingRun(
  mistake: Mistake,
  parallelism: number,
  options: Readonly<Record<string, string>> = NO_RESTART,
): Promise<FailingRun> {
  const folder = tempFolder()
  const good = Array.from({ length: GOOD_LINES }, (_, index) => `good ${index}\n`).join('')
  const bad = Array.from({ length: BAD_LINES }, (_, index) => `bad ${index}\n`).join('')
  await writeFile(`${folder}/lines.txt`, good + bad)
  const job = new URL('./jobs/refused-values.ts', import.meta.url)
  const params = { input: `${folder}/lines.txt`, output: `${folder}/out`, mistake }
  const finished = await runJob(job, { stateDir: `${folder}/state`, parallelism, params, options })
  const [failure] = finished.eventsOf('failed')
  expect(finished.result.state).toBe('failed')
  if (failure === undefined) throw new TypeError('the job failed without a failure')
  const { lines } = await committedOutput(`${folder}/out`)
  expect(lines.filter((line) => line.includes('bad'))).toEqual([])
  return { ...finished, error: failure.failure.error, badOffset: good.length }
}
