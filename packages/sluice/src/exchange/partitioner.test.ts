import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededRandom } from '../base/random.ts'
import { keyGroupOf, operatorIndexOf } from '../stream/key-groups.ts'
import { BATCH_RECORDS_MAX, type ControlElement, type RecordBatch } from '../stream/element.ts'
import { BatchWriter } from './batch-writer.ts'
import type { OutputChannel } from './channel.ts'
import {
  BroadcastOutput,
  CustomOutput,
  ForwardOutput,
  GlobalOutput,
  HashOutput,
  RebalanceOutput,
  ShuffleOutput,
} from './partitioner.ts'

class Recorder implements OutputChannel {
  readonly recordsMax = BATCH_RECORDS_MAX
  readonly batches: RecordBatch[] = []
  readonly controls: ControlElement[] = []

  sendBatch(batch: RecordBatch): void {
    this.batches.push(batch)
  }

  sendControl(element: ControlElement): void {
    this.controls.push(element)
  }

  close(): void {}

  get values(): unknown[] {
    return this.batches.flatMap((batch) => batch.values)
  }
}

function writersOf(count: number): { channels: Recorder[]; writers: BatchWriter[] } {
  const channels = Array.from({ length: count }, () => new Recorder())
  return { channels, writers: channels.map((channel) => new BatchWriter(channel, BATCH_RECORDS_MAX)) }
}

test('records of one key go to the subtask that owns the key group', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string(), fc.integer(), fc.boolean())),
      fc.integer({ min: 2, max: 8 }),
      (keys, parallelism) => {
        const { channels, writers } = writersOf(parallelism)
        const output = new HashOutput(writers, (value) => value, 128, { uid: 'sums', onBadKey: 'fail' })
        for (const key of keys) output.onRecord(key, 0)
        output.flush()
        channels.forEach((channel, index) => {
          for (const key of channel.values)
            expect(operatorIndexOf(keyGroupOf(key as string, 128), 128, parallelism)).toBe(index)
        })
        expect(channels.flatMap((channel) => channel.values)).toHaveLength(keys.length)
      },
    ),
  )
})

test('a key that is no key is refused', () => {
  const output = new HashOutput(writersOf(2).writers, () => undefined, 128, { uid: 'sums', onBadKey: 'fail' })
  expect(() => output.onRecord({ id: 1 }, 0)).toThrow(/KEY1001|undefined/)
})

test('a record without a key goes to the first subtask where an error policy stands', () => {
  const { channels, writers } = writersOf(3)
  const output = new HashOutput(writers, (value) => value, 128, { uid: 'sums', onBadKey: 'send' })
  for (const value of [undefined, Number.NaN, { id: 1 }]) output.onRecord(value, 0)
  output.flush()
  expect(channels.map((channel) => channel.values)).toEqual([[undefined, Number.NaN, { id: 1 }], [], []])
})

test('rebalance gives every subtask the same share', () => {
  const { channels, writers } = writersOf(3)
  const output = new RebalanceOutput(writers, 1)
  for (let value = 0; value < 9; value++) output.onRecord(value, 0)
  output.flush()
  expect(channels.map((channel) => channel.values)).toEqual([
    [2, 5, 8],
    [0, 3, 6],
    [1, 4, 7],
  ])
})

test('control elements come behind the records sent before them, on every channel', () => {
  const { channels, writers } = writersOf(2)
  const output = new RebalanceOutput(writers, 0)
  for (let value = 0; value < 3; value++) output.onRecord(value, 0)
  output.broadcast({ kind: 'end' })
  expect(channels.map((channel) => channel.values)).toEqual([[0, 2], [1]])
  expect(channels.map((channel) => channel.controls)).toEqual([[{ kind: 'end' }], [{ kind: 'end' }]])
})

test('a batch holds at most 512 records', () => {
  const { channels, writers } = writersOf(1)
  const [writer] = writers
  if (writer === undefined) throw new TypeError('no writer')
  const output = new ForwardOutput(writer)
  for (let value = 0; value < 1300; value++) output.onRecord(value, value)
  expect(channels[0]?.batches.map((batch) => batch.values.length)).toEqual([512, 512])
  output.flush()
  expect(output.recordsOut()).toBe(1300)
})

test('a broadcast gives every subtask every record, and counts it once', () => {
  const { channels, writers } = writersOf(3)
  const output = new BroadcastOutput(writers)
  for (let value = 0; value < 4; value++) output.onRecord(value, value)
  output.flush()
  expect(channels.map((channel) => channel.values)).toEqual([
    [0, 1, 2, 3],
    [0, 1, 2, 3],
    [0, 1, 2, 3],
  ])
  expect(output.recordsOut()).toBe(4)
})

test('global gives all records to the first subtask, and control elements to all', () => {
  const { channels, writers } = writersOf(3)
  const [first, ...others] = writers
  if (first === undefined) throw new TypeError('no writer')
  const output = new GlobalOutput(first, others)
  output.onRecord('a', 0)
  output.broadcast({ kind: 'watermark', timestamp: 7 })
  expect(channels.map((channel) => channel.values)).toEqual([['a'], [], []])
  expect(channels.every((channel) => channel.controls.length === 1)).toBe(true)
})

test('shuffle gives each subtask about the same share, and the same one for the same seed', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 2, max: 6 }), (seed, count) => {
      const shares = [seed, seed].map((again) => {
        const { channels, writers } = writersOf(count)
        const output = new ShuffleOutput(writers, seededRandom(again))
        for (let value = 0; value < 600 * count; value++) output.onRecord(value, 0)
        output.flush()
        return channels.map((channel) => channel.values)
      })
      expect(shares[0]).toEqual(shares[1])
      expect(shares[0]?.flat()).toHaveLength(600 * count)
      for (const share of shares[0] ?? []) expect(Math.abs(share.length - 600)).toBeLessThan(180)
    }),
    { numRuns: 20 },
  )
})

test('a custom partitioner names the subtask, from its own count of them', () => {
  const { channels, writers } = writersOf(3)
  const output = new CustomOutput(writers, (value, count) => (Number(value) + 1) % count, 'sums')
  for (let value = 0; value < 6; value++) output.onRecord(value, 0)
  output.flush()
  expect(channels.map((channel) => channel.values)).toEqual([
    [2, 5],
    [0, 3],
    [1, 4],
  ])
})

test.each([
  [-1, '-1'],
  [3, '3'],
  [1.5, '1.5'],
  [Number.NaN, 'NaN'],
  [undefined, 'undefined'],
  ['0', '"0"'],
  [Promise.resolve(0), 'a promise'],
])('a partitioner that returns %s is refused with the record', (returned, text) => {
  const output = new CustomOutput(writersOf(3).writers, () => returned as number, 'sums')
  expect(() => output.onRecord({ id: 7 }, 0)).toThrow(
    expect.objectContaining({
      code: 'KEY1002',
      message: expect.stringContaining(
        `operator "sums" returned ${text} for the record {"id":7}, not a whole number from 0 to 2`,
      ),
    }),
  )
})

test('a partitioner that throws is named with the record', () => {
  const output = new CustomOutput(
    writersOf(2).writers,
    () => {
      throw new TypeError('no region')
    },
    'sums',
  )
  expect(() => output.onRecord({ id: 7 }, 0)).toThrow(
    expect.objectContaining({
      code: 'TSK1001',
      message: expect.stringContaining('threw for the record {"id":7}: no region'),
    }),
  )
})
