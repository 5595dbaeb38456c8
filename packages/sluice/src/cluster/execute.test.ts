import { describe, expect, test } from 'vitest'
import { tempFolder } from '../../test/temp-folder.ts'
import { defineJob, type JobDefinition } from '../api/define-job.ts'
import { collectionSource } from '../connector/collection-source.ts'
import { functionSink } from '../connector/function-sink.ts'
import { execute, start, type ExecuteOptions } from './execute.ts'

/** Counts numbers by parity and hands the counts to `take`. */
function counting(count: number, take: (value: number) => void, rate?: number): JobDefinition {
  const numbers = Array.from({ length: count }, (_, index) => index)
  return defineJob('counting', (env) => {
    env.enableCheckpointing('20ms')
    env
      .fromSource(collectionSource(numbers), undefined, {
        uid: 'numbers',
        ...(rate === undefined ? {} : { rateLimit: rate }),
      })
      .map((value) => ({ parity: value % 2, count: 1 }))
      .keyBy(({ parity }) => parity)
      .reduce((a, b) => ({ parity: a.parity, count: a.count + b.count }))
      .uid('counts')
      .sinkTo(functionSink((value) => take(value.count)))
      .uid('taken')
  })
}

describe('a job given as an object', () => {
  test.for([1, 3])('runs in the calling thread with parallelism %i', async (parallelism) => {
    let most = 0
    const job = counting(1000, (value) => void (most = Math.max(most, value)))
    const result = await execute(job, { parallelism, stateDir: tempFolder() })
    expect(result).toMatchObject({ state: 'finished', recordsRead: 1000 })
    expect(most).toBe(500)
  })

  test('stops with a last checkpoint when its signal is aborted, and goes on from there', async () => {
    const stateDir = tempFolder()
    const abort = new AbortController()
    let most = 0
    const take = (value: number): void => {
      most = Math.max(most, value)
      if (most === 20) abort.abort()
    }
    const first = await execute(counting(1000, take, 500), { stateDir, signal: abort.signal })
    expect(first.state).toBe('stopped')
    expect(most).toBeLessThan(500)
    const second = await execute(counting(1000, take, 1_000_000), { stateDir })
    expect(second).toMatchObject({
      state: 'finished',
      restoredCheckpoint: first.checkpoints?.lastCompleted?.checkpoint,
    })
    expect(most).toBe(500)
  })

  test('that has finished is not run again, unless told to start fresh', async () => {
    const stateDir = tempFolder()
    let calls = 0
    const job = counting(10, () => void calls++)
    await execute(job, { stateDir })
    const again = await execute(job, { stateDir })
    expect(again).toMatchObject({ state: 'finished', recordsRead: 10, finishedBefore: { recordsRead: 10 } })
    expect(calls).toBe(10)
    await execute(job, { stateDir, fresh: true })
    expect(calls).toBe(20)
  })

  test('can be watched and cancelled', async () => {
    const job = await start(
      counting(1000, () => {}, 50),
      { stateDir: tempFolder() },
    )
    expect(job.status().jobName).toBe('counting')
    await job.cancel()
    expect((await job.result).state).toBe('canceled')
  })
})

describe('execute rejects', () => {
  const failing = (message: string): JobDefinition =>
    counting(10, () => {
      throw new TypeError(message)
    })

  test('with JOB1003 when the job fails for good', async () => {
    const running = execute(failing('no room'), { stateDir: tempFolder(), options: { 'restart.strategy': 'none' } })
    await expect(running).rejects.toMatchObject({ code: 'JOB1003', message: expect.stringContaining('no room') })
  })

  test('with what the build function threw', async () => {
    const job = defineJob('wrong', () => {
      throw new TypeError('no such table')
    })
    await expect(execute(job)).rejects.toMatchObject({
      code: 'JOB1001',
      message: expect.stringContaining('no such table'),
    })
  })

  const never = defineJob('never', () => {
    throw new Error('built')
  })

  const noJobs: readonly unknown[] = [undefined, null, 5, true, {}, [], () => {}]

  test.for(noJobs)('with JOB1001 for %o in the place of a job', async (job) => {
    const given = job as JobDefinition // the types would not allow it
    await expect(execute(given)).rejects.toMatchObject({
      code: 'JOB1001',
      message: expect.stringContaining('Give what defineJob returned, or the path'),
    })
  })

  test.for([new URL('https://example.com/job.ts'), 'file://['])('with JOB1001 for the address %s', async (job) => {
    await expect(execute(job)).rejects.toMatchObject({ code: 'JOB1001', message: expect.stringContaining('file URL') })
  })

  test.for([
    { given: { paralelism: 3 }, says: '"paralelism" is no option of execute and start (did you mean "parallelism"?)' },
    { given: { 'checkpoint.interval': '1s' }, says: "write { options: { 'checkpoint.interval': … } }" },
  ])('with CFG1001 for the unknown name in $given', async ({ given, says }) => {
    const options = given as ExecuteOptions // the types would not allow it
    await expect(execute(never, options)).rejects.toMatchObject({
      code: 'CFG1001',
      message: expect.stringContaining(says),
    })
  })

  test('with CFG1001 for an option that does not exist', async () => {
    const options = JSON.parse('{"checkpoint.intervall": "1s"}') // the types would not allow it
    await expect(
      execute(
        counting(1, () => {}),
        { options },
      ),
    ).rejects.toMatchObject({ code: 'CFG1001' })
  })
})
