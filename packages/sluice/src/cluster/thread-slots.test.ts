import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { committedOutput, tempFolder } from '../../test/temp-folder.ts'
import { finishJob } from '../../test/run-job.ts'

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
    expect(finished.result.restartCount).toBe(1)
    expect((await committedOutput(`${folder}/out`)).lines).toEqual(EVERY_NUMBER)
  })
})
