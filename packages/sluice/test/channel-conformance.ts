/** What every channel must do, whatever carries it. Run by the tests of each implementation. */
import { expect, test } from 'vitest'
import { checkpointId } from '../src/base/ids.ts'
import type { RecordBatch, StreamElement } from '../src/stream/element.ts'
import { OutputPressure } from '../src/exchange/blocking.ts'
import type { InputChannel, OutputChannel } from '../src/exchange/channel.ts'

export interface ChannelPair {
  readonly output: OutputChannel
  readonly input: InputChannel
  /** Lets everything on its way arrive. */
  readonly settle: () => Promise<void>
}

export type ChannelFactory = (credits: number, pressure: OutputPressure) => ChannelPair

function batchOf(...values: unknown[]): RecordBatch {
  return { kind: 'records', values, timestamps: values.map((_, index) => index * 1000) }
}

async function drain({ input, settle }: ChannelPair): Promise<StreamElement[]> {
  const elements: StreamElement[] = []
  await settle()
  for (let next = input.poll(); next !== undefined; next = input.poll()) elements.push(next)
  await settle()
  return elements
}

export function channelConformance(create: ChannelFactory): void {
  test('elements arrive once each and in the order sent', async () => {
    const pair = create(8, new OutputPressure(() => {}))
    pair.output.sendBatch(batchOf({ id: 1 }, { id: 2 }))
    pair.output.sendControl({ kind: 'watermark', timestamp: 5 })
    pair.output.sendControl({ kind: 'barrier', checkpoint: checkpointId(3), mode: 'exactly-once' })
    pair.output.sendBatch(batchOf('text', 7, null))
    pair.output.sendControl({ kind: 'end' })
    expect(await drain(pair)).toEqual([
      batchOf({ id: 1 }, { id: 2 }),
      { kind: 'watermark', timestamp: 5 },
      { kind: 'barrier', checkpoint: 3, mode: 'exactly-once' },
      batchOf('text', 7, null),
      { kind: 'end' },
    ])
  })

  test('a producer is blocked when its credits are used up and free when the consumer took a batch', async () => {
    let freed = 0
    const pressure = new OutputPressure(() => freed++)
    const pair = create(2, pressure)
    pair.output.sendBatch(batchOf(1))
    expect(pressure.blocked).toBe(0)
    pair.output.sendBatch(batchOf(2))
    expect(pressure.blocked).toBe(1)
    await pair.settle()
    expect(pair.input.poll()).toEqual(batchOf(1))
    await pair.settle()
    expect(pressure.blocked).toBe(0)
    expect(freed).toBe(1)
  })

  test('control elements pass without credit', async () => {
    const pressure = new OutputPressure(() => {})
    const pair = create(1, pressure)
    pair.output.sendBatch(batchOf(1))
    for (let timestamp = 0; timestamp < 20; timestamp++) pair.output.sendControl({ kind: 'watermark', timestamp })
    expect(pressure.blocked).toBe(1)
    expect(await drain(pair)).toHaveLength(21)
    expect(pressure.blocked).toBe(0)
  })

  test('the consumer is told when something arrives in an empty channel', async () => {
    const pair = create(8, new OutputPressure(() => {}))
    let notified = 0
    pair.input.onAvailable(() => notified++)
    pair.output.sendBatch(batchOf(1))
    pair.output.sendBatch(batchOf(2))
    await pair.settle()
    expect(notified).toBe(1)
    await drain(pair)
    pair.output.sendBatch(batchOf(3))
    await pair.settle()
    expect(notified).toBe(2)
  })

  test('a closed channel delivers nothing more and blocks nobody', async () => {
    const pressure = new OutputPressure(() => {})
    const pair = create(1, pressure)
    pair.output.sendBatch(batchOf(1))
    pair.output.close()
    pair.input.close()
    expect(pressure.blocked).toBe(0)
    pair.output.sendBatch(batchOf(2))
    expect(await drain(pair)).toEqual([])
    expect(pressure.blocked).toBe(0)
  })

  test('more batches than credits in one go still arrive in order', async () => {
    const pair = create(2, new OutputPressure(() => {}))
    for (let index = 0; index < 100; index++) pair.output.sendBatch(batchOf(index))
    expect(await drain(pair)).toEqual(Array.from({ length: 100 }, (_, index) => batchOf(index)))
  })
}
