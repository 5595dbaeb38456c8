/** How long a barrier is on its way through a channel whose producer is faster than its consumer. */
import { describe, expect, test } from 'vitest'
import { checkpointId } from '../base/ids.ts'
import { BATCH_RECORDS_MAX, type StreamElement } from '../stream/element.ts'
import { BatchWriter } from './batch-writer.ts'
import { OutputPressure } from './blocking.ts'
import type { InputChannel, OutputChannel } from './channel.ts'
import type { DataFrame, DataLink } from './data-link.ts'
import type { Debloating } from './debloater.ts'
import { LinkRouter } from './link-router.ts'
import { LocalChannel } from './local-channel.ts'
import { RemoteInputChannel, RemoteOutputChannel } from './remote-channel.ts'

const TARGET_MS = 1000

interface Ends {
  readonly output: OutputChannel
  readonly input: InputChannel
}
type Factory = (credits: number, pressure: OutputPressure, debloating: Debloating) => Ends

/** Frames arrive at once. */
class DirectLink implements DataLink {
  peer: DirectLink | undefined
  #receive: (frame: DataFrame) => void = () => {}

  post(frame: DataFrame): void {
    this.peer?.arrive(frame)
  }

  arrive(frame: DataFrame): void {
    this.#receive(frame)
  }

  receive(onFrame: (frame: DataFrame) => void): void {
    this.#receive = onFrame
  }

  close(): void {}
}

const remote: Factory = (credits, pressure, debloating) => {
  const [left, right] = [new DirectLink(), new DirectLink()]
  left.peer = right
  right.peer = left
  const output = new RemoteOutputChannel(0, left, credits, pressure, 'numbers')
  const input = new RemoteInputChannel(0, right, credits, debloating)
  const [atLeft, atRight] = [new LinkRouter(left), new LinkRouter(right)]
  atLeft.addOutput(0, output)
  atRight.addInput(0, input)
  atLeft.start()
  atRight.start()
  return { output, input }
}

const local: Factory = (credits, pressure, debloating) => {
  const channel = new LocalChannel(credits, pressure, debloating)
  return { output: channel, input: channel }
}

/** A producer that always has records, and a consumer that takes `msPerRecord`. */
class Line {
  nowMs = 0
  readonly #pressure = new OutputPressure(() => {})
  readonly #writer: BatchWriter
  readonly #input: InputChannel
  #next = 0

  constructor(create: Factory, credits: number) {
    const debloating: Debloating = {
      settings: { targetMs: TARGET_MS, recordsMax: BATCH_RECORDS_MAX },
      clock: { monotonicMs: () => this.nowMs },
    }
    const { output, input } = create(credits, this.#pressure, debloating)
    this.#writer = new BatchWriter(output, BATCH_RECORDS_MAX)
    this.#input = input
  }

  /** Consumes for `forMs`, or until a barrier comes. */
  work(forMs: number, msPerRecord: (nowMs: number) => number): StreamElement | undefined {
    const endMs = this.nowMs + forMs
    while (this.nowMs < endMs) {
      while (this.#pressure.blocked === 0) this.#writer.append(this.#next++, 0)
      const element = this.#input.poll()
      if (element === undefined) this.nowMs += 1
      else if (element.kind !== 'records') return element
      else this.nowMs += element.values.length * msPerRecord(this.nowMs)
    }
    return undefined
  }

  /** The barrier of this channel comes `forMs` before those of the others. */
  align(forMs: number, msPerRecord: (nowMs: number) => number): void {
    this.barrierMs(msPerRecord)
    this.nowMs += forMs
  }

  /** Records of the batches that come next. */
  batchRecords(batches: number): readonly number[] {
    const counts: number[] = []
    while (counts.length < batches) {
      while (this.#pressure.blocked === 0) this.#writer.append(this.#next++, 0)
      const element = this.#input.poll()
      if (element?.kind === 'records') counts.push(element.values.length)
    }
    return counts
  }

  /** Milliseconds that a barrier takes. */
  barrierMs(msPerRecord: (nowMs: number) => number): number {
    const sentMs = this.nowMs
    this.#writer.sendControl({ kind: 'barrier', checkpoint: checkpointId(1), mode: 'exactly-once' })
    this.work(1_000_000, msPerRecord)
    return this.nowMs - sentMs
  }
}

describe.each([
  { name: 'remote channel', create: remote, credits: 8 },
  { name: 'local channel', create: local, credits: 2 },
])('a barrier through a $name', ({ create, credits }) => {
  test.each([0.5, 1, 7, 10, 100, 1000])(
    'takes about the target, or a record for each credit, at %d ms a record',
    (msPerRecord) => {
      const line = new Line(create, credits)
      line.work(60_000, () => msPerRecord)
      const floorMs = (credits + 1) * msPerRecord
      expect(line.barrierMs(() => msPerRecord)).toBeLessThanOrEqual(TARGET_MS * 1.5 + floorMs)
    },
  )

  test('takes about the target from the beginning on', () => {
    const line = new Line(create, credits)
    line.work(300, () => 100)
    expect(line.barrierMs(() => 100)).toBeLessThanOrEqual(TARGET_MS + (credits + 1) * 100)
  })

  test('takes about the target again after the consumer became slow and what waited is done', () => {
    const line = new Line(create, credits)
    const msPerRecord = (nowMs: number): number => (nowMs < 10_000 ? 0.01 : 10)
    line.work(120_000, msPerRecord)
    expect(line.barrierMs(msPerRecord)).toBeLessThanOrEqual(TARGET_MS * 1.5)
  })

  test('does not count as work what its consumer waits for the barriers of other channels', () => {
    const line = new Line(create, credits)
    line.work(1000, () => 0.01)
    for (let checkpoint = 0; checkpoint < 10; checkpoint++) {
      line.align(5000, () => 0.01)
      line.work(2, () => 0.01)
    }
    expect(line.batchRecords(credits)).toEqual(Array.from({ length: credits }, () => BATCH_RECORDS_MAX))
  })
})
