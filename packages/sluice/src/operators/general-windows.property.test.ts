/**
 * The general window operator against an evaluator that goes over all windows at every moment, and against the fast operators. A failure prints its
 * seed and the shrunken script.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { aggregatingState, listState, reducingState, valueState } from '../state/descriptors.ts'
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'
import { testOperator, type OperatorTestOutput } from '../testing/operator-harness.ts'
import { endOfInput, processingTime, record, watermark, type ScriptStep } from '../testing/operator-script.ts'
import { CountEvictor, DeltaEvictor, TimeEvictor, type Evictor } from './evictors.ts'
import { generalWindowOperator } from './general-window-operator.ts'
import type { OperatorSpec } from './operator.ts'
import {
  ContinuousEventTimeTrigger,
  ContinuousProcessingTimeTrigger,
  CountTrigger,
  customTrigger,
  DeltaTrigger,
  EndOfStreamTrigger,
  EventTimeTrigger,
  ProcessingTimeoutTrigger,
  ProcessingTimeTrigger,
  PurgingTrigger,
  type Trigger,
} from './triggers.ts'
import type { SessionWindows, SlidingWindows, TumblingWindows, WindowAssigner } from './window-assigners.ts'
import type { AggregateFunction, TimeWindow } from './window-definition.ts'
import type { AnyWindowDefinition } from './window-layout.ts'
import { windowOperator } from './windows.ts'

interface Item {
  readonly key: string
  readonly id: number
  readonly size: number
}

type Input = { readonly item: Item; readonly ts: number } | { readonly watermark: number } | { readonly wallMs: number }

const KEYS = ['a', 'b']
const keyBy = (item: Item): string => item.key

const ids: AggregateFunction<Item, number[], number[]> = {
  createAccumulator: () => [],
  add: ({ id }, accumulator) => {
    accumulator.push(id)
    return accumulator
  },
  getResult: (accumulator) => [...accumulator],
  merge: (first, second) => [...first, ...second],
}

const show = (key: string, { start, end }: TimeWindow, held: readonly number[]): string =>
  `${key} [${start}, ${end}) ${held.join(' ')}`
/** Panes are joined by time, records are added in order of arrival. */
const showSorted = (key: string, window: TimeWindow, held: readonly number[]): string =>
  show(
    key,
    window,
    [...held].sort((a, b) => a - b),
  )

const inputsOf = fc
  .array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          key: fc.constantFrom(...KEYS),
          ts: fc.integer({ min: -20, max: 50 }),
          size: fc.integer({ min: 0, max: 9 }),
        }),
      },
      { weight: 2, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 30 }) }) },
      { weight: 2, arbitrary: fc.record({ passedMs: fc.integer({ min: 0, max: 20 }) }) },
    ),
    { maxLength: 30, size: 'max' },
  )
  .map((steps): Input[] => {
    let wallMs = 0
    let now = -26
    const inputs = steps.map((step, id): Input => {
      if ('ts' in step) return { item: { key: step.key, id, size: step.size }, ts: step.ts }
      return 'passedMs' in step ? { wallMs: (wallMs += step.passedMs) } : { watermark: (now += step.advance) }
    })
    return [...inputs, { watermark: MAX_WATERMARK }]
  })

const latenessOf = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 25 }))

/** What the evaluator knows of one window. */
interface Held {
  readonly item: Item
  readonly ts: number
}

interface Win extends TimeWindow {
  held: Held[]
  count: number
  last: Item | undefined
  /** Pending times of the trigger, by time. */
  eventAt: Set<number>
  wallAt: Set<number>
  next: number | undefined
}

/** What a trigger means, told without timers of the engine. */
interface Rule {
  readonly trigger: Trigger<Item>
  readonly onElement: (win: Win, held: Held, now: number, wallMs: number) => boolean
  readonly onEvent?: (win: Win, at: number) => boolean
  readonly onWall?: (win: Win, at: number, wallMs: number) => boolean
  /** Behind the joining of counts, held records and times. */
  readonly onMerge?: (win: Win, now: number) => void
  readonly purges?: boolean
}

const lastOf = ({ end }: TimeWindow): number => (end === MAX_WATERMARK ? MAX_WATERMARK : end - 1)

const onTime: Rule = {
  trigger: EventTimeTrigger.create(),
  onElement: (win, _held, now) => {
    if (lastOf(win) <= now) return true
    win.eventAt.add(lastOf(win))
    return false
  },
  onEvent: (win, at) => at === lastOf(win),
}

