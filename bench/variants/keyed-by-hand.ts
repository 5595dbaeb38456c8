import { DISORDER_MS, WATERMARK_RECORDS, eventAt } from '../workload/events.ts'
import { HandKeys } from '../workload/hand-keys.ts'
import { HandWindows, type HandCounting } from '../workload/hand-window.ts'
import { ResultSumming } from '../workload/results.ts'
import { threadCpuMs } from '../workload/stopwatch.ts'
import type { KeyedMeasurement, KeyedTask } from './keyed-measurement.ts'

/** One loop, one thread, a map of windows. */
export async function countByHand({ records }: KeyedTask): Promise<KeyedMeasurement> {
  const results = new ResultSumming()
  return count(records, results, new HandWindows(results))
}

/** The same loop over a map of keys. */
export async function countByHandByKey({ records }: KeyedTask): Promise<KeyedMeasurement> {
  const results = new ResultSumming()
  return count(records, results, new HandKeys(results))
}

function count(records: number, results: ResultSumming, windows: HandCounting): KeyedMeasurement {
  const beginMs = performance.now()
  const beginCpuMs = threadCpuMs()
  let maxTimestampMs = 0
  for (let index = 0; index < records; index++) {
    const event = eventAt(index)
    if (event.timestampMs > maxTimestampMs) maxTimestampMs = event.timestampMs
    windows.add(event.key, event.timestampMs)
    if (index % WATERMARK_RECORDS === 0) windows.advance(maxTimestampMs - DISORDER_MS - 1)
  }
  windows.advance(Number.MAX_SAFE_INTEGER)
  const processingMs = performance.now() - beginMs
  const cpuMs = threadCpuMs() - beginCpuMs
  return { processingMs, cpuMs, wholeMs: processingMs, summary: results.summary(), checkpoints: 0 }
}
