import { expect, test } from 'vitest'
import { count } from '../api/aggregates.ts'
import { MIN_WATERMARK } from '../stream/element.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record } from '../testing/operator-script.ts'
import { ContinuousProcessingTimeTrigger } from './triggers.ts'
import { TumblingProcessingTimeWindows } from './window-assigners.ts'
import { WallClock } from './windowing-time.ts'
import { windowOperator } from './windows.ts'

test('the clock of windows stands while that of the machine is set back by little, and believes it when it is by more', () => {
  const clock = new WallClock()
  expect(clock.watermark).toBe(MIN_WATERMARK)
  expect([20_000, 19_999, 10_000, 20_001].map((nowMs) => clock.advanceTo(nowMs))).toEqual([
    20_000, 20_000, 20_000, 20_001,
  ])
  expect(clock.watermark).toBe(20_000)
  expect([10_000, 10_002].map((nowMs) => clock.advanceTo(nowMs))).toEqual([10_000, 10_002])
})

test('windows with a trigger for each interval fire once more when the input ends before them, not at every interval that is left', async () => {
  const spec = windowOperator({
    keySelector: () => 'all',
    assigner: TumblingProcessingTimeWindows.of('1d'),
    trigger: ContinuousProcessingTimeTrigger.of('1s'),
    aggregate: count(),
    resultOf: (_key, _window, held) => held,
  })
  const script = [record('a'), processingTime(1001), record('b'), processingTime(1500), endOfInput()]
  const output = await testOperator(spec, script, { keyBy: () => 'all' })
  expect(output.values).toEqual([1, 2, 2])
  expect(output.keysLeft).toBe(0)
})
