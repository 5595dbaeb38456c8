import { existsSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { committedOutput, tempFolder } from '../../test/temp-folder.ts'
import { namedPipe, type NamedPipe } from '../../test/named-pipe.ts'
import { finishJob, runJob } from '../../test/run-job.ts'
import { createThreadSlotPool, type ThreadSlotPool } from './thread-slots.ts'

const ECHO = new URL('../../test/jobs/echo.ts', import.meta.url)
const MISBEHAVE = new URL('../../test/jobs/misbehave.ts', import.meta.url)
const COUNT = 1000

const EVERY_NUMBER = Array.from({ length: COUNT }, (_, index) => String(index)).sort()

interface FaultCase {
  readonly fault: string
  readonly code: string
  readonly message: RegExp
  readonly options?: Readonly<Record<string, string>>
}

const FAULTS: readonly FaultCase[] = [
  { fault: 'throw', code: 'TSK1001', message: /this record is not liked/ },
  { fault: 'exit', code: 'TSK1002', message: /exit code 3: user code called process\.exit/ },
  { fault: 'async-throw', code: 'TSK1002', message: /nobody caught: thrown in a callback .*misbehave\.ts/ },
  { fault: 'rejection', code: 'TSK1002', message: /nobody waits for this promise/ },
  { fault: 'memory', code: 'TSK1003', message: /slot\.memory\.heapMax/, options: { 'slot.memory.heapMax': '64mb' } },
  {
    fault: 'hang',
    code: 'TSK1004',
    message: /has not moved for .* inside a user function/,
    options: { 'slot.watchdog.timeout': '1s' },
  },
]

describe('slot threads', () => {
  test.for([1, 3])('run a job with parallelism %i and pass printed lines on', async (parallelism) => {
    const { result, printed } = await finishJob(ECHO, { parallelism, params: { count: '5000' } })
    const values = printed.map((line) => Number(line.replace(/^\d+> /, ''))).sort((a, b) => a - b)
    expect(values).toEqual(Array.from({ length: 5000 }, (_, index) => index * 2))
    expect(result.recordsRead).toBe(5000)
  })

  test.for(FAULTS)('a job whose user function does "$fault" restarts and its output is complete', async (fault) => {
    const folder = tempFolder()
    const finished = await finishJob(MISBEHAVE, {
      parallelism: 2,
      stateDir: `${folder}/state`,
      params: { output: `${folder}/out`, marker: `${folder}/marker`, fault: fault.fault, count: String(COUNT) },
      options: fault.options ?? {},
    })
    expect(existsSync(`${folder}/marker`)).toBe(true)
    const { error } = finished.eventsOf('failed')[0]?.failure ?? {}
    expect(error?.code).toBe(fault.code)
    expect(error?.message).toMatch(fault.message)
    if (fault.code !== 'TSK1001') expect(error?.message).toContain(' ran "numbers", "map → files".')
    expect(finished.result.restartCount).toBe(1)
    expect((await committedOutput(`${folder}/out`)).lines).toEqual(EVERY_NUMBER)
  })
})

describe.skipIf(process.platform === 'win32')('a slot thread that does not end', () => {
  const events = { onMessage: () => {}, onSlotLost: () => {} }

  /** A pool of one slot whose job module blocks while it is loaded. */
  function blockedPool(pipe: NamedPipe, folder: string): ThreadSlotPool {
    const module = `${folder}/blocks.mjs`
    writeFileSync(
      module,
      `import { readFileSync } from 'node:fs'\nreadFileSync(${JSON.stringify(pipe.path)}, 'utf8')\n`,
    )
    return createThreadSlotPool({
      origin: { url: pathToFileURL(module).href, params: {}, layers: [] },
      slotCount: 1,
      storageRoot: undefined,
      heapLimit: { origin: 'auto', bytes: 256 * 1024 * 1024 },
      watchdogTimeoutMs: 'off',
      output: { printLine: () => {}, consoleText: () => {} },
      early: [],
      endWaitMaxMs: 20,
    })
  }

  test('does not hold up a release, and no thread is started beside it', async () => {
    const folder = tempFolder()
    const pipe = namedPipe(`${folder}/pipe`)
    const pool = blockedPool(pipe, folder)
    const acquiring = pool.acquire(events)
    const refused = expect(acquiring).rejects.toMatchObject({ code: 'TSK1002' })
    await pipe.untilRead()
    await pool.release()
    await refused
    expect(pool.stuckSlots()).toEqual([0])
    await expect(pool.acquire(events)).rejects.toMatchObject({
      code: 'TSK1006',
      message: expect.stringContaining('slot thread 0 was told to end and still runs'),
    })
    await pipe.release()
    await expect.poll(() => pool.stuckSlots()).toEqual([])
  })

  test('ends the job for good, and its state stays claimed as long as the process lives', async () => {
    const folder = tempFolder()
    const pipe = namedPipe(`${folder}/marker.pipe`)
    const words = {
      parallelism: 2,
      stateDir: `${folder}/state`,
      params: { output: `${folder}/out`, marker: `${folder}/marker`, fault: 'block', count: String(COUNT) },
      options: { 'slot.watchdog.timeout': '1s' },
    }
    const { result, eventsOf } = await runJob(MISBEHAVE, words)
    expect(result).toMatchObject({ state: 'failed', restartCount: 0, error: { code: 'JOB1003' } })
    expect(eventsOf('failed')[0]?.failure.error).toMatchObject({
      code: 'TSK1006',
      message: expect.stringMatching(/because of this: \[TSK1004\] slot thread \d has not moved for .* Slot \d ran "/),
    })
    expect(result.stuckSlots).toEqual([eventsOf('failed')[0]?.failure.slot])
    await expect(runJob(MISBEHAVE, words)).rejects.toMatchObject({ code: 'JOB1004' })
    await pipe.release()
  })
})
