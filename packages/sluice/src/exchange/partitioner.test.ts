import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyGroupOf, operatorIndexOf } from '../stream/key-groups.ts'
import { BATCH_RECORDS_MAX, type ControlElement, type RecordBatch } from '../stream/element.ts'
import { BatchWriter } from './batch-writer.ts'
import type { OutputChannel } from './channel.ts'
import { ForwardOutput, HashOutput, RebalanceOutput } from './partitioner.ts'

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
        const output = new HashOutput(writers, (value) => value, 128, 'sums')
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
  const output = new HashOutput(writersOf(2).writers, () => undefined, 128, 'sums')
  expect(() => output.onRecord({ id: 1 }, 0)).toThrow(/KEY1001|undefined/)
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