const atEnd: Rule = {
  trigger: EndOfStreamTrigger.create(),
  onElement: (win) => {
    win.eventAt.add(MAX_WATERMARK)
    return false
  },
  onEvent: (_win, at) => at === MAX_WATERMARK,
}

const byClock: Rule = {
  trigger: ProcessingTimeTrigger.create(),
  onElement: (win) => {
    win.wallAt.add(lastOf(win))
    return false
  },
  onWall: () => true,
}

const counting = (maxCount: number): Rule => ({
  trigger: CountTrigger.of(maxCount),
  onElement: (win) => {
    win.count++
    if (win.count < maxCount) return false
    win.count = 0
    return true
  },
})

const purging = (rule: Rule): Rule => ({ ...rule, trigger: PurgingTrigger.of(rule.trigger), purges: true })

const each = (intervalMs: number): Rule => ({
  trigger: ContinuousEventTimeTrigger.of(`${intervalMs}ms`),
  onElement: (win, { ts }, now) => {
    if (lastOf(win) <= now) return true
    win.eventAt.add(lastOf(win))
    win.next ??= Math.min(Math.floor(ts / intervalMs) * intervalMs + intervalMs, lastOf(win))
    win.eventAt.add(win.next)
    return false
  },
  onEvent: (win, at) => {
    if (at === lastOf(win)) return true
    if (at !== win.next) return false
    win.next = Math.min(at + intervalMs, lastOf(win))
    win.eventAt.add(win.next)
    return true
  },
  onMerge: (win) => {
    if (win.next !== undefined) win.eventAt.add(win.next)
  },
})

const eachByClock = (intervalMs: number): Rule => ({
  trigger: ContinuousProcessingTimeTrigger.of(`${intervalMs}ms`),
  onElement: (win, _held, _now, wallMs) => {
    if (win.next !== undefined) return false
    const at = Math.floor(wallMs / intervalMs) * intervalMs + intervalMs
    win.next = wallMs <= lastOf(win) ? Math.min(at, lastOf(win)) : at
    win.wallAt.add(win.next)
    return false
  },
  onWall: (win, at, wallMs) => {
    if (at !== win.next) return false
    const next = at < wallMs ? at + intervalMs : MAX_WATERMARK // at the end of the input the intervals that are left are one
    win.next = at < lastOf(win) ? Math.min(next, lastOf(win)) : next
    win.wallAt.add(win.next)
    return true
  },
})

const growing = (threshold: number): Rule => ({
  trigger: DeltaTrigger.of<Item>(threshold, (last, item) => item.size - last.size),
  onElement: (win, { item }) => {
    const before = win.last
    if (before !== undefined && item.size - before.size <= threshold) return false
    win.last = item
    return before !== undefined
  },
})

/** Counts up to a limit, or waits so long for it; then both begin anew. */
const countingOrWaiting = (maxCount: number, timeoutMs: number): Rule => ({
  trigger: ProcessingTimeoutTrigger.of(CountTrigger.of(maxCount), `${timeoutMs}ms`),
  onElement: (win, _held, _now, wallMs) => {
    win.count++
    if (win.count >= maxCount) {
      win.count = 0
      if (win.next !== undefined) win.wallAt.delete(win.next)
      win.next = undefined
      return true
    }
    win.next ??= wallMs + timeoutMs
    win.wallAt.add(win.next)
    return false
  },
  onEvent: restart,
  onWall: restart,
})

/** In states of its own: fires at every third record, and five milliseconds behind the start of the window. */
const byHand: Rule = {
  trigger: customTrigger({
    name: 'by-hand',
    state: {
      count: reducingState<number>('count', (a, b) => a + b),
      total: aggregatingState('total', ids),
      sizes: listState<number>('sizes'),
      timer: valueState<number>('timer'),
    },
    onElement(item: Item, _timestamp, window, ctx) {
      ctx.state.count.add(1)
      ctx.state.total.add(item)
      ctx.state.sizes.add(item.size)
      const seen = ctx.state.total.get()?.length
      expect(ctx.state.count.get()).toBe(seen)
      expect(ctx.state.sizes.get()).toHaveLength(seen ?? 0)
      if (window.start + 5 > ctx.currentWatermark()) {
        ctx.state.timer.update(window.start + 5)
        ctx.registerEventTimeTimer(window.start + 5)
      }
      return (ctx.state.count.get() ?? 0) % 3 === 0 ? 'fire' : 'continue'
    },
    onEventTime: (timestampMs, window) => (timestampMs === window.start + 5 ? 'fire' : 'continue'),
    onMerge(window, ctx) {
      ctx.mergeState('count')
      ctx.mergeState('total')
      ctx.mergeState('sizes')
      ctx.mergeState('timer', Math.min)
      if (window.start + 5 > ctx.currentWatermark()) ctx.registerEventTimeTimer(window.start + 5)
    },
    clear(_window, ctx) {
      const timer = ctx.state.timer.value()
      if (timer !== undefined) ctx.deleteEventTimeTimer(timer)
    },
  }),
  onElement: (win, _held, now) => {
    win.count++
    if (win.start + 5 > now) win.eventAt.add(win.start + 5)
    return win.count % 3 === 0
  },
  onEvent: (win, at) => at === win.start + 5,
  onMerge: (win, now) => {
    if (win.start + 5 > now) win.eventAt.add(win.start + 5)
  },
}

