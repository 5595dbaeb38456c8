import { describe, expect, test } from 'vitest'
import { below, seededRandom } from '../base/random.ts'
import type { KeyedStateBackend, TimerService, ValueState } from '../state/keyed-state.ts'
import { testOperator } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, watermark, type ScriptStep } from '../testing/operator-script.ts'
import { OperatorInstance } from '../testing/operator-instance.ts'
import type { OperatorSpec } from './operator.ts'
import type { PaneList } from './pane-list.ts'
import { reduceAggregate } from './reduce-aggregate.ts'
import { SlidingEventTimeWindows, SlidingProcessingTimeWindows, type SlidingWindows } from './window-assigners.ts'
import type { AggregateFunction, TimeWindow } from './window-definition.ts'
import { alignedWindowOperator } from './window-operator.ts'

interface Sale {
  readonly shop: string
  readonly amount: number
}

const keyBy = (sale: Sale): string => sale.shop
const at = (timestamp: number, amount = 1, shop = 'a'): ScriptStep => record({ shop, amount }, timestamp)
const shown = (key: string, { start, end }: TimeWindow, result: unknown): string =>
  `${key} [${start}, ${end}) ${JSON.stringify(result)}`

interface Sum {
  sum: number
}

const sum: AggregateFunction<Sale, Sum, number> = {
  createAccumulator: () => ({ sum: 0 }),
  add: ({ amount }, accumulator) => {
    accumulator.sum += amount
    return accumulator
  },
  getResult: (accumulator) => accumulator.sum,
  merge: (first, second) => {
    first.sum += second.sum
    return first
  },
}

interface Options {
  readonly allowedLatenessMs?: number
  readonly lateTag?: string
}

function windowsOf<A, R>(
  assigner: SlidingWindows,
  aggregate: AggregateFunction<Sale, A, R>,
  options: Options = {},
): OperatorSpec {
  return alignedWindowOperator(
    {
      keySelector: keyBy,
      aggregate,
      resultOf: (key: string, window, result: R) => shown(key, window, result),
      ...options,
    },
    assigner,
  )
}

/** The same aggregate with an accumulator for each window. */
function withoutMerge<A, R>(aggregate: AggregateFunction<Sale, A, R>): AggregateFunction<Sale, A, R> {
  return {
    createAccumulator: () => aggregate.createAccumulator(),
    add: (value, accumulator) => aggregate.add(value, accumulator),
    getResult: (accumulator) => aggregate.getResult(accumulator),
  }
}

const tenByFour = SlidingEventTimeWindows.of('10ms', '4ms')
const tenByTwo = SlidingEventTimeWindows.of('10ms', '2ms')

interface Stream {
  readonly seed: number
  readonly records: number
  /** How far behind the greatest timestamp records come, and how far the watermark is. */
  readonly disorderMs: number
  readonly watermarkLagMs: number
}

/** Records of a few keys, about one every two milliseconds, with amounts that are no binary fractions. */
function scriptOf({ seed, records, disorderMs, watermarkLagMs }: Stream): ScriptStep[] {
  const random = seededRandom(seed)
  const steps: ScriptStep[] = []
  let now = 0
  for (let index = 0; index < records; index++) {
    now += below(random, 5)
    steps.push(at(now - below(random, disorderMs + 1), below(random, 1000) / 10, `shop ${below(random, 3)}`))
    if (below(random, 6) === 0) steps.push(watermark(now - watermarkLagMs))
  }
  return [...steps, endOfInput()]
}

/** What each key emitted, in order. */
function byKey(values: readonly unknown[]): Record<string, string[]> {
  const found: Record<string, string[]> = {}
  for (const value of values) (found[String(value).split(' [')[0] ?? ''] ??= []).push(String(value))
  return found
}

