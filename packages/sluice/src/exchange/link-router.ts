import { assert } from '../base/assert.ts'
import type { DataFrame, DataLink } from './data-link.ts'
import type { RemoteInputChannel, RemoteOutputChannel } from './remote-channel.ts'

/** Hands the frames of one link to its channels. */
export class LinkRouter {
  readonly #inputs = new Map<number, RemoteInputChannel>()
  readonly #outputs = new Map<number, RemoteOutputChannel>()
  readonly #link: DataLink

  constructor(link: DataLink) {
    this.#link = link
  }

  addInput(channel: number, input: RemoteInputChannel): void {
    this.#inputs.set(channel, input)
  }

  addOutput(channel: number, output: RemoteOutputChannel): void {
    this.#outputs.set(channel, output)
  }

  /** Starts delivery; all channels must have been added. */
  start(): void {
    this.#link.receive((frame) => this.#route(frame))
  }

  #route(frame: DataFrame): void {
    if (frame.kind === 'credit') {
      const output = this.#outputs.get(frame.channel)
      assert(output !== undefined, 'credit for an unknown channel', { channel: frame.channel })
      output.onCredit(frame.batches, frame.recordsMax)
      return
    }
    const input = this.#inputs.get(frame.channel)
    assert(input !== undefined, 'data for an unknown channel', { channel: frame.channel })
    input.onFrame(frame)
  }
}
