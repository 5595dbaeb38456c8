import { describe, expect, test } from 'vitest'
import { param } from '../config/param.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import type { LogicalGraph } from '../graph/logical-graph.ts'
import { planJson, planText } from '../graph/plan-json.ts'
import { planJob } from '../graph/planner.ts'
import { collectionSource } from '../connector/collection-source.ts'
import { outputTag } from '../operators/output-tag.ts'
import { TumblingEventTimeWindows } from '../operators/window-assigners.ts'
import { mapState, valueState } from '../state/descriptors.ts'
import { WatermarkStrategy } from '../time/watermark-strategy.ts'
import { average } from './aggregates.ts'
import type { SingleOutputStreamOperator } from './data-stream.ts'
import { asJobDefinition, defineJob, optionLayerOf, type JobDefinition } from './define-job.ts'
import { recordType } from './record-type.ts'
import { RestartStrategies } from './restart-strategies.ts'
import type { StreamExecutionEnvironment } from './stream-execution-environment.ts'

interface Flight {
  readonly origin: string
  readonly delay: number
  readonly departureMs: number
}

const FLIGHTS: readonly Flight[] = [{ origin: 'HEL', delay: 3, departureMs: 0 }]

const graphOf = (describe: (env: StreamExecutionEnvironment) => void): LogicalGraph =>
  defineJob('job', describe).build({})
const planOf = (describe: (env: StreamExecutionEnvironment) => void) => {
  const graph = graphOf(describe)
  return planJob(graph, resolveOptions([optionLayerOf(graph)])).graph
}
const caught = (act: () => unknown): unknown => {
  try {
    return act()
  } catch (error) {
    return error
  }
}

const late = outputTag<Flight>('late')

function describeAverages(env: StreamExecutionEnvironment): SingleOutputStreamOperator<unknown> {
  return env
    .fromCollection(FLIGHTS)
    .uid('flights')
    .filter((flight) => flight.delay >= 0)
    .assignTimestampsAndWatermarks(
      WatermarkStrategy.forBoundedOutOfOrderness<Flight>('2h').withTimestamp((flight) => flight.departureMs),
    )
    .keyBy((flight) => flight.origin)
    .window(TumblingEventTimeWindows.of('1h'))
    .allowedLateness('5m')
    .sideOutputLateData(late)
    .aggregate(average((flight) => flight.delay))
    .name('averages')
    .uid('delay-by-origin')
}