describe('windows of panes are what windows of their own are', () => {
  const concatenated: AggregateFunction<Sale, number[], number[]> = {
    createAccumulator: () => [],
    add: ({ amount }, accumulator) => [...accumulator, amount].sort((a, b) => a - b),
    getResult: (accumulator) => accumulator,
    merge: (first, second) => [...first, ...second].sort((a, b) => a - b),
  }

  test.each([
    { windows: tenByTwo, allowedLatenessMs: 0, seed: 1 },
    { windows: tenByTwo, allowedLatenessMs: 7, seed: 2 },
    { windows: tenByFour, allowedLatenessMs: 0, seed: 3 },
    { windows: tenByFour, allowedLatenessMs: 5, seed: 4 },
    { windows: SlidingEventTimeWindows.of('60ms', '1ms'), allowedLatenessMs: 0, seed: 5 },
    { windows: SlidingEventTimeWindows.of('60ms', '59ms', '-3ms'), allowedLatenessMs: 100, seed: 6 },
  ])('in order too: $windows.sizeMs by $windows.slideMs, lateness $allowedLatenessMs, seed $seed', async (one) => {
    const script = scriptOf({ seed: one.seed, records: 60, disorderMs: 25, watermarkLagMs: 5 })
    const options = { allowedLatenessMs: one.allowedLatenessMs, lateTag: 'late' }
    const panes = await testOperator(windowsOf(one.windows, concatenated, options), script, { keyBy })
    const own = await testOperator(windowsOf(one.windows, withoutMerge(concatenated), options), script, { keyBy })
    expect(byKey(panes.values)).toEqual(byKey(own.values))
    expect(panes.sideOutput('late')).toEqual(own.sideOutput('late'))
    expect(panes.counters).toEqual(own.counters)
    expect(panes.keysLeft).toBe(0)
  })
})

