import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_WATERMARK, MIN_WATERMARK, NO_TIMESTAMP } from '../stream/element.ts'
import { WatermarkStrategy, type WatermarkGenerator } from './watermark-strategy.ts'

const caught = (act: () => unknown): unknown => {
  try {
    return act()
  } catch (error) {
    return error
  }
}

describe('a watermark strategy', () => {
  test('bounded out-of-orderness stays the bound and one millisecond behind the greatest timestamp', () => {
    const generator = WatermarkStrategy.forBoundedOutOfOrderness('5s').createGenerator()
    generator.onEvent(20_000)
    generator.onEvent(17_000)
    expect(generator.current()).toBe(14_999)
  })

  test('monotonous timestamps stay one millisecond behind', () => {
    const generator = WatermarkStrategy.forMonotonousTimestamps().createGenerator()
    generator.onEvent(20_000)
    expect(generator.current()).toBe(19_999)
  })

  test('a generator never goes back and never leaves the safe integers', () => {
    const timestamps = fc.array(fc.oneof(fc.maxSafeInteger(), fc.constant(NO_TIMESTAMP), fc.constant(MAX_WATERMARK)))
    fc.assert(
      fc.property(timestamps, fc.constantFrom('0ms', '1ms', '2h', '100000000d'), (events, bound) => {
        const generator = WatermarkStrategy.forBoundedOutOfOrderness(bound).createGenerator()
        let last = generator.current()
        expect(last).toBe(MIN_WATERMARK)
        for (const timestamp of events) {
          generator.onEvent(timestamp)
          const watermark = generator.current()
          expect(Number.isSafeInteger(watermark)).toBe(true)
          expect(watermark).toBeGreaterThanOrEqual(last)
          last = watermark
        }
      }),
    )
  })

  test('every generator follows its own split', () => {
    const strategy = WatermarkStrategy.forMonotonousTimestamps()
    strategy.createGenerator().onEvent(100)
    expect(strategy.createGenerator().current()).toBe(MIN_WATERMARK)
  })

  test('is frozen; each change makes another one', () => {
    const plain = WatermarkStrategy.forBoundedOutOfOrderness<{ at: number }>('1s')
    const timed = plain.withTimestamp((record) => record.at).withIdleness('5s')
    expect(Object.isFrozen(timed)).toBe(true)
    expect([plain.timestampOf, plain.idleAfterMs]).toEqual([undefined, 60_000])
    expect([timed.timestampOf?.({ at: 7 }, NO_TIMESTAMP), timed.idleAfterMs, timed.outOfOrdernessMs]).toEqual([
      7, 5000, 1000,
    ])
  })

  test('idleness can be off, and is off without watermarks', () => {
    expect(WatermarkStrategy.forMonotonousTimestamps().withIdleness('off').idleAfterMs).toBeUndefined()
    expect(WatermarkStrategy.noWatermarks().idleAfterMs).toBeUndefined()
    expect(() => WatermarkStrategy.noWatermarks().withIdleness('0s')).toThrow(/every split idle at once/)
  })

  test('without watermarks nothing advances', () => {
    const generator = WatermarkStrategy.noWatermarks().createGenerator()
    generator.onEvent(5)
    expect(generator.current()).toBe(MIN_WATERMARK)
  })

  test('takes a generator of the user', () => {
    const strategy = WatermarkStrategy.forGenerator(() => ({ onEvent: () => {}, current: () => 42 }))
    expect([strategy.kind, strategy.createGenerator().current()]).toEqual(['generator', 42])
  })

  test('takes a generator with inherited functions', () => {
    class Constant {
      onEvent(): void {}
      current(): number {
        return 42
      }
    }
    expect(
      WatermarkStrategy.forGenerator(() => new Constant())
        .createGenerator()
        .current(),
    ).toBe(42)
  })

  test.for([
    { what: 'nothing', value: undefined, says: 'returned undefined, not' },
    { what: 'null', value: null, says: 'returned null, not' },
    { what: 'a number', value: 5, says: 'returned a value of type number' },
    { what: 'a promise', value: Promise.resolve(), says: 'returned a promise' },
    { what: 'Flink-like names', value: { onEvent() {}, onPeriodicEmit() {} }, says: 'without the function current,' },
    { what: 'an empty object', value: {}, says: 'without the function onEvent and the function current' },
  ])('refuses a generator function that returns $what, for good', ({ value, says }) => {
    const make = (() => value) as unknown as () => WatermarkGenerator // the types would not allow it
    const failure = caught(() => WatermarkStrategy.forGenerator(make).createGenerator())
    expect(failure).toMatchObject({ code: 'GRA1005', retry: 'never', message: expect.stringContaining(says) })
  })

  test('refuses a generator in the place of the function that makes it, when the job is built', () => {
    const generator = { onEvent() {}, current: () => 0 } as unknown as () => WatermarkGenerator // the types would not allow it
    expect(caught(() => WatermarkStrategy.forGenerator(generator))).toMatchObject({ code: 'GRA1005' })
  })

  test('says that the function of the user threw', () => {
    const broken = WatermarkStrategy.forGenerator(() => {
      throw new Error('boom')
    })
    expect(caught(() => broken.createGenerator())).toMatchObject({
      code: 'TSK1001',
      message: expect.stringContaining('given to forGenerator threw: boom'),
    })
  })
})
