import { expect, test } from 'vitest'
import { finishJob } from './run-job.ts'
import { committedOutput, tempFolder } from './temp-folder.ts'

test.each([2, 3])(
  'hybrid and aligned sources, asynchronous functions and dead letters over %i slot threads, of which one ends in the middle',
  async (parallelism) => {
    const folder = tempFolder()
    const count = 1000
    const { result, eventsOf } = await finishJob(new URL('./jobs/unsteady-services.ts', import.meta.url), {
      stateDir: `${folder}/state`,
      parallelism,
      params: { output: `${folder}/out`, marker: `${folder}/happened`, count: String(count) },
      options: { 'restart.strategy': 'fixed-delay', 'restart.attemptsMax': '3', 'restart.delay': '10ms' },
    })
    expect(result.restartCount).toBe(1)
    expect(eventsOf('failed').map(({ failure }) => failure.error.code)).toEqual(['TSK1002'])
    const all = Array.from({ length: count }, (_, n) => n)
    const expected = {
      answers: all.filter((n) => n % 10 !== 7),
      refused: all.filter((n) => n % 10 === 7),
      clock: all,
    }
    for (const [name, numbers] of Object.entries(expected)) {
      const { lines } = await committedOutput(`${folder}/out/${name}`)
      expect(lines, name).toEqual(numbers.map((n) => JSON.stringify({ n })).toSorted())
    }
  },
  30_000,
)
