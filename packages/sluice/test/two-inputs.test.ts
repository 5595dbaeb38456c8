/** Jobs with two inputs, whole, in made-up worlds with faults: what they commit is what they commit undisturbed, and what a plain loop computes. */
import { describe, expect, test } from 'vitest'
import {
  collectionSource,
  datagenSource,
  defineJob,
  mapState,
  recordType,
  listState,
  TumblingEventTimeWindows,
  valueState,
  WatermarkStrategy,
  type DataStream,
  type StreamExecutionEnvironment,
} from '../src/index.ts'
import { jsonLinesSink } from '../src/files.ts'
import { simulate, type Simulation } from '../src/testing.ts'

const SEEDS = [1, 2, 3, 4]
const COUNT = 300
const KEYS = 7

interface Event {
  readonly key: number
  readonly n: number
  readonly timeMs: number
}

/** Event `n` is at `10 n` ms, and never late. */
const eventOf = (n: number): Event => ({ key: (n * 5) % KEYS, n, timeMs: n * 10 })

function events(env: StreamExecutionEnvironment, name: string): DataStream<Event> {
  return env
    .fromSource(
      datagenSource({ generate: eventOf, count: COUNT, splits: 3 }),
      WatermarkStrategy.forBoundedOutOfOrderness<Event>('1h').withTimestamp(({ timeMs }) => timeMs),
    )
    .uid(name)
}

const all = Array.from({ length: COUNT }, (_, n) => eventOf(n))

/** Of all worlds of this file: faults must really have happened. */
const happened = { crashes: 0, rescales: 0 }

function lines({ output, faults }: Simulation): string[] {
  happened.crashes += faults.crashes
  happened.rescales += faults.rescales
  return [...(output.get('/out') ?? [])].sort()
}

const text = (values: readonly unknown[]): string[] => values.map((value) => JSON.stringify(value)).sort()

describe.each(SEEDS)('with seed %i', (seed) => {
  test('a window join gives each pair once', async () => {
    const job = defineJob('window-join', (env) => {
      events(env, 'lefts')
        .join(events(env, 'rights'))
        .where(({ key }) => key)
        .equalTo(({ key }) => key)
        .window(TumblingEventTimeWindows.of('200ms'))
        .apply((left, right) => ({ left: left.n, right: right.n }))
        .uid('join')
        .sinkTo(jsonLinesSink('out'))
        .uid('out')
    })
    const windowOf = ({ timeMs }: Event): number => Math.floor(timeMs / 200)
    const pairs = all.flatMap((left) =>
      all
        .filter((right) => right.key === left.key && windowOf(right) === windowOf(left))
        .map((right) => ({ left: left.n, right: right.n })),
    )
    expect(lines(await simulate(job, { seed }))).toEqual(text(pairs))
  })

  test('an interval join of a stream with itself gives each pair once', async () => {
    const job = defineJob('interval-join', (env) => {
      const keyed = events(env, 'events').keyBy(({ key }) => key)
      keyed
        .intervalJoin(keyed)
        .between('-100ms', '200ms')
        .upperBoundExclusive()
        .apply((left, right) => ({ left: left.n, right: right.n }))
        .uid('join')
        .sinkTo(jsonLinesSink('out'))
        .uid('out')
    })
    const pairs = all.flatMap((left) =>
      all
        .filter(({ key, timeMs }) => key === left.key && timeMs >= left.timeMs - 100 && timeMs < left.timeMs + 200)
        .map((right) => ({ left: left.n, right: right.n })),
    )
    expect(lines(await simulate(job, { seed }))).toEqual(text(pairs))
  })

  test('connected streams share the state of a key', async () => {
    const job = defineJob('connected', (env) => {
      const sums = { state: { sum: valueState<number>('sum', 0), count: valueState<number>('count', 0) } }
      const perKey = all.filter(({ key }) => key === 0).length
      events(env, 'lefts')
        .connect(events(env, 'rights').map(({ key, n }) => ({ group: key, value: -2 * n })))
        .keyBy(
          ({ key }) => key,
          ({ group }) => group,
        )
        .process({
          ...sums,
          emits: recordType<{ key: number; sum: number }>(),
          onFirst({ n }, ctx) {
            ctx.state.sum.update(ctx.state.sum.value() + n)
            ctx.state.count.update(ctx.state.count.value() + 1)
            ctx.registerEventTimeTimer(1_000_000)
          },
          onSecond({ value }, ctx) {
            ctx.state.sum.update(ctx.state.sum.value() + value)
            ctx.state.count.update(ctx.state.count.value() + 1)
            ctx.registerEventTimeTimer(1_000_000)
          },
          onTimer(_timestampMs, ctx) {
            if (ctx.state.count.value() >= 2 * perKey - 2) ctx.emit({ key: ctx.key, sum: ctx.state.sum.value() })
          },
        })
        .uid('sums')
        .sinkTo(jsonLinesSink('out'))
        .uid('out')
    })
    const sums = Array.from({ length: KEYS }, (_, key) => {
      const sum = all.filter((event) => event.key === key).reduce((total, { n }) => total - n, 0)
      return { key, sum }
    })
    expect(lines(await simulate(job, { seed }))).toEqual(text(sums))
  })

  test('every key meets every broadcast record, whichever comes first', async () => {
    const rules = ['a', 'b', 'c', 'd', 'e']
    const job = defineJob('broadcast', (env) => {
      const broadcast = env
        .fromSource(collectionSource(rules))
        .uid('rules')
        .broadcast({ rules: mapState<string, true>('rules') })
      events(env, 'events')
        .keyBy(({ key }) => key)
        .connect(broadcast)
        .process({
          emits: recordType<string>(),
          state: { seen: listState<number>('seen') },
          onRecord({ n }, ctx) {
            ctx.state.seen.add(n)
            for (const [rule] of ctx.broadcastState.rules.entries()) ctx.emit(`${rule} ${n}`)
          },
          onBroadcast(rule, ctx) {
            ctx.broadcastState.rules.put(rule, true)
            ctx.applyToKeyedState('seen', (_key, seen) => {
              for (const n of seen.get()) ctx.emit(`${rule} ${n}`)
            })
          },
        })
        .uid('matches')
        .sinkTo(jsonLinesSink('out'))
        .uid('out')
    })
    const expected = rules.flatMap((rule) => all.map(({ n }) => `${rule} ${n}`))
    expect(lines(await simulate(job, { seed }))).toEqual(text(expected))
  })
})

test('processes crashed and parallelism changed meanwhile', () => {
  expect(happened.crashes).toBeGreaterThan(SEEDS.length)
  expect(happened.rescales).toBeGreaterThan(0)
})
