/** The jobs of our own simulated runs: small, real, each with what a plain loop over its input gives. */
import { defineJob, type JobDefinition } from '../api/define-job.ts'
import { recordType } from '../api/record-type.ts'
import type { StreamExecutionEnvironment } from '../api/stream-execution-environment.ts'
import type { Env, Random } from '../base/env.ts'
import { below } from '../base/random.ts'
import { datagenSource } from '../connector/datagen-source.ts'
import { type RollOptions, jsonLinesSink } from '../connector/file-sink.ts'
import { jsonLinesSource } from '../connector/text-source.ts'
import { outputTag } from '../operators/output-tag.ts'
import { EventTimeSessionWindows, TumblingEventTimeWindows } from '../operators/window-assigners.ts'
import type { AggregateFunction } from '../operators/window-definition.ts'
import { mapState, valueState } from '../state/descriptors.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { type SimEvent, drawEvents, inFiles } from './sim-input.ts'
import { type SimOutput, differenceOf } from './sim-output.ts'

/** One job with its input. */
export interface SimCase {
  readonly job: JobDefinition
  readonly files: Readonly<Record<string, string>>
  readonly recordCount: number
  /** Says what is wrong with an output; undefined when nothing is. */
  check(output: SimOutput): string | undefined
  /** Whether two runs give the same lines; otherwise only `check` counts. */
  readonly isDeterministic: boolean
  /** The job as one process builds it, where it needs something of that. Default: `job`. */
  readonly jobOn?: (env: Env) => JobDefinition
  /** The shortest `checkpoint.timeout` that its checkpoints can keep now and then. Default: what shapes draw. */
  readonly timeoutMin?: string
  /** The job in words, where it was drawn. */
  readonly text?: string
  /** Numbers of its parts that may be left out, in the order in which to try. */
  readonly parts?: readonly number[]
}

export interface SimScenario {
  readonly name: string
  /** @param without parts of the case that was drawn which are left out */
  create(random: Random, without?: readonly number[]): SimCase
}

export const EVENTS = jsonLinesSourceOf('in')
/** Greatest disorder of the events' time within their order. */
export const DISORDER_MS = 1500

function jsonLinesSourceOf(folder: string): ReturnType<typeof jsonLinesSource<SimEvent>> {
  return jsonLinesSource<SimEvent>(folder, { splitBytes: '2kb' })
}

/** Nothing comes later than the strategy allows, whatever the parallelism. */
export const IN_TIME = WatermarkStrategy.forBoundedOutOfOrderness<SimEvent>(`${2 * DISORDER_MS}ms`)
  .withTimestamp((event) => event.timeMs)
  .withIdleness('off')

interface IdsOfWindow {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly ids: readonly number[]
}

/** Keeps the ids of all records: what is lost or counted twice has a name. */
const ids: AggregateFunction<SimEvent, number[], readonly number[]> = {
  createAccumulator: () => [],
  add: (event, all) => {
    all.push(event.id)
    return all
  },
  getResult: (all) => [...all].sort((a, b) => a - b),
  merge: (first, second) => [...first, ...second],
}

const idsOf = (
  key: string,
  window: { readonly start: number; readonly end: number },
  all: readonly number[],
): IdsOfWindow => ({
  key,
  start: window.start,
  end: window.end,
  ids: all,
})

export const drawRoll = (random: Random): RollOptions =>
  random.fraction() < 0.3 ? { sizeMax: '1kb' } : { every: 'checkpoint' }

export function checkpointed(
  env: StreamExecutionEnvironment,
  mode: 'exactly-once' | 'at-least-once' = 'exactly-once',
): StreamExecutionEnvironment {
  return env.enableCheckpointing('1s', { mode })
}

export function lines(...groups: readonly (readonly [directory: string, records: readonly unknown[]])[]): SimOutput {
  return new Map(
    groups
      .filter(([, records]) => records.length > 0)
      .map(([directory, records]) => [directory, records.map((record) => JSON.stringify(record)).sort()]),
  )
}

const WINDOW_MS = 5000
const startOf = (timeMs: number): number => timeMs - (timeMs % WINDOW_MS)

