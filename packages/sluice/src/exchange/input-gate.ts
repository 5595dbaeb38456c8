/**
 * All input channels of one subtask: picks the next element, fairly, and never from a channel that is blocked for alignment.
 *
 * G1 A blocked channel keeps its elements, in order, until it is unblocked.
 * G2 Every channel with elements that is not blocked gets its turn (round robin).
 */
import type { StreamElement } from '../stream/element.ts'
import type { InputChannel } from './channel.ts'

export class InputGate {
  readonly #channels: readonly InputChannel[]
  readonly #blocked: boolean[]
  #cursor = 0
  /** The channel of the element that `poll` returned last. */
  channel = 0

  constructor(channels: readonly InputChannel[], notify: () => void) {
    this.#channels = channels
    this.#blocked = channels.map(() => false)
    for (const channel of channels) channel.onAvailable(notify)
  }

  get channelCount(): number {
    return this.#channels.length
  }

  poll(): StreamElement | undefined {
    const count = this.#channels.length
    for (let tried = 0; tried < count; tried++) {
      const index = this.#cursor
      this.#cursor = index + 1 === count ? 0 : index + 1
      if (this.#blocked[index] === true) continue
      const element = this.#channels[index]?.poll()
      if (element === undefined) continue
      this.channel = index
      return element
    }
    return undefined
  }

  hasNext(): boolean {
    return this.#channels.some((channel, index) => this.#blocked[index] !== true && channel.hasNext())
  }

  block(channel: number): void {
    this.#blocked[channel] = true
  }

  unblockAll(): void {
    this.#blocked.fill(false)
  }

  close(): void {
    for (const channel of this.#channels) channel.close()
  }
}
