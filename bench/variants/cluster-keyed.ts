import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { withTempFolder } from '../temp-folder.ts'
import { preciseWallMs } from '../workload/stopwatch.ts'
import { captured } from './keyed-engine.ts'
import type { KeyedMeasurement, KeyedTask } from './keyed-measurement.ts'

const CLI = fileURLToPath(new URL('../../packages/sluice/bin/sluice.js', import.meta.url))
const JOB = fileURLToPath(new URL('../jobs/keyed-count.job.ts', import.meta.url))
const run = promisify(execFile)

/** The job in TaskManager processes with one slot each, so that the keyed exchange goes over loopback; all other things as in keyed-engine.ts. */
export function countByCluster({ records, parallelism }: KeyedTask): Promise<KeyedMeasurement> {
  return withTempFolder(async (folder) => {
    const results = join(folder, 'results')
    const url = await startCluster(folder, parallelism)
    try {
      const beginMs = preciseWallMs()
      const params = ['--param', `records=${records}`, '--param', `results=${results}`]
      const { stdout, stderr } = await sluice(
        'run',
        '--jobmanager',
        url,
        JOB,
        '--parallelism',
        String(parallelism),
        ...params,
      )
      const wholeMs = preciseWallMs() - beginMs
      const checkpoints = /checkpoints\s+(\d+) completed/.exec(stdout + stderr)?.[1]
      return { ...captured(results, parallelism), wholeMs, checkpoints: Number(checkpoints ?? 0) }
    } finally {
      await sluice('cluster', 'stop', '--dir', folder)
    }
  })
}

async function startCluster(folder: string, taskManagers: number): Promise<string> {
  const shape = ['--taskmanagers', String(taskManagers), '--slots', '1']
  const { stdout, stderr } = await sluice('cluster', 'start', '--dir', folder, ...shape)
  const url = /REST API: (http\S+)/.exec(stdout + stderr)?.[1]
  if (url === undefined) throw new Error(`the cluster did not say where it is: ${stdout}${stderr}`)
  return url
}

function sluice(...words: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return run(process.execPath, [CLI, ...words])
}
