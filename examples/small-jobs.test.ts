import { rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { finishJob } from '../packages/sluice/test/run-job.ts'
import { tempFolder } from '../packages/sluice/test/temp-folder.ts'

test("the first job prints what the README says, and the README shows the job's code", async () => {
  const { printed } = await finishJob('examples/first-job.ts', { stateDir: tempFolder() })
  const readme = await readFile('README.md', 'utf8')
  const source = await readFile('examples/first-job.ts', 'utf8')
  const said = /run examples\/first-job\.ts --fresh\n([^`]*)```/.exec(readme)?.[1]
  expect(printed.join('\n')).toBe(said?.trimEnd())
  expect(readme).toContain(source.slice(source.indexOf('import')))
})

test('checkpoint-and-recovery prints its elements in order and keeps its state in the folder that it names', async () => {
  onTestFinished(() => rmSync('/tmp/flink/checkpoint-and-recovery', { recursive: true, force: true }))
  rmSync('/tmp/flink/checkpoint-and-recovery', { recursive: true, force: true })
  const { result, printed } = await finishJob('examples/checkpoint-and-recovery.ts')
  expect(printed).toEqual(['Flink', 'Checkpoint', 'Recovery'])
  expect(result.checkpoints?.completed).toBeGreaterThanOrEqual(1)
  expect(await readFile('/tmp/flink/checkpoint-and-recovery/job.json', 'utf8')).toContain('"finished"')
})

test('fault-tolerance fails twice, restarts twice, and finishes with every word', async () => {
  const { result, printed, eventsOf } = await finishJob('examples/fault-tolerance.ts', { stateDir: tempFolder() })
  expect(eventsOf('failed').map(({ failure }) => failure.error.message)).toEqual([
    expect.stringContaining('failure 1 of 2'),
    expect.stringContaining('failure 2 of 2'),
  ])
  expect(eventsOf('restarting').map(({ inMs, restartCount }) => [inMs, restartCount])).toEqual([
    [100, 1],
    [100, 2],
  ])
  expect([result.state, result.restartCount]).toEqual(['finished', 2])
  expect([...new Set(printed)].sort()).toEqual(['FaultTolerance', 'Flink', 'Recovery'])
  expect(printed.slice(-2)).toEqual(['FaultTolerance', 'Recovery'])
})
