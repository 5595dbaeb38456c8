/**
 * Ends of random jobs: what is written where a stream ends, and how it is checked. Where a result depends on the order of the input (late records,
 * running numbers), what holds for every order is checked: nothing is lost, nothing is there twice.
 */
import type { DataStream } from '../api/data-stream.ts'
import { recordType } from '../api/record-type.ts'
import type { Random } from '../base/env.ts'
import { below } from '../base/random.ts'
import { outputTag } from '../operators/output-tag.ts'
import { EventTimeSessionWindows, TumblingEventTimeWindows } from '../operators/window-assigners.ts'
import type { AggregateFunction } from '../operators/window-definition.ts'
import { valueState } from '../state/descriptors.ts'
import { operatorListState } from '../state/operator-descriptors.ts'
import { type SimItem, grouped } from './sim-random-item.ts'
import type { ItemStream, RandomEnd } from './sim-random-step.ts'

/** Every item with the timestamp that the engine knows. */
export const wholeItems: RandomEnd = {
  text: 'items',
  build: (stream, { put }) =>
    put(
      stream.process({
        emits: recordType<SimItem & { readonly ts: number }>(),
        onRecord: (item, ctx) => ctx.emit({ ...item, ts: ctx.timestamp }),
      }),
    ),
  check: (items, lines) =>
    differenceOf(
      items.map((item) => JSON.stringify({ ...item, ts: item.t })),
      lines.map((line) => JSON.stringify(line)),
    ),
}

/** As multisets. */
function differenceOf(expected: readonly string[], found: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const text of expected) counts.set(text, (counts.get(text) ?? 0) - 1)
  for (const text of found) counts.set(text, (counts.get(text) ?? 0) + 1)
  const wrong = [...counts].filter(([, count]) => count !== 0)
  const [first] = wrong
  if (first === undefined) return undefined
  const shown = wrong.slice(0, DIFFERENCES_SHOWN_MAX).map(([text, count]) => `${count > 0 ? 'has' : 'lacks'} ${text}`)
  return `${shown.join('; ')} (${found.length} lines, ${expected.length} expected)`
}

const DIFFERENCES_SHOWN_MAX = 6

interface Numbered {
  readonly key: string
  readonly i: number
}

/** The running number of each record of a key: in which order they come does not show. */
export const runningNumbers: RandomEnd = {
  text: 'running numbers of each key',
  build: (stream, { uid, put }) =>
    put(
      stream
        .keyBy(({ key }) => key)
        .process({
          emits: recordType<Numbered>(),
          state: { count: valueState<number>('count', 0) },
          onRecord(_item, ctx) {
            ctx.state.count.update(ctx.state.count.value() + 1)
            ctx.emit({ key: ctx.key, i: ctx.state.count.value() })
          },
        })
        .uid(uid),
    ),
  check(items, lines) {
    const expected = [...grouped(items, ({ key }) => key)].flatMap(([key, own]) =>
      own.map((_, at) => JSON.stringify({ key, i: at + 1 })),
    )
    return differenceOf(
      expected,
      lines.map((line) => JSON.stringify(line)),
    )
  },
}

/** A running aggregation: one result for each record, the last of which is right. */
export function drawRunning(random: Random): RandomEnd {
  const kind = (['sum', 'min', 'max', 'reduce'] as const)[below(random, 4)] ?? 'sum'
  return {
    text: `running ${kind} of each key`,
    build(stream, { uid, put }) {
      const keyed = stream.keyBy(({ key }) => key)
      const running =
        kind === 'reduce' ? keyed.reduce((all, item) => ({ ...all, n: all.n + item.n })) : keyed[kind]('n')
      return put(put(running.uid(uid)).map(({ key, n }) => ({ key, n })))
    },
    check(items, lines) {
      const found = grouped(lines as readonly SimItem[], ({ key }) => key) // as written by the job
      for (const [key, own] of grouped(items, ({ key }) => key)) {
        const results = (found.get(key) ?? []).map(({ n }) => n)
        const wanted = aggregated(
          kind,
          own.map(({ n }) => n),
        )
        const last = kind === 'min' ? Math.min(...results) : Math.max(...results)
        if (results.length === own.length && last === wanted) continue
        return `key ${key} has ${results.length} results for ${own.length} records, the last one is ${last} and not ${wanted}`
      }
      return lines.length === items.length ? undefined : `there are ${lines.length} results for ${items.length} records`
    },
  }
}

function aggregated(kind: 'sum' | 'min' | 'max' | 'reduce', numbers: readonly number[]): number {
  if (kind === 'min') return Math.min(...numbers)
  return kind === 'max' ? Math.max(...numbers) : numbers.reduce((sum, n) => sum + n, 0)
}

interface Place {
  readonly key: string
  /** Of the window; none for what was late or not counted. */
  readonly start?: number
  readonly end?: number
  readonly ids: readonly number[]
}

/** Ids of all records: what is lost or counted twice has a name. */
const idsOf: AggregateFunction<SimItem, number[], readonly number[]> = {
  createAccumulator: () => [],
  add: ({ id }, ids) => [...ids, id],
  getResult: (ids) => ids,
  merge: (first, second) => [...first, ...second],
}

