import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { TimerQueue } from './timer-queue.ts'
import {
  FLAT_TIMERS_MAX,
  type TimerSet,
  forEachTimer,
  hasTimer,
  namespaceAt,
  timerCount,
  timerSetOf,
  withTimer,
  withoutTimer,
} from './timer-set.ts'

test('a queue gives timestamps in order and every owner once, like a sorted list', () => {
  const owners = Array.from({ length: 5 }, (_, id) => ({ id }))
  const operation = fc.record({
    kind: fc.constantFrom('add', 'add', 'add', 'remove', 'take'),
    time: fc.integer({ min: -8, max: 8 }),
    owner: fc.nat(4),
  })
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300, size: 'max' }), (operations) => {
      const queue = new TimerQueue<{ readonly id: number }>()
      const model = new Map<number, Set<number>>()
      const forget = (time: number, id: number) => {
        model.get(time)?.delete(id)
        if (model.get(time)?.size === 0) model.delete(time)
      }
      for (const { kind, time, owner: id } of operations) {
        const owner = owners[id] ?? { id }
        if (kind === 'add') {
          queue.add(time, owner)
          model.set(time, (model.get(time) ?? new Set()).add(id))
        } else if (kind === 'remove') {
          queue.remove(time, owner)
          forget(time, id)
        } else {
          const earliest = queue.earliestMs()
          expect(earliest).toBe(model.size === 0 ? undefined : Math.min(...model.keys()))
          if (earliest === undefined) continue
          const taken = queue.ownerAt(earliest)
          expect(taken).toBe(queue.ownerAt(earliest))
          expect(model.get(earliest)?.has(taken?.id ?? -1)).toBe(true)
          if (taken !== undefined) queue.remove(earliest, taken)
          forget(earliest, taken?.id ?? -1)
        }
      }
    }),
  )
})

test('timestamps that come and go do not pile up', () => {
  const queue = new TimerQueue<object>()
  const owner = {}
  queue.add(1_000_000, owner)
  for (let time = 0; time < 100_000; time++) {
    queue.add(2_000_000 + time, owner)
    queue.remove(2_000_000 + time, owner)
  }
  expect(queue.earliestMs()).toBe(1_000_000)
  queue.remove(1_000_000, owner)
  expect(queue.earliestMs()).toBeUndefined()
})

test('a timer set equals a set of pairs, below and above the size where it gets an index', () => {
  const pair = fc.tuple(
    fc.integer({ min: 0, max: 6 }),
    fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constantFrom('a', 'b')),
  )
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('add', 'add', 'delete'), pair), { maxLength: 120, size: 'max' }),
      (operations) => {
        let timers: TimerSet | undefined
        const model = new Map<string, readonly [number, number | string]>()
        for (const [kind, [time, namespace]] of operations) {
          const name = JSON.stringify([time, namespace])
          const has = timers !== undefined && hasTimer(timers, time, namespace)
          expect(has).toBe(model.has(name))
          if (kind === 'add' && !has) {
            timers = timers === undefined ? timerSetOf(time, namespace) : withTimer(timers, time, namespace)
            model.set(name, [time, namespace])
          } else if (kind === 'delete' && has && timers !== undefined) {
            timers = withoutTimer(timers, time, namespace)
            model.delete(name)
            const isTimeLeft = [...model.values()].some(([other]) => other === time)
            expect(timers !== undefined && namespaceAt(timers, time) !== undefined).toBe(isTimeLeft)
          }
        }
        const found: string[] = []
        if (timers !== undefined)
          forEachTimer(timers, (time, namespace) => found.push(JSON.stringify([time, namespace])))
        expect(found.toSorted()).toEqual([...model.keys()].toSorted())
        expect(timers === undefined ? 0 : timerCount(timers)).toBe(model.size)
      },
    ),
  )
})

test('a key with very many timers stays fast and complete', () => {
  let timers = timerSetOf(0, 0)
  for (let time = 1; time < 20_000; time++) timers = withTimer(timers, time, time % 3)
  expect(timerCount(timers)).toBe(20_000)
  expect(timerCount(timers)).toBeGreaterThan(FLAT_TIMERS_MAX)
  expect(hasTimer(timers, 19_999, 19_999 % 3)).toBe(true)
  expect(hasTimer(timers, 19_999, 'x')).toBe(false)
})
