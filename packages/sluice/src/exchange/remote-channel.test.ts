import { describe, expect, test } from 'vitest'
import { EngineError } from '../base/errors.ts'
import { OutputPressure } from './blocking.ts'
import { channelConformance } from '../../test/channel-conformance.ts'
import type { DataFrame, DataLink } from './data-link.ts'
import { LinkRouter } from './link-router.ts'
import { RemoteInputChannel, RemoteOutputChannel } from './remote-channel.ts'

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
})