describe('merging', () => {
  test('costs at most three merges a firing, however many windows overlap, and one add a record', async () => {
    for (const [sizeMs, slideMs, limit] of [
      [60, 1, 3],
      [600, 10, 3],
      [64, 10, 5], // two panes a slide
    ] as const) {
      const seed = sizeMs
      const records = 400
      const script = scriptOf({ seed, records, disorderMs: 20, watermarkLagMs: 21 })
      const calls = await callsOf({ kind: 'sliding', sizeMs, slideMs, offsetMs: 0 }, script)
      expect(calls.adds, `seed ${seed}`).toBe(records)
      expect(calls.firings, `seed ${seed}`).toBeGreaterThan(100)
      expect(calls.merges, `seed ${seed}`).toBeLessThanOrEqual(limit * calls.firings)
    }
  })

  test('costs a record behind the watermark no more than the panes of the windows it is in', async () => {
    const script = scriptOf({ seed: 11, records: 400, disorderMs: 50, watermarkLagMs: 0 })
    for (const allowedLatenessMs of [0, 30]) {
      const calls = await callsOf({ kind: 'sliding', sizeMs: 60, slideMs: 1, offsetMs: 0 }, script, {
        allowedLatenessMs,
      })
      expect(calls.adds).toBeGreaterThan(350)
      expect(calls.merges).toBeLessThanOrEqual(3 * calls.firings + 3 * 60 * calls.adds)
    }
  })

  test('gives the same to the last bit whenever it is restarted', async () => {
    // the harness compares: these sums depend on the order of adding
    const script = scriptOf({ seed: 12, records: 60, disorderMs: 20, watermarkLagMs: 5 })
    const output = await testOperator(windowsOf(tenByTwo, sum, { allowedLatenessMs: 6 }), script, { keyBy })
    const own = await testOperator(windowsOf(tenByTwo, withoutMerge(sum), { allowedLatenessMs: 6 }), script, { keyBy })
    expect(byKey(output.values).length).toBe(byKey(own.values).length)
    const sumsOf = (values: readonly unknown[]): number[] =>
      Object.values(byKey(values)).flatMap((ofKey) => ofKey.map((value) => Number(value.split(') ')[1])))
    const expected = sumsOf(own.values)
    for (const [index, found] of sumsOf(output.values).entries()) expect(found).toBeCloseTo(expected[index] ?? NaN, 6)
  })

  interface Nested {
    readonly byAmount: Map<number, { count: number }>
    total: number[]
  }
  const nested: AggregateFunction<Sale, Nested, unknown> = {
    createAccumulator: () => ({ byAmount: new Map(), total: [0] }),
    add: ({ amount }, accumulator) => {
      const known = accumulator.byAmount.get(amount)
      if (known === undefined) accumulator.byAmount.set(amount, { count: 1 })
      else known.count++
      accumulator.total[0] = (accumulator.total[0] ?? 0) + 1
      return accumulator
    },
    getResult: ({ byAmount, total }) => [
      [...byAmount].sort(([a], [b]) => a - b).map(([a, { count }]) => [a, count]),
      total,
    ],
  }

  test.each<{ name: string; aggregate: AggregateFunction<Sale, never, unknown> }>([
    {
      name: 'keeps parts of its second argument',
      aggregate: {
        ...nested,
        merge: (first: Nested, second: Nested) => {
          for (const [amount, cell] of second.byAmount) {
            const known = first.byAmount.get(amount)
            if (known === undefined) first.byAmount.set(amount, cell)
            else known.count += cell.count
          }
          first.total[0] = (first.total[0] ?? 0) + (second.total[0] ?? 0)
          return first
        },
      },
    },
    {
      name: 'changes and returns its second argument',
      aggregate: {
        ...sum,
        merge: (first: Sum, second: Sum) => {
          second.sum += first.sum
          return second
        },
      },
    },
    {
      name: 'returns one of the two',
      aggregate: reduceAggregate((a: Sale, b: Sale) => (b.amount > a.amount ? b : a)),
    },
    {
      name: 'is given accumulators that are the result',
      aggregate: {
        ...sum,
        getResult: (accumulator: Sum) => accumulator,
        merge: ({ sum: a }: Sum, { sum: b }: Sum) => ({ sum: a + b }),
      },
    },
  ] as never)('may do what it likes: one that $name', async ({ aggregate }) => {
    const whole = (steps: readonly ScriptStep[]): ScriptStep[] =>
      steps.map((step) =>
        step.kind === 'record'
          ? at(step.timestamp, Math.floor((step.value as Sale).amount), (step.value as Sale).shop)
          : step,
      )
    const script = whole(scriptOf({ seed: 13, records: 60, disorderMs: 15, watermarkLagMs: 5 }))
    const panes = await testOperator(windowsOf(tenByFour, aggregate), script, { keyBy })
    const own = await testOperator(windowsOf(tenByFour, withoutMerge(aggregate)), script, { keyBy })
    expect(byKey(panes.values)).toEqual(byKey(own.values))
  })

  test('fails the task by its name when it throws', async () => {
    const broken = {
      ...sum,
      merge: () => {
        throw new Error('boom')
      },
    }
    await expect(
      testOperator(windowsOf(tenByTwo, broken), [at(1), at(3), watermark(9)], { keyBy }),
    ).rejects.toMatchObject({
      code: 'TSK1001',
      message: expect.stringContaining('merge function'),
    })
  })
})

describe('what a key costs', () => {
  test.each([
    { shape: { sizeMs: 60, slideMs: 1 }, allowedLatenessMs: 0, panesMax: 60 },
    { shape: { sizeMs: 60, slideMs: 1 }, allowedLatenessMs: 10, panesMax: 70 },
    { shape: { sizeMs: 64, slideMs: 10 }, allowedLatenessMs: 0, panesMax: 13 },
  ])(
    'one timer, and the panes of a window and of the lateness: $shape',
    async ({ shape, allowedLatenessMs, panesMax }) => {
      const script = scriptOf({ seed: 14, records: 300, disorderMs: 20, watermarkLagMs: 10 })
      const watched = new WatchedKeys()
      const spec = windowsOf({ kind: 'sliding', ...shape, offsetMs: 0 }, sum, { allowedLatenessMs })
      const output = await testOperator(watched.around(spec), script, { keyBy })
      expect(output.values.length).toBeGreaterThan(50)
      expect(watched.panesMost).toBeLessThanOrEqual(panesMax)
      expect(watched.panesMost).toBeGreaterThan(panesMax / 5)
      expect(watched.timersMost).toBe(3) // of the three keys
      expect(output.keysLeft).toBe(0)
    },
  )

  test('a record of a key that has nothing else gives every window that it is in, one after the other', async () => {
    const output = await testOperator(windowsOf(tenByTwo, sum), [at(100), watermark(105), watermark(200)], { keyBy })
    expect(output.records.map(({ timestamp }) => timestamp)).toEqual([101, 103, 105, 107, 109])
    expect(output.keysLeft).toBe(0)
  })
})