describe('a job', () => {
  test('builds the graph that its function describes', () => {
    const graph = planOf((env) => {
      const averages = describeAverages(env)
      averages.print('delay').uid('out')
      averages.getSideOutput(late).print('late').name('late').uid('late')
    })
    expect(planText(graph)).toBe(
      'flights → filter → timestamps  ×1 (max 128)\n' +
        'averages → out → late  ×1 (max 128)  ⇐ hash from auto-2-timestamps',
    )
    expect(graph.vertices[1]?.operators[0]?.chained).toEqual([{ to: 1 }, { to: 2, sideTag: 'late' }])
  })

  test('names what has no name by its uid, and by its kind without one; names are not part of the layout', () => {
    const named = (name: string | undefined) =>
      planOf((env) => {
        const source = env.fromSource(collectionSource([1]), undefined, name === undefined ? {} : { name })
        const mapped = source.uid('numbers').map((value) => value)
        if (name !== undefined) mapped.name(name)
        mapped.uid('same').print().uid('out')
      })
    expect(named(undefined).vertices[0]?.name).toBe('numbers → same → out')
    expect(named('map').vertices[0]?.name).toBe('map → map → out')
    expect(named('map').layoutHash).toBe(named(undefined).layoutHash)
    const byKind = planOf((env) => void env.fromElements(1).print())
    expect(byKind.vertices[0]?.name).toBe('collection → print')
  })

  test('builds an equal graph every time', () => {
    const job = defineJob('job', (env) => {
      describeAverages(env).print().uid('out')
    })
    const plan = (definition: JobDefinition) => planJob(definition.build({}), resolveOptions([])).graph
    expect(planJson(plan(job))).toEqual(planJson(plan(job)))
    expect(plan(job).layoutHash).toBe(plan(job).layoutHash)
  })

  test('has frozen nodes and settings', () => {
    const graph = graphOf((env) => describeAverages(env))
    expect([graph, graph.nodes, graph.settings, graph.settings.options, ...graph.nodes].every(Object.isFrozen)).toBe(
      true,
    )
  })

  test('declares the states of its process functions in the layout', () => {
    const { layout } = planOf((env) => {
      env
        .fromCollection(FLIGHTS)
        .keyBy((flight) => flight.origin)
        .process({
          emits: recordType<number>(),
          state: { count: valueState<number>('count', 0), seen: mapState<string, number>('seen') },
          onRecord(flight, ctx) {
            ctx.emit(flight.delay)
          },
        })
        .uid('process')
        .print()
    })
    expect(JSON.stringify(layout.operators[1]?.layout)).toMatch(/count.*seen/)
  })

  test('unions read several streams, and rebalance deals them out again', () => {
    const graph = planOf((env) => {
      const first = env.fromElements('a').uid('first')
      const second = env.fromElements('b').uid('second')
      first
        .union(second)
        .map((text) => text.length)
        .print()
      second.rebalance().print()
    })
    expect(graph.edges.map(({ partitioning, from }) => `${partitioning.kind} ${from}`)).toEqual([
      'forward first',
      'forward second',
      'rebalance second',
    ])
  })

  test('a keyed edge carries the key selector itself', () => {
    const byOrigin = (flight: Flight): string => flight.origin
    const { nodes } = graphOf((env) => {
      env
        .fromCollection(FLIGHTS)
        .keyBy(byOrigin)
        .reduce((first) => first)
    })
    expect(nodes[1]).toMatchObject({ inputs: [{ from: 0, partitioning: { kind: 'hash', keySelector: byOrigin } }] })
  })

  test('refuses state without a uid', () => {
    const act = () =>
      planOf((env) =>
        env
          .fromCollection(FLIGHTS)
          .keyBy(({ origin }) => origin)
          .reduce((first) => first)
          .print(),
      )
    expect(caught(act)).toMatchObject({ code: 'GRA1001' })
  })

  test('refuses a lateness that is no duration', () => {
    const act = () =>
      graphOf((env) => {
        env
          .fromCollection(FLIGHTS)
          .keyBy(({ origin }) => origin)
          .window(TumblingEventTimeWindows.of('1h'))
          .allowedLateness('5')
      })
    expect(caught(act)).toMatchObject({ code: 'CFG1002', message: expect.stringContaining('allowed lateness') })
  })
})

