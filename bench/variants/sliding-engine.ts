import { join } from 'node:path'
import { execute } from '../../packages/sluice/src/cluster/execute.ts'
import { withTempFolder } from '../temp-folder.ts'
import { preciseWallMs } from '../workload/stopwatch.ts'
import { captured } from './keyed-engine.ts'
import type { KeyedMeasurement } from './keyed-measurement.ts'

export interface SlidingTask {
  readonly records: number
  readonly keys: number
  readonly sizeMs: number
  readonly slideMs: number
}

/** The job in one slot thread, with checkpoints on a real disk. */
export function countSliding({ records, keys, sizeMs, slideMs }: SlidingTask): Promise<KeyedMeasurement> {
  return withTempFolder(async (folder) => {
    const results = join(folder, 'results')
    const beginMs = preciseWallMs()
    const { checkpoints } = await execute(new URL('../jobs/sliding-count.job.ts', import.meta.url), {
      parallelism: 1,
      params: {
        records: String(records),
        keys: String(keys),
        sizeMs: String(sizeMs),
        slideMs: String(slideMs),
        results,
      },
      stateDir: join(folder, 'state'),
    })
    const wholeMs = preciseWallMs() - beginMs
    return { ...captured(results, 1), wholeMs, checkpoints: checkpoints?.completed ?? 0 }
  })
}
