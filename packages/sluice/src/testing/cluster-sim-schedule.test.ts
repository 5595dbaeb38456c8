import { describe, expect, test } from 'vitest'
import { drawSchedule, parseSchedule, scheduleText } from './cluster-sim-schedule.ts'
import { drawClusterShape } from './cluster-sim-shape.ts'
import { streamOf } from './sim-shape.ts'

describe('the text of a schedule', () => {
  test('gives the schedule back, whatever was drawn', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const schedule = drawSchedule(streamOf(seed, 'plan'), drawClusterShape(streamOf(seed, 'cluster'), 300))
      expect(parseSchedule(scheduleText(schedule)), `seed ${seed}`).toEqual(schedule)
    }
  })

  test('of nothing is empty', () => {
    expect(parseSchedule('')).toEqual([])
  })

  test.each(['burn(tm1)@t5', 'crash(tm1,5)', 'crash(tm1,5)@x5', 'throw'])('is refused when it is %s', (text) => {
    expect(() => parseSchedule(text)).toThrow(/no fault of a simulated cluster/)
  })
})
