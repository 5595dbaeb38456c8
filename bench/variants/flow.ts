import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute } from '../../packages/sluice/src/cluster/execute.ts'
import type { FlowReport } from '../jobs/flow.job.ts'
import { withTempFolder } from '../temp-folder.ts'
import type { CaptureFile } from '../workload/measuring-sink.ts'

export interface FlowTask {
  readonly flow: 'chain' | 'keyed-process' | 'parquet'
  /** Of generated records. */
  readonly records: number
  /** Of files. */
  readonly input: string
}

export interface FlowMeasurement {
  readonly records: number
  readonly processingMs: number
}

/** Records through one slot thread. */
export function measureFlow({ flow, records, input }: FlowTask): Promise<FlowMeasurement> {
  return withTempFolder(async (folder) => {
    const results = join(folder, 'results')
    await execute(new URL('../jobs/flow.job.ts', import.meta.url), {
      params: { flow, records: String(records), input, results },
      stateDir: join(folder, 'state'),
    })
    const file = JSON.parse(readFileSync(`${results}-0.json`, 'utf8')) as CaptureFile & { readonly report: FlowReport } // written by the job
    return { records: file.report.records, processingMs: file.lastCutMs - file.report.startMs }
  })
}
