import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SplitWatermarks } from './split-watermarks.ts'
import { WatermarkStrategy } from './watermark-strategy.ts'

function monotonous(idleness: string): SplitWatermarks {
  return new SplitWatermarks(WatermarkStrategy.forMonotonousTimestamps().withIdleness(idleness))
}

describe('the watermark of a source subtask', () => {
  test('is the minimum over its splits', () => {
    const splits = monotonous('off')
    splits.split('a').onEvent(100)
    splits.split('b').onEvent(50)
    expect(splits.emit(0)).toEqual({ watermark: 49 })
    splits.split('b').onEvent(200)
    expect(splits.emit(0)).toEqual({ watermark: 99 })
    expect(splits.emit(0)).toEqual({})
  })

  test('waits for a split that has no record yet', () => {
    const splits = monotonous('off')
    splits.split('a').onEvent(100)
    splits.split('b')
    expect(splits.emit(0)).toEqual({})
  })

  test('advances when the split that held it back is finished', () => {
    const splits = monotonous('off')
    splits.split('a').onEvent(100)
    splits.split('b').onEvent(50)
    splits.emit(0)
    splits.remove('b')
    expect(splits.emit(0)).toEqual({ watermark: 99 })
  })

  test('never goes back when a split with older records comes', () => {
    const splits = monotonous('off')
    splits.split('a').onEvent(100)
    splits.emit(0)
    splits.split('b').onEvent(50)
    expect(splits.emit(0)).toEqual({})
    expect(splits.current()).toBe(99)
  })

  test('goes on without a split that is silent for longer than the idleness, seen by two probes', () => {
    const splits = monotonous('10s')
    const a = splits.split('a')
    a.onEvent(100)
    splits.split('b').onEvent(50)
    expect(splits.emit(0)).toEqual({ watermark: 49 })
    a.onEvent(101)
    expect(splits.emit(20_000)).toEqual({}) // the first probe without a record of b
    a.onEvent(102)
    expect(splits.emit(30_000)).toEqual({})
    a.onEvent(103)
    expect(splits.emit(30_001)).toEqual({ watermark: 102 })
  })

  test('flushes the greatest watermark and becomes idle when all splits are silent', () => {
    const splits = monotonous('10s')
    splits.split('a').onEvent(100)
    const b = splits.split('b')
    b.onEvent(50)
    splits.emit(0)
    splits.emit(1)
    expect(splits.emit(10_002)).toEqual({ watermark: 99, idle: true })
    expect(splits.emit(20_000)).toEqual({})
    b.onEvent(60)
    expect(splits.emit(20_001)).toEqual({ idle: false })
    b.onEvent(160)
    expect(splits.emit(20_002)).toEqual({ watermark: 159 })
  })

  test('becomes idle, too, when it has no split for so long, and active with the next one', () => {
    const splits = monotonous('10s')
    expect(splits.emit(0)).toEqual({})
    expect(splits.emit(10_001)).toEqual({ idle: true })
    splits.split('a')
    expect(splits.emit(10_002)).toEqual({ idle: false })
  })

  test('holds still while a split is assigned but not read yet, and does not become idle', () => {
    const splits = monotonous('10s')
    splits.split('a').onEvent(100)
    splits.assigned({ id: 'b' })
    expect(splits.emit(0)).toEqual({})
    expect(splits.emit(60_000)).toEqual({})
    splits.split('b').onEvent(50)
    expect(splits.emit(60_001)).toEqual({ watermark: 49 })
  })

  test('goes on while a split waits behind one of its sequence that is read, but does not become idle', () => {
    const splits = monotonous('10s')
    for (const id of ['a1', 'a2', 'a3']) splits.assigned({ id, sequence: 'a' })
    expect(splits.emit(0)).toEqual({})
    splits.split('a1').onEvent(100)
    expect(splits.emit(0)).toEqual({ watermark: 99 })
    splits.split('a1').onEvent(200)
    expect(splits.emit(0)).toEqual({ watermark: 199 })
    expect(splits.emit(60_000)).toEqual({})
    expect(splits.emit(120_000)).toEqual({})
    splits.remove('a1')
    splits.split('a2').onEvent(300)
    splits.remove('a3')
    splits.emit(120_001)
    splits.emit(120_002)
    expect(splits.emit(180_000)).toEqual({ idle: true })
  })

  test('holds still between two splits of a sequence, and as long as another sequence is not begun', () => {
    const splits = monotonous('off')
    for (const id of ['a1', 'a2']) splits.assigned({ id, sequence: 'a' })
    splits.assigned({ id: 'b1', sequence: 'b' })
    splits.split('a1').onEvent(100)
    expect(splits.emit(0)).toEqual({})
    splits.remove('a1')
    expect(splits.emit(0)).toEqual({})
    splits.split('a2').onEvent(200)
    expect(splits.emit(0)).toEqual({})
    splits.remove('a2')
    splits.split('b1')
    expect(splits.emit(0)).toEqual({})
    splits.split('b1').onEvent(50)
    expect(splits.emit(0)).toEqual({ watermark: 49 })
  })

  test('a blocked output is not idleness', () => {
    const splits = monotonous('10s')
    splits.split('a').onEvent(100)
    splits.emit(0)
    splits.emit(1)
    splits.onBlocked()
    expect(splits.emit(60_000)).toEqual({})
    expect(splits.emit(70_001)).toEqual({ idle: true })
    splits.onBlocked()
    expect(splits.emit(70_002)).toEqual({})
  })

  test('is the minimum over all splits whatever happens, when idleness is off', () => {
    const step = fc.record({
      split: fc.constantFrom('a', 'b', 'c'),
      timestamp: fc.nat(1000),
      action: fc.constantFrom('event', 'event', 'emit', 'remove'),
    })
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const splits = monotonous('off')
        const greatest = new Map<string, number>()
        let emitted = Number.NEGATIVE_INFINITY
        for (const { split, timestamp, action } of steps) {
          if (action === 'event') {
            splits.split(split).onEvent(timestamp)
            greatest.set(split, Math.max(timestamp, greatest.get(split) ?? 0))
          } else if (action === 'remove') {
            splits.remove(split)
            greatest.delete(split)
          } else {
            const { watermark } = splits.emit(0)
            const min = greatest.size === 0 ? Number.NEGATIVE_INFINITY : Math.min(...greatest.values()) - 1
            expect(watermark).toBe(min > emitted ? min : undefined)
            emitted = Math.max(emitted, min)
          }
        }
      }),
    )
  })
})
