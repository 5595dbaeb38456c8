import { describe, expect, test } from 'vitest'
import { EngineError } from '../base/errors.ts'
import { BATCH_RECORDS_MAX } from '../stream/element.ts'
import { OutputPressure } from './blocking.ts'
import { channelConformance } from '../../test/channel-conformance.ts'
import type { DataFrame, DataLink } from './data-link.ts'
import { LinkRouter } from './link-router.ts'
import { BATCH_BYTES_MAX, RemoteInputChannel, RemoteOutputChannel } from './remote-channel.ts'

/** Two ends in one thread; `settle` delivers. */
class TestLink implements DataLink {
  readonly sent: DataFrame[] = []
  #receive: (frame: DataFrame) => void = () => {}

  post(frame: DataFrame): void {
    this.sent.push(frame)
  }

  receive(onFrame: (frame: DataFrame) => void): void {
    this.#receive = onFrame
  }

  deliverTo(other: TestLink): void {
    for (const frame of this.sent.splice(0)) other.#receive(frame)
  }

  close(): void {}
}

describe('remote channel', () => {
  channelConformance((credits, pressure) => {
    const [left, right] = [new TestLink(), new TestLink()]
    const [leftRouter, rightRouter] = [new LinkRouter(left), new LinkRouter(right)]
    const output = new RemoteOutputChannel(7, left, credits, pressure, 'numbers')
    const input = new RemoteInputChannel(7, right, credits)
    leftRouter.addOutput(7, output)
    rightRouter.addInput(7, input)
    leftRouter.start()
    rightRouter.start()
    return {
      output,
      input,
      settle: async () => {
        left.deliverTo(right)
        right.deliverTo(left)
      },
    }
  })

  test('a record that cannot be encoded is refused with the path to the field', () => {
    const output = new RemoteOutputChannel(0, new TestLink(), 8, new OutputPressure(() => {}), 'numbers')
    const send = (): void =>
      output.sendBatch({ kind: 'records', values: [{ user: { notify: () => {} } }], timestamps: [0] })
    expect(send).toThrow(EngineError)
    expect(send).toThrow(/user\.notify/)
  })

  test('a frame for a channel that does not exist is a broken invariant', () => {
    const [left, right] = [new TestLink(), new TestLink()]
    new LinkRouter(right).start()
    left.post({ kind: 'control', channel: 3, element: { kind: 'end' } })
    expect(() => left.deliverTo(right)).toThrow(/unknown channel/)
  })

  test('batches have one record until the consumer says how many it wants', () => {
    const { output, input, settle } = connected()
    expect(output.recordsMax).toBe(1)
    output.sendBatch({ kind: 'records', values: [1], timestamps: [0] })
    settle()
    input.poll()
    settle()
    expect(output.recordsMax).toBe(BATCH_RECORDS_MAX)
  })

  test('large records make batches of fewer records', () => {
    const { output, input, settle } = connected()
    const values = Array.from({ length: 10 }, (_, index) => `${index}`.repeat(20_000))
    output.sendBatch({ kind: 'records', values, timestamps: values.map(() => 0) })
    settle()
    input.poll()
    settle()
    expect(output.recordsMax).toBe(6)
  })

  test('a batch that is too long for a frame is sent in parts', () => {
    const { output, input, settle } = connected()
    const values = [1, 2, 3].map((digit) => `${digit}`.repeat(BATCH_BYTES_MAX / 2))
    output.sendBatch({ kind: 'records', values, timestamps: [1, 2, 3] })
    settle()
    const batches = [input.poll(), input.poll(), input.poll(), input.poll()]
    expect(batches.map((batch) => (batch?.kind === 'records' ? batch.timestamps : undefined))).toEqual([
      [1],
      [2],
      [3],
      undefined,
    ])
  })

  test('a record that is too long for a frame is refused with its size', () => {
    const { output } = connected()
    const values = ['x'.repeat(BATCH_BYTES_MAX + 1)]
    expect(() => output.sendBatch({ kind: 'records', values, timestamps: [0] })).toThrow(
      /"numbers" has \d+ bytes; at most 33554432/,
    )
  })
})

function connected(): { output: RemoteOutputChannel; input: RemoteInputChannel; settle: () => void } {
  const [left, right] = [new TestLink(), new TestLink()]
  const [leftRouter, rightRouter] = [new LinkRouter(left), new LinkRouter(right)]
  const output = new RemoteOutputChannel(7, left, 8, new OutputPressure(() => {}), 'numbers')
  const input = new RemoteInputChannel(7, right, 8)
  leftRouter.addOutput(7, output)
  rightRouter.addInput(7, input)
  leftRouter.start()
  rightRouter.start()
  return {
    output,
    input,
    settle: () => {
      left.deliverTo(right)
      right.deliverTo(left)
    },
  }
}