/** Records come too late now and then: which ones depends on the order of things, but each is in its window or beside it. */
const lateWindows: SimScenario = {
  name: 'late-windows',
  create(random) {
    const events = drawEvents(random, { count: 200 + below(random, 500), disorderMs: DISORDER_MS })
    const late = outputTag<SimEvent>('late')
    const roll = drawRoll(random)
    const job = defineJob('late-windows', (env) => {
      const strategy = WatermarkStrategy.forBoundedOutOfOrderness<SimEvent>('200ms').withTimestamp(
        (event) => event.timeMs,
      )
      const windows = checkpointed(env)
        .fromSource(EVENTS, strategy, { uid: 'events' })
        .keyBy((event) => event.key)
        .window(TumblingEventTimeWindows.of(`${WINDOW_MS}ms`))
        .sideOutputLateData(late)
        .aggregate(ids, idsOf)
        .uid('windows')
      windows.sinkTo(jsonLinesSink('out/windows', { roll })).uid('windows-out')
      windows.getSideOutput(late).sinkTo(jsonLinesSink('out/late', { roll })).uid('late-out')
    })
    return {
      job,
      files: inFiles('in', events, 3),
      recordCount: events.length,
      check: (output) => checkLate(events, output),
      isDeterministic: false,
    }
  },
}

function checkLate(events: readonly SimEvent[], output: SimOutput): string | undefined {
  const windows = parsed<IdsOfWindow>(output.get('/out/windows'))
  const late = parsed<SimEvent>(output.get('/out/late'))
  const seen = new Map<number, number>()
  const names = new Set<string>()
  for (const { key, start, ids: all } of windows) {
    const name = `${key}@${start}`
    if (names.has(name)) return `window ${name} was given twice`
    names.add(name)
    for (const id of all) {
      const event = events[id]
      if (event?.key !== key || startOf(event.timeMs) !== start)
        return `record ${id} is in window ${name}, where it does not belong`
      seen.set(id, (seen.get(id) ?? 0) + 1)
    }
  }
  for (const { id } of late) seen.set(id, (seen.get(id) ?? 0) + 1)
  const wrong = events.find(({ id }) => seen.get(id) !== 1)
  return wrong === undefined
    ? undefined
    : `record ${wrong.id} (key ${wrong.key}) is there ${seen.get(wrong.id) ?? 0} times`
}

export function parsed<T>(texts: readonly string[] | undefined): readonly T[] {
  return (texts ?? []).map((text) => JSON.parse(text) as T) // written by the job of the scenario
}

const processJob = (mode: 'exactly-once' | 'at-least-once', roll: RollOptions): JobDefinition =>
  defineJob('keyed-process', (env) => {
    checkpointed(env, mode)
      .fromSource(EVENTS, IN_TIME, { uid: 'events' })
      .keyBy((event) => event.key)
      .process({
        emits: recordType<unknown>(),
        state: { count: valueState<number>('count', 0), amounts: mapState<number, number>('amounts') },
        onRecord(event, ctx) {
          const n = ctx.state.count.value() + 1
          ctx.state.count.update(n)
          const start = startOf(event.timeMs)
          ctx.state.amounts.put(start, (ctx.state.amounts.get(start) ?? 0) + event.amount)
          ctx.registerEventTimeTimer(start + WINDOW_MS - 1)
          ctx.emit(mode === 'exactly-once' ? { key: event.key, n } : { id: event.id })
        },
        onTimer(timestampMs, ctx) {
          const start = startOf(timestampMs)
          if (mode === 'exactly-once') ctx.emit({ key: ctx.key, start, amount: ctx.state.amounts.get(start) })
          ctx.state.amounts.remove(start)
        },
      })
      .uid('process')
      .sinkTo(jsonLinesSink('out/process', { roll }))
      .uid('process-out')
  })

/** Value and map state, timers; the running number of each key shows every record that is lost or repeated. */
const keyedProcess: SimScenario = {
  name: 'keyed-process',
  create(random) {
    const events = drawEvents(random, { count: 200 + below(random, 600), disorderMs: DISORDER_MS })
    const expected = lines(['/out/process', [...runningNumbers(events), ...amounts(events)]])
    return exactCase(processJob('exactly-once', drawRoll(random)), inFiles('in', events, 4), events.length, expected)
  },
}