function restart(win: Win): boolean {
  win.count = 0
  if (win.next !== undefined) win.wallAt.delete(win.next)
  win.next = undefined
  return true
}

/** What an assigner means. */
interface Placing {
  readonly assigner: WindowAssigner<Item>
  readonly domain: 'event' | 'processing'
  readonly merges: boolean
  readonly windowsOf: (item: Item, at: number) => readonly TimeWindow[]
}

function sliding(sizeMs: number, slideMs: number, offsetMs: number, time: 'event' | 'processing'): Placing {
  const assigner: SlidingWindows = { kind: 'sliding', sizeMs, slideMs, offsetMs, time }
  const windowsOf = (_item: Item, at: number): TimeWindow[] => {
    const windows: TimeWindow[] = []
    for (let start = at; start > at - sizeMs; start--) {
      if ((start - offsetMs) % slideMs === 0) windows.push({ start, end: start + sizeMs })
    }
    return windows
  }
  return { assigner, domain: time, merges: false, windowsOf }
}

const dynamicSessions = (time: 'event' | 'processing'): Placing => ({
  assigner: { kind: 'dynamic-session', time, gapMsOf: ({ size }) => size + 1 },
  domain: time,
  merges: true,
  windowsOf: ({ size }, at) => [{ start: at, end: at + size + 1 }],
})

const inOneWindow: Placing = {
  assigner: { kind: 'global', firesAt: 'never' },
  domain: 'event',
  merges: false,
  windowsOf: () => [{ start: MIN_WATERMARK, end: MAX_WATERMARK }],
}

/** None, one or two windows of different lengths. */
const ownWindows = (isMerging: boolean): Placing => {
  const windowsOf = ({ size }: Item, at: number): TimeWindow[] => [
    ...(size > 2 ? [{ start: at - size, end: at + 3 }] : []),
    ...(size > 5 ? [{ start: at - 1, end: at + size }] : []),
  ]
  return {
    assigner: { kind: 'custom', name: 'own', isEventTime: true, isMerging, assignWindows: windowsOf },
    domain: 'event',
    merges: isMerging,
    windowsOf,
  }
}

interface Evaluated {
  readonly results: readonly (readonly string[])[]
  readonly late: number
  readonly outside: number
}

interface Job {
  readonly placing: Placing
  readonly rule: Rule
  readonly latenessMs: number
  /** The elements that a firing sees, and leaves. */
  readonly evict?: (held: readonly Held[]) => readonly Held[]
}

/** Step for step; at each of them every window of every key is looked at for what is due. */
class Evaluator {
  readonly #job: Job
  readonly #windows = new Map<string, Win[]>(KEYS.map((key) => [key, []]))
  #results: string[] = []
  #now = MIN_WATERMARK
  #wallMs = 0
  late = 0
  outside = 0

  constructor(job: Job) {
    this.#job = job
  }

  step(input: Input): readonly string[] {
    this.#results = []
    if ('item' in input) this.#onRecord({ item: input.item, ts: input.ts })
    else if ('wallMs' in input) {
      this.#wallMs = input.wallMs
      this.#advance('processing', input.wallMs - 1)
    } else {
      this.#now = input.watermark
      this.#advance('event', input.watermark)
      if (input.watermark === MAX_WATERMARK && this.#job.placing.domain === 'processing') {
        this.#advance('processing', MAX_WATERMARK)
      }
    }
    return this.#results.sort()
  }

