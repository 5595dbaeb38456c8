import { describe, expect, test } from 'vitest'
import { FullDisk } from './full-disk.ts'
import { OUTPUT, STATE, committedNumbers, startInline } from './inline-run.ts'

const WHOLE = { lost: 0, repeated: 0, leftovers: [] }
const PATIENT = {
  'restart.strategy': 'fixed-delay',
  'restart.attemptsMax': 'unlimited',
  'restart.delay': '1s',
} as const

describe('a disk that is full for a while', () => {
  test('while failed checkpoints are tolerated, the job goes on without restart and commits everything later', async () => {
    const disk = new FullDisk()
    const run = await startInline(disk, { 'checkpoint.failuresMax': '100' })
    await run.env.advanceAndSettle(2500)
    disk.fullBelow = STATE
    await run.env.advanceAndSettle(4000)
    disk.fullBelow = undefined
    const result = await run.toEnd()
    const failed = run.events.filter(({ kind }) => kind === 'checkpoint-failed')
    expect([result.state, result.restartCount]).toEqual(['finished', 0])
    expect(failed.length).toBeGreaterThanOrEqual(3)
    expect(await committedNumbers(disk)).toEqual(WHOLE)
  })

  test.each([
    ['the checkpoint storage', STATE, 'CKP1005'],
    ['the output', OUTPUT, 'SNK1001'],
    ['everything', '/', 'SNK1001'],
  ])(
    'when it holds %s, the job restarts until there is room again and commits the same output',
    async (_name, folder, code) => {
      const disk = new FullDisk()
      const run = await startInline(disk, PATIENT)
      await run.env.advanceAndSettle(2500)
      disk.fullBelow = folder
      await run.env.advanceAndSettle(7000)
      expect(disk.refusedCount).toBeGreaterThan(1)
      disk.fullBelow = undefined
      const result = await run.toEnd()
      const failures = run.events.flatMap((event) => (event.kind === 'failed' ? [event.failure.error] : []))
      expect(result.error).toBeUndefined()
      expect(result.state).toBe('finished')
      expect(result.restartCount).toBeGreaterThanOrEqual(1)
      expect(failures.map((error) => error.code)).toContain(code)
      expect(failures.map(({ message }) => message).join('\n')).toMatch(/no space|no-space|full/)
      expect(await committedNumbers(disk)).toEqual(WHOLE)
    },
  )
})

describe('a disk that stays full', () => {
  test.each([
    ['the checkpoint storage', STATE],
    ['the output', OUTPUT],
  ])('when it holds %s, the job fails with one clear message and keeps its state', async (_name, folder) => {
    const disk = new FullDisk()
    const run = await startInline(disk, { ...PATIENT, 'restart.attemptsMax': '3' })
    await run.env.advanceAndSettle(2500)
    disk.fullBelow = folder
    const failed = await run.toEnd()
    expect([failed.state, failed.error?.code, failed.restartCount]).toEqual(['failed', 'JOB1003', 3])
    expect(failed.error?.message).toMatch(/no space|no-space|full/)
    expect(failed.error?.message).toContain('All completed checkpoints are kept')
    disk.fullBelow = undefined
    const resumed = await startInline(disk, PATIENT)
    const finished = await resumed.toEnd()
    expect(finished.state).toBe('finished')
    expect(resumed.events.some(({ kind }) => kind === 'restored')).toBe(true)
    expect(await committedNumbers(disk)).toEqual(WHOLE)
  })
})