describe('late records', () => {
  test('fire every window that is still kept again, the last one first', async () => {
    const script = [at(9), watermark(13), at(9, 4), watermark(100)]
    const output = await testOperator(windowsOf(tenByTwo, sum, { allowedLatenessMs: 3 }), script, { keyBy })
    expect(output.values).toEqual([
      'a [0, 10) 1',
      'a [2, 12) 1',
      'a [4, 14) 1',
      'a [4, 14) 5',
      'a [2, 12) 5',
      'a [6, 16) 5',
      'a [8, 18) 5',
    ])
    expect(output.keysLeft).toBe(0)
  })

  test('are late when the last of their windows is gone', async () => {
    const script = [at(9), watermark(16), at(9), watermark(17), at(9), watermark(100)]
    const output = await testOperator(windowsOf(tenByTwo, sum, { lateTag: 'late' }), script, { keyBy })
    expect(output.values.at(-1)).toBe('a [8, 18) 2')
    expect(output.counters).toEqual({ lateRecords: 1 })
    expect(output.sideOutput('late')).toEqual([{ value: { shop: 'a', amount: 1 }, timestamp: 9 }])
  })

  test('are counted in windows whose aggregates were computed already', async () => {
    // 10 to 12 is far in front of the border between the panes of [0, 10) and [10, 20), and comes after both sides were merged
    const script = [
      at(1),
      at(7),
      at(15),
      watermark(11),
      watermark(13),
      at(9, 100),
      at(3, 1000),
      watermark(15),
      watermark(100),
    ]
    const panes = await testOperator(windowsOf(tenByTwo, sum), script, { keyBy })
    const own = await testOperator(windowsOf(tenByTwo, withoutMerge(sum)), script, { keyBy })
    expect(panes.records).toEqual(own.records)
  })
})

describe('processing time', () => {
  const wall = SlidingProcessingTimeWindows.of('10ms', '4ms')

  test('windows hold what arrived in them, and end when the clock says so', async () => {
    const script = [
      processingTime(9),
      record({ shop: 'a', amount: 1 }),
      processingTime(10),
      record({ shop: 'a', amount: 2 }),
      processingTime(40),
    ]
    const output = await testOperator(windowsOf(wall, sum), script, { keyBy })
    expect(output.records).toEqual([
      { value: 'a [0, 10) 1', timestamp: 9 },
      { value: 'a [4, 14) 3', timestamp: 13 },
      { value: 'a [8, 18) 3', timestamp: 17 },
    ])
    expect(output.keysLeft).toBe(0)
  })

  test('every window that holds a record fires when the input ends', async () => {
    const script = [processingTime(9), record({ shop: 'a', amount: 1 }), endOfInput()]
    const output = await testOperator(windowsOf(wall, sum), script, { keyBy })
    expect(output.values).toEqual(['a [0, 10) 1', 'a [4, 14) 1', 'a [8, 18) 1'])
    expect(output.keysLeft).toBe(0)
  })

  test('a machine whose clock is behind takes over without losing a record', async () => {
    // not by the harness: what comes out depends on the clock, and it compares
    const spec = windowsOf(wall, sum)
    const options = {
      spec,
      name: 'sums',
      subtask: 0,
      parallelism: 1,
      turn: () => ({ isOver: () => false }),
      keyOf: () => 'a',
    }
    const before = new OperatorInstance({ ...options, nowMs: 100 })
    for (const nowMs of [101, 105, 110, 115]) {
      before.feed(processingTime(nowMs))
      before.feed(record({ shop: 'a', amount: 1 }))
    }
    const restored = await before.beginCut(1).finish()
    const behind = new OperatorInstance({ ...options, nowMs: 90, restored })
    for (const nowMs of [91, 103, 106, 200]) {
      behind.feed(record({ shop: 'a', amount: 10 }))
      behind.feed(processingTime(nowMs))
    }
    const last = behind.takeOutput().emitted.filter(({ timestamp }) => timestamp >= 105 && timestamp <= 117)
    expect(last.map(({ value }) => value)).toEqual([
      'a [96, 106) 10',
      'a [100, 110) 20',
      'a [104, 114) 11',
      'a [108, 118) 2',
    ])
    expect(behind.keyCount()).toBe(0)
  })
})

