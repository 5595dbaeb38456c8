/** What single parts cost: no goals, to see what changed. */
import { fileURLToPath } from 'node:url'
import { measure } from '../measure.ts'
import type { BenchRow, Figure, Scale } from '../row.ts'
import { spreadOf } from '../statistics.ts'
import type { CsvMeasurement } from '../variants/csv.ts'
import type { FlowMeasurement, FlowTask } from '../variants/flow.ts'
import type { ChannelMeasurement } from '../variants/slot-channel.ts'

const RUNS = { full: 3, quick: 1 } as const
const BATCHES = { full: 20_000, quick: 1_000 } as const
const CSV_ROWS = { full: 1_000_000, quick: 100_000 } as const
const RECORDS = { full: 5_000_000, quick: 500_000 } as const
const FLIGHTS = fileURLToPath(new URL('../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url))

export const partRows: readonly BenchRow[] = [
  { name: 'codec', run: codecFigures },
  { name: 'slot-channel', run: channelFigures },
  { name: 'process-channel', run: processChannelFigures },
  flowRow('chain', 'source → map → filter → sink', 'ns/record'),
  flowRow('keyed-process', 'source → keyed value state → sink', 'ns/record'),
  flowRow('parquet', 'rows of three million flights', 'M rows/s'),
  { name: 'csv', run: csvFigures },
]

async function codecFigures(scale: Scale): Promise<readonly Figure[]> {
  const runs = await repeated(scale, () => measure('batch-codec', { batches: BATCHES[scale] }))
  const { bytesPerRecord, jsonBytesPerRecord } = runs[0]! // at least one run
  const common = { row: 'codec', unit: 'ns/record' }
  return [
    {
      ...common,
      what: 'encode against JSON',
      value: spreadOf(runs.map(({ encodeNs }) => encodeNs)),
      reference: spreadOf(runs.map(({ jsonEncodeNs }) => jsonEncodeNs)),
      ratio: spreadOf(runs.map(({ encodeNs, jsonEncodeNs }) => jsonEncodeNs / encodeNs)),
      note: `${bytesPerRecord.toFixed(1)} bytes a record, as JSON ${jsonBytesPerRecord.toFixed(1)}`,
    },
    {
      ...common,
      what: 'decode against JSON',
      value: spreadOf(runs.map(({ decodeNs }) => decodeNs)),
      reference: spreadOf(runs.map(({ jsonDecodeNs }) => jsonDecodeNs)),
      ratio: spreadOf(runs.map(({ decodeNs, jsonDecodeNs }) => jsonDecodeNs / decodeNs)),
    },
  ]
}

async function channelFigures(scale: Scale): Promise<readonly Figure[]> {
  const runs = await repeated(scale, () => measure('slot-channel', { batches: BATCHES[scale] }))
  const value = spreadOf(runs.map(({ records, processingMs }) => records / processingMs / 1000))
  return [{ row: 'slot-channel', what: 'between two threads', unit: 'M records/s', value }]
}

/** Of the exchange alone: keyed jobs do more than that, in both. */
async function processChannelFigures(scale: Scale): Promise<readonly Figure[]> {
  const pairs = await repeated(scale, async () => ({
    processes: await measure('process-channel', { batches: BATCHES[scale] }),
    threads: await measure('slot-channel', { batches: BATCHES[scale] }),
  }))
  const rateOf = ({ records, processingMs }: ChannelMeasurement): number => records / processingMs / 1000
  return [
    {
      row: 'process-channel',
      what: 'between two processes, against two threads',
      unit: 'M records/s',
      value: spreadOf(pairs.map(({ processes }) => rateOf(processes))),
      reference: spreadOf(pairs.map(({ threads }) => rateOf(threads))),
      ratio: spreadOf(pairs.map(({ processes, threads }) => rateOf(processes) / rateOf(threads))),
      goal: { kind: 'at-least', limit: 0.7 },
    },
  ]
}

/** The hand-written loop splits lines at commas and knows no quotes. */
async function csvFigures(scale: Scale): Promise<readonly Figure[]> {
  const pairs = await repeated(scale, async () => ({
    source: await measure('csv', { reader: 'source', rows: CSV_ROWS[scale] }),
    split: await measure('csv', { reader: 'split', rows: CSV_ROWS[scale] }),
  }))
  const rateOf = ({ rows, processingMs }: CsvMeasurement): number => rows / processingMs / 1000
  if (pairs.some(({ source, split }) => source.sum !== split.sum)) throw new Error('the two have read different rows')
  return [
    {
      row: 'csv',
      what: 'rows of eight columns, one quoted, against lines split at commas',
      unit: 'M rows/s',
      value: spreadOf(pairs.map(({ source }) => rateOf(source))),
      reference: spreadOf(pairs.map(({ split }) => rateOf(split))),
      ratio: spreadOf(pairs.map(({ source, split }) => rateOf(source) / rateOf(split))),
    },
  ]
}

function flowRow(flow: FlowTask['flow'], what: string, unit: 'ns/record' | 'M rows/s'): BenchRow {
  const figureOf = ({ records, processingMs }: FlowMeasurement): number =>
    unit === 'ns/record' ? (processingMs * 1e6) / records : records / processingMs / 1000
  return {
    name: flow,
    run: async (scale) => {
      const runs = await repeated(scale, () => measure('flow', { flow, records: RECORDS[scale], input: FLIGHTS }))
      return [{ row: flow, what, unit, value: spreadOf(runs.map(figureOf)) }]
    },
  }
}

async function repeated<T>(scale: Scale, run: () => Promise<T>): Promise<readonly T[]> {
  const results: T[] = []
  while (results.length < RUNS[scale]) results.push(await run())
  return results
}
