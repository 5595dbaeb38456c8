import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import { WatermarkCombiner } from './watermark-combiner.ts'
import type { WatermarkUpdate } from './watermark-update.ts'

function send(combiner: WatermarkCombiner, action: string, channel: number, watermark: number): WatermarkUpdate {
  if (action === 'watermark') return combiner.onWatermark(channel, watermark)
  if (action === 'end') return combiner.onEnd(channel)
  return action === 'idle' ? combiner.onIdle(channel) : combiner.onActive(channel)
}

describe('the watermark of a task', () => {
  test('is the minimum over its channels and never goes back', () => {
    const combiner = new WatermarkCombiner(2)
    expect(combiner.onWatermark(0, 10)).toEqual({})
    expect(combiner.onWatermark(1, 5)).toEqual({ watermark: 5 })
    expect(combiner.onWatermark(1, 4)).toEqual({})
    expect(combiner.onWatermark(1, 20)).toEqual({ watermark: 10 })
  })

  test('goes on without an idle channel and ignores its watermarks', () => {
    const combiner = new WatermarkCombiner(2)
    combiner.onWatermark(0, 10)
    combiner.onWatermark(1, 5)
    expect(combiner.onIdle(1)).toEqual({ watermark: 10 })
    expect(combiner.onWatermark(1, 50)).toEqual({})
    expect(combiner.onWatermark(0, 11)).toEqual({ watermark: 11 })
  })

  test('a channel back from idleness does not hold the others back until it has caught up', () => {
    const combiner = new WatermarkCombiner(2)
    combiner.onWatermark(1, 5)
    combiner.onIdle(1)
    combiner.onWatermark(0, 100)
    expect(combiner.onActive(1)).toEqual({})
    expect(combiner.onWatermark(1, 50)).toEqual({})
    expect(combiner.onWatermark(0, 110)).toEqual({ watermark: 110 })
    expect(combiner.onWatermark(1, 110)).toEqual({})
    expect(combiner.onWatermark(0, 120)).toEqual({})
    expect(combiner.onWatermark(1, 115)).toEqual({ watermark: 115 })
  })

  test('flushes the greatest watermark and becomes idle when the last active channel does, then active with the first', () => {
    const combiner = new WatermarkCombiner(2)
    combiner.onWatermark(0, 10)
    combiner.onWatermark(1, 5)
    expect(combiner.onIdle(0)).toEqual({})
    expect(combiner.onIdle(1)).toEqual({ watermark: 10, idle: true })
    expect(combiner.onIdle(1)).toEqual({})
    expect(combiner.onActive(0)).toEqual({ idle: false })
    expect(combiner.onActive(0)).toEqual({})
  })

  test('an idle channel that was ahead of the output is not flushed when a channel that catches up falls silent', () => {
    const combiner = new WatermarkCombiner(3)
    combiner.onWatermark(0, 100)
    combiner.onWatermark(1, 50)
    combiner.onWatermark(2, 5)
    combiner.onIdle(2)
    combiner.onIdle(0)
    combiner.onActive(2)
    expect(combiner.current()).toBe(50)
    expect(combiner.onIdle(1)).toEqual({})
    expect(combiner.onIdle(2)).toEqual({ idle: true })
  })

  test('an ended channel holds nothing back', () => {
    const combiner = new WatermarkCombiner(2)
    combiner.onWatermark(1, 7)
    expect(combiner.onWatermark(0, MAX_WATERMARK)).toEqual({ watermark: 7 })
    expect(combiner.onEnd(0)).toEqual({})
    expect(combiner.onWatermark(1, 8)).toEqual({ watermark: 8 })
    expect(combiner.onEnd(1)).toEqual({ watermark: MAX_WATERMARK })
  })

  test('an ended channel does not push the output over idle channels that may come back', () => {
    const combiner = new WatermarkCombiner(2)
    combiner.onWatermark(0, 10)
    combiner.onWatermark(1, 9)
    combiner.onIdle(1)
    expect(combiner.onEnd(0)).toEqual({ idle: true })
    expect(combiner.current()).toBe(10)
    expect(combiner.onActive(1)).toEqual({ idle: false })
    expect(combiner.onWatermark(1, 12)).toEqual({ watermark: 12 })
    expect(combiner.onEnd(1)).toEqual({ watermark: MAX_WATERMARK })
  })

  test('an idle task whose last channels end wakes up for the end', () => {
    const combiner = new WatermarkCombiner(1)
    expect(combiner.onIdle(0)).toEqual({ idle: true })
    expect(combiner.onEnd(0)).toEqual({ watermark: MAX_WATERMARK, idle: false })
    expect(combiner.onIdle(0)).toEqual({})
  })

  test('never goes back, is never ahead of an aligned channel, and ends only when all channels have', () => {
    const step = fc.record({
      channel: fc.nat(2),
      action: fc.constantFrom('watermark', 'watermark', 'watermark', 'idle', 'active', 'end'),
      amount: fc.nat(20),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const combiner = new WatermarkCombiner(3)
        const sent = [MIN_WATERMARK, MIN_WATERMARK, MIN_WATERMARK]
        const status = ['active', 'active', 'active']
        let idle = false
        let last = MIN_WATERMARK
        for (const { channel, action, amount } of steps) {
          if (status[channel] === 'end') continue
          const watermark = Math.max(0, sent[channel] ?? 0) + amount
          if (action === 'watermark' && status[channel] === 'active') sent[channel] = watermark
          if (action === 'idle' || action === 'active' || action === 'end') status[channel] = action
          const update = send(combiner, action, channel, watermark)
          if (update.watermark !== undefined) {
            expect(update.watermark).toBeGreaterThan(last)
            last = update.watermark
          }
          if (update.idle !== undefined) {
            expect(update.idle).toBe(!idle)
            idle = update.idle
          }
          const areAllEnded = status.every((one) => one === 'end')
          expect(last === MAX_WATERMARK).toBe(areAllEnded)
          expect(idle).toBe(!areAllEnded && !status.includes('active'))
          expect(combiner.current()).toBe(last)
        }
      }),
    )
  })

  test('without idleness and ends it is the plain minimum', () => {
    const step = fc.tuple(fc.nat(3), fc.nat(100))
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const combiner = new WatermarkCombiner(4)
        const max = [MIN_WATERMARK, MIN_WATERMARK, MIN_WATERMARK, MIN_WATERMARK]
        for (const [channel, timestamp] of steps) {
          combiner.onWatermark(channel, timestamp)
          max[channel] = Math.max(max[channel] ?? MIN_WATERMARK, timestamp)
          expect(combiner.current()).toBe(Math.min(...max))
        }
      }),
    )
  })
})