export function runningNumbers(events: readonly SimEvent[]): readonly unknown[] {
  const counts = new Map<string, number>()
  return events.map(({ key }) => {
    const n = (counts.get(key) ?? 0) + 1
    counts.set(key, n)
    return { key, n }
  })
}

function amounts(events: readonly SimEvent[]): readonly unknown[] {
  const sums = new Map<string, { key: string; start: number; amount: number }>()
  for (const { key, timeMs, amount } of events) {
    const start = startOf(timeMs)
    const sum = sums.get(`${key}@${start}`) ?? { key, start, amount: 0 }
    sum.amount += amount
    sums.set(`${key}@${start}`, sum)
  }
  return [...sums.values()]
}

function exactCase(
  job: JobDefinition,
  files: Readonly<Record<string, string>>,
  recordCount: number,
  expected: SimOutput,
): SimCase {
  return { job, files, recordCount, check: (output) => differenceOf(expected, output), isDeterministic: true }
}

/** Records may come again, none may be missing. */
const atLeastOnce: SimScenario = {
  name: 'at-least-once',
  create(random) {
    const events = drawEvents(random, { count: 200 + below(random, 400), disorderMs: DISORDER_MS })
    const check = (output: SimOutput): string | undefined => {
      const seen = new Set(parsed<{ readonly id: number }>(output.get('/out/process')).map(({ id }) => id))
      const lost = events.find(({ id }) => !seen.has(id))
      return lost === undefined ? undefined : `record ${lost.id} (key ${lost.key}) is lost`
    }
    const job = processJob('at-least-once', drawRoll(random))
    return { job, files: inFiles('in', events, 4), recordCount: events.length, check, isDeterministic: false }
  },
}

const GAP_MS = 700

const sessions: SimScenario = {
  name: 'sessions',
  create(random) {
    const events = drawEvents(random, { count: 150 + below(random, 400), disorderMs: DISORDER_MS })
    const roll = drawRoll(random)
    const job = defineJob('sessions', (env) => {
      checkpointed(env)
        .fromSource(EVENTS, IN_TIME, { uid: 'events' })
        .keyBy((event) => event.key)
        .window(EventTimeSessionWindows.withGap(`${GAP_MS}ms`))
        .aggregate(ids, idsOf)
        .uid('sessions')
        .sinkTo(jsonLinesSink('out/sessions', { roll }))
        .uid('sessions-out')
    })
    return exactCase(job, inFiles('in', events, 4), events.length, lines(['/out/sessions', sessionsOf(events)]))
  },
}

function sessionsOf(events: readonly SimEvent[]): readonly IdsOfWindow[] {
  const byKey = new Map<string, { key: string; start: number; end: number; ids: number[] }>()
  const all: { key: string; start: number; end: number; ids: number[] }[] = []
  for (const { id, key, timeMs } of [...events].sort((a, b) => a.timeMs - b.timeMs)) {
    let session = byKey.get(key)
    // sessions that touch are one
    if (session === undefined || timeMs > session.end) {
      session = { key, start: timeMs, end: timeMs, ids: [] }
      byKey.set(key, session)
      all.push(session)
    }
    session.end = timeMs + GAP_MS
    session.ids.push(id)
  }
  for (const session of all) session.ids.sort((a, b) => a - b)
  return all
}

/** Two sources, a union, a side output, operators of different parallelism. */
const union: SimScenario = {
  name: 'union',
  create(random) {
    const events = drawEvents(random, { count: 150 + below(random, 400), disorderMs: DISORDER_MS })
    const [left, right] = [events.filter(({ id }) => id % 3 === 0), events.filter(({ id }) => id % 3 !== 0)]
    const odd = outputTag<{ readonly id: number }>('odd')
    const [roll, sinkParallelism] = [drawRoll(random), 1 + below(random, 3)]
    const job = defineJob('union', (env) => {
      const a = checkpointed(env).fromSource(jsonLinesSourceOf('left'), IN_TIME, { uid: 'left' })
      const b = env.fromSource(jsonLinesSourceOf('right'), IN_TIME, { uid: 'right' })
      const split = a
        .union(b)
        .keyBy((event) => event.key)
        .process({
          emits: recordType<unknown>(),
          state: { count: valueState<number>('count', 0) },
          onRecord(event, ctx) {
            const n = ctx.state.count.value() + 1
            ctx.state.count.update(n)
            ctx.emit({ key: event.key, n })
            if (event.id % 2 === 1) ctx.sideOutput(odd, { id: event.id })
          },
        })
        .uid('split')
      split.sinkTo(jsonLinesSink('out/all', { roll })).uid('all-out').setParallelism(sinkParallelism)
      split.getSideOutput(odd).sinkTo(jsonLinesSink('out/odd')).uid('odd-out')
    })
    const expected = lines(
      ['/out/all', runningNumbers(events)],
      ['/out/odd', events.filter(({ id }) => id % 2 === 1).map(({ id }) => ({ id }))],
    )
    return exactCase(job, { ...inFiles('left', left, 2), ...inFiles('right', right, 2) }, events.length, expected)
  },
}

