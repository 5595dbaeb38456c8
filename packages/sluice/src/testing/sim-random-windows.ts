/** Windows of random jobs. */
import type { SingleOutputStreamOperator } from '../api/data-stream.ts'
import { recordType } from '../api/record-type.ts'
import type { WindowedStream } from '../api/windowed-stream.ts'
import type { Random } from '../base/env.ts'
import { below } from '../base/random.ts'
import { TimeEvictor } from '../operators/evictors.ts'
import {
  EventTimeSessionWindows,
  SlidingEventTimeWindows,
  TumblingEventTimeWindows,
} from '../operators/window-assigners.ts'
import type { AggregateFunction, TimeWindow } from '../operators/window-definition.ts'
import { valueState } from '../state/descriptors.ts'
import { type Fold, NO_ITEMS, type SimItem, foldOf, grouped, itemOf, mix, plus, plusFold } from './sim-random-item.ts'
import { type ItemStream, type RandomOperator, operator } from './sim-random-step.ts'

/** Which windows there are. */
export type WindowShape =
  | { readonly kind: 'tumbling'; readonly sizeMs: number; readonly offsetMs: number }
  | { readonly kind: 'sliding'; readonly sizeMs: number; readonly slideMs: number; readonly offsetMs: number }
  | { readonly kind: 'session'; readonly gapMs: number }

/** A window of one key with what is in it. */
export interface NaiveWindow extends TimeWindow {
  readonly key: string
  readonly items: readonly SimItem[]
}

/** Windows that a record may be in. */
const OVERLAP_MAX = 5

export function drawWindows(random: Random): WindowShape {
  const sizeMs = 100 + below(random, 3000)
  const kind = below(random, 3)
  if (kind === 0) return { kind: 'tumbling', sizeMs, offsetMs: below(random, sizeMs) }
  if (kind === 1) return { kind: 'session', gapMs: 20 + below(random, 800) }
  const slideMs = Math.max(20, Math.floor(sizeMs / (1 + below(random, OVERLAP_MAX)))) + below(random, 20)
  return { kind: 'sliding', sizeMs, slideMs, offsetMs: below(random, slideMs) }
}

export function assignerOf(shape: WindowShape) {
  switch (shape.kind) {
    case 'tumbling':
      return TumblingEventTimeWindows.of(`${shape.sizeMs}ms`, `${shape.offsetMs}ms`)
    case 'sliding':
      return SlidingEventTimeWindows.of(`${shape.sizeMs}ms`, `${shape.slideMs}ms`, `${shape.offsetMs}ms`)
    case 'session':
      return EventTimeSessionWindows.withGap(`${shape.gapMs}ms`)
  }
}

export function shownWindows(shape: WindowShape): string {
  const { kind, ...sizes } = shape
  return `${kind}(${Object.entries(sizes)
    .map(([name, size]) => `${name} ${size}`)
    .join(', ')})`
}

/** All windows that hold something, for each key in order of their ends. */
export function naiveWindows(shape: WindowShape, items: readonly SimItem[]): readonly NaiveWindow[] {
  return [...grouped(items, ({ key }) => key)].flatMap(([key, own]) =>
    windowsOfKey(shape, own)
      .sort((a, b) => a.end - b.end)
      .map((window) => ({ ...window, key })),
  )
}

type KeylessWindow = Omit<NaiveWindow, 'key'>

function windowsOfKey(shape: WindowShape, items: readonly SimItem[]): KeylessWindow[] {
  if (shape.kind === 'session') return sessionsOf(shape.gapMs, items)
  const { sizeMs, offsetMs } = shape
  const slideMs = shape.kind === 'sliding' ? shape.slideMs : sizeMs
  const byStart = new Map<number, SimItem[]>()
  for (const item of items) {
    for (let n = Math.floor((item.t - offsetMs) / slideMs); offsetMs + n * slideMs > item.t - sizeMs; n--) {
      const start = offsetMs + n * slideMs
      byStart.set(start, [...(byStart.get(start) ?? []), item])
    }
  }
  return [...byStart].map(([start, own]) => ({ start, end: start + sizeMs, items: own }))
}

function sessionsOf(gapMs: number, items: readonly SimItem[]): KeylessWindow[] {
  const sessions: { start: number; end: number; items: SimItem[] }[] = []
  for (const item of [...items].sort((a, b) => a.t - b.t)) {
    const last = sessions.at(-1)
    // those that touch are one
    if (last !== undefined && item.t <= last.end) {
      last.items.push(item)
      last.end = item.t + gapMs
    } else sessions.push({ start: item.t, end: item.t + gapMs, items: [item] })
  }
  return sessions
}

/** How what is in a window becomes one item. */
type WindowUse = 'aggregate' | 'aggregate-without-merge' | 'reduce' | 'process' | 'numbered' | 'evicted'

