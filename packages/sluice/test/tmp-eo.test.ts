import { test } from 'vitest'
import { finishJob } from './run-job.ts'
import { mkdtempSync } from 'node:fs'
import { numberedSummary } from './numbered-output.ts'
const JOB = new URL('./jobs/numbered.ts', import.meta.url)
for (let i = 0; i < 24; i++) for (const mode of ['at-least-once', 'exactly-once'])
test.concurrent(`${mode} ${i}`, async () => {
  const folder = mkdtempSync('/tmp/eo-')
  const { result } = await finishJob(JOB, {
    stateDir: `${folder}/state`,
    parallelism: 2,
    params: { count: '100000', rate: '60000', output: `${folder}/out`, fault: 'exit', faultAt: '30001', marker: `${folder}/happened` },
    options: { 'checkpoint.mode': mode, 'restart.strategy': 'fixed-delay', 'restart.attemptsMax': '5', 'restart.delay': '10ms', 'checkpoint.interval': '50ms' },
  })
  const s = await numberedSummary(`${folder}/out`, 100000)
  if (result.restartCount !== 1 || s.lost > 0) console.log('UNUSUAL', JSON.stringify([result.restartCount, s, result.failures.map((f) => [f.error.code, f.error.message, f.error.stack, f.vertex])], null, 1))
}, 60000)