test('a checkpoint of windows with accumulators of their own is not one of panes', () => {
  expect(windowsOf(tenByTwo, sum).layout).not.toEqual(windowsOf(tenByTwo, withoutMerge(sum)).layout)
  expect(windowsOf(tenByTwo, sum).layout).toMatchObject({ states: [{ name: 'open-panes' }, { name: 'panes' }] })
  const apart = SlidingEventTimeWindows.of('2ms', '10ms')
  expect(windowsOf(apart, sum).layout).toMatchObject({ states: [{ name: 'windows' }] })
})

interface Calls {
  readonly adds: number
  readonly merges: number
  readonly firings: number
}

/** Calls of the aggregate's functions in the first of the harness's runs, the undisturbed one. */
async function callsOf(assigner: SlidingWindows, script: ScriptStep[], options: Options = {}): Promise<Calls> {
  let runs = 0
  const calls = { adds: 0, merges: 0, firings: 0 }
  const count = (name: keyof Calls): void => {
    if (runs === 1) calls[name]++
  }
  const counted: typeof sum = {
    ...sum,
    add: (value, accumulator) => {
      count('adds')
      return sum.add(value, accumulator)
    },
    merge: (first, second) => {
      count('merges')
      return { sum: first.sum + second.sum }
    },
    getResult: (accumulator) => {
      count('firings')
      return accumulator.sum
    },
  }
  const spec = windowsOf(assigner, counted, options)
  const create = () => {
    runs++
    return spec.create()
  }
  await testOperator({ ...spec, create }, script, { keyBy })
  return calls
}

function livePanes(list: PaneList<unknown> | undefined): number {
  return list === undefined ? 0 : list.numbers.length - list.droppedCount
}

/** Looks at the state of every key that a call of the operator has changed. */
class WatchedKeys {
  panesMost = 0
  timersMost = 0

  around(spec: OperatorSpec): OperatorSpec {
    const create: OperatorSpec['create'] = () => {
      const operator = spec.create()
      const open = operator.open.bind(operator)
      operator.open = (context) =>
        open(context.keyed === undefined ? context : { ...context, keyed: this.#watched(context.keyed) })
      return operator
    }
    return { ...spec, create }
  }

  #watched(keyed: KeyedStateBackend): KeyedStateBackend {
    let list: ValueState<PaneList<unknown>> | undefined
    const count = (): void => {
      if (keyed.currentKey() === undefined) return
      this.panesMost = Math.max(this.panesMost, livePanes(list?.value()))
    }
    const eventTimers = this.#watchedTimers(keyed, count)
    return new Proxy(keyed, {
      get: (target, name) => {
        if (name === 'eventTimers') return eventTimers
        const property: unknown = Reflect.get(target, name, target)
        if (typeof property !== 'function') return property
        return (...args: unknown[]) => {
          const made: unknown = Reflect.apply(property, target, args)
          if (name === 'valueState') list = made as ValueState<PaneList<unknown>>
          return made
        }
      },
    })
  }

  #watchedTimers({ eventTimers }: KeyedStateBackend, onFired: () => void): TimerService {
    let pending = 0
    const change = (by: number): void => {
      pending += by
    }
    return {
      register: (timestampMs, namespace) => {
        eventTimers.register(timestampMs, namespace)
        change(1)
        this.timersMost = Math.max(this.timersMost, pending)
      },
      remove: (timestampMs, namespace) => {
        eventTimers.remove(timestampMs, namespace)
        change(-1)
      },
      earliestMs: () => eventTimers.earliestMs(),
      advance: (untilMs, turn, fire) =>
        eventTimers.advance(untilMs, turn, (timestampMs, key, namespace) => {
          change(-1)
          fire(timestampMs, key, namespace)
          onFired()
        }),
    }
  }
}
