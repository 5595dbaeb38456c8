/**
 * Event time of a task, combined from its input channels.
 *
 * Owns: watermark, idleness and end of every channel, and what was emitted last. Pure: no clock, no I/O.
 *
 * W5 The output watermark is the minimum over aligned channels and never goes back.
 * W6 A channel is aligned unless it is idle, has ended, or came back from idleness and has not caught up with the output yet.
 * W7 Watermarks of an idle channel are ignored and not remembered.
 * W8 A channel that has ended (`end`, or MAX_WATERMARK) neither holds back nor pushes the output: only when all have ended the output
 *    is MAX_WATERMARK. Otherwise idle channels could lose their later records because a sibling ended.
 */
import { assert } from '../base/assert.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import { NO_UPDATE, type WatermarkUpdate } from './watermark-update.ts'

type ChannelStatus = 'aligned' | 'catching-up' | 'idle' | 'ended'

interface Channel {
  status: ChannelStatus
  watermark: number
}

export class WatermarkCombiner {
  readonly #channels: readonly Channel[]
  #emitted = MIN_WATERMARK
  #isIdle = false

  constructor(channelCount: number) {
    assert(channelCount > 0, 'a watermark combiner needs an input channel', { channelCount })
    this.#channels = Array.from({ length: channelCount }, () => ({ status: 'aligned', watermark: MIN_WATERMARK }))
  }

  onWatermark(channel: number, timestamp: number): WatermarkUpdate {
    if (timestamp === MAX_WATERMARK) return this.onEnd(channel)
    const state = this.#channel(channel)
    if (state.status === 'idle' || timestamp <= state.watermark) return NO_UPDATE
    assert(state.status !== 'ended', 'a channel sent a watermark after its end', { channel, timestamp })
    state.watermark = timestamp
    if (state.status === 'catching-up' && timestamp >= this.#emitted) state.status = 'aligned'
    return this.#update(this.#minAligned())
  }

  onIdle(channel: number): WatermarkUpdate {
    const state = this.#channel(channel)
    if (state.status === 'idle' || state.status === 'ended') return NO_UPDATE
    state.status = 'idle'
    return this.#withoutChannel(state)
  }

  onActive(channel: number): WatermarkUpdate {
    const state = this.#channel(channel)
    if (state.status !== 'idle') return NO_UPDATE
    state.status = state.watermark >= this.#emitted ? 'aligned' : 'catching-up'
    return this.#update(this.#minAligned())
  }

  onEnd(channel: number): WatermarkUpdate {
    const state = this.#channel(channel)
    if (state.status === 'ended') return NO_UPDATE
    const wasIdle = state.status === 'idle'
    state.status = 'ended'
    if (this.#every('ended')) return this.#update(MAX_WATERMARK)
    return wasIdle ? NO_UPDATE : this.#withoutChannel(state)
  }

  /** The last emitted watermark. */
  current(): number {
    return this.#emitted
  }

  /** A channel stopped to take part: the others may advance, or all that are left are idle. */
  #withoutChannel(state: Channel): WatermarkUpdate {
    if (this.#hasActive()) return this.#update(this.#minAligned())
    return this.#update(state.watermark === this.#emitted ? this.#maxLive() : MIN_WATERMARK)
  }

  #update(watermark: number): WatermarkUpdate {
    const isIdle = watermark !== MAX_WATERMARK && !this.#hasActive()
    const isNewWatermark = watermark > this.#emitted
    const isNewIdleness = isIdle !== this.#isIdle
    if (!isNewWatermark && !isNewIdleness) return NO_UPDATE
    if (isNewWatermark) this.#emitted = watermark
    this.#isIdle = isIdle
    return { ...(isNewWatermark ? { watermark } : {}), ...(isNewIdleness ? { idle: isIdle } : {}) }
  }

  #hasActive(): boolean {
    return this.#channels.some(({ status }) => status === 'aligned' || status === 'catching-up')
  }

  #every(status: ChannelStatus): boolean {
    return this.#channels.every((channel) => channel.status === status)
  }

  /** MIN_WATERMARK, which changes nothing, when no channel is aligned. */
  #minAligned(): number {
    let min = MAX_WATERMARK
    for (const channel of this.#channels)
      if (channel.status === 'aligned' && channel.watermark < min) min = channel.watermark
    return min === MAX_WATERMARK ? MIN_WATERMARK : min
  }

  #maxLive(): number {
    let max = MIN_WATERMARK
    for (const channel of this.#channels)
      if (channel.status !== 'ended' && channel.watermark > max) max = channel.watermark
    return max
  }

  #channel(index: number): Channel {
    const channel = this.#channels[index]
    assert(channel !== undefined, 'no such input channel', { index, channelCount: this.#channels.length })
    return channel
  }
}