describe('settings', () => {
  const resolved = (describe: (env: StreamExecutionEnvironment) => void) =>
    resolveOptions([optionLayerOf(graphOf(describe))])

  test('become options of the job', () => {
    const options = resolved((env) => {
      env
        .setParallelism(4)
        .setMaxParallelism(256)
        .enableCheckpointing('1s', {
          mode: 'at-least-once',
          timeout: '1m',
          minPause: '100ms',
          tolerableFailures: 2,
          storage: 'file:///tmp/checkpoints',
          retained: 5,
        })
        .setRestartStrategy(RestartStrategies.fixedDelay(2, '3s'))
        .set('exchange.buffer.timeout', '10ms')
    })
    expect(options).toMatchObject({
      parallelism: 4,
      maxParallelism: 256,
      checkpoint: {
        intervalMs: 1000,
        mode: 'at-least-once',
        timeoutMs: 60_000,
        pauseMinMs: 100,
        failuresMax: 2,
        storageUri: 'file:///tmp/checkpoints',
        retained: 5,
      },
      restart: { strategy: 'fixed-delay', attemptsMax: 2, delayMs: 3000 },
      exchange: { bufferTimeoutMs: 10 },
    })
  })

  test('the last restart strategy replaces the ones before', () => {
    const { restart } = resolved((env) => {
      env.setRestartStrategy({ strategy: 'exponential-delay', attemptsMax: 3, max: '5s' })
      env.setRestartStrategy(RestartStrategies.exponentialDelay({ initial: '2s' }))
    })
    expect(restart).toMatchObject({ initialMs: 2000, maxMs: 60_000, attemptsMax: 'unlimited' })
  })

  test.each([
    [RestartStrategies.none(), { strategy: 'none' }],
    [
      RestartStrategies.failureRate(3, '5m', '10s'),
      { strategy: 'failure-rate', failuresMax: 3, failureIntervalMs: 300_000, delayMs: 10_000 },
    ],
  ])('%j is resolved', (strategy, expected) => {
    expect(resolved((env) => void env.setRestartStrategy(strategy)).restart).toEqual(expected)
  })

  test('wrong values are reported with the job as their origin', () => {
    const act = () => resolved((env) => void env.enableCheckpointing('fast').setParallelism(0))
    expect(caught(act)).toMatchObject({
      code: 'CFG1002',
      message: expect.stringMatching(
        /^2 options are wrong:\n.*"checkpoint.interval" \(job "job"\) is "fast".*\n.*"parallelism"/,
      ),
    })
  })
})

describe('parameters', () => {
  test('declared ones are checked before the graph is built', () => {
    const seen: unknown[] = []
    const job = defineJob('copy', { params: { input: param.path(), rate: param.number(5) } }, (_env, params) => {
      seen.push(params)
    })
    job.build({ input: 'data' })
    expect(seen).toEqual([{ input: 'data', rate: 5 }])
    expect(caught(() => job.build({}))).toMatchObject({ code: 'CFG1004' })
    expect(caught(() => job.build({ input: 'data', rate: 'fast' }))).toMatchObject({ code: 'CFG1005' })
    expect(seen).toHaveLength(1)
  })

  test('without declarations those that the build function reads are known', () => {
    const job = defineJob('copy', (env, params) => {
      env.fromElements(params['input'])
    })
    expect(job.build({ input: 'data' }).nodes).toHaveLength(1)
    expect(caught(() => job.build({}))).toMatchObject({ code: 'CFG1004', message: expect.stringContaining('"input"') })
    expect(caught(() => job.build({ input: 'data', x: '' }))).toMatchObject({
      code: 'CFG1004',
      message: 'job "copy" has no parameter "x". It was not started. Its parameters are input.',
    })
  })
})

describe('what cannot be a job', () => {
  test('changes after the build are refused', () => {
    let env: StreamExecutionEnvironment | undefined
    defineJob('job', (given) => {
      env = given
    }).build({})
    expect(caught(() => env?.fromElements(1))).toMatchObject({ code: 'GRA1007' })
    expect(caught(() => env?.setParallelism(2))).toMatchObject({ code: 'GRA1007' })
  })

  test('an asynchronous build function is refused', () => {
    // oxlint-disable-next-line typescript/no-misused-promises -- the mistake under test
    const job = defineJob('job', async () => {
      await Promise.resolve()
    })
    expect(caught(() => job.build({}))).toMatchObject({
      code: 'GRA1007',
      message: expect.stringContaining('asynchronous'),
    })
  })

  test.each(['', ' ', 'x'.repeat(101)])('a job cannot be named %j', (name) => {
    expect(caught(() => defineJob(name, () => undefined))).toMatchObject({ code: 'GRA1008' })
  })

  test.each([undefined, null, {}, () => undefined, 'job'])('%j is refused with the name of the module', (exported) => {
    expect(caught(() => asJobDefinition(exported, 'job.ts'))).toMatchObject({
      code: 'JOB1002',
      message: expect.stringMatching(/^job\.ts has no default export made by defineJob/),
    })
  })

  test('a definition is recognised by its shape', () => {
    const job = defineJob('job', () => undefined)
    expect(asJobDefinition(job, 'job.ts')).toBe(job)
  })
})
