import { expect, test } from 'vitest'
import { attemptNumber, checkpointId, vertexId } from '../base/ids.ts'
import type { JobStatus } from '../jobmanager/job-status.ts'
import type { VertexStatus } from '../jobmanager/task-statistics.ts'
import { bytesText, countText, durationText, rateText, watermarkText } from './format.ts'
import { ProgressMeter } from './progress.ts'
import { progressBlock, progressLine, table } from './progress-text.ts'

const vertex: VertexStatus = {
  vertex: vertexId('source'),
  name: 'source → map',
  parallelism: 2,
  reportingCount: 2,
  recordsIn: 10,
  recordsOut: 9,
  watermark: 86_400_000,
  busyRatio: 0.5,
  busyRatioMax: 0.7,
  backPressuredRatio: 0.25,
  backPressuredRatioMax: 0.4,
  pauseMaxMs: 3,
  counters: {},
}

function statusOf(recordsRead: number, more: Partial<JobStatus> = {}): JobStatus {
  return {
    jobName: 'orders',
    state: 'running',
    attempt: attemptNumber(0),
    restartCount: 0,
    restoredCheckpoint: undefined,
    failures: [],
    vertices: [vertex],
    counters: { 'files/writtenRecords': recordsRead / 2, 'window/lateRecords': 3, 'other/lateRecords': 4 },
    recordsRead,
    checkpoints: undefined,
    staleMessageCount: 0,
    ...more,
  }
}

test('rates are means over the last seconds, from the first look on', () => {
  const meter = new ProgressMeter(0)
  expect(meter.read(statusOf(1000), 500).inPerSecond).toBe(2000)
  for (let ms = 1000; ms <= 4000; ms += 500) meter.read(statusOf(1000), ms)
  const later = meter.read(statusOf(5000), 6000)
  expect(later.inPerSecond).toBe(2000)
  expect(later.outPerSecond).toBe(1000)
})

test('the time of a job begins when it is planned, as in the summary', () => {
  const meter = new ProgressMeter(0)
  meter.onStart(400)
  expect(meter.read(statusOf(1000), 1400)).toMatchObject({ elapsedMs: 1000, inPerSecond: 1000 })
})

test('counts that begin anew under the same attempt number give no negative rates either', () => {
  const meter = new ProgressMeter(0)
  meter.read(statusOf(1_000_000), 1000)
  expect(meter.read(statusOf(10), 1500).inPerSecond).toBeGreaterThanOrEqual(0)
})

test('without tasks there is no watermark', () => {
  expect(new ProgressMeter(0).read(statusOf(0, { vertices: [] }), 0).watermark).toBe(Number.MIN_SAFE_INTEGER)
})

test('a restart begins the rates anew instead of giving negative ones', () => {
  const meter = new ProgressMeter(0)
  meter.read(statusOf(1000), 1000)
  expect(meter.read(statusOf(10, { attempt: attemptNumber(1) }), 2000).inPerSecond).toBe(0)
})

test('counters of all operators are added up', () => {
  expect(new ProgressMeter(0).read(statusOf(8), 1).losses).toEqual({ late: 7, deadLettered: 0, skipped: 0 })
})

test('one line of a log says everything, and what is zero only where it matters', () => {
  const meter = new ProgressMeter(0)
  const parts = { alignmentMaxMs: 1, syncMaxMs: 2, asyncMaxMs: 3 }
  meter.onEvent(
    { kind: 'checkpoint-completed', checkpoint: checkpointId(7), durationMs: 12, stateBytes: 2048, ...parts },
    500,
  )
  expect(progressLine(meter.read(statusOf(2000), 1000))).toBe(
    'running 1.0 s, in 2,000 (2 k/s), out 1,000 (1 k/s), watermark 1970-01-02T00:00:00.000Z, ' +
      'checkpoint 7 500 ms ago (12 ms, 2 KB), busy 50 %, blocked 25 %, late 7',
  )
})

test('the block of a terminal has a line for every vertex', () => {
  const status = statusOf(10)
  expect(progressBlock('orders', new ProgressMeter(0).read(status, 1000), status).at(-1)).toBe(
    '  source → map  x2  in 10  out 9  busy 50 %  blocked 25 %',
  )
})

test('numbers, sizes and times are short', () => {
  expect([0, 999, 1000, 1234567].map(countText)).toEqual(['0', '999', '1,000', '1,234,567'])
  expect([0, 12.34, 1234, 1.5e6, 123456789].map(rateText)).toEqual(['0/s', '12.3/s', '1.23 k/s', '1.50 M/s', '123 M/s'])
  expect([0, 1023, 1024, 19_000_000].map(bytesText)).toEqual(['0 B', '1023 B', '1 KB', '18.1 MB'])
  expect([3, 3200, 125_000, 3_725_000].map(durationText)).toEqual(['3 ms', '3.2 s', '2:05', '1:02:05'])
  expect([Number.MIN_SAFE_INTEGER, 0, Number.MAX_SAFE_INTEGER].map(watermarkText)).toEqual([
    '–',
    '1970-01-01T00:00:00.000Z',
    'end',
  ])
})

test('columns are as wide as their widest cell', () => {
  expect(
    table([
      ['a', 'long', 'x'],
      ['much longer', 'b', 'y'],
    ]),
  ).toEqual(['a            long  x', 'much longer  b     y'])
})
