import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { TIMESTAMP_LIMIT_MS, WINDOW_LENGTH_MAX_MS } from './event-time.ts'
import { PaneGrid, type SlidingShape } from './pane-grid.ts'

/** Windows that overlap. */
const shapeOf = (lengthMax: number): fc.Arbitrary<SlidingShape> =>
  fc
    .record({
      slideMs: fc.integer({ min: 1, max: lengthMax }),
      longer: fc.integer({ min: 1, max: 5 * lengthMax }),
      offset: fc.integer(),
    })
    .map(({ slideMs, longer, offset }) => ({ sizeMs: slideMs + longer, slideMs, offsetMs: offset % slideMs }))

test('a pane is in exactly the windows that each of its moments is in', () => {
  fc.assert(
    fc.property(shapeOf(12), fc.integer({ min: -300, max: 300 }), (shape, timestamp) => {
      const grid = new PaneGrid(shape)
      const pane = grid.paneAt(timestamp)
      const windows: number[] = []
      for (let window = -700; window <= 700; window++) {
        const start = window * shape.slideMs + shape.offsetMs
        if (start <= timestamp && timestamp < start + shape.sizeMs) windows.push(window)
      }
      expect([grid.firstWindowOf(pane), grid.lastWindowOf(pane)]).toEqual([windows[0], windows.at(-1)])
    }),
    { numRuns: 1000 },
  )
})

test('the panes of a window are all that lie in it, one beside the other', () => {
  fc.assert(
    fc.property(shapeOf(1000), fc.integer({ min: -1000, max: 1000 }), (shape, window) => {
      const grid = new PaneGrid(shape)
      const first = grid.firstPaneOf(window)
      const last = grid.lastPaneOf(window)
      expect(last - first + 1).toBe(grid.panesPerWindow)
      expect(grid.startOfPane(first)).toBe(window * shape.slideMs + shape.offsetMs)
      expect(grid.startOfPane(last + 1)).toBe(grid.endOfWindow(window))
      for (const pane of [first, last]) {
        expect(grid.startOfPane(pane)).toBeLessThan(grid.startOfPane(pane + 1))
        expect([grid.paneAt(grid.startOfPane(pane)), grid.paneAt(grid.startOfPane(pane + 1) - 1)]).toEqual([pane, pane])
      }
    }),
    { numRuns: 1000 },
  )
})

test('a window has at most one pane more than twice the windows of a record', () => {
  fc.assert(
    fc.property(shapeOf(WINDOW_LENGTH_MAX_MS / 6), (shape) => {
      const windowsPerRecord = Math.floor(shape.sizeMs / shape.slideMs)
      expect(new PaneGrid(shape).panesPerWindow).toBeLessThanOrEqual(2 * windowsPerRecord + 1)
    }),
  )
  expect(new PaneGrid({ sizeMs: 3_600_000, slideMs: 3_599_000, offsetMs: 0 }).panesPerWindow).toBe(3)
  expect(new PaneGrid({ sizeMs: 60_000, slideMs: 1000, offsetMs: 0 }).panesPerWindow).toBe(60)
})

test('panes and windows are exact over the whole range of timestamps', () => {
  const timestampOf = fc.integer({ min: -TIMESTAMP_LIMIT_MS, max: TIMESTAMP_LIMIT_MS })
  fc.assert(
    fc.property(shapeOf(WINDOW_LENGTH_MAX_MS / 6), timestampOf, (shape, timestamp) => {
      const grid = new PaneGrid(shape)
      const pane = grid.paneAt(timestamp)
      expect(grid.startOfPane(pane)).toBeLessThanOrEqual(timestamp)
      expect(grid.startOfPane(pane + 1)).toBeGreaterThan(timestamp)
      const window = grid.lastWindowEndedAt(timestamp)
      expect(grid.maxTimestampOfWindow(window)).toBeLessThanOrEqual(timestamp)
      expect(grid.maxTimestampOfWindow(window + 1)).toBeGreaterThan(timestamp)
      expect(Number.isSafeInteger(grid.maxTimestampOfWindow(window + 1))).toBe(true)
    }),
    { numRuns: 2000 },
  )
})
