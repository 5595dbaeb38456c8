import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute } from '../../packages/sluice/src/cluster/execute.ts'
import type { KeyedCountReport } from '../jobs/keyed-count.job.ts'
import { withTempFolder } from '../temp-folder.ts'
import type { CaptureFile } from '../workload/measuring-sink.ts'
import { joined } from '../workload/results.ts'
import { preciseWallMs } from '../workload/stopwatch.ts'
import type { KeyedMeasurement, KeyedTask } from './keyed-measurement.ts'

/** The job in slot threads, with checkpoints on a real disk. */
export function countByEngine({ records, parallelism }: KeyedTask): Promise<KeyedMeasurement> {
  return withTempFolder(async (folder) => {
    const results = join(folder, 'results')
    const beginMs = preciseWallMs()
    const { checkpoints } = await execute(new URL('../jobs/keyed-count.job.ts', import.meta.url), {
      parallelism,
      params: { records: String(records), results },
      stateDir: join(folder, 'state'),
    })
    const wholeMs = preciseWallMs() - beginMs
    return { ...captured(results, parallelism), wholeMs, checkpoints: checkpoints?.completed ?? 0 }
  })
}

/** What the subtasks of the job left behind. */
export function captured(
  results: string,
  parallelism: number,
): Pick<KeyedMeasurement, 'processingMs' | 'cpuMs' | 'summary'> {
  const files = Array.from({ length: parallelism }, (_, subtask) => readCapture(`${results}-${subtask}.json`))
  const startMs = Math.min(...files.map(({ report }) => report.startMs))
  const endMs = Math.max(...files.map(({ lastCutMs }) => lastCutMs))
  const summary = joined(files.map(({ report }) => report.summary))
  const cpuMs = files.reduce((sum, { lastCutCpuMs, report }) => sum + lastCutCpuMs - report.startCpuMs, 0)
  return { processingMs: endMs - startMs, cpuMs, summary }
}

function readCapture(path: string): CaptureFile & { readonly report: KeyedCountReport } {
  return JSON.parse(readFileSync(path, 'utf8')) as CaptureFile & { readonly report: KeyedCountReport } // written by the job
}