  #onRecord(held: Held): void {
    const { placing, rule, latenessMs } = this.#job
    const own = this.#windowsOf(held.item.key)
    let isTaken = false
    for (const bounds of placing.windowsOf(held.item, placing.domain === 'event' ? held.ts : this.#wallMs)) {
      const win = placing.merges ? this.#joined(own, bounds) : own.find(isSame(bounds))
      if (win === undefined && placing.domain === 'event' && this.#cleanupOf(bounds) <= this.#now) continue
      isTaken = true
      const taking = win ?? newWin(bounds)
      if (win === undefined) own.push(taking)
      taking.held.push(held)
      if (rule.onElement(taking, held, this.#now, this.#wallMs)) this.#fire(held.item.key, taking)
    }
    if (isTaken) return
    if (placing.domain === 'event' && held.ts + latenessMs <= this.#now) this.late++
    else this.outside++
  }

  /** The window of these bounds and everything that touches them; undefined when nothing does. */
  #joined(own: Win[], bounds: TimeWindow): Win | undefined {
    const touching = own.filter((win) => win.start <= bounds.end && win.end >= bounds.start)
    const [first] = touching
    if (first === undefined) return undefined
    if (touching.length === 1 && first.start <= bounds.start && first.end >= bounds.end) return first
    touching.sort((a, b) => a.start - b.start)
    const joined = newWin({
      start: Math.min(bounds.start, ...touching.map(({ start }) => start)),
      end: Math.max(bounds.end, ...touching.map(({ end }) => end)),
    })
    for (const win of touching) {
      joined.held.push(...win.held)
      joined.count += win.count
      if (win.next !== undefined) joined.next = Math.min(joined.next ?? win.next, win.next)
      own.splice(own.indexOf(win), 1)
    }
    own.push(joined)
    if (joined.next !== undefined && this.#job.rule.onWall !== undefined) joined.wallAt.add(joined.next)
    this.#job.rule.onMerge?.(joined, this.#now)
    if (this.#job.rule.trigger.kind === 'event-time' && lastOf(joined) > this.#now) joined.eventAt.add(lastOf(joined))
    return joined
  }

  #advance(domain: 'event' | 'processing', until: number): void {
    const { placing, rule } = this.#job
    for (const [key, own] of this.#windows) {
      for (;;) {
        const due = this.#earliest(own, domain, until)
        if (due === undefined) break
        const { win, at } = due
        timesOf(win, domain).delete(at)
        const isCleanup = domain === placing.domain && at === this.#cleanupOf(win)
        const fires = domain === 'event' ? rule.onEvent?.(win, at) : rule.onWall?.(win, at, this.#wallMs)
        if (fires === true) this.#fire(key, win)
        if (isCleanup) own.splice(own.indexOf(win), 1)
      }
    }
  }

  #earliest(own: readonly Win[], domain: 'event' | 'processing', until: number): { win: Win; at: number } | undefined {
    let earliest: { win: Win; at: number } | undefined
    for (const win of own) {
      const cleanup = this.#cleanupOf(win)
      const ownCleanup = domain === this.#job.placing.domain && cleanup !== MAX_WATERMARK ? [cleanup] : []
      for (const at of [...timesOf(win, domain), ...ownCleanup]) {
        if (at <= until && (earliest === undefined || at < earliest.at)) earliest = { win, at }
      }
    }
    return earliest
  }

  #fire(key: string, win: Win): void {
    const { evict, rule } = this.#job
    if (win.held.length === 0) return
    if (evict !== undefined) win.held = [...evict(win.held)]
    const left = win.held.map(({ item }) => item.id)
    if (left.length > 0) this.#results.push(show(key, win, left))
    if (rule.purges === true) win.held = []
  }

  #cleanupOf(window: TimeWindow): number {
    return Math.min(lastOf(window) + this.#job.latenessMs, MAX_WATERMARK)
  }

  #windowsOf(key: string): Win[] {
    return this.#windows.get(key) ?? []
  }
}

function newWin({ start, end }: TimeWindow): Win {
  return { start, end, held: [], count: 0, last: undefined, eventAt: new Set(), wallAt: new Set(), next: undefined }
}

function timesOf(win: Win, domain: 'event' | 'processing'): Set<number> {
  return domain === 'event' ? win.eventAt : win.wallAt
}

function isSame(bounds: TimeWindow): (win: Win) => boolean {
  return (win) => win.start === bounds.start && win.end === bounds.end
}

function evaluate(inputs: readonly Input[], job: Job): Evaluated {
  const evaluator = new Evaluator(job)
  const results = inputs.map((input) => evaluator.step(input))
  return { results, late: evaluator.late, outside: evaluator.outside }
}

/** By `aggregate` or by `process`: the results must not depend on it. */
function operatorOf(
  { placing, rule, latenessMs }: Job,
  way: 'aggregate' | 'process',
  evictor?: Evictor<Item>,
): OperatorSpec {
  const settings = {
    keySelector: keyBy,
    assigner: placing.assigner,
    trigger: rule.trigger,
    evictor,
    allowedLatenessMs: latenessMs,
  }
  return way === 'aggregate'
    ? general({ ...settings, aggregate: ids, resultOf: show })
    : general({ ...settings, process: { process: emitIds } })
}

function emitIds(key: string, items: readonly Item[], ctx: Emitting): void {
  if (items.length === 0) return // evicted
  ctx.emit(
    show(
      key,
      ctx.window,
      items.map(({ id }) => id),
    ),
  )
}

interface Emitting {
  readonly window: TimeWindow
  emit(value: string): void
}

/** Also where a fast operator could do it. */
function general(definition: unknown): OperatorSpec {
  return generalWindowOperator(definition as AnyWindowDefinition) // its records and keys are those of the script
}

function stepOf(input: Input): ScriptStep {
  if ('item' in input) return record(input.item, input.ts)
  if ('wallMs' in input) return processingTime(input.wallMs)
  return input.watermark === MAX_WATERMARK ? endOfInput() : watermark(input.watermark)
}

async function expectEvaluated(inputs: readonly Input[], job: Job, spec: OperatorSpec): Promise<OperatorTestOutput> {
  const output = await testOperator(spec, inputs.map(stepOf), { keyBy })
  const expected = evaluate(inputs, job)
  expect([...output.values].map(String).sort()).toEqual(expected.results.flat().sort())
  expect(output.counters).toEqual(countersOf(expected))
  return output
}

function countersOf({ late, outside }: Evaluated): Record<string, number> {
  return { ...(late > 0 ? { lateRecords: late } : {}), ...(outside > 0 ? { recordsOutsideWindows: outside } : {}) }
}

const eventPlacings: Readonly<Record<string, fc.Arbitrary<Placing>>> = {
  'sliding windows': fc
    .record({ size: fc.integer({ min: 1, max: 20 }), slide: fc.integer({ min: 1, max: 20 }), offset: fc.nat(19) })
    .map(({ size, slide, offset }) => sliding(size, slide, offset % slide, 'event')),
  sessions: fc.constant(dynamicSessions('event')),
  'own windows': fc.constant(ownWindows(false)),
  'own windows that merge': fc.constant(ownWindows(true)),
}
const rules: Readonly<Record<string, Rule>> = {
  'the event-time trigger': onTime,
  'a purging event-time trigger': purging(onTime),
  'a count trigger': counting(3),
  'a purging count trigger': purging(counting(2)),
  'a continuous event-time trigger': each(4),
  'a purging continuous event-time trigger': purging(each(4)),
  'a continuous processing-time trigger': eachByClock(7),
  'a custom trigger': byHand,
  'a count with a timeout': countingOrWaiting(3, 10),
}

describe.each(Object.entries(eventPlacings))('%s in event time', (_name, placingOf) => {
  test.each(Object.entries(rules))('with %s give what every moment by itself gives', async (_rule, rule) => {
    await fc.assert(
      fc.asyncProperty(
        inputsOf,
        placingOf,
        latenessOf,
        fc.constantFrom('aggregate' as const, 'process' as const),
        async (inputs, placing, latenessMs, way) => {
          const job = { placing, rule, latenessMs }
          const output = await expectEvaluated(inputs, job, operatorOf(job, way))
          expect(output.keysLeft).toBe(0)
        },
      ),
      { numRuns: 25 },
    )
  })
})

const clockPlacings: Readonly<Record<string, fc.Arbitrary<Placing>>> = {
  'sliding windows': fc
    .record({ size: fc.integer({ min: 1, max: 20 }), slide: fc.integer({ min: 1, max: 20 }) })
    .map(({ size, slide }) => sliding(size, slide, 0, 'processing')),
  sessions: fc.constant(dynamicSessions('processing')),
}

describe.each(Object.entries(clockPlacings))('%s in processing time', (_name, placingOf) => {
  test.each(
    Object.entries({
      'the processing-time trigger': byClock,
      'a purging processing-time trigger': purging(byClock),
      'a count trigger': counting(3),
      'a continuous processing-time trigger': eachByClock(7),
    }),
  )('with %s give what every moment by itself gives', async (_rule, rule) => {
    await fc.assert(
      fc.asyncProperty(inputsOf, placingOf, async (inputs, placing) => {
        const job = { placing, rule, latenessMs: 0 }
        const output = await expectEvaluated(inputs, job, operatorOf(job, 'process'))
        expect(output.keysLeft).toBe(0)
      }),
      { numRuns: 25 },
    )
  })
})

describe('the global window', () => {
  test.each(
    Object.entries({
      'a purging count trigger': purging(counting(3)),
      'the end of the stream': atEnd,
      'a delta trigger': growing(2),
      'a count with a timeout': purging(countingOrWaiting(3, 10)),
    }),
  )('with %s gives what every moment by itself gives', async (_rule, rule) => {
    await fc.assert(
      fc.asyncProperty(inputsOf, async (inputs) => {
        const job = { placing: inOneWindow, rule, latenessMs: 0 }
        await expectEvaluated(inputs, job, operatorOf(job, 'aggregate'))
      }),
      { numRuns: 40 },
    )
  })
})

const evictions: readonly [string, Evictor<Item>, (held: readonly Held[]) => readonly Held[]][] = [
  ['the last records', CountEvictor.of(2), (held) => held.slice(-2)],
  [
    'the youngest records',
    TimeEvictor.of('6ms'),
    (held) => held.filter(({ ts }) => held.every((other) => other.ts - ts < 6)),
  ],
  [
    'the records near the last one',
    DeltaEvictor.of<Item>(3, (item, last) => Math.abs(item.size - last.size)),
    (held) => held.filter(({ item }) => Math.abs(item.size - (held.at(-1)?.item.size ?? 0)) < 3),
  ],
]

test.each(evictions)('an evictor keeps %s', async (_name, evictor, evict) => {
  await fc.assert(
    fc.asyncProperty(
      inputsOf,
      fc.constantFrom<Placing>(sliding(12, 5, 0, 'event'), dynamicSessions('event'), inOneWindow),
      fc.constantFrom('aggregate' as const, 'process' as const),
      async (inputs, placing, way) => {
        const job = { placing, rule: counting(2), latenessMs: 0, evict }
        await expectEvaluated(inputs, job, operatorOf(job, way, evictor))
      },
    ),
    { numRuns: 40 },
  )
})

const fastAssigners: fc.Arbitrary<TumblingWindows | SlidingWindows | SessionWindows> = fc
  .record({
    kind: fc.constantFrom('tumbling' as const, 'sliding' as const, 'session' as const),
    time: fc.constantFrom('event' as const, 'processing' as const),
    sizeMs: fc.integer({ min: 1, max: 20 }),
    slideMs: fc.integer({ min: 1, max: 20 }),
    offset: fc.integer({ min: -19, max: 19 }),
  })
  .map(({ kind, time, sizeMs, slideMs, offset }) => {
    if (kind === 'session') return { kind, time, gapMs: sizeMs }
    const inSize = { sizeMs, time, offsetMs: offset % (kind === 'tumbling' ? sizeMs : slideMs) }
    return kind === 'tumbling' ? { kind, ...inSize } : { kind, slideMs, ...inSize }
  })

test('where a fast operator serves, the general one gives the same', async () => {
  await fc.assert(
    fc.asyncProperty(inputsOf, fastAssigners, latenessOf, async (inputs, assigner, lateness) => {
      const definition = {
        keySelector: keyBy,
        assigner,
        aggregate: ids,
        resultOf: showSorted,
        allowedLatenessMs: assigner.time === 'event' ? lateness : 0,
        lateTag: 'late',
      }
      const fast = windowOperator(definition)
      const slow = general(definition)
      expect(fast.kind).not.toBe(slow.kind)
      const script = inputs.map(stepOf)
      const [one, other] = [await testOperator(fast, script, { keyBy }), await testOperator(slow, script, { keyBy })]
      expect(comparable(other)).toEqual(comparable(one))
    }),
    { numRuns: 200 },
  )
})

function comparable(output: OperatorTestOutput): unknown {
  const { counters, keysLeft, watermarks } = output
  const perKey = KEYS.map((key) => output.records.filter(({ value }) => String(value).startsWith(key)))
  return {
    counters,
    keysLeft,
    watermarks,
    perKey: perKey.map((records) => records.map(({ value, timestamp }) => [String(value), timestamp])),
    late: output.sideOutput('late'),
  }
}
