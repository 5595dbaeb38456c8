/** What a checkpoint of many keys costs the records that flow meanwhile. */
import { measure } from '../measure.ts'
import type { BenchRow, Figure } from '../row.ts'
import { spreadOf } from '../statistics.ts'
import type { CheckpointsMeasurement } from '../variants/checkpoints.ts'

const ROW = 'checkpoint'
const KEYS = { full: 1_000_000, quick: 50_000 } as const
const CHECKPOINTS = { full: 4, quick: 1 } as const
const RUNS = { full: 3, quick: 1 } as const

export const checkpointRow: BenchRow = {
  name: ROW,
  run: async (scale) => {
    const task = { keys: KEYS[scale], checkpoints: CHECKPOINTS[scale] }
    const runs: CheckpointsMeasurement[] = []
    while (runs.length < RUNS[scale]) runs.push(await measure('checkpoints', task))
    return [pauseFigure(runs, task.keys), cpuPauseFigure(runs), throughputFigure(runs)]
  },
}

function pauseFigure(runs: readonly CheckpointsMeasurement[], keys: number): Figure {
  const durationMs = spreadOf(runs.flatMap(({ durationsMs }) => durationsMs)).median
  const countOf = (phase: 'during' | 'without'): string =>
    runs.map((run) => `${run[phase].longPauseCount} in ${Math.round(run[phase].totalMs)} ms`).join(', ')
  return {
    row: ROW,
    what: 'longest pause during against without',
    unit: 'ms',
    value: spreadOf(runs.map(({ during }) => during.pauseMaxMs)),
    reference: spreadOf(runs.map(({ without }) => without.pauseMaxMs)),
    goal: { kind: 'at-most', limit: 20 },
    note: `${keys} keys, ${runs[0]?.stateBytes ?? 0} bytes in ${Math.round(durationMs)} ms; pauses above 5 ms during: ${countOf('during')}; without: ${countOf('without')}`,
  }
}

function cpuPauseFigure(runs: readonly CheckpointsMeasurement[]): Figure {
  return {
    row: ROW,
    what: 'the same in processor time',
    unit: 'ms',
    value: spreadOf(runs.map(({ during }) => during.cpuPauseMaxMs)),
    reference: spreadOf(runs.map(({ without }) => without.cpuPauseMaxMs)),
    note: 'without the time in which other programs had the processor',
  }
}

function throughputFigure(runs: readonly CheckpointsMeasurement[]): Figure {
  return {
    row: ROW,
    what: 'throughput during against without',
    unit: 'records/ms',
    value: spreadOf(runs.map(({ during }) => during.recordsPerMs)),
    reference: spreadOf(runs.map(({ without }) => without.recordsPerMs)),
    ratio: spreadOf(runs.map(({ during, without }) => during.recordsPerMs / without.recordsPerMs)),
    goal: { kind: 'at-least', limit: 0.6 },
  }
}