export function drawWindowOperator(random: Random): RandomOperator {
  const shape = drawWindows(random)
  const use = drawUse(random, shape)
  const [salt, latenessMs, keptMs] = [random.u32(), below(random, 2) * below(random, 500), 1 + below(random, 1500)]
  const windowing: Windowing = { shape, use, salt, latenessMs, keptMs }
  const evictor = use === 'evicted' ? ` of the last ${keptMs} ms` : ''
  return operator({
    text: `keyBy, ${shownWindows(shape)}, lateness ${latenessMs} ms, ${use}${evictor}`,
    needs: 'exact',
    build: (stream) => buildWindows(windowing, stream),
    evaluate: (items) =>
      [...grouped(naiveWindows(shape, items), ({ key }) => key).values()].flatMap((windows) =>
        windows.map((window, at) => resultOf(windowing, window, at + 1)),
      ),
  })
}

interface Windowing {
  readonly shape: WindowShape
  readonly use: WindowUse
  readonly salt: number
  readonly latenessMs: number
  /** Of a time evictor. */
  readonly keptMs: number
}

function drawUse(random: Random, { kind }: WindowShape): WindowUse {
  const uses: readonly WindowUse[] = [
    'aggregate',
    'reduce',
    'process',
    'numbered',
    'evicted',
    'aggregate-without-merge',
  ]
  return uses[below(random, kind === 'session' ? uses.length - 1 : uses.length)] ?? 'aggregate'
}

const withoutMerge: AggregateFunction<SimItem, Fold, Fold> = {
  createAccumulator: () => NO_ITEMS,
  add: (item, fold) => plus(fold, item),
  getResult: (fold) => fold,
}

const folding: AggregateFunction<SimItem, Fold, Fold> = { ...withoutMerge, merge: plusFold }

function buildWindows(windowing: Windowing, stream: ItemStream): SingleOutputStreamOperator<SimItem> {
  const { shape, salt, latenessMs, keptMs, use } = windowing
  const windows = stream
    .keyBy(({ key }) => key)
    .window(assignerOf(shape))
    .allowedLateness(`${latenessMs}ms`)
  const resultOf = (key: string, window: TimeWindow, fold: Fold): SimItem => itemOf(salt, key, window.end - 1, fold)
  switch (use) {
    case 'aggregate':
      return windows.aggregate(folding, resultOf)
    case 'aggregate-without-merge':
      return windows.aggregate(withoutMerge, resultOf)
    case 'reduce':
      return windows.reduce(joined, (key, window, { id, n }) => resultOf(key, window, { ids: id, n }))
    case 'process':
      return processed(windows, salt)
    case 'evicted':
      return processed(windows.evictor(TimeEvictor.of(`${keptMs}ms`)), salt)
    case 'numbered':
      return numbered(windows, salt)
  }
}

function joined(first: SimItem, second: SimItem): SimItem {
  const { ids, n } = plus({ ids: first.id, n: first.n }, second)
  return { id: ids, key: first.key, t: Math.max(first.t, second.t), n }
}

function processed(windows: WindowedStream<SimItem, string>, salt: number): SingleOutputStreamOperator<SimItem> {
  return windows.process({
    emits: recordType<SimItem>(),
    process: (key, items, ctx) => ctx.emit(itemOf(salt, key, ctx.window.end - 1, foldOf(items))),
  })
}

/** Counts the windows of each key. */
function numbered(windows: WindowedStream<SimItem, string>, salt: number): SingleOutputStreamOperator<SimItem> {
  return windows.aggregate(folding, {
    emits: recordType<SimItem>(),
    state: { count: valueState<number>('count', 0) },
    process(key, fold, ctx) {
      ctx.state.count.update(ctx.state.count.value() + 1)
      ctx.emit(itemOf(mix(salt, ctx.state.count.value()), key, ctx.window.end - 1, fold))
    },
  })
}

/** @param number of the window among those of its key, from 1 */
function resultOf({ use, salt, keptMs }: Windowing, { key, end, items }: NaiveWindow, number: number): SimItem {
  const youngest = Math.max(...items.map(({ t }) => t))
  const kept = use === 'evicted' ? items.filter(({ t }) => t > youngest - keptMs) : items
  return itemOf(use === 'numbered' ? mix(salt, number) : salt, key, end - 1, foldOf(kept))
}

const EVERYBODY = 'everybody'

/** Windows over the whole stream. */
export function drawWindowAll(random: Random): RandomOperator {
  const [shape, salt] = [drawWindows(random), random.u32()]
  const anonymous = (items: readonly SimItem[]): SimItem[] => items.map((item) => ({ ...item, key: EVERYBODY }))
  return operator({
    text: `windowAll, ${shownWindows(shape)}`,
    needs: 'exact',
    isAlone: true,
    build: (stream) =>
      stream
        .windowAll(assignerOf(shape))
        .aggregate(folding, (window, fold) => itemOf(salt, EVERYBODY, window.end - 1, fold)),
    evaluate: (items) =>
      naiveWindows(shape, anonymous(items)).map((window) =>
        itemOf(salt, EVERYBODY, window.end - 1, foldOf(window.items)),
      ),
  })
}