/** Without keys and files to read: generated records through filter and flatMap into two sinks. */
const generated: SimScenario = {
  name: 'generated',
  create(random) {
    const count = 300 + below(random, 600)
    const generate = (index: number, draws: Random): { readonly index: number; readonly value: number } => ({
      index,
      value: below(draws, 100),
    })
    const [roll, seed] = [drawRoll(random), random.u32()]
    const job = defineJob('generated', (env) => {
      const source = datagenSource({ generate, count, splits: 4, seed })
      const even = checkpointed(env)
        .fromSource(source, WatermarkStrategy.noWatermarks(), { uid: 'generated' })
        .filter(({ index }) => index % 2 === 0)
      even
        .flatMap<{ readonly index: number; readonly copy: number }>(({ index }, out) => {
          for (let copy = 0; copy < index % 3; copy++) out({ index, copy })
        })
        .sinkTo(jsonLinesSink('out/copies', { roll }))
        .uid('copies-out')
      even
        .rebalance()
        .map(({ index }) => ({ index }))
        .sinkTo(jsonLinesSink('out/even'))
        .uid('even-out')
    })
    const indexes = Array.from({ length: count }, (_, index) => index).filter((index) => index % 2 === 0)
    const copies = indexes.flatMap((index) => Array.from({ length: index % 3 }, (_, copy) => ({ index, copy })))
    return exactCase(job, {}, count, lines(['/out/copies', copies], ['/out/even', indexes.map((index) => ({ index }))]))
  },
}

/** Two pipelines that have nothing to do with each other: what breaks in one leaves the other alone. */
const twoPipelines: SimScenario = {
  name: 'two-pipelines',
  create(random) {
    const events = drawEvents(random, { count: 150 + below(random, 300), disorderMs: DISORDER_MS })
    const [left, right] = [events.filter(({ id }) => id % 2 === 0), events.filter(({ id }) => id % 2 !== 0)]
    const roll = drawRoll(random)
    const job = defineJob('two-pipelines', (env) => {
      for (const side of ['left', 'right'] as const) {
        checkpointed(env)
          .fromSource(jsonLinesSourceOf(side), IN_TIME, { uid: side })
          .keyBy((event) => event.key)
          .window(TumblingEventTimeWindows.of(`${WINDOW_MS}ms`))
          .aggregate(ids, idsOf)
          .uid(`${side}-windows`)
          .sinkTo(jsonLinesSink(`out/${side}`, { roll }))
          .uid(`${side}-out`)
      }
    })
    const expected = lines(['/out/left', windowsOf(left)], ['/out/right', windowsOf(right)])
    return exactCase(job, { ...inFiles('left', left, 2), ...inFiles('right', right, 2) }, events.length, expected)
  },
}

function windowsOf(events: readonly SimEvent[]): readonly IdsOfWindow[] {
  const windows = new Map<string, IdsOfWindow & { readonly ids: number[] }>()
  for (const { id, key, timeMs } of events) {
    const start = startOf(timeMs)
    const window = windows.get(`${key}@${start}`) ?? { key, start, end: start + WINDOW_MS, ids: [] }
    window.ids.push(id)
    windows.set(`${key}@${start}`, window)
  }
  return [...windows.values()]
}

export const SCENARIOS: readonly SimScenario[] = [lateWindows, keyedProcess, sessions, union, generated, atLeastOnce]

export const CLUSTER_SCENARIOS: readonly SimScenario[] = [...SCENARIOS, twoPipelines]