/** Every `size` records of a key are one window; which ones depends on their order, and what is left over at the end is nowhere. */
export function drawCounted(random: Random): RandomEnd {
  const size = 1 + below(random, 6)
  return {
    text: `windows of ${size} records of each key`,
    build: (stream, { uid, put }) =>
      put(
        stream
          .keyBy(({ key }) => key)
          .countWindow(size)
          .aggregate(idsOf, (key, _window, ids): Place => ({ key, ids }))
          .uid(uid),
      ),
    check(items, lines) {
      const found = grouped(lines as readonly Place[], ({ key }) => key) // as written by the job
      for (const [key, own] of grouped(items, ({ key }) => key)) {
        const places = found.get(key) ?? []
        const [wanted, odd] = [Math.floor(own.length / size), places.find(({ ids }) => ids.length !== size)]
        if (places.length !== wanted || odd !== undefined)
          return `key ${key} has ${places.length} windows for ${own.length} records${odd === undefined ? '' : `, one of ${odd.ids.length}`}`
        const wrong = moreThanThereAre(
          own,
          places.flatMap(({ ids }) => ids),
        )
        if (wrong !== undefined) return wrong
      }
      return undefined
    },
  }
}

function countsOf(ids: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}

function moreThanThereAre(items: readonly SimItem[], ids: readonly number[]): string | undefined {
  const there = countsOf(items.map(({ id }) => id))
  const wrong = [...countsOf(ids)].find(([id, count]) => count > (there.get(id) ?? 0))
  return wrong === undefined ? undefined : `record ${wrong[0]} is in windows ${wrong[1]} times`
}

/** Each record is in its window or beside it. With lateness a window gives its result again, with what came meanwhile. */
export function drawLateWindows(random: Random): RandomEnd {
  const [sizeMs, latenessMs] = [100 + below(random, 2000), below(random, 2) * below(random, 400)]
  const kind = below(random, 3) === 0 ? 'session' : 'tumbling'
  const late = outputTag<SimItem>('late')
  const assigner =
    kind === 'session' ? EventTimeSessionWindows.withGap(`${sizeMs}ms`) : TumblingEventTimeWindows.of(`${sizeMs}ms`)
  return {
    text: `${kind} windows of ${sizeMs} ms, lateness ${latenessMs} ms, and what is late`,
    build(stream, { uid, put }): DataStream<Place> {
      const windows = put(
        stream
          .keyBy(({ key }) => key)
          .window(assigner)
          .allowedLateness(`${latenessMs}ms`)
          .sideOutputLateData(late)
          .aggregate(idsOf, (key, { start, end }, ids): Place => ({ key, start, end, ids }))
          .uid(uid),
      )
      return windows.union(put(windows.getSideOutput(late).map(({ key, id }): Place => ({ key, ids: [id] }))))
    },
    check: (items, lines) => eachOnce(items, lastFirings(lines as readonly Place[], kind)), // as written by the job
  }
}

/** Of each window the result with the most records; of sessions that grew together, those that are in no other. */
function lastFirings(places: readonly Place[], kind: 'session' | 'tumbling'): readonly Place[] {
  const late = places.filter(({ start }) => start === undefined)
  const windows = places.filter(({ start }) => start !== undefined).sort((a, b) => b.ids.length - a.ids.length)
  const last: Place[] = []
  for (const window of windows) {
    const isOlder = last.some((other) => {
      const isSame = kind === 'session' ? isWithin(window, other) : other.start === window.start
      return other.key === window.key && isSame && isEarlier(window.ids, other.ids)
    })
    if (!isOlder) last.push(window)
  }
  return [...last, ...late]
}

function isWithin({ start = 0, end = 0 }: Place, other: Place): boolean {
  return start >= (other.start ?? 0) && end <= (other.end ?? 0)
}

/** A later firing has more records. */
function isEarlier(ids: readonly number[], later: readonly number[]): boolean {
  const there = countsOf(later)
  return ids.length < later.length && [...countsOf(ids)].every(([id, count]) => count <= (there.get(id) ?? 0))
}

function eachOnce(items: readonly SimItem[], places: readonly Place[]): string | undefined {
  const there = countsOf(items.map(({ id }) => id))
  const found = countsOf(places.flatMap(({ ids }) => ids))
  const wrong = [...new Set([...there.keys(), ...found.keys()])].find((id) => there.get(id) !== found.get(id))
  return wrong === undefined
    ? undefined
    : `record ${wrong} is there ${found.get(wrong) ?? 0} times and not ${there.get(wrong) ?? 0}: ${JSON.stringify(places.filter(({ ids }) => ids.includes(wrong)))}`
}

/** Subtasks count records in operator state, which is dealt out anew at another parallelism, and say at the end how many there were. */
export const operatorTotals: RandomEnd = {
  text: 'totals of operator state',
  build: (stream: ItemStream, { uid, put }) =>
    put(
      stream
        .process({
          emits: recordType<{ readonly count: number }>(),
          operatorState: { counts: operatorListState<number>('counts') },
          onRecord(_item, ctx) {
            const { counts } = ctx.operatorState
            counts.update([...counts.get().slice(1), (counts.get()[0] ?? 0) + 1])
          },
          onEnd: (ctx) => ctx.emit({ count: ctx.operatorState.counts.get().reduce((sum, count) => sum + count, 0) }),
        })
        .uid(uid),
    ),
  check(items, lines) {
    const total = (lines as readonly { readonly count: number }[]).reduce((sum, { count }) => sum + count, 0) // as written by the job
    return total === items.length ? undefined : `${total} records were counted, and there are ${items.length}`
  },
}
