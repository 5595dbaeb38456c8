/** A job with many keys under constant load: how long it stands still, and how fast it is, with and without a checkpoint running. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { start } from '../../packages/sluice/src/cluster/execute.ts'
import type { JobClient } from '../../packages/sluice/src/cluster/run-request.ts'
import { withTempFolder } from '../temp-folder.ts'
import type { CaptureFile } from '../workload/measuring-sink.ts'
import { RECORDS_PER_MARK, type PauseReport } from '../workload/pause-log.ts'
import { preciseWallMs } from '../workload/stopwatch.ts'

export interface CheckpointsTask {
  readonly keys: number
  readonly checkpoints: number
}

export interface CheckpointsMeasurement {
  readonly during: Phase
  readonly without: Phase
  /** Milliseconds from trigger to decision. */
  readonly durationsMs: readonly number[]
  readonly stateBytes: number
}

/** A share of the run, without the loading of the keys. */
interface Phase {
  readonly pauseMaxMs: number
  /** The longest in processor time of the thread: what is left when nobody else wants the processor. */
  readonly cpuPauseMaxMs: number
  readonly longPauseCount: number
  readonly recordsPerMs: number
  readonly totalMs: number
}

interface Span {
  readonly startMs: number
  readonly endMs: number
}

/** Time without a checkpoint between two of them. */
const BREAK = '1500ms'
const POLL_MS = 50
const LONG_PAUSE_MS = 5

export function measureCheckpoints({ keys, checkpoints }: CheckpointsTask): Promise<CheckpointsMeasurement> {
  return withTempFolder(async (folder) => {
    const results = join(folder, 'results')
    const spans: Span[] = []
    let stateBytes = 0
    const client = await start(new URL('../jobs/many-keys.job.ts', import.meta.url), {
      params: { keys: String(keys), results },
      stateDir: join(folder, 'state'),
      options: { 'checkpoint.interval': BREAK, 'checkpoint.pauseMin': BREAK, 'restart.strategy': 'none' },
      listener: (event) => {
        if (event.kind !== 'checkpoint-completed') return
        const endMs = preciseWallMs()
        spans.push({ startMs: endMs - event.durationMs, endMs })
        stateBytes = event.stateBytes
      },
    })
    const isDone = (): boolean => client.status().recordsRead > 2 * keys && spans.length >= checkpoints + 2
    await until(isDone, client)
    await client.cancel()
    const { report } = JSON.parse(readFileSync(`${results}-0.json`, 'utf8')) as CaptureFile & {
      readonly report: PauseReport
    } // written by the job
    return { ...phasesOf(report, spans), durationsMs: spans.map(({ startMs, endMs }) => endMs - startMs), stateBytes }
  })
}

async function until(isDone: () => boolean, client: JobClient): Promise<void> {
  let failure: string | undefined
  void client.result.then((result) => (failure = `the job ended early: ${result.state} ${result.error?.message ?? ''}`))
  while (!isDone()) {
    if (failure !== undefined) throw new Error(failure)
    await delay(POLL_MS)
  }
}

function phasesOf(report: PauseReport, spans: readonly Span[]): { readonly during: Phase; readonly without: Phase } {
  const isWithin = (startMs: number, endMs: number): boolean =>
    spans.some((span) => startMs < span.endMs && endMs > span.startMs)
  return { during: phaseOf(report, isWithin), without: phaseOf(report, (startMs, endMs) => !isWithin(startMs, endMs)) }
}

function phaseOf(
  { loadedMs, pauses, marks }: PauseReport,
  belongs: (startMs: number, endMs: number) => boolean,
): Phase {
  const own = pauses.filter(
    ({ endMs, durationMs }) => endMs - durationMs > loadedMs && belongs(endMs - durationMs, endMs),
  )
  let totalMs = 0
  let records = 0
  for (let i = 1; i < marks.length; i++) {
    const [fromMs = 0, toMs = 0] = [marks[i - 1], marks[i]]
    if (fromMs < loadedMs || !belongs(fromMs, toMs)) continue
    totalMs += toMs - fromMs
    records += RECORDS_PER_MARK
  }
  return {
    pauseMaxMs: Math.max(0, ...own.map(({ durationMs }) => durationMs)),
    cpuPauseMaxMs: Math.max(0, ...own.map(({ cpuMs }) => cpuMs)),
    longPauseCount: own.filter(({ durationMs }) => durationMs > LONG_PAUSE_MS).length,
    recordsPerMs: records / totalMs,
    totalMs,
  }
}
