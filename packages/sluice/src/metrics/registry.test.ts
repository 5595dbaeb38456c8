import { describe, expect, test } from 'vitest'
import { Registry } from './registry.ts'

const LABELS = { tm_id: 'tm-1', host: 'a' }
const LOSSES = 'sluice_taskmanager_slot_losses_total'
const SLOTS = 'sluice_taskmanager_slots'
const DURATIONS = 'sluice_job_checkpoint_duration_seconds'

function valuesOf(registry: Registry): readonly unknown[] {
  return registry.samples().map(({ value }) => value)
}

describe('the registry', () => {
  test('a counter grows and a gauge is what was set last', () => {
    const registry = new Registry()
    registry.counter(LOSSES, LABELS).add()
    registry.counter(LOSSES, LABELS).add(2.5)
    registry.gauge(SLOTS, LABELS).set(7)
    registry.gauge(SLOTS, LABELS).set(4)
    expect(valuesOf(registry)).toEqual([3.5, 4])
  })

  test('a series that nothing was counted on is 0, not missing', () => {
    const registry = new Registry()
    registry.counter(LOSSES, LABELS)
    expect(registry.samples()).toEqual([{ metric: LOSSES, labels: LABELS, value: 0 }])
  })

  test('other labels are another series, in whatever order they are given', () => {
    const registry = new Registry()
    registry.counter(LOSSES, LABELS).add(1)
    registry.counter(LOSSES, { host: 'a', tm_id: 'tm-1' }).add(1)
    registry.counter(LOSSES, { ...LABELS, host: 'b' }).add(5)
    expect(valuesOf(registry)).toEqual([2, 5])
  })

  test('thousands of series keep their values while the array grows', () => {
    const registry = new Registry()
    const counters = Array.from({ length: 2000 }, (_, n) => registry.counter(LOSSES, { ...LABELS, host: `h${n}` }))
    counters.forEach((counter, n) => counter.add(n))
    expect(valuesOf(registry)).toEqual(Array.from({ length: 2000 }, (_, n) => n))
  })

  test('what is counted on a removed series does not show up in the one that took its place', () => {
    const registry = new Registry()
    const old = registry.counter(LOSSES, LABELS)
    old.add(9)
    registry.remove(LOSSES, LABELS)
    registry.remove(LOSSES, LABELS)
    const young = registry.counter(LOSSES, { ...LABELS, host: 'b' })
    old.add(100)
    young.add(1)
    expect(valuesOf(registry)).toEqual([1])
  })

  test('a summary is gone when it is removed', () => {
    const registry = new Registry()
    const labels = { job_id: 'j', job_name: 'orders' }
    registry.summary(DURATIONS, labels).observe(2)
    expect(valuesOf(registry)).toMatchObject([{ count: 1, sum: 2, p50: 2 }])
    registry.remove(DURATIONS, labels)
    expect(registry.samples()).toEqual([])
  })

  test('a counter that would shrink, and a metric used as another kind, are bugs', () => {
    const registry = new Registry()
    expect(() => registry.counter(LOSSES, LABELS).add(-1)).toThrow('a counter only grows')
    expect(() => registry.gauge(LOSSES, LABELS)).toThrow('something it is not')
  })
})
