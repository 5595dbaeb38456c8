import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute } from '../../packages/sluice/src/cluster/execute.ts'
import type { NexmarkReport } from '../jobs/nexmark.job.ts'
import { withTempFolder } from '../temp-folder.ts'
import type { CaptureFile } from '../workload/measuring-sink.ts'

export interface NexmarkTask {
  readonly query: string
  readonly events: number
  readonly parallelism: number
}

export interface NexmarkMeasurement {
  /** From the opening of the first source until the last row is out. */
  readonly processingMs: number
  /** Processor time of all threads of the process within that time. */
  readonly cpuMs: number
  readonly outputs: number
  readonly sum: number
  readonly checkpoints: number
}

/** A query in slot threads, with checkpoints on a real disk. */
export function measureNexmark({ query, events, parallelism }: NexmarkTask): Promise<NexmarkMeasurement> {
  return withTempFolder(async (folder) => {
    const results = join(folder, 'results')
    const { checkpoints } = await execute(new URL('../jobs/nexmark.job.ts', import.meta.url), {
      parallelism,
      params: { query, events: String(events), results },
      stateDir: join(folder, 'state'),
    })
    const reports = Array.from({ length: parallelism }, (_, subtask) => readReport(`${results}-${subtask}.json`))
    const started = reports.filter(({ startMs }) => startMs > 0)
    return {
      processingMs: Math.max(...reports.map(({ endMs }) => endMs)) - Math.min(...started.map(({ startMs }) => startMs)),
      cpuMs:
        Math.max(...reports.map(({ endCpuMs }) => endCpuMs)) - Math.min(...started.map(({ startCpuMs }) => startCpuMs)),
      outputs: reports.reduce((total, { outputs }) => total + outputs, 0),
      sum: reports.reduce((total, { sum }) => (total + sum) >>> 0, 0),
      checkpoints: checkpoints?.completed ?? 0,
    }
  })
}

function readReport(path: string): NexmarkReport {
  const file = JSON.parse(readFileSync(path, 'utf8')) as CaptureFile & { readonly report: NexmarkReport } // written by the job
  return file.report
}
