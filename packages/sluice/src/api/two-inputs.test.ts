import { expect, test } from 'vitest'
import type { LogicalEdge } from '../graph/logical-graph.ts'
import { planJob } from '../graph/planner.ts'
import { TumblingEventTimeWindows } from '../operators/window-assigners.ts'
import { mapState } from '../state/descriptors.ts'
import { defineJob } from './define-job.ts'
import type { DataStream } from './data-stream.ts'
import type { StreamExecutionEnvironment } from './stream-execution-environment.ts'

const edgesOf = (build: (env: StreamExecutionEnvironment) => DataStream<unknown>): string[] => {
  const { nodes } = defineJob('edges', (env) => void build(env).print()).build({})
  const node = nodes.find((one) => one.kind === 'operator' && one.operator.inputCount === 2)
  const edges: readonly LogicalEdge[] = node?.kind === 'operator' ? node.inputs : []
  return edges.map(({ from, port, partitioning }) => `${from} ${partitioning.kind} ${port ?? 'none'}`)
}

const numbers = (env: StreamExecutionEnvironment): DataStream<number> => env.fromElements(1, 2)
const words = (env: StreamExecutionEnvironment): DataStream<string> => env.fromElements('a', 'b')

test('the first stream feeds port 0 and the other port 1; streams that are unions feed it with all their parts', () => {
  const same = (value: number | string): number | string => value
  expect(edgesOf((env) => numbers(env).connect(words(env)).map(same, same))).toEqual(['0 forward 0', '1 forward 1'])
  expect(edgesOf((env) => numbers(env).union(numbers(env)).connect(words(env).rebalance()).map(same, same))).toEqual([
    '0 forward 0',
    '1 forward 0',
    '2 rebalance 1',
  ])
})

test('a stream may be both inputs', () => {
  const edges = edgesOf((env) => {
    const stream = numbers(env)
    return stream
      .join(stream)
      .where((n) => n)
      .equalTo((n) => n)
      .window(TumblingEventTimeWindows.of('1s'))
      .apply((left, right) => left + right)
      .uid('join')
  })
  expect(edges).toEqual(['0 hash 0', '0 hash 1'])
})

test('what has keys is partitioned by them, and a broadcast stream goes to every subtask', () => {
  const functions = { onRecord() {}, onBroadcast() {} }
  const rules = { rules: mapState<string, number>('rules') }
  expect(
    edgesOf((env) =>
      numbers(env)
        .keyBy((n) => n)
        .connect(words(env).broadcast(rules))
        .process(functions)
        .uid('x'),
    ),
  ).toEqual(['0 hash 0', '1 broadcast 1'])
  expect(edgesOf((env) => numbers(env).connect(words(env).broadcast(rules)).process(functions).uid('x'))).toEqual([
    '0 forward 0',
    '1 broadcast 1',
  ])
})

test('streams of two jobs cannot be put together', () => {
  let other: DataStream<number> | undefined
  defineJob('first', (env) => {
    other = numbers(env)
    other.print()
  }).build({})
  const second = defineJob('second', (env) => {
    if (other !== undefined) numbers(env).connect(other)
  })
  expect(() => second.build({})).toThrow(expect.objectContaining({ code: 'GRA1020' }))
})

test('operators with two inputs that keep state need a uid', () => {
  const job = defineJob('no-uid', (env) => {
    numbers(env)
      .keyBy((n) => n)
      .intervalJoin(numbers(env).keyBy((n) => n))
      .between('-1s', '1s')
      .apply((left) => left)
      .print()
  })
  expect(() => planJob(job.build({}), { parallelism: 1, maxParallelism: 'auto' })).toThrow(
    expect.objectContaining({ code: 'GRA1001', message: expect.stringContaining('interval-join') }),
  )
})
